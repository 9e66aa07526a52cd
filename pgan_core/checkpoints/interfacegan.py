"""InterFaceGAN's and HiGAN's generators: one state dict, converted from the official TensorFlow pickles.

Both write the same names and shapes, so nothing tells them apart. A fused upscaling layer has another name
(`layer4.weight` in place of `layer4.conv.weight`) and is stored 3 x 3 x in x out. A fractional lod is rounded by both,
down by one and up by the other; we blend, as the official code from which the weights come.
"""

from __future__ import annotations

from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_generator,
    conv_from_fused,
    dense_from_conv,
    he,
    layer,
    moment_of_lod,
    numbered,
    state_dict,
    strip_module,
)
from pgan_core.layers import LayerWeights

FORMAT = "interfacegan-higan"
LAYOUT = "a PGGAN generator of InterFaceGAN or HiGAN"
SOURCE = "https://github.com/genforce/interfacegan, https://github.com/genforce/higan"


def matches(tree: object) -> bool:
    """Whether it is a state dict with their first layer's names."""
    return {"layer0.conv.weight", "layer0.wscale.bias"} <= strip_module(state_dict(tree)).keys()


def read(tree: dict, reading: Reading) -> None:
    """The generator: the file holds averaged weights only, as the converters read `Gs`."""
    stored = reading.tensors(state_dict(tree))
    if "state_dict" in tree:
        reading.leave(*(str(key) for key in tree if key != "state_dict"))
    dense = dense_from_conv(stored.take("layer0.conv.weight", None, None, 4, 4))
    gain_4x4 = 2**0.5 / 4  # its fan-in counts the 16 places of the kernel
    weights = {"4x4/dense": layer(dense, stored.take("layer0.wscale.bias", dense.shape[0] // 16), he(dense, gain_4x4))}
    count = 1
    while f"layer{count}.wscale.bias" in stored:
        weights[numbered(count)] = _fused(stored, count) or _conv(stored, f"layer{count}", 3)
        count += 1
    for i in range(count // 2):
        weights[f"{4 << i}x{4 << i}/rgb"] = _conv(stored, f"output{i}", 1, gain=1)
    lod = stored.number("lod") if "lod" in stored else 0.0
    if lod % 1:
        reading.assumed["fade"] = f"lod {lod:g} is blended as in the official code; InterFaceGAN and HiGAN round it"
    reading.notes["weights"] = "ema"
    reading.generator = build_generator(
        reading,
        weights,
        latent_norm="joint" if reading.override("normalize_latents", True) else "off",
        output=reading.choose("output", "linear", "final_tanh is False by default; the file does not store it"),
        **moment_of_lod(reading, 2 << count // 2, lod),
    )


def _fused(stored: Tensors, i: int) -> LayerWeights | None:
    """An upscaling layer that is stored as a transposed convolution, 3 x 3 x in x out; None if it is not one."""
    if f"layer{i}.weight" not in stored or i < 2 or i % 2:
        return None
    weight = conv_from_fused(stored.take(f"layer{i}.weight", 3, 3, None, None).transpose(2, 3, 0, 1))
    return layer(weight, stored.take(f"layer{i}.wscale.bias", weight.shape[0]), he(weight))


def _conv(stored: Tensors, name: str, k: int, gain: float = 2**0.5) -> LayerWeights:
    weight = stored.take(f"{name}.conv.weight", None, None, k, k)
    return layer(weight, stored.take(f"{name}.wscale.bias", weight.shape[0]), he(weight, gain))
