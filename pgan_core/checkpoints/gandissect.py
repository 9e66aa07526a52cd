"""Generators of GANDissect, dissect and ptrblck: one state dict, converted from NVIDIA's, only the finest to-RGB.

Names are `layer1.conv.weight`, `layer1.wscale.b`, ..., `output_32x32.conv.weight`, or the older `features.0...` and
`output...` with a stored `wscale.scale`. GANDissect recomputes that scale, ptrblck uses it (it is the rms of the
Theano draw); where it is stored we use it, which gives the pictures of the network that was converted.
"""

from __future__ import annotations

import math
import re

from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_generator,
    dense_from_conv,
    he,
    layer,
    numbered,
    state_dict,
    strip_module,
)
from pgan_core.layers import LayerWeights

FORMAT = "gandissect"
LAYOUT = "a generator of GANDissect or ptrblck's converter"
SOURCE = "https://github.com/CSAILVision/GANDissect, https://github.com/ptrblck/prog_gans_pytorch_inference"
_LAYER = re.compile(r"(layer|features\.)(\d+)\.conv\.weight")
_OUTPUT = re.compile(r"output(_(\d+)x\2)?\.conv\.weight")


def matches(tree: object) -> bool:
    """Whether it is a state dict of `layer1.conv.weight`, ... or `features.0.conv.weight`, ... with `wscale.b`."""
    keys = strip_module(state_dict(tree))
    return any(f"{first}.conv.weight" in keys and f"{first}.wscale.b" in keys for first in ("layer1", "features.0"))


def read(tree: object, reading: Reading) -> None:
    """The generator. Pixel norm stands before each convolution there, which is after the one below."""
    stored = reading.tensors(state_dict(tree))
    if isinstance(tree, dict) and "state_dict" in tree:
        reading.leave(*(str(key) for key in tree if key != "state_dict"))
    prefixes = {m[1]: None for m in map(_LAYER.fullmatch, stored) if m}
    outputs = [m for m in map(_OUTPUT.fullmatch, stored) if m]
    prefix = next(iter(prefixes))
    count = sum(1 for m in map(_LAYER.fullmatch, stored) if m)
    if len(prefixes) != 1 or len(outputs) != 1 or count % 2:
        raise reading.misfit(
            f"{count} layers and {len(outputs)} outputs do not make a generator, 2 a size and one were expected"
        )

    first = 1 if prefix == "layer" else 0
    weights = {numbered(i): _layer(stored, f"{prefix}{first + i}", 3 if i else 4) for i in range(count)}
    full = 2 << count // 2
    weights[f"{full}x{full}/rgb"] = _layer(stored, outputs[0][0].removesuffix(".conv.weight"), 1)
    normalized = reading.choose("normalize_latents", True, "not stored, the published networks do")
    reading.notes["weights"] = "ema"  # both converters take Gs
    reading.generator = build_generator(
        reading,
        weights,
        latent_norm="joint" if normalized else "off",
        output=reading.choose("output", "linear", "not stored; GANDissect's output_tanh is really a clamp"),
    )


def _layer(stored: Tensors, name: str, kernel: int) -> LayerWeights:
    weight = stored.take(f"{name}.conv.weight", None, None, kernel, kernel)
    bias = stored.take(f"{name}.wscale.b", weight.shape[0])
    if kernel == 4:
        weight = dense_from_conv(weight)
    gain = {4: math.sqrt(2) / 4, 3: math.sqrt(2), 1: 1.0}[kernel]
    scale = f"{name}.wscale.scale"
    return layer(weight, bias, stored.number(scale) if scale in stored else he(weight, gain))
