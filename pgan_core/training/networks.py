"""The three networks of a run: fresh ones, those of a checkpoint to go on from, and their growth to another size."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import torch

from pgan_core.checkpoints import load_checkpoint
from pgan_core.checkpoints.native import read_config
from pgan_core.discriminator import Discriminator, DiscriminatorConfig, discriminator_layers
from pgan_core.generator import Generator, GeneratorConfig, generator_layers
from pgan_core.layers import LayerWeights
from pgan_core.network import initial_weights

from .settings import Settings, TrainingError

N = TypeVar("N", bound=Generator | Discriminator)
NARROWEST = 16  # feature maps of a size that is added without saying how many


@dataclass
class Networks:
    """The generator and the discriminator as trained, and the generator's average."""

    generator: Generator
    discriminator: Discriminator
    average: Generator

    def by_role(self) -> dict[str, Generator | Discriminator]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def to(self, device: torch.device, *, channels_last: bool) -> Networks:
        """On a device, ready to be trained; the average needs no gradients."""
        layout = torch.channels_last if channels_last else torch.contiguous_format
        for role, network in self.by_role().items():
            network.train().requires_grad_(role != "average")
            network.to(device)
            network.to(memory_format=torch.preserve_format if role == "average" else layout)  # pyright: ignore
        return self

    def grown_to(self, resolution: int, alpha: float) -> Networks:
        """The parts that train at a size, with the moment of its fade; they share the weights' memory."""
        made = (grown_to(network, resolution, alpha) for network in self.by_role().values())
        return Networks(*made)  # pyright: ignore


def fresh(settings: Settings) -> Networks:
    """New networks, the same for the same seed."""
    generator = Generator(settings.generator_config(), seed=2 * settings.seed)
    discriminator = Discriminator(settings.discriminator_config(), seed=2 * settings.seed + 1)
    return Networks(generator, discriminator, copy.deepcopy(generator))


# ---- going on from a checkpoint ------------------------------------------------------------------------------------


@dataclass
class Start:
    """Networks to go on from. kimg: thousands of images that they have seen, None if the file does not say."""

    networks: Networks
    kimg: float | None
    resolution: int  # what they have grown to
    alpha: float  # below 1 in a fade
    made_fresh: tuple[str, ...]  # what the files did not hold


def open_start(
    files: Sequence[Path],
    *,
    grow_to: int | None = None,
    feature_maps: tuple[int, ...] | None = None,
    discriminator_maps: tuple[int, ...] | None = None,
    seed: int = 0,
) -> Start:
    """The networks of checkpoints that belong together, of any published layout, grown to `grow_to`.

    `raw.safetensors` beside a `final.safetensors` belongs to it. A raw generator that is missing is a copy of the
    average, an average a copy of the raw one, a discriminator is fresh. Added sizes have the maps that are given, else
    half as many as the size below. Raises CheckpointError or TrainingError, one sentence.
    """
    beside = files[0].with_name("raw.safetensors")
    if len(files) == 1 and files[0].name == "final.safetensors" and beside.is_file():
        files = [*files, beside]
    average = raw = discriminator = None
    facts: dict = {}
    for file in files:
        opened = load_checkpoint(file)
        facts = facts or opened.info
        discriminator = discriminator or opened.discriminator
        if opened.generator is not None and opened.info["weights"] == "raw":
            raw = raw or opened.generator
        elif opened.generator is not None:
            average = average or opened.generator
            other = load_checkpoint(file, weights="raw")
            raw = other.generator if raw is None and other.info["weights"] == "raw" else raw
    known = average or raw
    if known is None:
        raise TrainingError(f"{files[0]} holds no generator to go on from.")
    judge = discriminator.config if discriminator else DiscriminatorConfig()
    if known.config.label_dim or judge.outputs > 1 or judge.projection:
        raise TrainingError(f"{files[0]} is conditional on labels, and training here is without.")
    had, alpha = known.moment()
    target = max(grow_to or had, had)
    widths = _widths(known, target, feature_maps)
    made_fresh = tuple(name for name, network in (("raw generator", raw), ("average", average)) if network is None)
    grown = [resized(network, target, widths, 2 * seed) for network in (raw or known, average or known)]
    generator, average = (copy.deepcopy(network) for network in grown)
    if discriminator is None:
        config = DiscriminatorConfig(target, discriminator_maps or widths, known.config.image_channels, fused_down=True)
        discriminator, made_fresh = Discriminator(config, seed=2 * seed + 1), (*made_fresh, "discriminator")
    else:
        judged = _widths(discriminator, target, discriminator_maps)
        discriminator = copy.deepcopy(resized(discriminator, target, judged, 2 * seed + 1))
    kimg = facts.get("metadata", {}).get("kimg")
    return Start(Networks(generator, discriminator, average), kimg, had, float(alpha), made_fresh)


def _widths(network: Generator | Discriminator, resolution: int, asked: Sequence[int] | None) -> tuple[int, ...]:
    """Feature maps of a network that is grown to a resolution. Raises TrainingError for others than it has."""
    sizes = resolution.bit_length() - 2
    have = network.config.channels[:sizes]
    if asked is None:
        widths = list(have)
        while len(widths) < sizes:
            widths.append(min(widths[-1], max(NARROWEST, widths[-1] // 2)))
        return tuple(widths)
    if tuple(asked[: len(have)]) != have or len(asked) != sizes:
        raise TrainingError(
            f"The checkpoint has {', '.join(map(str, have))} feature maps; give these and one number for each size up "
            f"to {resolution}, or none."
        )
    return tuple(asked)


def resized(network: N, resolution: int, widths: Sequence[int], seed: int = 0, alpha: float = 1.0) -> N:
    """A network of another size that shares the weights of the layers it keeps; added layers are fresh."""
    pictures_at = network.config.rgb_resolutions
    if pictures_at is not None:
        added = {4 * 2**i for i in range(len(widths)) if 4 * 2**i > network.resolution}
        pictures_at = tuple(sorted({r for r in pictures_at if r <= resolution} | added))
    config = replace(
        network.config,
        resolution=resolution,
        channels=tuple(widths),
        rgb_resolutions=pictures_at,
        stored_resolution=None,
        stored_alpha=alpha,
    )
    layers = generator_layers(config) if isinstance(config, GeneratorConfig) else discriminator_layers(config)
    kept = {spec.name: network.layers[spec.name].stored() for spec in layers if spec.name in network.layers}
    fresh_ones = initial_weights([spec for spec in layers if spec.name not in kept], seed)
    return type(network)(config, {**kept, **fresh_ones})  # pyright: ignore  # a network and its own configuration


def grown_to(network: N, resolution: int, alpha: float) -> N:
    """The part of a network that trains at `resolution`, with the moment of its fade; shares the weights' memory."""
    return resized(network, resolution, network.config.channels[: resolution.bit_length() - 2], alpha=alpha)


# ---- in a snapshot -------------------------------------------------------------------------------------------------


def describe(networks: Networks) -> dict:
    """What the weights of a snapshot do not say: configurations, and the constants of the layers."""
    return {
        role: {
            "config": asdict(network.config),
            "constants": {name: [layer.c, layer.bias_c] for name, layer in network.layers.items()},
        }
        for role, network in networks.by_role().items()
    }


def restore(state: Mapping, settings: Settings) -> Networks:
    """The networks of a snapshot. One of an earlier version has no description and is as the settings say."""
    if "networks" not in state:
        networks = fresh(settings)
        for role, network in networks.by_role().items():
            network.load_state_dict(state[role])
        return networks
    kinds = {"generator": GeneratorConfig, "discriminator": DiscriminatorConfig, "average": GeneratorConfig}
    made = {}
    for role, described in state["networks"].items():
        weights = {
            name: LayerWeights(*(state[role][f"layers.{name}.{kind}"] for kind in ("weight", "bias")), *constants)
            for name, constants in described["constants"].items()
        }
        config = read_config(kinds[role], described["config"])
        made[role] = (
            Generator(config, weights) if isinstance(config, GeneratorConfig) else Discriminator(config, weights)
        )
    return Networks(**made)
