"""Histograms with bins agreed beforehand: a tensor is counted where it lives and only the counts travel."""

import functools
import sys
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Bins:
    """`count` equal bins on a scale from `low` to `high`; both sides of a comparison use the same object.

    scale "linear" bins x itself, scale "asinh" bins asinh(x): equal steps near 0, equal ratios far from it,
    so that one axis shows magnitudes of 0.1 and of 100,000, with their sign. `low` and `high` are in the units of x.
    """

    low: float
    high: float
    count: int = 80
    scale: str = "linear"

    def __post_init__(self):
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high and self.count >= 1):
            raise ValueError(
                f"Bins need finite low < high and at least one bin, not {self.low:g} to {self.high:g} in {self.count}."
            )
        if self.scale not in ("linear", "asinh"):
            raise ValueError(f"The scale of bins is 'linear' or 'asinh', not {self.scale!r}.")

    @property
    def limits(self) -> tuple[float, float]:
        """low and high on the scale that is binned."""
        if self.scale == "linear":
            return self.low, self.high
        return float(np.arcsinh(self.low)), float(np.arcsinh(self.high))

    @property
    def edges(self) -> np.ndarray:
        """count + 1 edges in the units of x."""
        edges = np.linspace(*self.limits, self.count + 1)
        return edges if self.scale == "linear" else np.sinh(edges)


@dataclass(frozen=True)
class Histogram:
    """Counts per bin (int64), and how many values fell below the first and above the last edge or were not finite."""

    bins: Bins
    counts: np.ndarray
    below: int = 0
    above: int = 0
    not_finite: int = 0

    @property
    def total(self) -> int:
        return int(self.counts.sum()) + self.below + self.above + self.not_finite

    @property
    def density(self) -> np.ndarray:
        """Share of all values per unit of the binned scale; integrates to 1 less what fell outside."""
        low, high = self.bins.limits
        return self.counts / max(self.total, 1) * self.bins.count / (high - low)

    def __add__(self, other: "Histogram") -> "Histogram":
        if self.bins != other.bins:
            raise ValueError(f"Histograms with different bins cannot be added: {self.bins} and {other.bins}.")
        return Histogram(
            self.bins,
            self.counts + other.counts,
            self.below + other.below,
            self.above + other.above,
            self.not_finite + other.not_finite,
        )


def histogram(values: torch.Tensor, bins: Bins) -> Histogram:
    """Count a tensor of any shape: the counts of `numpy.histogram` over `bins` on the whole tensor."""
    flat = values.detach().reshape(-1)
    found = np.zeros(bins.count + 3, np.int64)  # below, in each bin, above, not finite
    if not flat.numel():
        return Histogram(bins, found[1:-2])
    if flat.device.type == "cpu" and flat.dtype == torch.float32 and flat.numel() >= MANY:
        found, flat = _counted_by_cell(flat, bins)
    elif not all(torch.isfinite(end) for end in flat.aminmax()):
        finite = flat[torch.isfinite(flat)]
        found[-1], flat = flat.numel() - finite.numel(), finite
    if bins.scale == "asinh":
        flat = torch.asinh(flat)
    low, high = bins.limits
    if flat.device.type == "cpu":
        counts = np.histogram(flat.numpy(), bins=bins.count, range=(low, high))[0]
    else:  # numpy cannot reach it there; the same rule: half-open bins, the last one closed
        edges = torch.linspace(low, high, bins.count + 1, dtype=torch.float64, device=flat.device)
        index = torch.bucketize(flat.double(), edges, right=True)
        index = torch.where(flat.double() == edges[-1], bins.count, index)
        counts = torch.bincount(index, minlength=bins.count + 2)[1:-1].cpu().numpy()
    below = int(torch.count_nonzero(flat < low))
    above = flat.numel() - int(counts.sum()) - below
    found[:-1] += np.array([below, *counts, above])
    return Histogram(bins, found[1:-2], *map(int, found[[0, -2, -1]]))


# ---- many values at once -----------------------------------------------------------------------------------------

MANY = 2**16  # values; also of a piece that stays in the processor's cache


def _counted_by_cell(flat: torch.Tensor, bins: Bins) -> tuple[np.ndarray, torch.Tensor]:
    """Counts below, in the bins, above and not finite, and the values that are left to count one by one.

    A cell is all float32 numbers with the same upper 16 bits. Most lie within one bin, so a table says where a value
    belongs, and only those in the other cells are compared with edges: a third of `numpy.histogram`'s time.
    """
    places = _places(bins)
    unsure = bins.count + 3
    values = flat.contiguous().numpy()
    halves = values.view(np.uint16)[int(sys.byteorder == "little") :: 2]
    total, left = torch.zeros(unsure + 1, dtype=torch.int64), []
    for start in range(0, len(values), MANY):
        place = np.take(places, halves[start : start + MANY])  # half the time of places[...]
        total += torch.bincount(torch.from_numpy(place), minlength=unsure + 1)
        left.append(values[start : start + MANY].compress(place == unsure))  # a third of values[...]'s
    return total[:unsure].numpy(), torch.from_numpy(np.concatenate(left))


@functools.lru_cache(maxsize=64)
def _places(bins: Bins) -> np.ndarray:
    """Of each of the 65,536 cells: 0 below, 1 ... count the bin, then above, not finite, and in several of them."""
    first = np.arange(1 << 16, dtype=np.uint32) << 16
    ends = np.stack([first, first | 0xFFFF]).view(np.float32)
    finite = np.isfinite(ends[0])
    ends = np.sort(np.where(finite, ends, 0), axis=0)  # of a negative cell the second is the lower one
    if bins.scale == "asinh":  # as torch rounds it, and a step more, since rounding need not keep the order
        ends = torch.asinh(torch.from_numpy(ends)).numpy()
        ends = np.stack([np.nextafter(ends[0], -np.inf), np.nextafter(ends[1], np.inf)])
    edges = np.linspace(*bins.limits, bins.count + 1, dtype=np.float32)  # numpy.histogram's, for float32
    place = np.searchsorted(edges, ends, side="right")
    place[ends == edges[-1]] = bins.count
    inside = np.where(place[0] == place[1], place[0], bins.count + 3)
    return np.where(finite, inside, bins.count + 2).astype(np.uint8 if bins.count < 250 else np.int32)
