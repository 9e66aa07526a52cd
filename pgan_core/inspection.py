"""What flows through a network: statistics of its activations and of its weights.

    statistics = generator_statistics(generator, z, Bins(-4, 4))
    statistics["8x8/conv1:pre"].std, statistics["8x8/conv1"].histogram.counts, statistics["8x8/conv1:norm"].largest

Statistics are streamed: a walk stops after each layer and goes on from
there, so that no more than one layer's activations (before and after the non-linearity, and normed) are in memory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import torch
from torch import Tensor

from pgan_core.adapters import AdaptedGenerator
from pgan_core.discriminator import Discriminator, entering_head
from pgan_core.generator import Generator
from pgan_core.histograms import Bins, Histogram, histogram
from pgan_core.progress import Progress

# ---- activations -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PointStatistics:
    """Statistics of one point of the walk over a whole sample, all places and pictures counted alike."""

    point: str
    shape: tuple[int, ...]  # of one picture's activation, C x H x W (a dense layer's: C)
    histogram: Histogram
    mean: float
    std: float  # population
    largest: float  # magnitude
    unit_mean: np.ndarray  # C
    unit_std: np.ndarray  # C
    unit_max: np.ndarray  # C, signed

    @property
    def dead(self) -> float:
        """The share of units that are nowhere above 0 in the whole sample (LeakyReLU: never off the leaky side)."""
        return float((self.unit_max <= 0).mean())


class _Accumulator:
    """Sums over chunks of a sample, in float64; exact enough that the chunks' sizes do not show."""

    def __init__(self, point: str, bins: Bins):
        self.point, self.bins = point, bins
        self.parts: list[tuple] = []

    def add(self, x: Tensor) -> None:
        """x: N x C x ..."""
        self.shape = tuple(x.shape[1:])
        flat = x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)  # N x C x places
        total = flat.sum(dim=(0, 2))  # torch sums float32 pairwise: as good as float64 for one chunk, and much faster
        square = torch.linalg.vector_norm(flat, dim=(0, 2), dtype=torch.float64).square()
        low, high = flat.amin(dim=(0, 2)), flat.amax(dim=(0, 2))
        moments = torch.stack([total.double(), square, low.double(), high.double()]).cpu().numpy()
        self.parts.append((flat.shape[0] * flat.shape[2], moments, histogram(x, self.bins)))

    def result(self) -> PointStatistics:
        counts, moments, histograms = zip(*self.parts, strict=True)
        count, stacked = sum(counts), np.stack(moments)
        total, square = stacked[:, 0].sum(axis=0), stacked[:, 1].sum(axis=0)
        low, high = stacked[:, 2].min(axis=0), stacked[:, 3].max(axis=0)
        unit_mean, mean = total / count, total.sum() / (count * len(total))
        variance = square.sum() / (count * len(total)) - mean**2
        return PointStatistics(
            self.point,
            self.shape,
            reduce(add, histograms),
            float(mean),
            math.sqrt(max(variance, 0.0)),
            float(max(high.max(), -low.min())),
            unit_mean,
            np.sqrt(np.maximum(square / count - unit_mean**2, 0)),
            high,
        )


def generator_statistics(
    generator: Generator,
    z: Tensor,
    bins: Bins,
    *,
    labels: Tensor | None = None,
    progress: Progress | None = None,
    budget: int = 64 * 2**20,
) -> dict[str, PointStatistics]:
    """Statistics of every point of a full walk over the latents z, N x latent_dim, by name in order.

    Works on variants too: give both sides of a comparison the same bins. Latents are taken in chunks of which the
    largest layer fits into ``budget`` bytes (batch normalisation: all at once, its statistics are the batch's).
    """
    full = max(generator.resolutions)
    largest = max(c * r * r for r, c in generator.config.width.items())
    size = len(z) if generator.norm_kind == "batch" else max(1, budget // (4 * largest))
    layers = [layer_points(generator, name) for name in generator.layer_names if _size(name) <= full]
    sums = {point: _Accumulator(point, bins) for points in layers for point in points}
    chunks = list(zip(z.split(size), _split(labels, size, len(z)), strict=True))
    for i, (latents, classes) in enumerate(chunks):
        start = None
        for j, points in enumerate(layers):
            run = generator.run(
                latents, labels=classes, resolution=full, alpha=1.0, keep=points, start=start, stop=points[-1]
            )
            for point in points:
                sums[point].add(run.activations[point])
            start = (points[-1], run.activations[points[-1]])
            if progress:
                progress((i + (j + 1) / len(layers)) / len(chunks))
    return {point: accumulator.result() for point, accumulator in sums.items()}


def discriminator_statistics(
    discriminator: Discriminator, images: Tensor, bins: Bins, *, progress: Progress | None = None
) -> dict[str, PointStatistics]:
    """Statistics of every point over a batch of pictures N x C x R x R at full size, from their way in to the score.

    The minibatch-stddev layer compares pictures of one batch, so the batch is walked as a whole, layer by layer.
    """
    full = max(discriminator.resolutions)
    specs = [s for s in discriminator.specs if s.kind != "from_rgb" or s.resolution == full]
    head = entering_head(discriminator.config)
    sums, start = {}, None
    for j, spec in enumerate(specs):
        points = [f"{spec.name}:pre", spec.name]
        if spec.name == head and discriminator.config.stddev is not None:
            points.insert(0, "4x4/minibatch_stddev")
        run = discriminator.run(images, resolution=full, alpha=1.0, keep=points, start=start, stop=points[-1])
        for point in points:
            sums[point] = _Accumulator(point, bins)
            sums[point].add(run.activations[point])
        start = (points[-1], run.activations[points[-1]])
        if progress:
            progress((j + 1) / len(specs))
    return {point: accumulator.result() for point, accumulator in sums.items()}


def minibatch_stddev_numbers(discriminator: Discriminator, images: Tensor) -> np.ndarray | None:
    """The minibatch-stddev map as one number a picture, N (section 3; a group shares it); None where there is none."""
    if discriminator.config.stddev is None:
        return None
    point = "4x4/minibatch_stddev"
    full = max(discriminator.resolutions)
    run = discriminator.run(images, resolution=full, alpha=1.0, stop=point)
    return run.activations[point].mean(dim=(1, 2, 3)).cpu().numpy()


def layer_points(generator: Generator, name: str) -> list[str]:
    """The points of a layer in the order of the walk: before and after the non-linearity, and normed in PGGAN."""
    if isinstance(generator, AdaptedGenerator):
        return [f"{name}:pre", name]
    if generator.config.pixel_norm == "before":
        return [f"{name}:norm", f"{name}:pre", name]
    return [f"{name}:pre", name, f"{name}:norm"]


def _size(name: str) -> int:
    return int(name.partition("x")[0])


def _split(labels: Tensor | None, size: int, count: int) -> Sequence[Tensor | None]:
    return [None] * math.ceil(count / size) if labels is None else labels.split(size)


# ---- weights -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WeightStatistics:
    """One layer's weight as stored and as used (w * c): histograms and standard deviations, and its bias."""

    name: str
    shape: tuple[int, ...]
    constant: float
    stored: Histogram
    effective: Histogram
    stored_std: float
    effective_std: float
    bias: np.ndarray  # effective, flat


def weight_statistics(
    network: Generator | Discriminator, name: str, stored_bins: Bins, effective_bins: Bins
) -> WeightStatistics:
    """Stored and effective weights of a layer (section 4.1). Raises ValueError for a layer that has none."""
    if name not in network.layers:
        raise ValueError(f"there is no layer {name} with weights")
    layer = network.layers[name]
    stored, effective, bias = layer.weight.detach(), layer.effective_weight().detach(), layer.effective_bias()
    return WeightStatistics(
        name,
        tuple(stored.shape),
        layer.c,
        histogram(stored, stored_bins),
        histogram(effective, effective_bins),
        float(stored.double().std(correction=0)),
        float(effective.double().std(correction=0)),
        bias.detach().flatten().cpu().numpy(),
    )
