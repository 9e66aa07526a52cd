"""Real images at every resolution of the growth, and the fade between two of them."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from .streams import stream


class DataError(ValueError):
    """A data file that cannot be trained on; the message says what was found and what was expected."""


def load_images(path: str | Path) -> np.ndarray:
    """The member `images` of an .npz: uint8, N x 3 x R x R with R a power of two from 4. Raises DataError.

    Other members, such as the labels of Toy Town, are not read.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"The data file {path} does not exist.")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is not a readable .npz file: it is no zip archive, or a broken one.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            images = archive["images"] if "images" in names else None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a readable .npz file of plain arrays ({error}).") from error
    if images is None:
        raise DataError(f"{path} has no array `images`; it holds {', '.join(names) or 'nothing'}.")
    check_images(path, images.dtype, images.shape)
    return images


def check_images(path: str | Path, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Raises DataError for `images` of a file that are not uint8, N x 3 x R x R, R a power of two from 4."""
    size = shape[-1] if shape else 0
    shaped = len(shape) == 4 and shape[1:] == (3, size, size) and size >= 4 and not size & (size - 1)
    if dtype != np.uint8 or not shaped or not shape[0]:
        raise DataError(
            f"{path}: `images` must be uint8, N x 3 x R x R with R a power of two from 4, "
            f"found {dtype}, {' x '.join(map(str, shape))}."
        )


def box_average(images: np.ndarray, resolution: int, *, chunk: int = 1024) -> np.ndarray:
    """uint8 N x C x R x R averaged over square boxes down to `resolution` and rounded once, to even at a half."""
    factor = images.shape[-1] // resolution
    if factor == 1:
        return images
    small = np.empty((*images.shape[:2], resolution, resolution), np.uint8)
    for start in range(0, len(images), chunk):
        part = images[start : start + chunk]
        boxes = part.reshape(*part.shape[:2], resolution, factor, resolution, factor)
        rows = boxes.sum(axis=5, dtype=np.uint32)
        small[start : start + chunk] = np.rint(rows.sum(axis=3) / factor**2)
    return small


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
