"""The level above which a unit counts as on: by a fixed fraction of its values, or by maximal IQR with a concept.

The enlarged values of a unit over a sample are too many to keep or to sort, and neither is needed: one pass counts
them, concept by concept, in 2048 bins. Candidate levels are the borders of bins next to the levels that 100 log-spaced
fractions of the values exceed; the pixels above a border are counted exactly. A border may miss the wanted fraction by
the content of one bin, 1/2048 of the unit's range; that only changes which candidates are tried.

A fixed fraction is met exactly, by numpy's "hazen" rule as in both published releases: the i-th of n sorted values is
the quantile (i + 0.5) / n. A second pass collects the values of the one or two bins that matter, and sorts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dissection.scoring.tally import information_quality, interpolation_matrix

FRACTIONS = np.logspace(-3, 0, 100)  # of a unit's values above its candidate levels (GAN Dissection, first release)
BINS = 2048
TAIL = 2e-4  # share of a unit's values at either end that fall into the outermost bin: outliers cost no resolution
RANGE_VALUES = 1 << 15  # raw values of a unit from which that range is estimated
CHUNK_PIXELS = 1 << 18  # pixels of one unit enlarged at a time: 1 MB
HISTOGRAM_BINS = 64
Map = Callable[..., Iterable]  # the built-in `map`, or that of a pool of threads
Batches = Iterable[tuple[np.ndarray, np.ndarray]]  # maps and labels of some images; not an iterator: passes repeat


@dataclass(frozen=True)
class LevelCurve:
    """One unit at L candidate levels, and its histogram."""

    levels: np.ndarray  # L, float32
    lit: np.ndarray  # L x C, int64: pixels above the level in each concept; column 0: in the whole sample
    histogram: np.ndarray  # HISTOGRAM_BINS, int64: its enlarged values in bins of equal width; the outer two are open
    span: tuple[float, float]  # where the first bin begins and the last one ends
    level: np.float32 | None  # which exactly the wanted fraction of the values exceeds; None where none is wanted


def level_curves(
    batches: Batches,
    num_concepts: int,
    *,
    fraction: float | None = None,
    border: str = "clamp",
    parallel: Map = map,
) -> list[LevelCurve]:
    """Each unit's candidate levels with the pixels above them in each concept, and the level of `fraction` exactly.

    batches: pairs of maps N x U x h x w of a few units and labels N x M x H x W, iterated over several times.
    parallel: maps a function over units. Memory does not grow with the sample.
    """
    ranges = value_ranges(batches, border)
    counters = list(
        parallel(
            lambda unit: count_unit(batches, unit, ranges[unit], num_concepts, fraction, border), range(len(ranges))
        )
    )
    bins = np.stack([counter.level_bins for counter in counters])
    return [counter.curve(*pair) for counter, *pair in zip(counters, bins, upper_borders(counters, bins), strict=True)]


def value_ranges(batches: Batches, border: str) -> list[tuple[float, float]]:
    """Where the bins of each unit begin and end: quantiles of its raw values, since enlarging stays in their range."""
    numbers = sum(maps.shape[0] * maps[0, 0].size for maps, _ in batches)
    stride = numbers // RANGE_VALUES | 1  # odd, to meet every column of the maps
    parts = []
    for maps, _ in batches:
        flat = maps.reshape(*maps.shape[:2], -1)
        images = -(-stride // flat.shape[2])
        parts.append(flat[::images, :, :: min(stride, flat.shape[2])].swapaxes(0, 1).reshape(maps.shape[1], -1))
    values = np.sort(np.concatenate(parts, axis=1), axis=1)
    skipped = int(TAIL * values.shape[1])
    low, high = values[:, skipped], values[:, -1 - skipped]
    flat = low == high
    low, high = np.where(flat, values[:, 0], low), np.where(flat, values[:, -1], high)
    if border == "zero":
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def count_unit(
    batches: Batches, unit: int, bounds: tuple[float, float], num_concepts: int, fraction: float | None, border: str
) -> UnitCounter:
    """One unit, counted in one pass, or in two to meet a fraction exactly."""
    counter = UnitCounter(*bounds, next(labels.shape[1] for _, labels in batches), num_concepts)
    for values, labels in enlarged_chunks(batches, unit, border):
        counter.count(values, labels)
    if fraction is not None:
        counter.seek(fraction)
        for values, _ in enlarged_chunks(batches, unit, border):
            counter.collect(values)
    return counter


def enlarged_chunks(batches: Batches, unit: int, border: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A unit's enlarged values (p) and their labels (M x p), a few images at a time.

    By numpy, as torch's own threads would compete with ours.
    """
    for maps, labels in batches:
        height, width = labels.shape[-2:]
        rows, columns = (
            interpolation_matrix(size, target, border).numpy()
            for size, target in zip(maps.shape[-2:], (height, width), strict=True)
        )
        step = max(1, CHUNK_PIXELS // (height * width))
        for start in range(0, len(maps), step):
            values = maps[start : start + step, unit]
            if values.shape[1:] != (height, width):
                values = rows @ (values @ columns.T)
            flat = labels[start : start + step].swapaxes(0, 1).reshape(labels.shape[1], -1)
            yield values.reshape(-1), flat.astype(np.int32)


class UnitCounter:
    """One unit's values, counted by bin and concept."""

    def __init__(self, low: float, high: float, num_maps: int, num_concepts: int):
        """Bins of equal width from low to high; values beyond fall into the first or the last."""
        self.low = np.float32(low)
        span = float(high) - float(low)
        self.scale = np.float32((BINS - 1) / span) if span > BINS / np.finfo(np.float32).max else np.float32(0)
        self.histogram = np.zeros((num_maps, BINS, num_concepts), np.int64)
        self.sought: tuple[np.float32, np.float32] | None = None
        self.collected: list[np.ndarray] = []
        # Work arrays are kept from chunk to chunk: fresh ones would cost more in page faults than the arithmetic.
        self.scratch = np.empty(0, np.float32), np.empty(0, np.int32), np.empty(0, np.int64)

    def count(self, values: np.ndarray, labels: np.ndarray) -> None:
        """Add p values with their labels M x p."""
        if len(self.scratch[0]) < len(values):
            self.scratch = tuple(np.empty(len(values), array.dtype) for array in self.scratch)
        position, bins, keys = (array[: len(values)] for array in self.scratch)
        bin_position(values, self.low, self.scale, position)
        np.copyto(bins, position, casting="unsafe")  # by way of 32 bits, which vectors convert
        bins *= self.histogram.shape[2]
        for histogram, row in zip(self.histogram, labels, strict=True):
            np.add(bins, row, out=keys)
            histogram += np.bincount(keys, minlength=histogram.size).reshape(histogram.shape)

    @property
    def cumulative(self) -> np.ndarray:
        """Pixels up to each bin."""
        return self.histogram[0].sum(axis=1).cumsum()

    def rank(self, fraction) -> tuple[np.ndarray, np.ndarray]:
        """Where the hazen quantile 1 - fraction lies in the sorted values: the rank before it, and how far beyond."""
        pixels = self.histogram[0].sum()
        position = np.clip((1 - np.asarray(fraction)) * pixels - 0.5, 0, pixels - 1)
        rank = np.floor(position).astype(np.int64)
        return rank, position - rank

    @property
    def level_bins(self) -> np.ndarray:
        """The bins in which the levels lie that FRACTIONS of the values exceed, L."""
        return np.searchsorted(self.cumulative, self.rank(FRACTIONS)[0], side="right")

    def curve(self, bins: np.ndarray, levels: np.ndarray) -> LevelCurve:
        """The counts above the given bins (whose upper borders `levels` are), and what else a LevelCurve holds."""
        lit = np.zeros((len(bins), self.histogram.shape[2]), np.int64)
        for number, histogram in enumerate(self.histogram):
            above = histogram.sum(axis=0) - histogram.cumsum(axis=0)[bins]
            lit[:, 1:] += above[:, 1:]
            if number == 0:
                lit[:, 0] = above.sum(axis=1)
        width = 1 / float(self.scale) if self.scale else 1.0
        histogram = self.histogram[0].sum(axis=1).reshape(HISTOGRAM_BINS, -1).sum(axis=1)
        span = (float(self.low), float(self.low) + BINS * width)
        return LevelCurve(levels, lit, histogram, span, self.sought_level)

    def seek(self, fraction: float) -> None:
        """Note between which values the level of `fraction` lies, so that a second pass can collect them."""
        rank, self.beyond = self.rank(fraction)
        cumulative = self.cumulative
        first, last = np.searchsorted(cumulative, [rank, min(rank + 1, cumulative[-1] - 1)], side="right")
        above, upto = upper_borders([self], np.array([[first - 1, last]]))[0]
        self.sought = (above if first else -np.float32(np.inf)), upto
        self.sought_rank = rank - (cumulative[first - 1] if first else 0)

    def collect(self, values: np.ndarray) -> None:
        """Second pass: keep the values that the level lies between."""
        assert self.sought is not None  # `seek` comes first
        above, upto = self.sought
        self.collected.append(values[(values > above) & (values <= upto)])

    @property
    def sought_level(self) -> np.float32 | None:
        """The hazen quantile, from the collected values."""
        if self.sought is None:
            return None
        ordered = np.sort(np.concatenate(self.collected))
        low, high = ordered[self.sought_rank : self.sought_rank + 2].astype(np.float64)[[0, -1]]
        return np.float32(low + (high - low) * self.beyond)


def bin_position(values: np.ndarray, low, scale, out: np.ndarray | None = None) -> np.ndarray:
    """Values in units of bins; the whole part is the bin. A higher value is never in a lower bin: float32 arithmetic is
    monotonic."""
    out = np.subtract(values, low, out=out)
    np.multiply(out, scale, out=out)
    return np.clip(out, 0, BINS - 1, out=out)


def upper_borders(counters: list[UnitCounter], bins: np.ndarray) -> np.ndarray:
    """The greatest float32 value that falls into each of U x L bins, by bisection (of the last bin: the greatest)."""
    unit_low, scale = (np.array([getattr(c, name) for c in counters])[:, None] for name in ("low", "scale"))
    low = np.full(bins.shape, _key(-np.finfo(np.float32).max))
    high = np.full(bins.shape, _key(np.finfo(np.float32).max))
    with np.errstate(over="ignore"):
        while (low < high).any():
            middle = (low + high + 1) >> 1
            inside = bin_position(_unkey(middle), unit_low, scale).astype(np.int64) <= bins
            low, high = np.where(inside, middle, low), np.where(inside, high, middle - 1)
    return _unkey(low)


def fraction_level(values: np.ndarray, fraction: float) -> np.float32:
    """The level that `fraction` of all values exceed (the hazen quantile 1 - fraction), by sorting them."""
    ordered = np.sort(values, axis=None)
    position = np.clip((1 - fraction) * len(ordered) - 0.5, 0, len(ordered) - 1)
    rank = int(position)
    low, high = ordered[rank : rank + 2].astype(np.float64)[[0, -1]]
    return np.float32(low + (high - low) * (position - rank))


def best_level(curve: LevelCurve, label_pixels: np.ndarray, pixels: int) -> np.float32:
    """The level of maximal IQR over all levels and concepts; the first level if the unit avoids every concept."""
    quality = level_quality(curve.lit, label_pixels, pixels)
    return curve.levels[np.unravel_index(quality.argmax(), quality.shape)[0]]


def level_quality(lit: np.ndarray, label_pixels: np.ndarray, pixels: int) -> np.ndarray:
    """IQR at each level with each concept, ... x L x C; 0 in column 0, and where a unit avoids a concept.

    A unit that avoids a concept shares information with it too, but its mask is not a mask of that concept.
    """
    active = lit[..., :1]
    attracted = lit * pixels > active * label_pixels
    attracted[..., 0] = False
    return np.where(attracted, information_quality(lit, active, label_pixels, pixels), 0.0)


def _key(values) -> np.ndarray:
    """Integers in the order of the float32 values."""
    bits = np.asarray(values, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _unkey(keys: np.ndarray) -> np.ndarray:
    """The float32 values of `_key`'s integers."""
    return np.where(keys < 0, -keys | -0x80000000, keys).astype(np.int32).view(np.float32)
