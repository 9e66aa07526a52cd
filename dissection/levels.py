"""The level above which a unit counts as on: by a fixed fraction of its values, or by maximal IQR with a concept.

Quantiles follow numpy's "hazen" rule, as both published releases do: the i-th of n sorted values stands at
(i + 0.5) / n. Everything here is exact; the cost is one sort of each unit's values.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dissection.tally import information_quality

FRACTIONS = np.logspace(-3, 0, 100)  # of a unit's values above its candidate levels (GAN Dissection, first release)


@dataclass(frozen=True)
class Groups:
    """Pixels of a sample sorted by concept, once for all units: for each of M label maps an order and its bounds."""

    order: np.ndarray  # M x P: pixel indexes, label 0 first
    bounds: np.ndarray  # M x (C + 1): where each concept's pixels begin in `order`

    @property
    def label_pixels(self) -> np.ndarray:
        """Pixels of each label over all maps, C."""
        return np.diff(self.bounds, axis=1).sum(axis=0)

    @property
    def pixels(self) -> int:
        """Pixels of the sample, P."""
        return self.order.shape[1]


@dataclass(frozen=True)
class LevelCurve:
    """One unit at L candidate levels, from high to low."""

    levels: np.ndarray  # L, float32
    lit: np.ndarray  # L x C, int64: pixels above the level in each concept; column 0: in the whole sample


def group_pixels(labels: np.ndarray, num_concepts: int) -> Groups:
    """Sort the pixels of label maps N x M x H x W by concept."""
    flat = labels.swapaxes(0, 1).reshape(labels.shape[1], -1)
    order = np.stack([np.argsort(row, kind="stable") for row in flat])
    counts = np.stack([np.bincount(row, minlength=num_concepts) for row in flat])
    return Groups(order, np.pad(counts.cumsum(axis=1), ((0, 0), (1, 0))))


def fraction_level(values: np.ndarray, fraction: float) -> np.float32:
    """The level that `fraction` of the values exceed (the quantile 1 - fraction)."""
    return hazen([np.sort(values, axis=None)], np.array([fraction]))[0]


def level_curve(values: np.ndarray, groups: Groups, fractions: np.ndarray = FRACTIONS) -> LevelCurve:
    """Count how many pixels of each concept lie above each candidate level of one unit.

    Pixels (P values, ordered as `groups`) are sorted concept by concept, short vectorised sorts; levels and counts are
    then binary searches in the sorted runs.
    """
    num_concepts = groups.bounds.shape[1] - 1
    lit = np.zeros((len(fractions), num_concepts), np.int64)
    for number, (order, bounds) in enumerate(zip(groups.order, groups.bounds, strict=True)):
        runs = sorted_runs(values, order, bounds)
        if number == 0:
            levels = hazen(runs, fractions)
        above = np.stack([len(run) - np.searchsorted(run, levels, side="right") for run in runs], axis=1)
        lit[:, 1:] += above[:, 1:]
        if number == 0:
            lit[:, 0] = above.sum(axis=1)
    return LevelCurve(levels, lit)


def sorted_runs(values: np.ndarray, order: np.ndarray, bounds: np.ndarray) -> list[np.ndarray]:
    """The values of each concept in ascending order."""
    grouped = values.take(order)
    runs = [grouped[start:stop] for start, stop in pairwise(bounds)]
    for run in runs:
        run.sort()
    return runs


def best_level(curve: LevelCurve, label_pixels: np.ndarray, pixels: int) -> np.float32:
    """The level of maximal IQR over all levels and concepts; the highest level if there is none."""
    quality = level_quality(curve.lit, label_pixels, pixels)
    return curve.levels[np.unravel_index(quality.argmax(), quality.shape)[0]]


def level_quality(lit: np.ndarray, label_pixels: np.ndarray, pixels: int) -> np.ndarray:
    """IQR at each level with each concept, ... x L x C; column 0 is 0, and so is it where the two avoid each other:

    a unit that shuns a concept shares much information with it as well, but its mask is not that concept's mask.
    """
    active = lit[..., :1]
    attracted = lit * pixels > active * label_pixels
    attracted[..., 0] = False
    return np.where(attracted, information_quality(lit, active, label_pixels, pixels), 0.0)


def hazen(runs: list[np.ndarray], fractions: np.ndarray) -> np.ndarray:
    """Levels (float32) that the given fractions of all values exceed; `runs` are sorted, their union is what counts."""
    count = sum(map(len, runs))
    position = ((1 - fractions) * count - 0.5).clip(0, count - 1)
    rank = np.floor(position).astype(np.int64)
    low = kth_smallest(runs, rank).astype(np.float64)
    high = kth_smallest(runs, np.minimum(rank + 1, count - 1)).astype(np.float64)
    return (low + (high - low) * (position - rank)).astype(np.float32)


def kth_smallest(runs: list[np.ndarray], ranks: np.ndarray) -> np.ndarray:
    """The values of the given ranks (from 0) in the union of sorted float32 runs, by bisection on the floats' bits."""
    runs = [run for run in runs if len(run)]
    if len(runs) == 1:
        return runs[0][ranks]
    low = np.full(len(ranks), min(_key(run[:1])[0] for run in runs))
    high = np.full(len(ranks), max(_key(run[-1:])[0] for run in runs))
    while (low < high).any():
        middle = (low + high) >> 1
        value = _unkey(middle)
        enough = sum(np.searchsorted(run, value, side="right") for run in runs) > ranks
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle + 1)
    return _unkey(low)


def _key(values: np.ndarray) -> np.ndarray:
    """Integers in the order of the float32 values (negative floats count down from 0)."""
    bits = np.ascontiguousarray(values, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _unkey(keys: np.ndarray) -> np.ndarray:
    """The float32 values of `_key`'s integers."""
    bits = np.where(keys < 0, -keys | -0x80000000, keys)
    return bits.astype(np.int32).view(np.float32)
