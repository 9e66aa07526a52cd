"""rosinality's progressive-gan-pytorch: the whole averaged generator pickled as a module, or state dicts.

Pixel norm stands before the non-linearity, labels are embedded and join the normalised latent, the picture layers
have no equalized scale, and the minibatch stddev is that of the input pictures. Of a pickled module only its
parameters and the modules below it are read; its classes stay names.
"""

from __future__ import annotations

import numpy as np

from pgan_core.checkpoints.pickle_machine import StandIn
from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_discriminator,
    build_generator,
    dense_from_conv,
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

FORMAT = "rosinality"
LAYOUT = "a network of rosinality's progressive-gan-pytorch"
SOURCE = "https://github.com/rosinality/progressive-gan-pytorch"
MODULES = ("model.Generator", "model.Discriminator", "torch.nn.parallel.data_parallel.DataParallel")
FIRST = "progression.0.conv.0.conv.weight_orig"
MAX_MODULES, MAX_NAME = 1000, 500  # the published network has 60 modules


def matches(tree: object) -> bool:
    """Whether it is a pickled model.Generator or model.Discriminator, or a state dict with `weight_orig` kernels."""
    if isinstance(tree, StandIn):
        return tree.path in MODULES
    return FIRST in strip_module(state_dict(tree))


def read(tree: object, reading: Reading) -> None:
    """The generator (it has to-RGB layers) or the discriminator."""
    whole_module = isinstance(tree, StandIn)
    stored = reading.tensors(_parameters(tree, reading) if whole_module else state_dict(tree))
    if whole_module:
        reading.notes["container_note"] = "a whole pickled module: its classes were not imported"
    if "to_rgb.0.weight" in stored:
        reading.notes["weights"] = "ema"
        reading.generator = _generator(stored, reading)
    else:
        reading.discriminator = _discriminator(stored, reading)


def _parameters(root: StandIn, reading: Reading) -> dict[str, np.ndarray]:
    """The parameters of a pickled module and of those below it, named as a state dict names them."""
    found: dict[str, np.ndarray] = {}
    waiting, visited = [("", root)], 0
    while waiting:
        prefix, module = waiting.pop()
        visited += 1
        if visited > MAX_MODULES or len(prefix) > MAX_NAME:
            raise reading.misfit("its modules are nested without an end")
        state = module.state if isinstance(module.state, dict) else {}
        own, below = state.get("_parameters"), state.get("_modules")
        if not isinstance(own, dict) or not isinstance(below, dict):
            raise reading.misfit(f"the module `{prefix.rstrip('.')}` has no parameters and modules")
        found |= {f"{prefix}{name}": value for name, value in own.items() if value is not None}
        children = [(f"{prefix}{name}.", child) for name, child in below.items() if isinstance(child, StandIn)]
        waiting += reversed(children)
    return found


def _conv(stored: Tensors, name: str, kernel: int, canonical=np.asarray) -> LayerWeights:
    weight = canonical(stored.take(f"{name}.conv.weight_orig", None, None, kernel, kernel))
    bias = stored.take(f"{name}.conv.bias", None)
    return layer(weight, bias, he(weight))


def _rgb(stored: Tensors, name: str) -> LayerWeights:
    weight = stored.take(f"{name}.weight", None, None, 1, 1)
    return layer(weight, stored.take(f"{name}.bias", weight.shape[0]), 1)


def _count(stored: Tensors) -> int:
    count = 0
    while f"progression.{count}.conv.0.conv.weight_orig" in stored:
        count += 1
    return count


def _generator(stored: Tensors, reading: Reading) -> Generator:
    first = stored.take(FIRST, None, None, 4, 4)
    weights = {
        # fan-in counts the 4 x 4 places of the kernel: sqrt(2 / (16 L))
        "4x4/dense": layer(
            dense_from_conv(first), stored.take("progression.0.conv.0.conv.bias", len(first)), he(first)
        ),
        "4x4/conv": _conv(stored, "progression.0.conv.3", 3),
    }
    for i in range(_count(stored)):
        r = 4 << i
        if i:
            weights[f"{r}x{r}/conv0"] = _conv(stored, f"progression.{i}.conv.0", 3)
            weights[f"{r}x{r}/conv1"] = _conv(stored, f"progression.{i}.conv.3", 3)
        weights[f"{r}x{r}/rgb"] = _rgb(stored, f"to_rgb.{i}")
    embedding = stored.take("label_embed.weight", None, None)
    if embedding.shape[0] != embedding.shape[1]:
        raise reading.misfit(f"`label_embed.weight` has the shape {embedding.shape}, a square was expected")
    normalized = reading.choose("normalize_latents", True, "not stored, the published network does")
    return build_generator(
        reading,
        weights,
        label_dim=len(embedding),
        label_embedding=tensor(embedding),
        pixel_norm="before",
        latent_norm="latent" if normalized else "off",
        output=reading.choose("output", "linear", "not stored, the published network ends linearly"),
        stored_alpha=reading.choose("alpha", 1.0, "the step and alpha are not stored, taken as finished"),
    )


def _discriminator(stored: Tensors, reading: Reading) -> Discriminator:
    count = _count(stored)
    linear = stored.take("linear.weight", None, None)
    weights = {"4x4/dense1": layer(linear, stored.take("linear.bias", len(linear)), 1)}
    for i in range(count):
        r, name = 4 << (count - 1 - i), f"progression.{i}.conv"
        weights[f"{r}x{r}/from_rgb"] = _rgb(stored, f"from_rgb.{i}")
        weights[f"{r}x{r}/conv0" if r > 4 else "4x4/conv"] = _conv(stored, f"{name}.0", 3)
        if r > 4:
            weights[f"{r}x{r}/conv1"] = _conv(stored, f"{name}.2", 3)
        else:
            weights["4x4/dense0"] = _conv(stored, f"{name}.2", 4, dense_from_valid)
    stddev = StddevConfig(group_size=None, source="image", unbiased=True, eps=0.0)
    return build_discriminator(
        reading,
        weights,
        from_rgb_activation=False,
        widens_first=True,
        stddev=stddev_groups(reading, stddev, "not stored; the published network takes the whole minibatch (0)"),
        score=reading.choose("score", "linear", "not stored, the published network ends linearly"),
        stored_alpha=reading.choose("alpha", 1.0, "the step and alpha are not stored, taken as finished"),
    )
