"""Histograms with bins agreed beforehand: a tensor is counted where it lives and only the counts travel."""

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
    flat, not_finite = values.detach().reshape(-1), 0
    if not flat.numel():
        return Histogram(bins, np.zeros(bins.count, np.int64))
    smallest, largest = (float(v) for v in flat.aminmax())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        finite = flat[torch.isfinite(flat)]
        not_finite, flat = flat.numel() - finite.numel(), finite
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
    below = 0 if smallest >= bins.low else int(torch.count_nonzero(flat < low))
    above = flat.numel() - int(counts.sum()) - below
    return Histogram(bins, counts.astype(np.int64), below, above, not_finite)
