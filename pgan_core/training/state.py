"""Files of a run: the resume snapshot, the stage snapshots, the JSON-lines log; each whole or not there at all."""

from __future__ import annotations

import io
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import torch

from pgan_core.checkpoints.native import save_checkpoint, write_atomically
from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.discriminator import layer_specs as discriminator_specs
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.generator import layer_specs as generator_specs

from .settings import TrainingError

FORMAT = "pggan-lab-training/1"
LICENCE = "CC0-1.0"


def save_state(path: Path, state: dict) -> None:
    """Everything that a run needs to go on, as tensors and plain values."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    write_atomically(path, buffer.getvalue())


def load_state(path: Path) -> dict:
    """What `save_state` wrote. Raises TrainingError for any other file; nothing in it is executed."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, ValueError, EOFError) as error:
        raise TrainingError(f"{path} cannot be read as a training snapshot ({type(error).__name__}).") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a training snapshot of this program ({FORMAT}).")
    return state


def grown_to(network: Generator | Discriminator, resolution: int, alpha: float) -> Generator | Discriminator:
    """The part of a network that trains at `resolution`, with the moment of its fade; shares the weights' memory."""
    is_generator = isinstance(network, Generator)
    config: GeneratorConfig | DiscriminatorConfig = replace(
        network.config,
        resolution=resolution,
        channels=network.config.channels[: resolution.bit_length() - 2],
        stored_alpha=alpha,
    )
    specs = generator_specs(config) if is_generator else discriminator_specs(config)
    weights = {spec.name: network.layers[spec.name].stored() for spec in specs}
    return Generator(config, weights) if is_generator else Discriminator(config, weights)


def save_stage(path: Path, networks: dict, *, resolution: int, alpha: float, metadata: dict) -> None:
    """The averaged generator, the generator as trained and the discriminator at a landmark, as safetensors."""
    small = {role: grown_to(network, resolution, alpha) for role, network in networks.items()}
    save_checkpoint(
        path,
        small["average"],
        small["discriminator"],
        generator_raw=small["generator"],
        metadata=metadata,
    )


class Log:
    """One JSON object a line, each with its `step`. Lines past a resumed snapshot are dropped, torn ones too."""

    def __init__(self, path: Path, *, step: int):
        self.path = path
        kept = [line for line in self._lines() if json.loads(line)["step"] <= step]
        write_atomically(path, "".join(f"{line}\n" for line in kept).encode())

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")
        return lines[:-1]  # what follows the last line's end was torn off by a kill

    def append(self, record: dict) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def sync(self) -> None:
        """On the disk before the snapshot that counts on it."""
        if self.path.exists():
            with open(self.path, "rb") as file:
                os.fsync(file.fileno())
