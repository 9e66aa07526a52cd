"""Is a picture a copy? Its nearest neighbours in a training set, found while the set streams by (PGGAN, appendix).

Two measures, each a root mean square difference in levels of 0..255:

- "pixels": of the pictures as they are. It finds copies and blurred copies; a copy that moved by two pixels counts as
  far, because every moved edge counts with its full contrast.
- "layout": of the pictures smoothed and reduced to 16 x 16, without their mean colour. It depends less on alignment
  and not on brightness: pictures with the same houses and trees at about the same places are near.

Training also shows every scene mirrored, so the nearer of a scene and its mirror image counts.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan_core.metrics.picture_sets import check_picture_set, picture_batch
from pgan_core.picture_data import PictureSource
from pgan_core.progress import Progress

LAYOUT_SIZE = 16  # pixels
UNFINISHED = "unfinished.npz"  # in the folder that the finished search is written to
_PAIRS = 256  # differences that are held at one time


@dataclass(frozen=True)
class Neighbours:
    """The nearest of a training set to each of Q pictures, nearest first; plain arrays."""

    indices: np.ndarray  # Q x k, places in the training set
    mirrored: np.ndarray  # Q x k: whether the mirror image is the nearer one
    distances: np.ndarray  # Q x k, levels of 255


def pixels(pictures: np.ndarray) -> Tensor:
    """uint8 N x 3 x R x R as floats around zero (which keeps their products exact enough)."""
    return picture_batch(pictures, 0, len(pictures)) - 127.5


def layout(pictures: np.ndarray) -> Tensor:
    """uint8 N x 3 x R x R to N x 3 x 16 x 16: means of cells, over 3 x 3 of them, less each channel's own mean."""
    x = pixels(pictures)
    cells = F.avg_pool2d(x, max(1, x.shape[-1] // LAYOUT_SIZE))
    smooth = F.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False)
    return smooth - smooth.mean(dim=(2, 3), keepdim=True)


# Each maps a mirrored picture to mirrored maps; the search relies on it.
MEASURES: dict[str, Callable[[np.ndarray], Tensor]] = {"pixels": pixels, "layout": layout}


def nearest(
    queries: np.ndarray, batches: Iterable[np.ndarray], *, measure: str = "pixels", k: int = 3, mirror: bool = True
) -> Neighbours:
    """The k nearest training pictures of each query.

    queries: uint8 Q x 3 x R x R.  batches: the training set in uint8 parts n x 3 x R x R, held one at a time.
    Raises ValueError where the set has fewer than k pictures or other sizes.
    """
    search = NearestSearch(queries, measure, k=k, mirror=mirror)
    for batch in batches:
        search.update(batch)
    return search.result()


class NearestSearch:
    """`nearest` for a set that several searches share: pass every batch to `update`, then ask for `result`."""

    def __init__(self, queries: np.ndarray, measure: str = "pixels", *, k: int = 3, mirror: bool = True):
        if measure not in MEASURES:
            raise ValueError(f"Pictures are compared by {' or '.join(MEASURES)}, not {measure!r}.")
        if k < 1:
            raise ValueError(f"At least one neighbour is looked for, not {k}.")
        check_picture_set(queries, "pictures to look for")
        self.shape, self.k, self.mirror, self.seen = queries.shape[1:], k, mirror, 0
        self._describe = MEASURES[measure]
        self._even, self._odd = _halves(self._describe(queries))
        self._energy = _energy(self._even, self._odd)
        count = len(queries)
        self._squares = torch.full((count, k), torch.inf)
        self._indices = torch.full((count, k), -1)
        self._mirrored = torch.zeros(count, k, dtype=torch.bool)

    def update(self, batch: np.ndarray) -> None:
        """Searches the next pictures of the set, uint8 n x 3 x R x R."""
        check_picture_set(batch, "training pictures")
        if batch.shape[1:] != self.shape:
            expected, found = (" x ".join(map(str, shape)) for shape in (self.shape, batch.shape[1:]))
            raise ValueError(f"Training pictures of {expected} are needed, found {found}.")
        even, odd = _halves(self._describe(batch))
        towards = self._odd @ odd.T  # its sign turns where the training picture is mirrored
        products = self._even @ even.T + (towards.abs() if self.mirror else towards)
        squares = self._energy[:, None] + _energy(even, odd) - 2 * products
        near, which = squares.topk(min(self.k, len(batch)), largest=False)
        turned = self.mirror & (towards.gather(1, which) < 0)
        # Differences of large sums are inexact near zero: what enters the list is computed again by its definition.
        rows, places = (near < self._squares[:, -1:]).nonzero(as_tuple=True)
        exact = torch.full_like(near, torch.inf)
        for few in torch.arange(len(rows)).split(_PAIRS):
            row, place = rows[few], places[few]
            chosen, sign = which[row, place], 1 - 2 * turned[row, place].float()
            exact[row, place] = _energy(self._even[row] - even[chosen], self._odd[row] - sign[:, None] * odd[chosen])
        self._keep(exact, which + self.seen, turned)
        self.seen += len(batch)

    def _keep(self, squares: Tensor, indices: Tensor, mirrored: Tensor) -> None:
        squares = torch.cat([self._squares, squares], dim=1)
        self._squares, best = squares.topk(self.k, largest=False)
        self._indices = torch.cat([self._indices, indices], dim=1).gather(1, best)
        self._mirrored = torch.cat([self._mirrored, mirrored], dim=1).gather(1, best)

    def state(self) -> dict[str, np.ndarray]:
        """What was found so far, for `restore` in another search for the same pictures."""
        arrays = {"squares": self._squares, "indices": self._indices, "mirrored": self._mirrored}
        return {name: tensor.numpy() for name, tensor in arrays.items()} | {"seen": np.array(self.seen)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Goes on where the search that gave `state` stopped: the next batch begins at place `seen`."""
        found = (torch.from_numpy(np.array(state[name])) for name in ("squares", "indices", "mirrored"))
        self._squares, self._indices, self._mirrored = found
        self.seen = int(state["seen"])

    def result(self) -> Neighbours:
        """What was found so far. Raises ValueError where fewer than k pictures were seen."""
        if self.seen < self.k:
            raise ValueError(f"A training set of {self.seen} pictures has no {self.k} nearest ones.")
        values = self._even.shape[1] + self._odd.shape[1]
        distances = (self._squares / values).sqrt()
        return Neighbours(self._indices.numpy(), self._mirrored.numpy(), distances.numpy())


def search(
    queries: np.ndarray,
    training: PictureSource,
    kept: Path,
    *,
    name: str,
    k: int = 3,
    mirror: bool = True,
    progress: Progress | None = None,
) -> dict[str, Neighbours]:
    """Measure -> the k nearest of each query (uint8 Q x 3 x R x R); the training set is read once for all measures.

    `kept` is a file for what was found so far, written after each part of the set. A search for the same queries in a
    set of the same `name` and length goes on from it. The caller deletes it once the result is stored.
    """
    searches = {measure: NearestSearch(queries, measure, k=k, mirror=mirror) for measure in MEASURES}
    asked = json.dumps([hashlib.sha256(queries.tobytes()).hexdigest(), name, len(training), k, mirror])
    start = _restore(list(searches.values()), kept, asked)
    for batch in training.batches(progress=progress, start=start):
        for one in searches.values():
            one.update(batch)
        _keep(list(searches.values()), kept, asked)
    return {measure: one.result() for measure, one in searches.items()}


def _keep(searches: Sequence[NearestSearch], kept: Path, asked: str) -> None:
    found = {f"{i}/{name}": array for i, one in enumerate(searches) for name, array in one.state().items()}
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(f"{kept.name}.partial")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, asked=np.array(asked), **found)
    os.replace(partial, kept)


def _restore(searches: Sequence[NearestSearch], kept: Path, asked: str) -> int:
    """The place in the training set at which to go on; 0 where nothing of this search was kept."""
    try:
        with np.load(kept, allow_pickle=False) as file:
            if str(file["asked"]) != asked:
                return 0
            states = [{name: file[f"{i}/{name}"] for name in one.state()} for i, one in enumerate(searches)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0
    for one, state in zip(searches, states, strict=True):
        one.restore(state)
    return searches[0].seen


def _halves(maps: Tensor) -> tuple[Tensor, Tensor]:
    """N x C x h x w in another orthonormal basis: the part that a mirror leaves, and the part whose sign it turns.

    With them the products with a picture and with its mirror image cost as much as the first alone.
    """
    left, right = maps.chunk(2, dim=-1)
    right = right.flip(-1)
    return ((left + right) / 2**0.5).flatten(1), ((left - right) / 2**0.5).flatten(1)


def _energy(even: Tensor, odd: Tensor) -> Tensor:
    return even.square().sum(dim=1) + odd.square().sum(dim=1)


def moved(pictures: np.ndarray, distance: int = 1) -> np.ndarray:
    """Pictures N x C x H x W moved right and down, borders repeated: copies that a measure should still recognise."""
    around = ((0, 0), (0, 0), (distance, 0), (distance, 0))
    return np.pad(pictures, around, mode="edge")[..., : pictures.shape[2], : pictures.shape[3]]
