"""Sets of pictures for metrics: N x 3 x H x W, uint8 or float, in 0..255; they may be larger than memory."""

from __future__ import annotations

import math
import tempfile

import numpy as np
import torch

from pgan_core.generator import Generator
from pgan_core.latents import following_seeds, inputs_from_seeds
from pgan_core.picture_data import PictureSource
from pgan_core.pictures import to_uint8
from pgan_core.progress import Progress

Pictures = np.ndarray | torch.Tensor

_DTYPES = ("uint8", "float16", "bfloat16", "float32", "float64")
_IN_MEMORY = 2**31  # bytes; larger sets go to a temporary file
_BATCH_PIXELS = 2**20  # pixels that are made or read at one time


def generated_pictures(
    generator: Generator,
    count: int,
    *,
    seed: int = 0,
    label: int | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Pictures of the seeds `seed`, `seed + 1`, ..., uint8 count x 3 x R x R, as they are shown.

    `label` is the class of all where one is chosen; else each seed has its own (`inputs_from_seeds`). `progress` is
    called with the share done.
    """
    size, seeds = generator.resolution, following_seeds(seed, count)
    pictures = new_picture_set(count, size)
    batch = max(1, min(64, _BATCH_PIXELS // size**2))
    with torch.inference_mode():
        for start in range(0, count, batch):
            images = generator(*inputs_from_seeds(generator, seeds[start : start + batch], label))
            pictures[start : start + len(images)] = to_uint8(images).transpose(0, 3, 1, 2)
            if progress:
                progress((start + len(images)) / count)
    return pictures


def some_pictures(source: PictureSource, count: int, seed: int = 0) -> np.ndarray:
    """At most `count` pictures of a source in a random order, uint8 N x 3 x R x R."""
    chosen = np.random.default_rng(seed).permutation(len(source))[:count]
    first = source.at(chosen[:1])
    pictures = new_picture_set(len(chosen), first.shape[-1])
    batch = max(1, _BATCH_PIXELS // first.shape[-1] ** 2)
    for start in range(0, len(chosen), batch):
        pictures[start : start + batch] = source.at(chosen[start : start + batch])
    return pictures


def new_picture_set(count: int, size: int) -> np.ndarray:
    """An empty uint8 count x 3 x size x size array; one that is too large for memory lies in a temporary file."""
    shape = (count, 3, size, size)
    if math.prod(shape) <= _IN_MEMORY:
        return np.empty(shape, np.uint8)
    return np.memmap(tempfile.TemporaryFile(), np.uint8, "w+", shape=shape)


def check_picture_set(pictures: Pictures, name: str, *, at_least: int = 1) -> None:
    """Raises ValueError, one sentence that names the set, for a wrong type, dtype or shape; reads no pixel."""
    if not isinstance(pictures, np.ndarray | torch.Tensor):
        raise ValueError(f"{name}: expected a numpy array or a tensor, got {type(pictures).__name__}.")
    dtype = str(pictures.dtype).removeprefix("torch.")
    if dtype not in _DTYPES:
        raise ValueError(f"{name}: expected uint8 or float pictures, got dtype {dtype}.")
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ValueError(f"{name}: expected pictures of shape N x 3 x H x W, got {tuple(pictures.shape)}.")
    if len(pictures) < at_least:
        raise ValueError(f"{name}: at least {at_least} pictures are needed, got {len(pictures)}.")


def picture_batch(
    pictures: Pictures,
    start: int,
    stop: int,
    *,
    name: str = "pictures",
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Pictures `start` to `stop` of a checked set as floats on `device` (None: where they are).

    Only here a memory-mapped array is read. Raises ValueError where a value is NaN or infinite.
    """
    part = pictures[start:stop]
    batch = torch.from_numpy(np.array(part)) if isinstance(part, np.ndarray) else part
    # First to the device, then to floats: bytes travel at a quarter of the cost.
    batch = batch.to(device)
    if batch.is_floating_point() and not torch.isfinite(batch).all():
        raise ValueError(f"{name}: some pixels are NaN or infinite.")
    return batch.to(dtype)
