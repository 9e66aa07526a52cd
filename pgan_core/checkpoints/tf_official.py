"""NVIDIA's official TensorFlow pickles: `pickle.dump((G, D, Gs))` of tfutil.Network, opened without TensorFlow.

A network's state holds {version, name, static_kwargs, build_func_name, build_module_src, variables}; the source text
is never looked at. Settings that static_kwargs leave out have the defaults of G_paper and D_paper (networks.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgan_core.checkpoints.errors import brief
from pgan_core.checkpoints.pickle_machine import StandIn
from pgan_core.checkpoints.reading import (
    Reading,
    Tensors,
    build_discriminator,
    build_generator,
    he,
    layer,
    moment_of_lod,
    stddev_groups,
    whole,
)
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layers import LayerWeights, StddevConfig

FORMAT = "tkarras-tf"
LAYOUT = "a TensorFlow pickle of the official progressive_growing_of_gans"
SOURCE = "https://github.com/tkarras/progressive_growing_of_gans"
CLASSES = ("tfutil.Network", "dnnlib.tflib.network.Network")


def matches(tree: object) -> bool:
    """Whether the pickle holds networks of the official code only, or of its copy in the StyleGAN repository."""
    networks = tree if isinstance(tree, tuple | list) else [tree]
    return bool(networks) and all(isinstance(n, StandIn) and n.path in CLASSES for n in networks)


@dataclass(frozen=True)
class _Network:
    """One pickled network: its name, settings and variables."""

    name: str
    settings: dict
    variables: dict[str, np.ndarray]

    @property
    def is_generator(self) -> bool:
        return "4x4/Dense/weight" in self.variables


def read(tree: Any, reading: Reading) -> None:
    """The moving average Gs (or G, for raw weights) and D. A pickle may hold one network instead of the three."""
    networks = [_network(part, reading) for part in (tree if isinstance(tree, tuple | list) else [tree])]
    generators = [n for n in networks if n.is_generator]
    discriminators = [n for n in networks if not n.is_generator]
    if len(generators) > 2 or len(discriminators) > 1:
        raise reading.misfit(f"it holds {len(networks)} networks, (G, D, Gs) or one of them was expected")
    if generators:
        chosen = generators[0] if reading.wants_raw else generators[-1]
        averaged = chosen is generators[-1] and (len(generators) == 2 or chosen.name.startswith("Gs"))
        reading.notes["weights"] = "ema" if averaged else "raw"
        for network in generators:
            if network is not chosen:
                reading.tensors(network.variables, f"{network.name}/")
        reading.generator = _generator(chosen, reading)
    for network in discriminators:
        reading.discriminator = _discriminator(network, reading)


def _network(part: StandIn, reading: Reading) -> _Network:
    state = part.state
    if not isinstance(state, dict) or not isinstance(state.get("variables"), list | tuple):
        raise reading.misfit("a network's state has no list of variables")
    pairs = state["variables"]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        raise reading.misfit("its variables are not pairs of a name and an array")
    settings = state.get("static_kwargs") or {}
    if not isinstance(settings, dict):
        raise reading.misfit("its static_kwargs are not a dictionary")
    network = _Network(str(state.get("name", "network"))[:20], settings, dict(pairs))
    if not network.is_generator and "FromRGB_lod0/weight" not in network.variables:
        raise reading.misfit(
            f"`{network.name}` has neither 4x4/Dense of a generator nor FromRGB_lod0 of a discriminator"
        )
    return network


def _generator(network: _Network, reading: Reading) -> Generator:
    stored, settings = reading.tensors(network.variables, f"{network.name}/"), network.settings
    equalized = bool(settings.get("use_wscale", True))
    dense = stored.take("4x4/Dense/weight", None, None).T
    weights = {
        "4x4/dense": layer(
            dense, stored.take("4x4/Dense/bias", dense.shape[0] // 16), he(dense, math.sqrt(2) / 4) if equalized else 1
        ),
        "4x4/conv": _conv(stored, "4x4/Conv", equalized),
    }
    resolution = 4
    while f"{2 * resolution}x{2 * resolution}/Conv1/weight" in stored:
        resolution *= 2
        size = f"{resolution}x{resolution}"
        fused = f"{size}/Conv0_up/weight" in stored
        weights[f"{size}/conv0"] = _conv(stored, f"{size}/Conv0_up" if fused else f"{size}/Conv0", equalized, up=fused)
        weights[f"{size}/conv1"] = _conv(stored, f"{size}/Conv1", equalized)
    levels = int(math.log2(resolution)) - 2
    for lod in range(levels + 1):
        r = resolution >> lod
        weights[f"{r}x{r}/rgb"] = _conv(stored, f"ToRGB_lod{lod}", equalized, gain=1)
    return build_generator(
        reading,
        weights,
        label_dim=whole(settings.get("label_size"), 0, reading, "label_size"),
        activation="leaky_relu" if settings.get("use_leakyrelu", True) else "relu",
        pixel_norm="after" if settings.get("use_pixelnorm", True) else "off",
        pixel_norm_eps=_epsilon(settings, reading),
        latent_norm="joint"
        if reading.override("normalize_latents", bool(settings.get("normalize_latents", True)))
        else "off",
        latent_norm_eps=_epsilon(settings, reading),
        output=reading.override("output", "linear"),
        **moment_of_lod(reading, resolution, stored.number("lod")),
    )


def _epsilon(settings: dict, reading: Reading) -> float:
    epsilon = settings.get("pixelnorm_epsilon", 1e-8)
    if not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise reading.misfit(f"its setting pixelnorm_epsilon is {brief(epsilon)}")
    return epsilon


def _conv(stored: Tensors, name: str, equalized: bool, *, up: bool = False, gain: float = math.sqrt(2)) -> LayerWeights:
    """A convolution stored height x width x in x out; fused upscaling swaps in and out and turns the kernel round."""
    k = 1 if "RGB" in name else 3
    kernel = stored.take(f"{name}/weight", k, k, None, None)
    weight = kernel[::-1, ::-1].transpose(2, 3, 0, 1) if up else kernel.transpose(3, 2, 0, 1)
    return layer(weight, stored.take(f"{name}/bias", weight.shape[0]), he(weight, gain) if equalized else 1)


def _dense(stored: Tensors, name: str, equalized: bool, gain: float = math.sqrt(2)) -> LayerWeights:
    """A dense layer stored in x out."""
    weight = stored.take(f"{name}/weight", None, None).T
    return layer(weight, stored.take(f"{name}/bias", weight.shape[0]), he(weight, gain) if equalized else 1)


def _discriminator(network: _Network, reading: Reading) -> Discriminator:
    stored, settings = reading.tensors(network.variables, f"{network.name}/"), network.settings
    equalized = bool(settings.get("use_wscale", True))
    weights = {
        "4x4/conv": _conv(stored, "4x4/Conv", equalized),
        "4x4/dense0": _dense(stored, "4x4/Dense0", equalized),
        "4x4/dense1": _dense(stored, "4x4/Dense1", equalized, gain=1),
    }
    resolution, fused = 4, False
    while f"{2 * resolution}x{2 * resolution}/Conv0/weight" in stored:
        resolution *= 2
        size = f"{resolution}x{resolution}"
        fused = f"{size}/Conv1_down/weight" in stored
        weights[f"{size}/conv0"] = _conv(stored, f"{size}/Conv0", equalized)
        weights[f"{size}/conv1"] = _conv(stored, f"{size}/Conv1_down" if fused else f"{size}/Conv1", equalized)
    for lod in range(int(math.log2(resolution)) - 1):
        r = resolution >> lod
        weights[f"{r}x{r}/from_rgb"] = _conv(stored, f"FromRGB_lod{lod}", equalized)
    group = whole(settings.get("mbstd_group_size"), 4, reading, "mbstd_group_size")
    return build_discriminator(
        reading,
        weights,
        stddev=stddev_groups(reading, StddevConfig(group_size=group)),
        fused_down=fused,
        score=reading.override("score", "linear"),
        **moment_of_lod(reading, resolution, stored.number("lod")),
    )
