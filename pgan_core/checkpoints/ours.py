"""Our own safetensors files as one more family: the configuration is in the file, nothing has to be recognised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pgan_core.checkpoints.native import NetworkParts, read_native
from pgan_core.checkpoints.reading import Reading, ready, stddev_groups
from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig

FORMAT = "pggan-lab"
LAYOUT = "a safetensors file of PGGAN Lab"
SOURCE = "this project"


@dataclass(frozen=True)
class OurFile:
    """The networks of a file by role (generator, generator_raw, discriminator), and its metadata."""

    parts: dict[str, NetworkParts]
    metadata: dict


def open_ours(data: memoryview) -> OurFile:
    """Raises CheckpointError for safetensors that we did not write, and for broken ones."""
    return OurFile(*read_native(data))


def matches(tree: object) -> bool:
    """Whether it is a file of ours."""
    return isinstance(tree, OurFile)


def read(tree: OurFile, reading: Reading) -> None:
    """The averaged generator (the raw one for raw weights) and the discriminator; the caller's choices override."""
    reading.notes["metadata"] = tree.metadata
    generators = [role for role in ("generator", "generator_raw") if role in tree.parts]
    chosen = generators[-1 if reading.choices.weights == "raw" else 0] if generators else None
    for role, part in tree.parts.items():
        account = reading.used if role in (chosen, "discriminator") else reading.unused
        account.update(dict.fromkeys(f"{role}.{name}" for name in part.weights))
    if chosen is not None:
        reading.notes["weights"] = "raw" if chosen == "generator_raw" else "ema"
        reading.generator = _build(tree.parts[chosen], _generator_choices, reading)
    if "discriminator" in tree.parts:
        reading.discriminator = _build(tree.parts["discriminator"], _discriminator_choices, reading)


def _generator_choices(config: GeneratorConfig, reading: Reading) -> GeneratorConfig:
    normalizes = config.latent_norm != "off"
    kind = config.latent_norm if normalizes else "joint"
    return replace(
        config,
        output=reading.override("output", config.output),
        latent_norm=kind if reading.override("normalize_latents", normalizes) else "off",
        stored_alpha=float(reading.override("alpha", config.stored_alpha)),
    )


def _discriminator_choices(config: DiscriminatorConfig, reading: Reading) -> DiscriminatorConfig:
    return replace(
        config,
        score=reading.override("score", config.score),
        stddev=config.stddev and stddev_groups(reading, config.stddev),
        fused_down=reading.override("fused", config.fused_down),
        stored_alpha=float(reading.override("alpha", config.stored_alpha)),
    )


def _build(part: NetworkParts, choose: Callable, reading: Reading) -> Generator | Discriminator:
    try:
        return ready(replace(part, config=choose(part.config, reading)).build(), reading)
    except ValueError as error:
        raise reading.misfit(str(error)) from error
