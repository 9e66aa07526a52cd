"""MMGeneration's checkpoints: `{meta, state_dict}` with `generator.*`, `generator_ema.*` and `discriminator.*`.

What differs from the paper: pixel norm adds its epsilon outside the root, 1e-5 in the layers and 1e-6 for the latent;
a fused upscaling kernel is scaled by its fan of 9 * OUT; the discriminator has no 4x4 convolution (the file holds
one that nothing uses) and always downscales fused. The stored weight is that of the NEW picture.
"""

from __future__ import annotations

import math
from typing import Any

from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_discriminator,
    build_generator,
    conv_from_fused,
    he,
    layer,
    numbered,
    state_dict,
    stddev_groups,
    strip_module,
)
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layers import LayerWeights, StddevConfig

FORMAT = "mmgeneration"
LAYOUT = "a PGGAN checkpoint of MMGeneration"
SOURCE = "https://github.com/open-mmlab/mmgeneration"

ROLES = ("generator", "generator_ema", "discriminator")
SIGNS = ("noise2feat.linear.weight_orig", "decision.linear0.weight_orig")


def matches(tree: object) -> bool:
    """Whether a state dict has the generator's or the discriminator's dense layer under the published name."""
    return any(key.endswith(SIGNS) for key in state_dict(tree))


def read(tree: dict, reading: Reading) -> None:
    """generator_ema (generator for raw weights) and discriminator."""
    if isinstance(tree.get("state_dict"), dict):
        reading.leave(*(str(key) for key in tree if key != "state_dict"))
    networks, rest = {}, {}
    for key, value in strip_module(state_dict(tree)).items():
        role, _, name = key.partition(".")
        (networks.setdefault(role, {}) if role in ROLES else rest)[name if role in ROLES else key] = value
    buffers = reading.tensors(rest) if rest else None
    head = networks.get("discriminator")
    stored = reading.tensors(head, "discriminator/") if head else None
    if chosen := reading.averaged_or_raw(networks, averaged="generator_ema", raw="generator"):
        reading.generator = _generator(reading.tensors(networks[chosen], f"{chosen}/"), stored, buffers, reading)
    if stored:
        reading.discriminator = _discriminator(stored, buffers, reading)


def _generator(stored: Tensors, head: Tensors | None, buffers: Tensors | None, reading: Reading) -> Generator:
    dense = stored.take("noise2feat.linear.weight_orig", None, None)
    bias = stored.take("noise2feat.bias", 1, dense.shape[0] // 16, 1, 1).reshape(-1)
    weights = {"4x4/dense": layer(dense, bias, he(dense, gain=math.sqrt(2) / 4))}
    fused, i = _is_fused(stored, reading), 0
    while f"conv_blocks.{i}.conv.weight_orig" in stored:
        weights[numbered(i + 1)] = _conv(stored, f"conv_blocks.{i}", 3, up=fused and i % 2 == 1)
        i += 1
    for level in range((i + 1) // 2):
        weights[f"{4 << level}x{4 << level}/rgb"] = _conv(stored, f"torgb_layers.{level}", 1, gain=1)
    return build_generator(
        reading,
        weights,
        label_dim=_labels(head, reading),
        pixel_norm_eps=1e-5,
        pixel_norm_eps_outside=True,
        latent_norm="joint" if reading.override("normalize_latents", True) else "off",
        latent_norm_eps=1e-6,
        output=reading.override("output", "linear"),
        **_moment(buffers, 2 << (i + 1) // 2, reading),
    )


def _is_fused(stored: Tensors, reading: Reading) -> bool:
    """Whether upscaling layers are in x out: told by the first one whose widths differ from each other."""
    i = 1
    while f"conv_blocks.{i}.conv.weight_orig" in stored:
        out_or_in, in_or_out = stored.take(f"conv_blocks.{i}.conv.weight_orig", None, None, 3, 3).shape[:2]
        if out_or_in != in_or_out:
            return out_or_in == stored.take(f"conv_blocks.{i - 1}.conv.bias", None).shape[0]
        i += 2
    return reading.choose("fused", True, "no layer changes its width, so the shapes do not tell; the published default")


def _labels(head: Tensors | None, reading: Reading) -> int:
    """Labels that the generator reads: as many as the discriminator has logits beside its score."""
    labels = head.take("decision.linear1.bias", None).shape[0] - 1 if head else 0
    if labels or head is None:
        why = "the discriminator has as many label logits" if labels else "the file has no discriminator to show labels"
        reading.assumed["label_dim"] = f"label_dim = {labels}: {why}"
    return labels


def _moment(buffers: Tensors | None, resolution: int, reading: Reading) -> dict[str, Any]:
    """The size and the weight of its newest picture at which the training stood."""
    if buffers is None or "_curr_scale_int" not in buffers:
        return {"stored_alpha": float(reading.choose("alpha", 1.0, "the file does not say where training stood"))}
    scale, alpha = buffers.number("_curr_scale_int"), buffers.number("_curr_transition_weight")
    if not 4 <= scale <= resolution or math.log2(scale) % 1:
        raise reading.misfit(f"`_curr_scale_int` is {scale:g}, a size from 4 to {resolution} was expected")
    return {"stored_resolution": int(scale), "stored_alpha": float(reading.override("alpha", alpha))}


def _discriminator(stored: Tensors, buffers: Tensors | None, reading: Reading) -> Discriminator:
    weights, level = {}, 0
    while f"fromrgb_layers.{level}.conv.weight_orig" in stored:
        size = f"{4 << level}x{4 << level}"
        weights[f"{size}/from_rgb"] = _conv(stored, f"fromrgb_layers.{level}", 1)
        if level:
            weights[f"{size}/conv0"] = _conv(stored, f"conv_blocks.{2 * level - 1}", 3)
            weights[f"{size}/conv1"] = _conv(stored, f"conv_blocks.{2 * level}", 3)
        level += 1
    for i, gain in enumerate((math.sqrt(2), 1)):
        weight = stored.take(f"decision.linear{i}.weight_orig", None, None)
        bias = stored.take(f"decision.linear{i}.bias", weight.shape[0])
        weights[f"4x4/dense{i}"] = layer(weight, bias, he(weight, gain))
    return build_discriminator(
        reading,
        weights,
        stddev=stddev_groups(reading, StddevConfig(group_size=4), "the published default; the file does not store it"),
        fused_down=True,
        score=reading.override("score", "linear"),
        **_moment(buffers, 2 << level, reading),
    )


def _conv(stored: Tensors, name: str, k: int, *, up: bool = False, gain: float = math.sqrt(2)) -> LayerWeights:
    """A convolution; a fused upscaling one keeps the constant of the fan that torch computes for its stored shape."""
    kernel = stored.take(f"{name}.conv.weight_orig", None, None, k, k)
    weight = conv_from_fused(kernel) if up else kernel
    return layer(weight, stored.take(f"{name}.conv.bias", weight.shape[0]), he(kernel, gain))
