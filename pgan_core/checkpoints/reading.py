"""What every reader needs: the stored tensors with an account of their use, and the way from them to our networks.

A reader maps a layout's keys to our layer names. It brings what is only another way to write the same function into
the canonical form (functions below), and states what is another function as an option of the configuration:

    def read(tree, reading):
        stored = reading.tensors(tree["generator"], "generator/")
        first = dense_from_conv(stored.take("layer0.weight", None, None, 4, 4))
        weights = {"4x4/dense": layer(first, stored.take("layer0.bias", None), he(first))}
        ...
        reading.generator = build_generator(reading, weights, output=reading.choose("output", "linear", "not stored"))

Whatever the caller may say goes through `reading.choose` (the file leaves it open) or `reading.override` (the file
says it), so that `info` can tell what was assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
import torch

from pgan_core.checkpoints.errors import CheckpointError, brief
from pgan_core.checkpoints.reader_options import Value
from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.layers import LayerWeights, StddevConfig

MAX_RESOLUTION = 4096
T = TypeVar("T")
N = TypeVar("N", bound=Generator | Discriminator)


class Tensors:
    """One network's stored arrays by key. `take` checks and counts as used; what is never taken is reported."""

    def __init__(self, reading: Reading, arrays: dict, prefix: str):
        self.reading = reading
        self.arrays = arrays
        self.prefix = prefix
        reading.unused.update({prefix + key: None for key in self.arrays})

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def take(self, key: str, *shape: int | None) -> np.ndarray:
        """The array at `key`, of `shape` (None: any length), all its numbers finite. Counts it as used."""
        array = self.arrays.get(key)
        if not isinstance(array, np.ndarray):
            raise self.reading.misfit(f"`{self.prefix}{key}` is {'missing' if array is None else 'not an array'}")
        if array.dtype.kind != "f":
            raise self.reading.misfit(f"`{self.prefix}{key}` holds {array.dtype}, not weights")
        if len(shape) != array.ndim or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
            expected = " x ".join("any" if n is None else str(n) for n in shape) or "a single number"
            raise self.reading.misfit(f"`{self.prefix}{key}` has the shape {array.shape}, {expected} was expected")
        if not array.size:
            raise self.reading.misfit(f"`{self.prefix}{key}` is empty: its shape is {array.shape}")
        if self.prefix + key not in self.reading.used:
            self.reading.spend(array)
        if not np.isfinite(array).all():
            raise self.reading.misfit(f"`{self.prefix}{key}` holds a NaN or an infinity")
        self.count(key)
        return array

    def number(self, key: str) -> float:
        """A single finite number, whatever it is stored as. Counts it as used."""
        array = np.asarray(self.arrays.get(key))
        if array.size != 1 or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise self.reading.misfit(f"`{self.prefix}{key}` is not a finite number")
        self.count(key)
        return float(array.reshape(()))

    def count(self, *keys: str) -> None:
        """Note keys as used that need no reading of their own (a second name of the same tensor)."""
        for key in keys:
            self.reading.unused.pop(self.prefix + key, None)
            self.reading.used[self.prefix + key] = None


class Reading:
    """One file being read: what it was taken for, what was used of it, what had to be assumed, and the networks."""

    def __init__(self, layout: str, options: Mapping[str, Value], file_bytes: int):
        self.layout = layout
        self.options = options
        self.used: dict[str, None] = {}
        self.unused: dict[str, None] = {}
        self.assumed: dict[str, str] = {}
        self.notes: dict[str, object] = {}
        self.generator: Generator | None = None
        self.discriminator: Discriminator | None = None
        self.budget = 2 * file_bytes + 2**20  # float16 doubles; nothing else can be more than the file holds

    @property
    def wants_raw(self) -> bool:
        """Whether the caller asked for the weights that the optimizer moved, not for their average."""
        return self.options.get("weights") == "raw"

    def misfit(self, what: str) -> CheckpointError:
        """The error for a file of this layout, to be raised: `raise reading.misfit("`lod` is missing")`."""
        return CheckpointError(f"Taken for {self.layout}: {what}.")

    def tensors(self, arrays: object, prefix: str = "") -> Tensors:
        """A network's arrays by key, without the `module.` of DataParallel; `prefix` stands before reported keys."""
        if not isinstance(arrays, dict) or not arrays or not all(isinstance(key, str) for key in arrays):
            raise self.misfit(f"`{prefix.rstrip('/')}` holds no tensors")
        plain = strip_module(arrays)
        return Tensors(self, plain, prefix if plain is arrays else f"{prefix}module.")

    def leave(self, *names: str) -> None:
        """Note parts of the file that are known and not needed (optimizers, the other generator)."""
        self.unused.update(dict.fromkeys(names))

    def averaged_or_raw(self, networks: Mapping[str, object], averaged: str, raw: str) -> str | None:
        """Which of a file's two generators to read, by its key: what was asked for, else the one that is there.

        None if it has neither. The other one's tensors are noted as unused, the kind that was read in `notes`.
        """
        there = [key for key in (averaged, raw) if networks.get(key)]
        if not there:
            return None
        chosen = there[-1] if self.wants_raw else there[0]
        self.notes["weights"] = "ema" if chosen == averaged else "raw"
        for key in there:
            if key != chosen:
                self.tensors(networks[key], f"{key}/")
        return chosen

    def spend(self, array: np.ndarray) -> None:
        self.budget -= 4 * array.size
        if self.budget < 0:
            raise self.misfit("its tensors overlap: together they are far larger than the file")

    def choose(self, name: str, default: T, why: str) -> T:
        """What the caller says about `name`; else the published default, noted as assumed with the reason."""
        said = self.options.get(name)
        if said is None:
            self.assumed[name] = f"{name} = {default}: {why}"
            return default
        self.assumed[name] = f"{name} = {said}: as you said; {why}"
        return cast(T, said)  # READER_OPTIONS knows its kind

    def override(self, name: str, stored: T) -> T:
        """What the caller says about `name`; else what the file says."""
        said = self.options.get(name)
        return stored if said is None else self.choose(name, stored, f"the file says {stored}")


def state_dict(tree: object) -> dict:
    """The state dict of a tree: itself, or what it keeps as `state_dict`; empty if it is none."""
    if isinstance(tree, dict) and isinstance(tree.get("state_dict"), dict):
        tree = tree["state_dict"]
    return tree if isinstance(tree, dict) and all(isinstance(key, str) for key in tree) else {}


def strip_module(arrays: dict) -> dict:
    """The keys without the `module.` that DataParallel puts before every one of them."""
    wrapped = bool(arrays) and all(key.startswith("module.") for key in arrays)
    return {key[7:]: value for key, value in arrays.items()} if wrapped else arrays


# ---- canonical forms: other ways to write the same function ------------------------------------------------------


def tensor(array: np.ndarray) -> torch.Tensor:
    """A float32 tensor with memory of its own, so that nothing holds on to the file."""
    return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))


def layer(weight: np.ndarray, bias: np.ndarray, c: float, bias_c: float = 1.0) -> LayerWeights:
    """A layer of a canonical weight (out x in [x k x k]) and its constant c."""
    return LayerWeights(tensor(weight), tensor(bias), float(c), float(bias_c))


def he(weight: np.ndarray, gain: float = math.sqrt(2)) -> float:
    """c = gain / sqrt(fan_in) of a canonical weight."""
    return gain / math.sqrt(math.prod(weight.shape[1:]))


def dense_from_conv(weight: np.ndarray) -> np.ndarray:
    """A 4x4 convolution (C x L x 4 x 4, padding 3) of a 1x1 map, as a dense layer 16C x L: the kernel turned round."""
    return weight[:, :, ::-1, ::-1].transpose(0, 2, 3, 1).reshape(-1, weight.shape[1])


def dense_from_transposed(weight: np.ndarray) -> np.ndarray:
    """A 4x4 transposed convolution (L x C x 4 x 4) of a 1x1 map, as a dense layer 16C x L."""
    return weight.transpose(1, 2, 3, 0).reshape(-1, weight.shape[0])


def dense_from_valid(weight: np.ndarray) -> np.ndarray:
    """A 4x4 convolution without padding (out x C x 4 x 4) of a 4x4 map, as a dense layer out x 16C."""
    return weight.reshape(weight.shape[0], -1)


def conv_from_fused(weight: np.ndarray) -> np.ndarray:
    """A fused upscaling kernel (in x out x 3 x 3, summed over its shifts) as the convolution after a nearest 2x."""
    return weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]


def moment_of_lod(reading: Reading, resolution: int, lod: float) -> dict[str, Any]:
    """The official level of detail as our stored moment: r = R / 2^floor(lod), alpha = 1 - fraction(lod)."""
    levels = int(math.log2(resolution)) - 2
    lod = min(max(lod, 0.0), float(levels))
    alpha = 1.0 - (lod - math.floor(lod))
    return {
        "stored_resolution": resolution >> math.floor(lod),
        "stored_alpha": float(reading.override("alpha", alpha)),
    }


def whole(value: object, default: int, reading: Reading, name: str) -> int:
    """A small whole number out of a file's settings."""
    value = default if value is None else value
    if isinstance(value, np.ndarray) and value.shape == () and value.dtype.kind in "iu":
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**20:
        raise reading.misfit(f"its setting {name} is {brief(value)}, not a small whole number")
    return value


# ---- from canonical layers to networks ---------------------------------------------------------------------------


def numbered(i: int) -> str:
    """Our name of a generator's i-th layer from the latent on: 4x4/dense, 4x4/conv, 8x8/conv0, 8x8/conv1, ..."""
    size, second = 4 << i // 2, i % 2
    return f"{size}x{size}/{('dense', 'conv')[second] if i < 2 else f'conv{second}'}"


def sizes_of(weights: Mapping[str, LayerWeights]) -> list[int]:
    """4, 8, ... up to the largest size that has a layer."""
    largest = max((int(name.partition("x")[0]) for name in weights), default=4)
    return [4 << i for i in range(int(math.log2(largest)) - 1)]


def build_generator(
    reading: Reading, weights: dict[str, LayerWeights], *, label_dim: int = 0, label_embedding=None, **options
) -> Generator:
    """Generator of canonical layers; widths, sizes and latent length are read off their shapes.

    `options` are those fields of GeneratorConfig that say in what this network is another function.
    Raises CheckpointError naming the first layer that is missing or does not fit its neighbours.
    """
    sizes = sizes_of(weights)
    if sizes[-1] > MAX_RESOLUTION:
        raise reading.misfit(f"its layers lead to pictures of {sizes[-1]} pixels; {MAX_RESOLUTION} is the limit")
    first = _needed(reading, weights, "4x4/dense").weight
    channels = [first.shape[0] // 16]
    channels += [_needed(reading, weights, f"{r}x{r}/conv0").weight.shape[0] for r in sizes[1:]]
    rgb = tuple(r for r in sizes if f"{r}x{r}/rgb" in weights)
    if not rgb or rgb[-1] != sizes[-1]:
        raise reading.misfit(f"the to-RGB layer of its full size, {sizes[-1]} pixels, is missing")
    if first.shape[1] <= label_dim:
        raise reading.misfit(
            f"its first layer reads {first.shape[1]} numbers, which leaves no latent beside the labels"
        )
    try:
        config = GeneratorConfig(
            resolution=sizes[-1],
            channels=tuple(channels),
            latent_dim=first.shape[1] - label_dim,
            label_dim=label_dim,
            label_embedding=label_embedding is not None,
            image_channels=weights[f"{rgb[-1]}x{rgb[-1]}/rgb"].weight.shape[0],
            rgb_resolutions=None if rgb == tuple(sizes) else rgb,
            **options,
        )
        return ready(Generator(config, weights, label_embedding=label_embedding), reading)
    except ValueError as error:
        raise reading.misfit(str(error)) from error


def build_discriminator(
    reading: Reading, weights: dict[str, LayerWeights], *, stddev: StddevConfig | None = None, embedding=None, **options
) -> Discriminator:
    """Discriminator of canonical layers, as `build_generator`. `stddev` says how it groups, where the layer is there.

    Whether the minibatch-stddev map exists is read off the shape of the layer that it enters.
    """
    sizes = sizes_of(weights)
    if sizes[-1] > MAX_RESOLUTION:
        raise reading.misfit(f"its layers lead to pictures of {sizes[-1]} pixels; {MAX_RESOLUTION} is the limit")
    final_conv = "4x4/conv" in weights
    rgb = tuple(r for r in sizes if f"{r}x{r}/from_rgb" in weights)
    if not rgb or rgb[-1] != sizes[-1]:
        raise reading.misfit(f"the from-RGB layer of its full size, {sizes[-1]} pixels, is missing")
    dense = _needed(reading, weights, "4x4/dense0").weight
    outputs = _needed(reading, weights, "4x4/dense1").weight.shape[0]
    channels = [_needed(reading, weights, f"{r}x{r}/conv1").weight.shape[0] for r in sizes[1:2]]
    channels = channels or [weights["4x4/from_rgb"].weight.shape[0]]
    channels += [_needed(reading, weights, f"{r}x{r}/conv0").weight.shape[1] for r in sizes[1:]]
    entering = weights["4x4/conv"].weight.shape[1] if final_conv else dense.shape[1] // 16
    try:
        config = DiscriminatorConfig(
            resolution=sizes[-1],
            channels=tuple(channels),
            image_channels=weights[f"{rgb[-1]}x{rgb[-1]}/from_rgb"].weight.shape[1],
            outputs=outputs,
            rgb_resolutions=None if rgb == tuple(sizes) else rgb,
            stddev=stddev if entering == channels[0] + 1 else None,
            final_conv=final_conv,
            dense_width=dense.shape[0],
            **options,
        )
        return ready(Discriminator(config, weights, embedding=embedding), reading)
    except ValueError as error:
        raise reading.misfit(str(error)) from error


def stddev_groups(reading: Reading, default: StddevConfig, why: str | None = None) -> StddevConfig:
    """How the minibatch stddev groups: the published way, in groups of the size that the caller says (0: whole batch).

    `why` says that the file does not store it; without it the size stands in the file.
    """
    size = default.group_size or 0
    size = reading.override("stddev_group", size) if why is None else reading.choose("stddev_group", size, why)
    return replace(default, group_size=size or None)


def _needed(reading: Reading, weights: Mapping[str, LayerWeights], name: str) -> LayerWeights:
    if name not in weights:
        raise reading.misfit(f"its layer {name} is missing")
    return weights[name]


def ready(network: N, reading: Reading) -> N:
    """The network for use, once its biases and the moment that the file stores are known to fit it."""
    for spec in network.specs:
        bias = network.layers[spec.name].bias
        allowed = [(spec.weight_shape[0],)]
        if isinstance(network, Generator) and spec.kind == "dense":
            allowed = [(spec.out_features,), (spec.out_features, 4, 4), *allowed]
        if tuple(bias.shape) not in allowed:
            raise reading.misfit(f"{spec.name} has a bias of shape {tuple(bias.shape)}, {allowed[0]} was expected")
    network.moment()  # raises ValueError for a fade without a picture layer to fade from
    return network.eval().requires_grad_(False)
