"""pro_gan_pytorch of akanimax, versions 1 to 3: every layer's gain is sqrt(2), the first has no pixel norm after it.

Version 3 stores {generator, discriminator, shadow_generator: {conf, state_dict}}; versions 1 and 2 write one state
dict a network. Version 1 scales by the rms of the initial draw, which it does not store: its expectation is taken.
"""

from __future__ import annotations

import math

from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_discriminator,
    build_generator,
    dense_from_transposed,
    dense_from_valid,
    he,
    layer,
    state_dict,
    stddev_groups,
    strip_module,
    tensor,
)
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layers import LayerWeights, StddevConfig

FORMAT = "pro-gan-pytorch"
LAYOUT = "a checkpoint of pro_gan_pytorch"
SOURCE = "https://github.com/akanimax/pro_gan_pytorch"


def matches(tree: object) -> bool:
    """Whether it is version 3's dictionary, or a state dict of one network of version 1 or 2."""
    if isinstance(tree, dict) and isinstance(tree.get("generator"), dict) and "conf" in tree["generator"]:
        return "state_dict" in tree["generator"]
    return any(
        key.startswith(("initial_block.conv_1.", "final_block.conv_1.")) for key in strip_module(state_dict(tree))
    )


def read(tree: dict, reading: Reading) -> None:
    """Generator (the shadow one where there is one) and discriminator, or the one network that the file holds."""
    if "generator" in tree:
        _read_version_3(tree, reading)
        return
    stored = reading.tensors(state_dict(tree))
    if any(key.startswith("initial_block.") for key in stored):
        reading.assumed["weights"] = "weights: GAN_GEN_* is raw and GAN_GEN_SHADOW_* averaged, their content is alike"
        reading.generator = _generator(_Convolutions(stored, reading), "initial_block", "layers.{}", 0, reading)
    else:
        reading.discriminator = _old_discriminator(_Convolutions(stored, reading), reading)


def _read_version_3(tree: dict, reading: Reading) -> None:
    shadow = "shadow_generator" in tree
    averaged = shadow and not reading.wants_raw
    name, other = ("shadow_generator", "generator") if averaged else ("generator", "shadow_generator")
    reading.notes["weights"] = "ema" if averaged else "raw"
    if shadow:
        reading.tensors(state_dict(tree[other]), f"{other}/")
    networks = ("generator", "shadow_generator", "discriminator")
    reading.leave(*(str(key) for key in tree if key not in networks))
    convolutions = _Convolutions(reading.tensors(state_dict(tree[name]), f"{name}/"), reading, _conf(tree[name]))
    reading.generator = _generator(convolutions, "layers.0", "layers.{}", 1, reading)
    if "discriminator" in tree:
        part = tree["discriminator"]
        stored = reading.tensors(state_dict(part), "discriminator/")
        reading.discriminator = _discriminator(_Convolutions(stored, reading, _conf(part)), reading)


def _conf(part: object) -> dict:
    conf = part.get("conf") if isinstance(part, dict) else None
    return conf if isinstance(conf, dict) else {}


class _Convolutions:
    """Layers by name, in either spelling: `name.weight`, or version 1's `name.conv.weight` and `name.deconv.weight`."""

    def __init__(self, stored: Tensors, reading: Reading, conf: dict | None = None):
        self.stored = stored
        self.conf = conf
        self.version_1 = any(key.endswith((".conv.weight", ".deconv.weight")) for key in stored)
        self.equalized = (conf or {}).get("use_eql", True) is not False
        if self.version_1:
            reading.assumed["scale"] = "scale = 1/sqrt(fan_in): version 1 does not store the rms of the initial draw"
        elif conf is None:
            reading.assumed["scale"] = "scale = sqrt(2)/sqrt(fan_in): a file of version 2 does not say use_eql"

    def __contains__(self, name: str) -> bool:
        return f"{name}.weight" in self.stored or f"{name}.conv.weight" in self.stored

    def take(self, name: str, kernel: int, *, transposed: bool = False, valid: bool = False) -> LayerWeights:
        inner = (".deconv" if transposed else ".conv") if self.version_1 else ""
        kernels = self.stored.take(f"{name}{inner}.weight", None, None, kernel, kernel)
        weight = kernels
        if transposed:
            weight = dense_from_transposed(kernels)
        elif valid:
            weight = dense_from_valid(kernels)
        bias = self.stored.take(f"{name}.bias", kernels.shape[1 if transposed else 0])
        if self.version_1:  # torch counts a transposed kernel's fan-in over its outputs
            return layer(weight, bias, 1 / math.sqrt(math.prod(kernels.shape[1:])))
        return layer(weight, bias, he(weight) if self.equalized else 1)


def _generator(convolutions: _Convolutions, first: str, block: str, start: int, reading: Reading) -> Generator:
    weights = {
        "4x4/dense": convolutions.take(f"{first}.conv_1", 4, transposed=True),
        "4x4/conv": convolutions.take(f"{first}.conv_2", 3),
    }
    r, index = 4, start
    while f"{block.format(index)}.conv_1" in convolutions:
        r, name = 2 * r, block.format(index)
        weights[f"{r}x{r}/conv0"] = convolutions.take(f"{name}.conv_1", 3)
        weights[f"{r}x{r}/conv1"] = convolutions.take(f"{name}.conv_2", 3)
        index += 1
    for i, size in enumerate(4 << i for i in range(int(math.log2(r)) - 1)):
        weights[f"{size}x{size}/rgb"] = convolutions.take(f"rgb_converters.{i}", 1)
    why = "not stored; version 3 normalises its latents, versions 1 and 2 do not"
    normalized = reading.choose("normalize_latents", convolutions.conf is not None, why)
    return build_generator(
        reading,
        weights,
        pixel_norm_skip=("4x4/dense",),
        latent_norm="joint" if normalized else "off",
        output=reading.choose("output", "linear", "not stored, the published network ends linearly"),
        stored_alpha=reading.choose("alpha", 1.0, "not stored, taken as finished"),
    )


def _final(convolutions: _Convolutions, name: str) -> dict[str, LayerWeights]:
    return {
        "4x4/conv": convolutions.take(f"{name}.conv_1", 3),
        "4x4/dense0": convolutions.take(f"{name}.conv_2", 4, valid=True),
        "4x4/dense1": _flat(convolutions.take(f"{name}.conv_3", 1)),
    }


def _flat(convolution: LayerWeights) -> LayerWeights:
    return LayerWeights(convolution.weight.flatten(1), convolution.bias, convolution.c)


def _old_discriminator(convolutions: _Convolutions, reading: Reading) -> Discriminator:
    """Versions 1 and 2: lists from 4x4 upwards, from-RGB without a non-linearity, one group for the whole batch."""
    weights, r, index = _final(convolutions, "final_block"), 4, 0
    weights["4x4/from_rgb"] = convolutions.take("rgb_to_features.0", 1)
    while f"layers.{index}.conv_1" in convolutions:
        r *= 2
        weights[f"{r}x{r}/conv0"] = convolutions.take(f"layers.{index}.conv_1", 3)
        weights[f"{r}x{r}/conv1"] = convolutions.take(f"layers.{index}.conv_2", 3)
        weights[f"{r}x{r}/from_rgb"] = convolutions.take(f"rgb_to_features.{index + 1}", 1)
        index += 1
    whole_batch = StddevConfig(group_size=None)
    return build_discriminator(
        reading,
        weights,
        from_rgb_activation=False,
        stddev=stddev_groups(reading, whole_batch, "not stored; versions 1 and 2 take the whole minibatch (0)"),
        score=reading.choose("score", "linear", "not stored, the published network ends linearly"),
        stored_alpha=reading.choose("alpha", 1.0, "not stored, taken as finished"),
    )


def _discriminator(convolutions: _Convolutions, reading: Reading) -> Discriminator:
    """Version 3: lists from the finest downwards; from-RGB is `from_rgb.0.0.*` with a non-linearity, `.0.*` without."""
    count = 0
    while f"layers.{count}.conv_1" in convolutions:
        count += 1
    if not count:
        raise reading.misfit("`discriminator/layers.0.conv_1.weight` is missing")
    activated = "from_rgb.0.0.weight" in convolutions.stored
    weights = _final(convolutions, f"layers.{count - 1}")
    for i in range(count):
        r = 4 << (count - 1 - i)
        weights[f"{r}x{r}/from_rgb"] = convolutions.take(f"from_rgb.{i}.0" if activated else f"from_rgb.{i}", 1)
        if r > 4:
            weights[f"{r}x{r}/conv0"] = convolutions.take(f"layers.{i}.conv_1", 3)
            weights[f"{r}x{r}/conv1"] = convolutions.take(f"layers.{i}.conv_2", 3)
    embedding = f"layers.{count - 1}.label_embedder.weight"
    rows = convolutions.stored.take(embedding, None, None) if embedding in convolutions.stored else None
    return build_discriminator(
        reading,
        weights,
        from_rgb_activation=activated,
        stddev=stddev_groups(reading, StddevConfig(), "not stored, the published network takes 4"),
        projection=0 if rows is None else len(rows),
        embedding=None if rows is None else tensor(rows),
        score=reading.choose("score", "linear", "not stored, the published network ends linearly"),
        stored_alpha=reading.choose("alpha", 1.0, "not stored, taken as finished"),
    )
