"""NVIDIA's first pickles, of the Theano/Lasagne version: (G, D, Gs) of network.Network, Python 2.

The weights are a list without names, in the order in which the layers were made. Each layer brings W, its scale (the
rms of the initial draw, stored, and so not exactly He's constant) and b. Lasagne turns kernels round as it convolves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pgan_core.checkpoints.errors import brief
from pgan_core.checkpoints.pickle_machine import StandIn
from pgan_core.checkpoints.reading import (
    Reading,
    build_discriminator,
    build_generator,
    dense_from_valid,
    layer,
    moment_of_lod,
    stddev_groups,
    whole,
)
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layers import LayerWeights, StddevConfig

FORMAT = "tkarras-theano"
LAYOUT = "a Theano pickle of the first progressive_growing_of_gans"
SOURCE = "https://github.com/tkarras/progressive_growing_of_gans"

# Settings that would make another network, and the only values with which ours is the same.
REQUIRED = {
    "use_batchnorm": (None, False),
    "use_layernorm": (None, False),
    "mbstat_func": (None, "Tstdeps"),
    "mbstat_avg": (None, "all"),
    "mbdisc_kernels": (None, 0),
}


def matches(tree: object) -> bool:
    """Whether the pickle holds one or more network.Network without a version."""
    networks = tree if isinstance(tree, tuple | list) else [tree]
    return bool(networks) and all(isinstance(n, StandIn) and n.path == "network.Network" for n in networks)


def read(tree: Any, reading: Reading) -> None:
    """The moving average Gs (or G, for raw weights) and D."""
    networks = [_state(part, reading) for part in (tree if isinstance(tree, tuple | list) else [tree])]
    generators = [n for n in networks if n["func"].startswith("G")]
    discriminators = [n for n in networks if n["func"].startswith("D")]
    if len(generators) > 2 or len(discriminators) > 1 or len(generators) + len(discriminators) < len(networks):
        raise reading.misfit(f"it holds {len(networks)} networks, (G, D, Gs) or one of them was expected")
    if generators:
        chosen = generators[0] if reading.wants_raw else generators[-1]
        averaged = chosen is generators[-1] and len(generators) == 2
        reading.notes["weights"] = "ema" if averaged else "raw"
        if len(generators) == 2:
            other = "G" if averaged else "Gs"
            reading.leave(*(f"{other}/param_values[{i}]" for i in range(len(generators[0]["values"]))))
        reading.generator = _generator(_Parameters(chosen, "Gs" if averaged else "G", reading), reading)
    for network in discriminators:
        reading.discriminator = _discriminator(_Parameters(network, "D", reading), reading)


def _state(part: StandIn, reading: Reading) -> dict:
    state = part.state
    if not isinstance(state, dict):
        raise reading.misfit("a network has no state")
    spec, values, top = (state.get(key) for key in ("build_func_spec", "param_values", "toplevel_params"))
    if not isinstance(spec, dict) or not isinstance(values, list) or not isinstance(top, dict):
        raise reading.misfit("a network's state has no build_func_spec, param_values and toplevel_params")
    for name, allowed in REQUIRED.items():
        if spec.get(name) not in allowed:
            raise reading.misfit(f"its setting {name} is {brief(spec.get(name))}, which makes another network")
    return {"func": str(spec.get("func")), "spec": spec, "values": values, "lod": top.get("cur_lod", 0.0)}


class _Parameters:
    """The list of values, taken layer by layer."""

    def __init__(self, state: dict, name: str, reading: Reading):
        self.spec = state["spec"]
        arrays = {f"param_values[{i}]": value for i, value in enumerate(state["values"])}
        self.stored = reading.tensors({**arrays, "cur_lod": np.asarray(state["lod"])}, f"{name}/")
        self.position = 0
        self.scaled = bool(self.spec.get("use_wscale", True))
        per_layer = 3 if self.scaled else 2
        self.layers, rest = divmod(len(arrays), per_layer)
        if rest:
            raise reading.misfit(f"{name} has {len(arrays)} values, a multiple of {per_layer} was expected")

    def take(self, *shape: int | None) -> np.ndarray:
        array = self.stored.take(f"param_values[{self.position}]", *shape)
        self.position += 1
        return array

    def layer(self, *shape: int | None, canonical) -> LayerWeights:
        """The next layer: W of `shape`, brought into canonical form, its scale, its bias."""
        weight = canonical(self.take(*shape))
        scale = float(self.take()) if self.scaled else 1.0
        return layer(weight, self.take(None), scale)

    def conv(self) -> LayerWeights:
        return self.layer(None, None, 3, 3, canonical=lambda w: w[:, :, ::-1, ::-1])

    def dense(self) -> LayerWeights:
        return self.layer(None, None, canonical=np.transpose)

    def rgb(self) -> LayerWeights:
        return self.layer(None, None, canonical=lambda w: w.T[:, :, None, None])


def _generator(parameters: _Parameters, reading: Reading) -> Generator:
    levels, rest = divmod(parameters.layers, 3)  # two convolutions and a to-RGB for each size
    if rest or not levels:
        raise reading.misfit(f"its generator has {parameters.layers} layers, a multiple of 3 was expected")
    first = parameters.layer(None, None, 4, 4, canonical=lambda w: w.transpose(0, 2, 3, 1).reshape(-1, w.shape[1]))
    weights = {"4x4/dense": first, "4x4/conv": parameters.conv()}
    sizes = [4 << i for i in range(levels)]
    for r in sizes[1:]:
        weights[f"{r}x{r}/conv0"] = parameters.conv()
        weights[f"{r}x{r}/conv1"] = parameters.conv()
    for r in reversed(sizes):
        weights[f"{r}x{r}/rgb"] = parameters.rgb()
    spec = parameters.spec
    normalized = reading.override("normalize_latents", bool(spec.get("normalize_latents", True)))
    return build_generator(
        reading,
        weights,
        label_dim=whole(spec.get("label_size"), 0, reading, "label_size"),
        activation="leaky_relu" if spec.get("use_leakyrelu", True) else "relu",
        pixel_norm="after" if spec.get("use_pixelnorm", True) else "off",
        latent_norm="joint" if normalized else "off",
        output=reading.override("output", "tanh" if spec.get("tanh_at_end") else "linear"),
        **moment_of_lod(reading, sizes[-1], parameters.stored.number("cur_lod")),
    )


def _discriminator(parameters: _Parameters, reading: Reading) -> Discriminator:
    levels, rest = divmod(parameters.layers - 1, 3)
    if rest or not levels:
        raise reading.misfit(
            f"its discriminator has {parameters.layers} layers, 1 more than a multiple of 3 was expected"
        )
    top = 4 << (levels - 1)
    weights = {f"{top}x{top}/from_rgb": parameters.rgb()}
    for r in (top >> i for i in range(levels - 1)):
        weights[f"{r}x{r}/conv0"] = parameters.conv()
        weights[f"{r}x{r}/conv1"] = parameters.conv()
        weights[f"{r // 2}x{r // 2}/from_rgb"] = parameters.rgb()
    weights["4x4/conv"] = parameters.conv()
    weights["4x4/dense0"] = parameters.layer(
        None, None, 4, 4, canonical=lambda w: dense_from_valid(w[:, :, ::-1, ::-1])
    )
    weights["4x4/dense1"] = parameters.dense()
    return build_discriminator(
        reading,
        weights,
        stddev=stddev_groups(reading, StddevConfig(group_size=16), "not stored, the official reader takes 16"),
        score=reading.override("score", "linear"),
        **moment_of_lod(reading, top, parameters.stored.number("cur_lod")),
    )
