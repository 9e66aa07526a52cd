"""GenForce's checkpoints, written by its converter (`{generator, ...}`) or by its training (`{models: {...}, ...}`).

What differs from the paper: latent and labels are normalised one after the other, PN(concat(PN(z), label)), and the
stddev's groups have 16 samples. A fused upscaling layer shows in its shape only, in x out x 3 x 3.
"""

from __future__ import annotations

from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_discriminator,
    build_generator,
    conv_from_fused,
    dense_from_conv,
    he,
    layer,
    moment_of_lod,
    numbered,
    state_dict,
    stddev_groups,
    strip_module,
)
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layers import LayerWeights, StddevConfig

FORMAT = "genforce"
LAYOUT = "a PGGAN checkpoint of GenForce"
SOURCE = "https://github.com/genforce/genforce"

FIRST = {"output0.weight": "generator", "input0.weight": "discriminator"}  # what tells a bare state dict
STATED_NOWHERE = "the published default; the file does not store it"


def matches(tree: object) -> bool:
    """Whether one of the networks has GenForce's names of a PGGAN's first layer."""
    return any(FIRST.keys() & net.keys() for net in _networks(tree).values())


def read(tree: dict, reading: Reading) -> None:
    """generator_smooth (generator for raw weights) and discriminator; fused or not is read off the generator."""
    networks = _networks(tree)
    if not FIRST.keys() & strip_module(tree).keys():
        models = tree.get("models")
        names = [*tree, *models] if isinstance(models, dict) else list(tree)
        reading.leave(*(str(key) for key in names if key not in ("models", "state_dict", *networks)))
    head = networks.get("discriminator")
    stored = reading.tensors(head, "discriminator/") if head else None
    fused = None
    if chosen := reading.averaged_or_raw(networks, averaged="generator_smooth", raw="generator"):
        tensors = reading.tensors(networks[chosen], f"{chosen}/")
        fused = _is_fused(tensors, reading)
        reading.generator = _generator(tensors, fused, _labels(stored, reading), reading)
    if stored:
        reading.discriminator = _discriminator(stored, fused, reading)


def _networks(tree: object) -> dict[str, dict]:
    """The networks by their published names; a bare state dict counts as the one that it is."""
    if not isinstance(tree, dict):
        return {}
    bare = strip_module(state_dict(tree))
    for key, role in FIRST.items():
        if key in bare:
            return {role: bare}
    holder = tree["models"] if isinstance(tree.get("models"), dict) else tree
    names = ("generator_smooth", "generator", "discriminator")
    return {name: strip_module(state_dict(holder[name])) for name in names if name in holder}


def _count(stored: Tensors) -> int:
    """Layers of the one row that they are numbered in."""
    count = 0
    while f"layer{count}.weight" in stored:
        count += 1
    return count


def _is_fused(stored: Tensors, reading: Reading) -> bool:
    """Whether upscaling layers are in x out: told by the first one whose widths differ from each other."""
    for i in range(2, _count(stored), 2):
        out_or_in, in_or_out = stored.take(f"layer{i}.weight", None, None, 3, 3).shape[:2]
        if out_or_in != in_or_out:
            return out_or_in == stored.take(f"layer{i - 1}.bias", None).shape[0]
    return reading.choose("fused", False, "no layer changes its width, so the shapes do not tell; " + STATED_NOWHERE)


def _labels(stored: Tensors | None, reading: Reading) -> int:
    """Labels that the generator reads: as many as the discriminator has logits beside its score."""
    if stored is None:
        reading.assumed["label_dim"] = "label_dim = 0: the file has no discriminator that would show labels"
        return 0
    last = _count(stored) - 1
    labels = stored.take(f"layer{last}.bias", None).shape[0] - 1
    if labels:
        reading.assumed["label_dim"] = f"label_dim = {labels}: the discriminator has as many label logits"
    return labels


def _generator(stored: Tensors, fused: bool, label_dim: int, reading: Reading) -> Generator:
    dense = dense_from_conv(stored.take("layer0.weight", None, None, 4, 4))
    gain_4x4 = 2**0.5 / 4  # its fan-in counts the 16 places of the kernel
    weights = {"4x4/dense": layer(dense, stored.take("layer0.bias", dense.shape[0] // 16), he(dense, gain_4x4))}
    for i in range(1, _count(stored)):
        weights[numbered(i)] = _conv(stored, f"layer{i}", 3, up=fused and i > 1 and i % 2 == 0)
    for i in range(_count(stored) // 2):
        weights[f"{4 << i}x{4 << i}/rgb"] = _conv(stored, f"output{i}", 1, gain=1)
    resolution = 2 << _count(stored) // 2
    reading.assumed["equalized"] = f"weights scaled at run time (use_wscale): {STATED_NOWHERE}"
    return build_generator(
        reading,
        weights,
        label_dim=label_dim,
        latent_norm="both" if reading.override("normalize_latents", True) else "off",
        output=reading.choose("output", "linear", f"final_tanh is False in {STATED_NOWHERE}"),
        **moment_of_lod(reading, resolution, stored.number("lod")),
    )


def _discriminator(stored: Tensors, fused: bool | None, reading: Reading) -> Discriminator:
    """Its layers are numbered from the full size down: two a size, then convolution and two dense layers at 4x4."""
    last = _count(stored) - 1
    levels = (last - 2) // 2  # sizes above 4x4
    weights = {
        "4x4/conv": _conv(stored, f"layer{last - 2}", 3),
        "4x4/dense0": _dense(stored, f"layer{last - 1}"),
        "4x4/dense1": _dense(stored, f"layer{last}", gain=1),
    }
    for i in range(levels + 1):
        size = f"{4 << levels - i}x{4 << levels - i}"
        weights[f"{size}/from_rgb"] = _conv(stored, f"input{i}", 1)
        if i < levels:
            weights[f"{size}/conv0"] = _conv(stored, f"layer{2 * i}", 3)
            weights[f"{size}/conv1"] = _conv(stored, f"layer{2 * i + 1}", 3)
    return build_discriminator(
        reading,
        weights,
        stddev=stddev_groups(reading, StddevConfig(group_size=16), STATED_NOWHERE),
        fused_down=reading.choose("fused", bool(fused), "the discriminator's shapes do not tell, as in its generator"),
        score=reading.override("score", "linear"),
        **moment_of_lod(reading, 4 << levels, stored.number("lod")),
    )


def _conv(stored: Tensors, name: str, k: int, *, up: bool = False, gain: float = 2**0.5) -> LayerWeights:
    weight = stored.take(f"{name}.weight", None, None, k, k)
    weight = conv_from_fused(weight) if up else weight
    return layer(weight, stored.take(f"{name}.bias", weight.shape[0]), he(weight, gain))


def _dense(stored: Tensors, name: str, gain: float = 2**0.5) -> LayerWeights:
    weight = stored.take(f"{name}.weight", None, None)
    return layer(weight, stored.take(f"{name}.bias", weight.shape[0]), he(weight, gain))
