"""One level and one direction of the sliced Wasserstein distance, opened up for the eye."""

from dataclasses import dataclass

import numpy as np
import torch

from pgan_core.metrics.picture_sets import Pictures
from pgan_core.metrics.pyramid import laplacian_pyramid
from pgan_core.metrics.swd import (
    COARSEST,
    PATCH,
    level_patches,
    normalise,
    random_corners,
    random_directions,
    sorted_projections,
)


@dataclass(frozen=True)
class Slice:
    """Two sets along one line; plain arrays."""

    direction: np.ndarray  # 7 x 7 x 3, unit length
    patches: tuple[np.ndarray, np.ndarray]  # a few normalised patches of each set, n x 7 x 7 x 3
    positions: tuple[np.ndarray, np.ndarray]  # where those few fall on the line, n each
    sorted: tuple[np.ndarray, np.ndarray]  # all projections of each set in ascending order, M each
    distance: float  # mean |difference| of the sorted values, not x 1e3


def one_slice(
    real: Pictures,
    fake: Pictures,
    size: int,
    *,
    seed: int = 0,
    line: int = 0,
    patches_per_image: int = 128,
    shown: int = 12,
) -> Slice:
    """The sets (N x 3 x R x R each, as in `sliced_wasserstein`) at the level of `size` pixels along one random line.

    `line` chooses the direction, `seed` the patches; `shown` patches of each set are returned.
    """
    level, last = int(np.log2(real.shape[2] // size)), size == COARSEST
    random = torch.Generator().manual_seed(seed)
    clouds = []
    for pictures in (real, fake):
        corners = random_corners(random, len(pictures), patches_per_image, size)
        clouds.append(level_patches(pictures, level, corners, last=last))
        normalise(clouds[-1])
    direction = random_directions(torch.Generator().manual_seed(line), 1)
    a, b = (cloud[:: max(1, len(cloud) // shown)][:shown] for cloud in clouds)
    ordered_a, ordered_b = (sorted_projections(cloud, direction)[0].numpy() for cloud in clouds)
    return Slice(
        direction=direction.view(PATCH, PATCH, 3).numpy(),
        patches=(a.view(-1, PATCH, PATCH, 3).numpy(), b.view(-1, PATCH, PATCH, 3).numpy()),
        positions=((a @ direction[0]).numpy(), (b @ direction[0]).numpy()),
        sorted=(ordered_a, ordered_b),
        distance=float(np.abs(ordered_a - ordered_b).mean()),
    )


def pyramid_pictures(picture: np.ndarray) -> dict[int, np.ndarray]:
    """The Laplacian pyramid of one uint8 3 x R x R picture as pictures: {resolution: uint8 r x r x 3}.

    Band-pass levels are drawn around middle grey, four times as strong.
    """
    levels = int(np.log2(picture.shape[-1] // COARSEST)) + 1
    pyramid = laplacian_pyramid(picture[None], levels)
    drawn = [127.5 + 4 * band for band in pyramid[:-1]] + [pyramid[-1]]
    return {x.shape[-1]: x[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy() for x in drawn}
