"""Real images at every resolution of the growth, and the fade between two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from pgan_core.network import Alpha, blended, is_fade
from pgan_core.picture_data import DataError, box_average, load_images

from .picture_files import load_pictures
from .streams import Draws

Share = Callable[[Tensor], Tensor]


def fade(images: Tensor, alpha: Alpha) -> Tensor:
    """Blends N x C x r x r with its own copy at r / 2, enlarged again by nearest neighbour.

    `alpha` weighs the newer resolution: the reals then look as the generator's fade does (paper, figure 2).
    """
    if not is_fade(alpha):
        return images
    coarse = interpolate(avg_pool2d(images, 2), scale_factor=2, mode="nearest")
    return blended(coarse, images, alpha)


class RealImages:
    """The training set, uint8 on a device. `batch` draws with replacement; what it draws depends on its draws alone."""

    def __init__(self, images: np.ndarray, *, mirror: bool = True, device: torch.device | str = "cpu"):
        self.resolution = images.shape[-1]
        self.mirror, self.device = mirror, torch.device(device)
        self._images = images
        self._levels: dict[int, Tensor] = {}

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        resolution: int | None = None,
        mirror: bool = True,
        device: torch.device | str = "cpu",
    ) -> RealImages:
        """An .npz with `images`, or a folder or zip of picture files (cropped to squares of `resolution` pixels).

        Raises DataError, one sentence, for anything else.
        """
        path = Path(path)
        pictures = path.is_dir() or path.suffix.lower() == ".zip"
        images = load_pictures(path, resolution) if pictures else load_images(path)
        return cls(images, mirror=mirror, device=device)

    def __len__(self) -> int:
        return len(self._images)

    def fingerprint(self) -> str:
        """Changes with any pixel: a resumed run must meet the same data."""
        return hashlib.sha256(np.ascontiguousarray(self._images).data).hexdigest()[:16]

    def provide(self, seen: int, size: int) -> None:
        """Called before the step that shows `size` images after `seen`: all are there from the beginning."""

    def close(self) -> None:
        """Ends what was started for it: nothing."""

    def level(self, resolution: int) -> Tensor:
        """All images at `resolution`, uint8; made once, on first use. Raises DataError if they are too small."""
        if resolution > self.resolution:
            raise DataError(f"The images are {self.resolution} pixels wide and cannot train {resolution} pixels.")
        if resolution not in self._levels:
            small = torch.from_numpy(np.ascontiguousarray(box_average(self._images, resolution)))
            self._levels[resolution] = small.to(self.device)
        return self._levels[resolution]

    def batch(
        self, size: int, *, resolution: int, alpha: Alpha, draws: Draws, share: Share = lambda rows: rows
    ) -> Tensor:
        """`size` images, float32 in [-1, 1], some mirrored, faded to `alpha`; of these the `share` of this process."""
        rows = share(self._rows(size, draws))
        images = self.level(resolution)[rows].to(torch.float32) / 127.5 - 1.0
        if self.mirror:
            flipped = share(draws.uniform("reals", size)) < 0.5
            images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
        return fade(images, alpha)

    def _rows(self, size: int, draws: Draws) -> Tensor:
        return draws.whole("reals", len(self), size)
