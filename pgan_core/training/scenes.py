"""Pictures that are drawn while a run trains, by processes beside it, as many as it needs: `town:`.

The scenes of a run are numbered; what a step may see depends on the images seen alone, so that a run is the same
whether the scenes come fast or slowly: a step waits for those that it needs.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, fields
from importlib import import_module
from threading import Thread

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from .data import DataError, RealImages
from .streams import Draws

SMALLEST = 16  # pixels that a scene is drawn at; smaller ones are averages of these
CHUNK = 64  # scenes that a process draws at a time
FIRST_SCENES = 1024  # before the first step, where scenes are shown more than once
BUILT_IN = {"town": "dissection.world.scenes:scene"}  # by name, so that nothing here depends on it


@dataclass(frozen=True)
class Source:
    """Where scenes come from. Written `town:first=200000,repeats=25`.

    function: MODULE:FUNCTION, called with (seed, size, number), gives a picture uint8 size x size x 3, or a tuple that
    begins with one. first: the number of the first scene. repeats: how often a scene is shown, on average; 1: exactly
    once. keep: scenes held at a time. workers: processes; 0: all cores but one.
    """

    function: str
    seed: int = 0
    first: int = 0
    repeats: int = 1
    keep: int = 8192
    workers: int = 0

    @classmethod
    def parse(cls, text: str) -> Source | None:
        """None for what is no source but the path of a file. Raises DataError for options that there are not."""
        name, colon, options = text.partition(":")
        if name not in BUILT_IN or not colon:
            return None
        known = [field.name for field in fields(cls)][1:]
        parts = [part.partition("=") for part in options.split(",") if part]
        given = {key: value for key, _, value in parts}
        if not set(given) <= set(known) or not all(value.isdigit() for value in given.values()):
            raise DataError(f"{text}: after {name}: stand {', '.join(known)}, each as NAME=NUMBER.")
        source = cls(BUILT_IN[name], **{key: int(value) for key, value in given.items()})
        if not source.repeats or source.keep % CHUNK or not source.keep:
            raise DataError(f"{text}: repeats is at least 1, and keep a multiple of {CHUNK}.")
        return source


def draw(function: str, seed: int, size: int, start: int, count: int) -> np.ndarray:
    """`count` scenes from a number on, uint8 count x 3 x size x size. Runs in a process of its own."""
    module, _, name = function.partition(":")
    make = getattr(import_module(module), name)
    made = (make(seed, size, start + i) for i in range(count))
    pictures = [scene[0] if isinstance(scene, tuple) else scene for scene in made]
    return np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2))


def _serve() -> None:
    """A drawing process lets the run go first, and ends when the run is gone, however it ended."""
    if hasattr(os, "nice"):
        os.nice(5)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


class FreshScenes(RealImages):
    """Scenes in a ring on the device: new ones take the place of the oldest. Close it to end its processes."""

    def __init__(
        self, source: Source, resolution: int, *, mirror: bool = True, device: torch.device | str = "cpu", seen: int = 0
    ):
        """seen: images that the run has seen already; the ring is filled again as it was then."""
        self.source, self.resolution = source, max(resolution, SMALLEST)
        self.mirror, self.device = mirror, torch.device(device)
        self._levels = {
            2**k: torch.zeros(source.keep, 3, 2**k, 2**k, dtype=torch.uint8, device=self.device)
            for k in range(2, self.resolution.bit_length())
        }
        self.filled = torch.zeros((), device=self.device)
        self.next = torch.zeros((), dtype=torch.int64, device=self.device)  # the place of the step's first scene
        gone = seen if source.repeats == 1 else max(0, self.needed(seen) - source.keep)
        self.count = self._asked = gone // CHUNK * CHUNK
        self._pool: ProcessPoolExecutor | None = None
        self._coming: deque[Future] = deque()

    def __len__(self) -> int:
        return self.count

    def fingerprint(self) -> str:
        s = self.source
        return hashlib.sha256(repr((s.function, s.seed, s.first, s.repeats, s.keep)).encode()).hexdigest()[:16]

    def level(self, resolution: int) -> Tensor:
        if resolution > self.resolution:
            raise DataError(f"The scenes are {self.resolution} pixels wide and cannot train {resolution} pixels.")
        return self._levels[resolution]

    def needed(self, images: int) -> int:
        """Scenes that must have been drawn when a step brings the images seen to so many."""
        if self.source.repeats == 1:
            return images
        return FIRST_SCENES + images // self.source.repeats

    def provide(self, seen: int, size: int) -> None:
        """Waits until the scenes are drawn that the step after `seen` images may show."""
        if size + CHUNK > self.source.keep:
            raise DataError(f"A minibatch of {size} scenes needs keep={(size // CHUNK + 2) * CHUNK} or more.")
        needed = self.needed(seen + size)
        while self.count < needed:
            self._take()
        self.next.fill_(seen % self.source.keep)
        self.filled.fill_(min(needed, self.source.keep))

    def _rows(self, size: int, draws: Draws) -> Tensor:
        if self.source.repeats == 1:
            return (self.next + torch.arange(size, device=self.device)) % self.source.keep
        rows = draws.uniform("reals", size) * self.filled
        return torch.minimum(rows, self.filled - 1).to(torch.int64)

    def _drawn(self) -> np.ndarray:
        """The next chunk, uint8 CHUNK x 3 x size x size, when it has come; and more are asked for."""
        s, workers = self.source, self.source.workers or max(1, (os.cpu_count() or 2) - 1)
        if self._pool is None:
            self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _serve)
        while len(self._coming) < 2 * workers:
            job = (s.function, s.seed, self.resolution, s.first + self._asked, CHUNK)
            self._coming.append(self._pool.submit(draw, *job))
            self._asked += CHUNK
        return self._coming.popleft().result()

    def _take(self) -> None:
        """The next chunk into the ring."""
        chunk = torch.from_numpy(self._drawn())
        if self.device.type == "cuda":  # from pinned memory the copy waits for nothing
            chunk = chunk.pin_memory().to(self.device, non_blocking=True)
        place = self.count % self.source.keep
        for size, store in self._levels.items():
            small = chunk if size == self.resolution else avg_pool2d(chunk.float(), self.resolution // size).round()
            store[place : place + CHUNK] = small.to(torch.uint8)
        self.count += CHUNK

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
            self._coming.clear()


def open_data(
    text: str,
    *,
    resolution: int | None = None,
    mirror: bool = True,
    device: torch.device | str = "cpu",
    seen: int = 0,
) -> RealImages:
    """The training set that `--data` names. Raises DataError, one sentence."""
    source = Source.parse(text)
    if source is None:
        return RealImages.open(text, resolution=resolution, mirror=mirror, device=device)
    if resolution is None:
        raise DataError(f"{text} is drawn at any size: say which with --resolution.")
    return FreshScenes(source, resolution, mirror=mirror, device=device, seen=seen)
