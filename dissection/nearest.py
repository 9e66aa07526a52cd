"""`python -m dissection nearest`: as `python -m pgan_core nearest`, with scenes of Toy Town as a possible training set.

    python -m dissection nearest MODEL --real town:0:0-120831,200000-320831 --held-out OTHER_SCENES.npz

compares with scenes 0 to 120,831 and 200,000 to 320,831 of the town of seed 0. They are drawn on every core while they
are compared, and are never all in memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from dissection.world.scenes import check_size
from dissection.world.town import scene
from pgan_core.metrics import nearest_cli
from pgan_core.picture_data import PictureSource, StoredPictures
from pgan_core.progress import Progress

TOWN = re.compile(r"town:(\d+):(\d+-\d+(?:,\d+-\d+)*)")
PICTURES = "an .npz with `images`, a folder, or town:SEED:FIRST-LAST,FIRST-LAST (scenes of Toy Town)"
AHEAD = 2  # parts for each process that may be drawn ahead


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds `nearest` to the commands of `python -m dissection`."""
    nearest_cli.add_arguments(subparsers, open_pictures, f"the training set: {PICTURES}")


def open_pictures(text: str, size: int) -> PictureSource:
    """The pictures that the text names, at `size` pixels. Raises ValueError in one sentence."""
    if not text.startswith("town:"):
        return StoredPictures(text, size)
    if not (match := TOWN.fullmatch(text)):
        raise ValueError(f"Scenes are named as town:0:0-999,2000-2999 (town:SEED:FIRST-LAST,...), not {text!r}.")
    runs = [(int(first), int(last)) for first, last in (part.split("-") for part in match[2].split(","))]
    return TownScenes(int(match[1]), runs, size)


class TownScenes:
    """Scenes of a town in runs (first, last), drawn when they are asked for; a `PictureSource`.

    Raises ValueError for a run that ends before it begins, or a size that scenes do not have.
    """

    def __init__(self, seed: int, runs: Sequence[tuple[int, int]], size: int, processes: int | None = None):
        check_size(size)
        for first, last in runs:
            if last < first:
                raise ValueError(f"There are no scenes {first} to {last}: the last comes before the first.")
        self.seed, self.size, self.processes = seed, size, processes or os.cpu_count() or 1
        self._numbers = np.concatenate([np.arange(first, last + 1) for first, last in runs])

    def __len__(self) -> int:
        return len(self._numbers)

    def batches(self, count: int = 512, progress: Progress | None = None, start: int = 0) -> Iterator[np.ndarray]:
        """See `PictureSource`; drawn on several processes, a few parts ahead."""
        parts = iter([self._numbers[i : i + count] for i in range(start, len(self), count)])
        done, ahead = start, deque()
        with ProcessPoolExecutor(self.processes, mp_context=multiprocessing.get_context("spawn")) as pool:
            try:
                while True:
                    while len(ahead) < AHEAD * self.processes and (part := next(parts, None)) is not None:
                        ahead.append(pool.submit(draw, self.seed, self.size, part))
                    if not ahead:
                        return
                    batch = ahead.popleft().result()
                    done += len(batch)
                    yield batch
                    if progress:
                        progress(done / len(self))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def at(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The scenes at these places, uint8 N x 3 x size x size."""
        return draw(self.seed, self.size, self._numbers[np.asarray(indices)])


def draw(seed: int, size: int, numbers: np.ndarray) -> np.ndarray:
    """Scenes as uint8 N x 3 x size x size."""
    pictures = np.empty((len(numbers), 3, size, size), np.uint8)
    for picture, number in zip(pictures, numbers.tolist(), strict=True):
        picture[:] = scene(seed, size, number)[0].transpose(2, 0, 1)
    return pictures
