"""Snapshots of a run: the state it resumes from, and its networks at a landmark. Each is whole or not there at all."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import torch

from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.files import write_atomically
from pgan_core.growth import Moment

from .networks import Networks
from .settings import TrainingError

FORMAT = "pggan-lab-training/1"


def save_state(path: Path, state: dict) -> None:
    """Everything that a run needs to go on, as tensors and plain values."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    write_atomically(path, buffer.getvalue())


def load_state(path: Path) -> dict:
    """What `save_state` wrote. Raises TrainingError for any other file; nothing in it is executed."""
    if not zipfile.is_zipfile(path):
        raise TrainingError(f"{path} is not a training snapshot: it is no zip archive, or a broken one.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, ValueError, LookupError) as error:
        raise TrainingError(f"{path} cannot be read as a training snapshot ({type(error).__name__}).") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a training snapshot of this program ({FORMAT}).")
    return state


def save_stage(
    path: Path, networks: Networks, moment: Moment, metadata: dict, dtype: torch.dtype = torch.float32
) -> None:
    """The averaged generator, the generator as trained and the discriminator, no larger than they have grown."""
    path.parent.mkdir(exist_ok=True)
    small = networks.grown_to(moment.resolution, moment.alpha)
    save_checkpoint(
        path, small.average, small.discriminator, generator_raw=small.generator, metadata=metadata, dtype=dtype
    )
