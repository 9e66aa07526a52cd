"""Where a concept can be put: its units are inserted at one place after another (Bau et al. 2019, figure 10).

    table = context(stage, units, levels, concept)
    table.gain[wall], table.gain[sky]                 # do doors appear on walls, and not in the sky?

The world of Toy Town knows the true answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dissection.causal import Progress, Stage, count_pixels
from dissection.interventions import insert


@dataclass(frozen=True)
class Context:
    """What inserting a concept does, by what stood at the place before. C concepts."""

    places: np.ndarray  # C: insertions made at places of this concept
    gain: np.ndarray  # C: mean growth of the inserted concept there, in pixels of a picture
    grew: np.ndarray  # C: share of the insertions after which it grew by at least `threshold` pixels
    threshold: int


def context(
    stage: Stage,
    units: Sequence[int],
    levels: Tensor,
    concept: int,
    *,
    grid: tuple[int, int] | None = None,
    threshold: int = 4,
    progress: Progress | None = None,
) -> Context:
    """Insert a concept's units at one place after another and tally what grew by what stood there (figure 10).

    levels: the value of each of ``units``.  grid: rows and columns of places; None: the layer's cells.  What stood at
    a place is the label that covers most of it.  (Do doors appear on walls, and not in the sky?)
    """
    h, w = grid or stage.activation.shape[2:]
    before, stood = _grid_of_labels(stage, (h, w), concept)
    cells = [(y, x) for y in range(h) for x in range(w)]
    places, gain, grew = (np.zeros(stage.concepts) for _ in range(3))
    for done, (y, x) in enumerate(cells, start=1):
        region = torch.zeros(h, w)
        region[y, x] = 1
        change = stage.pixels([insert(units, levels, region)])[:, concept] - before
        np.add.at(places, stood[:, y, x], 1)
        np.add.at(gain, stood[:, y, x], change)
        np.add.at(grew, stood[:, y, x], change >= threshold)
        if progress:
            progress(done, len(cells))
    seen = np.maximum(places, 1)
    return Context(places.astype(int), gain / seen, grew / seen, threshold)


def _grid_of_labels(stage: Stage, grid: tuple[int, int], concept: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the concept in each picture, N, and the label that covers most of each cell of a grid, N x h x w."""
    before, stood = [], []
    for batch in stage.batches():
        maps = stage.label_maps(batch=batch)
        maps = maps[:, 0] if maps.dim() == 4 else maps
        before.append(count_pixels(maps, stage.concepts)[:, concept])
        cells = [majority(maps, grid, (y, x), stage.concepts) for y in range(grid[0]) for x in range(grid[1])]
        stood.append(np.stack(cells, axis=1).reshape(-1, *grid))
    return np.concatenate(before), np.concatenate(stood)


def majority(maps: Tensor, grid: tuple[int, int], cell: tuple[int, int], concepts: int) -> np.ndarray:
    """The label that covers most of a cell of a grid over label maps N x H x W, N."""
    height, width = maps.shape[1] // grid[0], maps.shape[2] // grid[1]
    y, x = cell[0] * height, cell[1] * width
    return count_pixels(maps[:, y : y + max(height, 1), x : x + max(width, 1)], concepts).argmax(1)
