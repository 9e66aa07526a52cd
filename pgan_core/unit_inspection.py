"""Single units of a layer: their maps for one picture, their histograms and their highest pictures over a sample."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan_core.histograms import Bins, Histogram, histogram


@dataclass(frozen=True)
class UnitMaps:
    """A layer's maps for one picture, averaged down where they are large; the statistics are those of the full maps."""

    maps: np.ndarray  # C x h x w float32
    mean: np.ndarray  # C
    variance: np.ndarray  # C, over places
    largest: np.ndarray  # C, magnitude
    shape: tuple[int, ...]  # as the network has them


def unit_maps(activation: Tensor, size: int = 128) -> UnitMaps:
    """One picture's activation C x H x W (a dense layer's C counts as 1 x 1 maps), kept at most `size` wide."""
    shape = tuple(activation.shape)
    maps = activation.reshape(shape[0], *(shape[1:] or (1, 1)))
    variance, mean = torch.var_mean(maps, dim=(1, 2), correction=0)
    factor = max(1, maps.shape[-1] // size)
    small = F.avg_pool2d(maps[None], factor)[0] if factor > 1 else maps
    columns = (small, mean, variance, maps.abs().amax(dim=(1, 2)))
    return UnitMaps(*(column.cpu().numpy() for column in columns), shape=shape)


@dataclass(frozen=True)
class UnitSample:
    """Each unit over a sample: its histogram (all units on the same bins), and its highest value in each picture."""

    histograms: list[Histogram]  # C
    peaks: np.ndarray  # N x C

    def highest(self, unit: int, count: int) -> np.ndarray:
        """The `count` pictures in which the unit peaks highest, the highest first; ties in the sample's order."""
        return np.argsort(-self.peaks[:, unit], kind="stable")[:count]


def unit_sample(activations: Iterator[Tensor], bins: Bins) -> UnitSample:
    """From a layer's activations n x C x ... in chunks of a sample, of which only one is held at a time."""
    counted: list[Histogram] = []
    peaks = []
    for x in activations:
        flat = x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)
        peaks.append(flat.amax(dim=2).cpu().numpy())
        found = [histogram(flat[:, unit], bins) for unit in range(flat.shape[1])]
        counted = [a + b for a, b in zip(counted, found, strict=True)] if counted else found
    return UnitSample(counted, np.concatenate(peaks))
