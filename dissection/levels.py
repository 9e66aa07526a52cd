"""The level above which a unit counts as on: by a fixed fraction of its values, or by maximal IQR with a concept.

Quantiles follow numpy's "hazen" rule, as both published releases do: the i-th of n sorted values stands at
(i + 0.5) / n. The enlarged values of one unit over a sample are too many to keep or to sort, and need neither:
a first pass counts them, concept by concept, in a few thousand bins; that tells which bins hold the wanted
quantiles; a second pass collects the values of these bins alone (about 1%) and sorts them. The result is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, repeat

import numpy as np
import torch

from dissection.tally import information_quality, upsample

FRACTIONS = np.logspace(-3, 0, 100)  # of a unit's values above its candidate levels (GAN Dissection, first release)
BINS = 4096
CHUNK_PIXELS = 1 << 18  # pixels of one unit enlarged at a time: 1 MB
HISTOGRAM_BINS = 64
Map = Callable[..., Iterable]  # the built-in `map`, or that of a pool of threads
Batches = Iterable[tuple[torch.Tensor, np.ndarray]]


@dataclass(frozen=True)
class LevelCurve:
    """One unit at L candidate levels, and its histogram."""

    levels: np.ndarray  # L, float32: the levels that given fractions of its P values exceed
    lit: np.ndarray  # L x C, int64: pixels above the level in each concept; column 0: in the whole sample
    histogram: np.ndarray  # HISTOGRAM_BINS, int64: its enlarged values in bins of equal width
    span: tuple[float, float]  # where the first bin begins and the last one ends


def level_curves(
    batches: Batches,
    num_concepts: int,
    fractions: np.ndarray = FRACTIONS,
    border: str = "clamp",
    parallel: Map = map,
) -> list[LevelCurve]:
    """The levels that `fractions` of each unit's enlarged values exceed, and the pixels above them in each concept.

    batches: pairs of maps N x U x h x w of a few units and labels N x M x H x W, iterated over three times.
    `parallel` maps a function over units. Memory does not grow with the sample, but for the values that decide.
    """
    num_maps = next(labels.shape[1] for _, labels in batches)
    counters = [UnitCounter(low, high, num_maps, num_concepts) for low, high in value_ranges(batches, border)]
    for values, labels in enlarged_chunks(batches, border):
        list(parallel(UnitCounter.count, counters, values, repeat(labels)))
    for counter in counters:
        counter.find(fractions)
    for values, labels in enlarged_chunks(batches, border):
        list(parallel(UnitCounter.collect, counters, values, repeat(labels)))
    return list(parallel(UnitCounter.curve, counters))


def value_ranges(batches: Batches, border: str) -> list[list[float]]:
    """The least and the greatest value of each unit; enlarging does not leave this range."""
    low = np.min([maps.amin(dim=(0, 2, 3)).numpy() for maps, _ in batches], axis=0)
    high = np.max([maps.amax(dim=(0, 2, 3)).numpy() for maps, _ in batches], axis=0)
    if border == "zero":
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    return np.stack([low, high], axis=1).tolist()


def enlarged_chunks(batches: Batches, border: str) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
    """Enlarged values and labels of a few images at a time: U arrays of p values, and M x p."""
    for maps, labels in batches:
        height, width = labels.shape[-2:]
        step = max(1, CHUNK_PIXELS // (height * width))
        for start in range(0, len(maps), step):
            chunk = maps[start : start + step].transpose(0, 1).contiguous()
            values = upsample(chunk, (height, width), border).flatten(1).numpy()
            flat = labels[start : start + step].swapaxes(0, 1).reshape(labels.shape[1], -1)
            yield list(values), flat.astype(np.int64)


class UnitCounter:
    """One unit's values counted by bin and concept, then the few values that decide collected."""

    def __init__(self, low: float, high: float, num_maps: int, num_concepts: int):
        """low and high bound the unit's values; those that rounding pushes outside go into the outermost bins."""
        self.low = np.float32(low)
        span = np.float64(high) - low
        self.scale = np.float32((BINS - 1) / span) if span > BINS / np.finfo(np.float32).max else np.float32(0)
        self.histogram = np.zeros((num_maps, BINS, num_concepts), np.int64)
        self.values: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        # Two work arrays are kept from chunk to chunk: fresh ones would cost more in page faults than the arithmetic.
        self.scratch = np.empty(0, np.float32), np.empty(0, np.int64)

    def bins(self, values: np.ndarray) -> np.ndarray:
        """The bin of each value, int64 in a work array; a higher value is never in a lower bin,
        because float32 arithmetic is monotonous."""
        if len(self.scratch[0]) < len(values):
            self.scratch = np.empty(len(values), np.float32), np.empty(len(values), np.int64)
        position, bins = (array[: len(values)] for array in self.scratch)
        np.subtract(values, self.low, out=position)
        np.multiply(position, self.scale, out=position)
        np.clip(position, 0, BINS - 1, out=position)
        np.copyto(bins, position, casting="unsafe")
        return bins

    def count(self, values: np.ndarray, labels: np.ndarray) -> None:
        """First pass, p values and M x p labels."""
        num_concepts = self.histogram.shape[2]
        bins = self.bins(values)
        bins *= num_concepts
        for histogram, row in zip(self.histogram, labels, strict=True):
            bins += row
            histogram += np.bincount(bins, minlength=histogram.size).reshape(histogram.shape)
            bins -= row

    def find(self, fractions: np.ndarray) -> None:
        """Between the passes: the ranks that the fractions fall between, and the bins that hold these ranks."""
        per_bin = self.histogram[0].sum(axis=1)
        self.cumulative = per_bin.cumsum()
        pixels = self.cumulative[-1]
        self.position = ((1 - np.asarray(fractions)) * pixels - 0.5).clip(0, pixels - 1)
        self.rank = np.floor(self.position).astype(np.int64)
        self.held = np.zeros(BINS, bool)
        for rank in (self.rank, np.minimum(self.rank + 1, pixels - 1)):
            self.held[self.bin_of_rank(rank)] = True

    def bin_of_rank(self, rank: np.ndarray) -> np.ndarray:
        """The bin that the value of each rank lies in."""
        return np.searchsorted(self.cumulative, rank, side="right")

    def collect(self, values: np.ndarray, labels: np.ndarray) -> None:
        """Second pass: keep the values of the bins that hold a wanted rank."""
        inside = np.flatnonzero(self.held.take(self.bins(values), mode="clip"))
        self.values.append(values.take(inside))
        self.labels.append(labels.take(inside, axis=1).astype(np.int16))  # 16 bits sort by radix

    def curve(self) -> LevelCurve:
        """Levels from the collected values; counts above them from the values and from the bins in between."""
        values, labels = np.concatenate(self.values), np.concatenate(self.labels, axis=1)
        levels = self._levels(np.sort(values))
        num_concepts = self.histogram.shape[2]
        lit = np.zeros((len(levels), num_concepts), np.int64)
        above = self.bin_of_rank(self.rank) + 1
        for number, (histogram, row) in enumerate(zip(self.histogram, labels, strict=True)):
            outside = np.where(self.held[:, None], 0, histogram)
            tail = np.pad(outside[::-1].cumsum(axis=0)[::-1], ((0, 1), (0, 0)))
            counts = tail[above] + counts_above(values, row, levels, num_concepts)
            lit[:, 1:] += counts[:, 1:]
            if number == 0:
                lit[:, 0] = counts.sum(axis=1)
        width = 1 / float(self.scale) if self.scale else 1.0
        histogram = self.histogram[0].sum(axis=1).reshape(HISTOGRAM_BINS, -1).sum(axis=1)
        return LevelCurve(levels, lit, histogram, (float(self.low), float(self.low) + BINS * width))

    def _levels(self, ordered: np.ndarray) -> np.ndarray:
        """The hazen quantiles, from the sorted values of the bins that were kept."""
        pixels = self.cumulative[-1]
        skipped = np.where(self.held, 0, np.diff(self.cumulative, prepend=0)).cumsum()
        low, high = (
            ordered[rank - skipped[self.bin_of_rank(rank)]].astype(np.float64)
            for rank in (self.rank, np.minimum(self.rank + 1, pixels - 1))
        )
        return (low + (high - low) * (self.position - self.rank)).astype(np.float32)


def counts_above(values: np.ndarray, labels: np.ndarray, levels: np.ndarray, num_concepts: int) -> np.ndarray:
    """How many of the values of each label exceed each level, L x C."""
    grouped = values[np.argsort(labels, kind="stable")]
    bounds = np.bincount(labels, minlength=num_concepts).cumsum()
    runs = [np.sort(grouped[start:stop]) for start, stop in pairwise([0, *bounds])]
    return np.stack([len(run) - np.searchsorted(run, levels, side="right") for run in runs], axis=1)


def fraction_level(values: np.ndarray, fraction: float) -> np.float32:
    """The level that `fraction` of all values exceed (the hazen quantile 1 - fraction)."""
    ordered = np.sort(values, axis=None)
    position = np.clip((1 - fraction) * len(ordered) - 0.5, 0, len(ordered) - 1)
    rank = int(position)
    low, high = ordered[rank : rank + 2].astype(np.float64)[[0, -1]]
    return np.float32(low + (high - low) * (position - rank))


def best_level(curve: LevelCurve, label_pixels: np.ndarray, pixels: int) -> np.float32:
    """The level of maximal IQR over all levels and concepts; the first of them if none attracts the unit."""
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
