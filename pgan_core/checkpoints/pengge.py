"""github-pengge's PyTorch-progressive_growing_of_gans: two state dicts, `<name>-G.pth` and `<name>-D.pth`.

Every kernel is stored twice (`...1.weight` and `...2.incoming.weight`). The layer's scale, the rms of the initial
draw, is not in the file: the expectation of its initializer is taken, kaiming_normal with a = the layer's "gain".
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

FORMAT = "github-pengge"
LAYOUT = "a network of github-pengge's PyTorch-progressive_growing_of_gans"
SOURCE = "https://github.com/github-pengge/PyTorch-progressive_growing_of_gans"
_KERNEL = re.compile(r"output_layer\.(chain|post|inputs)\.(\d+)\.(\d+)\.weight")
HIDDEN, LINEAR, TANH = math.sqrt(2 / 1.04), 1.0, 5 / 3  # the `a` of kaiming_normal by the layer's non-linearity


def matches(tree: object) -> bool:
    """Whether its keys are `output_layer.chain...`."""
    return any(key.startswith("output_layer.chain.") for key in strip_module(state_dict(tree)))


def read(tree: object, reading: Reading) -> None:
    """The generator (its to-RGB layers are called `post`) or the discriminator (`inputs`)."""
    stored = reading.tensors(state_dict(tree))
    reading.assumed["scale"] = "scale = kaiming_normal's stddev: the file does not store the rms of the initial draw"
    blocks = _blocks(stored, reading)
    reading.notes["weights"] = "raw"
    if "post" in blocks:
        reading.generator = _generator(stored, blocks, reading)
    else:
        reading.discriminator = _discriminator(stored, blocks, reading)


def _blocks(stored: Tensors, reading: Reading) -> dict[str, list[list[int]]]:
    """The indices of the kernels in each `chain.N`, `post.N` and `inputs.N`, in order."""
    found: dict[str, dict[int, list[int]]] = {}
    for kind, block, index in (m.groups() for m in map(_KERNEL.fullmatch, stored) if m):
        found.setdefault(kind, {}).setdefault(int(block), []).append(int(index))
    for kind, blocks in found.items():
        if sorted(blocks) != list(range(len(blocks))):
            raise reading.misfit(f"`output_layer.{kind}` lacks one of its blocks")
    return {kind: [sorted(blocks[i]) for i in range(len(blocks))] for kind, blocks in found.items()}


def _layer(
    stored: Tensors, name: str, index: int, kernel: int, a: float = HIDDEN, canonical=np.asarray
) -> LayerWeights:
    weight = stored.take(f"{name}.{index}.weight", None, None, kernel, kernel)
    twin = f"{name}.{index + 1}.incoming.weight"
    if twin in stored and np.array_equal(stored.arrays[twin], weight):
        stored.count(twin)
    scale = math.sqrt(2 / (1 + a**2)) / math.sqrt(math.prod(weight.shape[1:]))
    return layer(canonical(weight), stored.take(f"{name}.{index + 1}.bias", weight.shape[0]), scale)


def _pairs(blocks: dict[str, list[list[int]]], kind: str, length: int, reading: Reading) -> list[list[int]]:
    chain = blocks.get("chain", [])
    if len(chain) != len(blocks.get(kind, [])) or any(len(block) != length for block in chain[1:-1]):
        raise reading.misfit(f"its {len(chain)} blocks and {len(blocks.get(kind, []))} picture layers do not fit")
    return chain


def _generator(stored: Tensors, blocks: dict, reading: Reading) -> Generator:
    output = reading.choose("output", "linear", "tanh_at_end is not stored")
    weights = {}
    for i, block in enumerate(_pairs(blocks, "post", 2, reading)):
        size, name = f"{4 << i}x{4 << i}", f"output_layer.chain.{i}"
        if len(block) != 2 or len(blocks["post"][i]) != 1:
            raise reading.misfit(f"`{name}` has {len(block)} kernels, 2 were expected")
        if i == 0:
            weights["4x4/dense"] = _layer(stored, name, block[0], 4, canonical=dense_from_conv)
            weights["4x4/conv"] = _layer(stored, name, block[1], 3)
        else:
            weights[f"{size}/conv0"] = _layer(stored, name, block[0], 3)
            weights[f"{size}/conv1"] = _layer(stored, name, block[1], 3)
        a = TANH if output == "tanh" else LINEAR
        weights[f"{size}/rgb"] = _layer(stored, f"output_layer.post.{i}", blocks["post"][i][0], 1, a)
    normalized = reading.choose("normalize_latents", True, "not stored, the published default")
    return build_generator(
        reading,
        weights,
        latent_norm="joint" if normalized else "off",
        output=output,
        output_first=True,
        stored_alpha=reading.choose("alpha", 1.0, "the level is not stored, taken as finished"),
    )


def _discriminator(stored: Tensors, blocks: dict, reading: Reading) -> Discriminator:
    chain = _pairs(blocks, "inputs", 2, reading)
    weights = {}
    for i, block in enumerate(chain):
        r = 4 << (len(chain) - 1 - i)
        size, name = f"{r}x{r}", f"output_layer.chain.{i}"
        if len(block) != (2 if r > 4 else 3) or len(blocks["inputs"][i]) != 1:
            raise reading.misfit(f"`{name}` has {len(block)} kernels, {2 if r > 4 else 3} were expected")
        weights[f"{size}/from_rgb"] = _layer(stored, f"output_layer.inputs.{i}", blocks["inputs"][i][0], 1)
        weights[f"{size}/conv0" if r > 4 else "4x4/conv"] = _layer(stored, name, block[0], 3)
        if r > 4:
            weights[f"{size}/conv1"] = _layer(stored, name, block[1], 3)
        else:
            weights["4x4/dense0"] = _layer(stored, name, block[1], 4, canonical=dense_from_valid)
            weights["4x4/dense1"] = _layer(stored, name, block[2], 1, LINEAR, lambda w: w[:, :, 0, 0])
    stddev = StddevConfig(group_size=None, per_pixel=True)
    return build_discriminator(
        reading,
        weights,
        stddev=stddev_groups(reading, stddev, "not stored; the published network takes the whole minibatch (0)"),
        fade_pools_features=True,
        score=reading.choose("score", "linear", "sigmoid_at_end is not stored"),
        stored_alpha=reading.choose("alpha", 1.0, "the level is not stored, taken as finished"),
    )
