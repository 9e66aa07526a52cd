"""Pictures of a growing generator: one network read at every moment of its growth, or a snapshot as it was.

Section 2 and figure 2 of Karras et al. 2018. All resolutions come out of a single walk to full size; every moment of a
fade is then a blend of two of its pictures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan_core.generator import Generator, rgb_name
from pgan_core.layers import upsample
from pgan_core.pictures import to_uint8

PIXELS_AT_ONCE = 2**20  # of all pictures in one walk: bounds its memory, 16 pictures of 256x256 or one of 1024x1024


@dataclass(frozen=True)
class GrowthFrame:
    """One moment: the pictures uint8 N x size x size x 3, and in a fade its two branches at the same size."""

    resolution: int
    alpha: float  # weight of the newer resolution; 1 outside a fade
    pictures: np.ndarray
    old: np.ndarray | None = None  # the old branch enlarged
    new: np.ndarray | None = None


def growth_frames(
    generator: Generator,
    z: Tensor,
    labels: Tensor | None = None,
    *,
    steps: int = 8,
    size: int | None = None,
    native: bool = False,
    first: Callable[[GrowthFrame], None] | None = None,
) -> Iterator[GrowthFrame]:
    """A network read at its lower resolutions: its smallest picture, then each fade in `steps` steps up to alpha 1.

    A network stored in the middle of a fade ends with that fade, its own alpha among the steps. `size` is the edge of
    the pictures that come out (default: full size): enlarged by nearest neighbour, or averaged down; `native` leaves
    those that are smaller as they are. Sizes without a to-RGB layer are left out, and a resolution whose half is
    missing appears without a fade. `first` gets the moment that the network is stored at before the others are made.
    """
    size = size or generator.resolution
    top, stored_alpha = generator.moment()
    resolutions = [r for r in generator.resolutions if r <= top]
    with torch.inference_mode():
        pictures = _every_picture(generator, z, labels, resolutions)

        def frame(r: int, alpha: float) -> GrowthFrame:
            images = generator.blend(pictures.get(r // 2), pictures[r], alpha)
            return GrowthFrame(r, alpha, _pictures(images, min(r, size) if native else size))

        if first is not None:
            first(frame(top, stored_alpha))
        for r in resolutions:
            alphas = {step / steps for step in range(1, steps + 1)} if r // 2 in pictures else {1.0}
            for alpha in sorted(alphas | {stored_alpha} if r == top else alphas):
                yield frame(r, alpha)


def _every_picture(generator: Generator, z: Tensor, labels: Tensor | None, resolutions: list[int]) -> dict[int, Tensor]:
    """The pictures N x C x r x r of every resolution, before blending; a few latents at a time where they are large."""
    names = [rgb_name(r) for r in resolutions]
    chunk = max(1, PIXELS_AT_ONCE // resolutions[-1] ** 2)
    parts = []
    for i in range(0, len(z), chunk):
        some = None if labels is None else labels[i : i + chunk]
        run = generator.run(z[i : i + chunk], labels=some, resolution=resolutions[-1], alpha=1.0, keep=names)
        parts.append(run.activations)
    return {r: torch.cat([part[name] for part in parts]) for r, name in zip(resolutions, names, strict=True)}


def stored_frame(
    generator: Generator, z: Tensor, labels: Tensor | None = None, *, size: int | None = None, native: bool = False
) -> GrowthFrame:
    """A snapshot as it was: the moment of the fade that its file holds, with both branches where it is in a fade.

    `size` and `native` as for `growth_frames`; the branches are as large as the pictures.
    """
    size = size or generator.resolution
    resolution, alpha = generator.moment()
    size = min(resolution, size) if native else size
    fading = alpha < 1
    names = [rgb_name(resolution // 2), rgb_name(resolution)] if fading else []
    with torch.inference_mode():
        run = generator.run(z, labels=labels, resolution=resolution, alpha=alpha, keep=names)
        branches = [_pictures(generator.blend(None, run.activations[name], 1.0), size) for name in names]
        assert run.images is not None  # without `stop` a walk ends at the picture
        return GrowthFrame(resolution, alpha, _pictures(run.images, size), *branches)


def _pictures(images: Tensor, size: int) -> np.ndarray:
    """Floats N x C x r x r to uint8 N x size x size x 3."""
    r = images.shape[-1]
    return to_uint8(upsample(images, size // r) if size > r else F.avg_pool2d(images, r // size))
