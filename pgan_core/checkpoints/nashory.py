"""nashory's pggan-pytorch: `gen_R*_T*.pth.tar` and `dis_R*_T*.pth.tar`, {resl, state_dict, optimizer}.

Only the newest to-RGB survives a transition, so no lower resolution can be shown. The scale (rms of the initial
draw) and the fade's alpha are not stored: 1/sqrt(fan_in), and alpha 0, which is what the published code shows.
"""

from __future__ import annotations

import math
import re

import numpy as np

from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_discriminator,
    build_generator,
    dense_from_conv,
    dense_from_valid,
    layer,
    state_dict,
    stddev_groups,
    strip_module,
)
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layers import LayerWeights, StddevConfig

FORMAT = "nashory"
LAYOUT = "a network of nashory's pggan-pytorch"
SOURCE = "https://github.com/nashory/pggan-pytorch"
_KERNEL = re.compile(r"model\.(.+)\.(\d+)\.(?:conv|linear)\.weight")
_BETWEEN = re.compile(r"intermediate_(\d+)x\1_(\d+)x\2\.")
FADING = "concat_block.layer2."


def matches(tree: object) -> bool:
    """Whether its keys are `model.first_block...` (generator) or `model.last_block...` (discriminator)."""
    return any(key.startswith(("model.first_block.", "model.last_block.")) for key in strip_module(state_dict(tree)))


def read(tree: dict, reading: Reading) -> None:
    """The generator or the discriminator, in a transition (`concat_block`) or after it."""
    stored = reading.tensors(state_dict(tree), "state_dict/" if "state_dict" in tree else "")
    if "state_dict" in tree:
        reading.leave(*(str(key) for key in tree if key != "state_dict"))
    reading.assumed["scale"] = "scale = 1/sqrt(fan_in): the file does not store the rms of the initial draw"
    reading.notes["weights"] = "raw"
    blocks: dict[str, list[int]] = {}
    for path, index in (m.groups() for m in map(_KERNEL.fullmatch, stored) if m):
        blocks.setdefault(path, []).append(int(index))
    blocks = {path: sorted(indices) for path, indices in blocks.items()}
    if "first_block" in blocks:
        reading.generator = _generator(stored, blocks, reading)
    else:
        reading.discriminator = _discriminator(stored, blocks, reading)


def _layer(stored: Tensors, path: str, index: int, kernel: int, canonical=np.asarray) -> LayerWeights:
    weight = stored.take(f"model.{path}.{index}.conv.weight", None, None, kernel, kernel)
    bias = stored.take(f"model.{path}.{index}.bias", weight.shape[0])
    return layer(canonical(weight), bias, 1 / math.sqrt(math.prod(weight.shape[1:])))


def _sized(blocks: dict[str, list[int]], reading: Reading) -> dict[int, str]:
    """The block of two convolutions of each size above 4, the one that fades in included."""
    sizes = {max(int(m[1]), int(m[2])): path for path in blocks if (m := _BETWEEN.match(path))}
    if f"{FADING}high_resl_block" in blocks:
        sizes[2 * max(sizes, default=4)] = f"{FADING}high_resl_block"
    for r, path in sizes.items():
        if len(blocks[path]) != 2 or r & (r - 1) or not 4 < r <= 4096:
            raise reading.misfit(f"`model.{path}` has {len(blocks[path])} kernels at {r} pixels, 2 were expected")
    return sizes


def _picture_layers(blocks: dict[str, list[int]], kind: str, top: int, reading: Reading) -> dict[int, tuple[str, int]]:
    """The to-RGB or from-RGB layers by size: the newest, and in a transition the one below."""
    layers = {}
    for path, indices in blocks.items():
        if kind in path:
            lower = "layer1.low_resl" in path
            layers[top // 2 if lower else top] = (path, indices[0])
    if top not in layers:
        raise reading.misfit(f"it has no {kind} layer for {top} pixels")
    return layers


def _alpha(blocks: dict[str, list[int]], reading: Reading) -> float:
    if not any(path.startswith(FADING) for path in blocks):
        return 1.0
    return reading.choose(
        "alpha", 0.0, "in a transition, alpha is not stored: the published code shows the old picture"
    )


def _generator(stored: Tensors, blocks: dict[str, list[int]], reading: Reading) -> Generator:
    first = blocks["first_block"]
    if len(first) != 2:
        raise reading.misfit(f"`model.first_block` has {len(first)} kernels, 2 were expected")
    weights = {
        "4x4/dense": _layer(stored, "first_block", first[0], 4, dense_from_conv),
        "4x4/conv": _layer(stored, "first_block", first[1], 3),
    }
    sizes = _sized(blocks, reading)
    for r, path in sizes.items():
        weights[f"{r}x{r}/conv0"] = _layer(stored, path, blocks[path][0], 3)
        weights[f"{r}x{r}/conv1"] = _layer(stored, path, blocks[path][1], 3)
    for r, (path, index) in _picture_layers(blocks, "to_rgb", max(sizes, default=4), reading).items():
        weights[f"{r}x{r}/rgb"] = _layer(stored, path, index, 1)
    normalized = reading.override("normalize_latents", first[0] == 1)  # the norm's layer moves the first kernel to 1
    return build_generator(
        reading,
        weights,
        latent_norm="joint" if normalized else "off",
        output=reading.choose("output", "linear", "flag_tanh is not stored, the published default is off"),
        output_first=True,
        stored_alpha=_alpha(blocks, reading),
    )


def _discriminator(stored: Tensors, blocks: dict[str, list[int]], reading: Reading) -> Discriminator:
    last = blocks.get("last_block", [])
    if len(last) != 3:
        raise reading.misfit(f"`model.last_block` has {len(last)} kernels, 3 were expected")
    end = stored.take(f"model.last_block.{last[2]}.linear.weight", None, None)
    weights = {
        "4x4/conv": _layer(stored, "last_block", last[0], 3),
        "4x4/dense0": _layer(stored, "last_block", last[1], 4, dense_from_valid),
        "4x4/dense1": layer(
            end, stored.take(f"model.last_block.{last[2]}.bias", len(end)), 1 / math.sqrt(end.shape[1])
        ),
    }
    sizes = _sized(blocks, reading)
    for r, path in sizes.items():
        weights[f"{r}x{r}/conv0"] = _layer(stored, path, blocks[path][0], 3)
        weights[f"{r}x{r}/conv1"] = _layer(stored, path, blocks[path][1], 3)
    for r, (path, index) in _picture_layers(blocks, "from_rgb", max(sizes, default=4), reading).items():
        weights[f"{r}x{r}/from_rgb"] = _layer(stored, path, index, 1)
    stddev = StddevConfig(group_size=None, per_pixel=True)
    return build_discriminator(
        reading,
        weights,
        stddev=stddev_groups(reading, stddev, "not stored; the published network takes the whole minibatch (0)"),
        score=reading.choose("score", "linear", "flag_sigmoid is not stored, the published default is off"),
        stored_alpha=_alpha(blocks, reading),
    )
