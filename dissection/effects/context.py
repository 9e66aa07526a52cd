"""Where a concept can be put: its units are inserted at one place after another (Bau et al. 2019, figure 10).

    stood = stood_at(trial, (8, 8))                   # what stands at each cell of a grid over each picture
    places = balanced(stood, 60)                      # as many on walls as in the sky
    table = context(trial, edit, concept, stood, places)
    table.grew[wall], table.grew[sky]                 # do doors appear on walls, but not in the sky?

The world of Toy Town knows the true answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dissection.effects.trial import Trial, count_pixels
from dissection.interventions import Edit
from pgan_core.progress import Progress

GRID = 8, 8  # rows and columns of cells that count as places; a cell has about the size of Toy Town's doors
GROWN = 1 / 1024  # of a picture's area; a concept that gains as much has grown: 4 pixels of 64 x 64, 16 of 128 x 128


@dataclass(frozen=True)
class Context:
    """How a concept grows when it is inserted, by what stood at the place before. C concepts."""

    places: np.ndarray  # C: insertions at places where this concept stood
    pictures: np.ndarray  # C: in how many pictures those places are
    gain: np.ndarray  # C: mean growth of the inserted concept there, in pixels
    grew: np.ndarray  # C: the share of these insertions after which it had grown (`GROWN`)


def threshold(size: int) -> int:
    """The pixels that a concept has to gain in a picture of size x size pixels, to count as grown."""
    return max(1, round(GROWN * size**2))


def context(
    trial: Trial,
    edit: Callable[[Tensor], Edit],
    concept: int,
    stood: np.ndarray,
    places: np.ndarray | None = None,
    *,
    progress: Progress | None = None,
) -> Context:
    """Insert a concept at one place after another and count how often it grew, by what stood there (figure 10).

    edit: makes the insertion in regions N x h x w.  stood: what stands at each cell, N x h x w (`stood_at`).
    places: P x (picture, row, column); None: all cells.
    """
    places = np.argwhere(stood >= 0) if places is None else places
    change = growth(trial, edit, concept, places, stood.shape[1:], progress)
    kinds = stood[tuple(places.T)]
    count, gain, grew = (np.zeros(trial.concepts) for _ in range(3))
    np.add.at(count, kinds, 1)
    np.add.at(gain, kinds, change)
    np.add.at(grew, kinds, change >= threshold(trial.generator.resolution))
    pictures = np.array([len(np.unique(places[kinds == kind, 0])) for kind in range(trial.concepts)])
    seen = np.maximum(count, 1)
    return Context(count.astype(int), pictures, gain / seen, grew / seen)


def growth(
    trial: Trial,
    edit: Callable[[Tensor], Edit],
    concept: int,
    places: np.ndarray,
    grid: tuple[int, int] = GRID,
    progress: Progress | None = None,
) -> np.ndarray:
    """By how many pixels a concept grows in its picture when it is inserted at each place alone, P."""
    before = trial.pixels()[:, concept]
    part = trial.at(places[:, 0])
    regions = torch.zeros(len(places), *grid)
    regions[torch.arange(len(places)), places[:, 1], places[:, 2]] = 1

    def after(batch: slice) -> np.ndarray:
        maps = part.label_maps([edit(regions[batch])], batch)
        return count_pixels(maps, trial.concepts)[:, concept]

    return np.concatenate(part.each_batch(after, progress)) - before[places[:, 0]]


def balanced(stood: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Places P x (picture, row, column): of each label in `stood` (N x h x w) at most `count`, drawn at random."""
    rng, chosen = np.random.default_rng(seed), []
    for kind in np.unique(stood):
        found = np.argwhere(stood == kind)
        chosen.append(found[np.sort(rng.permutation(len(found))[:count])])
    return np.concatenate(chosen)


def stood_at(trial: Trial, grid: tuple[int, int] = GRID) -> np.ndarray:
    """The label that covers most of each cell of a grid over each picture of the trial, N x h x w."""
    return np.concatenate([stood_in(trial.label_maps(batch=batch), trial.concepts, grid) for batch in trial.batches()])


def stood_in(maps: Tensor, concepts: int, grid: tuple[int, int] = GRID) -> np.ndarray:
    """The same of label maps N x H x W (or N x M x H x W, of which the first counts)."""
    maps = maps[:, 0] if maps.dim() == 4 else maps
    cells = [majority(maps, grid, (y, x), concepts) for y in range(grid[0]) for x in range(grid[1])]
    return np.stack(cells, axis=1).reshape(-1, *grid)


def majority(maps: Tensor, grid: tuple[int, int], cell: tuple[int, int], concepts: int) -> np.ndarray:
    """The label that covers most of a cell of a grid over label maps N x H x W, N."""
    height, width = maps.shape[1:]
    y, x = (
        cell[0] * height // grid[0],
        cell[1] * width // grid[1],
    )  # the same pixel for several cells of a small picture
    rows, columns = max(1, height // grid[0]), max(1, width // grid[1])
    return count_pixels(maps[:, y : y + rows, x : x + columns], concepts).argmax(1)
