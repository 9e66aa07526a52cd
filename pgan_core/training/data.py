"""Real images at every resolution of the growth, and the fade between two of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from pgan_core.picture_data import DataError, box_average, load_images

from .streams import stream


def fade(images: Tensor, alpha: float) -> Tensor:
    """Blends N x C x r x r with its own copy at r / 2, enlarged again by nearest neighbour.

    `alpha` weighs the newer resolution: the reals then look as the generator's fade does (paper, figure 2).
    """
    if alpha == 1.0:
        return images
    coarse = interpolate(avg_pool2d(images, 2), scale_factor=2, mode="nearest")
    return torch.lerp(coarse, images, alpha)


class RealImages:
    """The training set. `batch` draws with replacement; what it draws depends on seed and step alone."""

    def __init__(self, images: np.ndarray, *, mirror: bool = True):
        self.resolution = images.shape[-1]
        self.mirror = mirror
        self._levels = {self.resolution: images}

    @classmethod
    def open(cls, path: str | Path, *, mirror: bool = True) -> RealImages:
        return cls(load_images(path), mirror=mirror)

    def __len__(self) -> int:
        return len(self._levels[self.resolution])

    def fingerprint(self) -> str:
        """Changes with any pixel: a resumed run must meet the same data."""
        return hashlib.sha256(np.ascontiguousarray(self._levels[self.resolution])).hexdigest()[:16]

    def level(self, resolution: int) -> np.ndarray:
        """All images at `resolution`, uint8; made once, on first use. Raises DataError if they are too small."""
        if resolution > self.resolution:
            raise DataError(f"The images are {self.resolution} pixels wide and cannot train {resolution} pixels.")
        if resolution not in self._levels:
            self._levels[resolution] = box_average(self._levels[self.resolution], resolution)
        return self._levels[resolution]

    def batch(self, size: int, *, resolution: int, alpha: float, seed: int, step: int) -> Tensor:
        """`size` images, float32 in [-1, 1], some mirrored, faded to `alpha`."""
        draw = stream("reals", seed, step)
        chosen = torch.randint(len(self), (size,), generator=draw)
        pixels = torch.from_numpy(self.level(resolution)[chosen.numpy()])
        images = pixels.to(torch.float32) / 127.5 - 1.0
        if self.mirror:
            flipped = torch.rand(size, generator=draw) < 0.5
            images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
        return fade(images, alpha)
