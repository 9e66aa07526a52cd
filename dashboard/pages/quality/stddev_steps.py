"""How a discriminator sees that a batch lacks variation: minibatch stddev step by step, and minibatch discrimination.

PGGAN, section 3, replaces the learned layer of Salimans et al. (2016), section 3.2, by one without parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pgan_core.discriminator import Discriminator
from pgan_core.layers import downsample, group_stddev

MAP = "4x4/minibatch_stddev"


@dataclass(frozen=True)
class StddevSteps:
    """The layer's steps for one batch, as arrays."""

    group: np.ndarray  # N: the group of each picture
    stddev: np.ndarray  # groups x C x 4 x 4: over the group, for every feature and place (rosinality: of the pictures)
    average: np.ndarray  # groups: over features and places
    extra_map: np.ndarray  # N x 4 x 4: what is appended to the features
    scores: np.ndarray  # N: the discriminator's answer


def more_alike(z: Tensor, similarity: float) -> Tensor:
    """Latents N x D moved towards the first one: 0 leaves them, 1 makes them all equal to it."""
    return torch.lerp(z, z[:1].expand_as(z), similarity)


def stddev_input(discriminator: Discriminator, images: Tensor) -> Tensor:
    """What enters the minibatch-stddev layer: N x C x 4 x 4 features of the pictures (N x 3 x R x R in -1..1)."""
    names = discriminator.layer_names
    if MAP not in names:
        raise ValueError("this discriminator has no minibatch-stddev layer")
    resolution, alpha = _moment(discriminator)
    before = "4x4/from_rgb" if resolution == 4 else names[names.index(MAP) - 1]
    features = discriminator.run(images, resolution=resolution, alpha=alpha, stop=before).activations[before]
    return downsample(features, features.shape[-1] // 4)


def _moment(discriminator: Discriminator) -> tuple[int, float]:
    """The stored moment; a fade to 8x8 counts as finished, because its blend comes after the last named point."""
    resolution, alpha = discriminator.moment()
    return resolution, alpha if resolution > 8 else 1.0


def stddev_steps(
    discriminator: Discriminator, images: Tensor, group_size: int | None, labels: Tensor | None = None
) -> StddevSteps:
    """The minibatch-stddev layer on one batch, in groups of `group_size` (None: the whole minibatch).

    labels: class indices, for a discriminator that needs them. Raises ValueError where there is no such layer or the
    batch cannot be divided.
    """
    features = stddev_input(discriminator, images)
    if discriminator.config.stddev is None:
        raise ValueError("this discriminator has no minibatch-stddev layer")
    config = replace(discriminator.config.stddev, group_size=group_size)
    stddev = group_stddev(images if config.source == "image" else features, config)
    resolution, alpha = _moment(discriminator)
    verdict = discriminator.variant(stddev=config).run(
        images, labels=labels, resolution=resolution, alpha=alpha, keep=[MAP]
    )
    assert verdict.scores is not None  # without `stop` a walk ends at the score
    groups, count = len(stddev), len(images)
    numbers = np.arange(count)
    return StddevSteps(
        group=numbers % groups if config.grouping == "strided" else numbers // (count // groups),
        stddev=stddev.cpu().numpy(),
        average=stddev.mean(dim=(1, 2, 3)).cpu().numpy(),
        extra_map=verdict.activations[MAP][:, 0].cpu().numpy(),
        scores=verdict.scores.reshape(count, -1)[:, 0].cpu().numpy(),
    )


def minibatch_discrimination(
    features: Tensor, *, kernels: int = 16, dims: int = 5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """How close each picture is to the others of its batch (Salimans et al. 2016, section 3.2).

    features: N x A, of unit scale. M = features T with a tensor T of A x kernels x dims, c(i, j) = exp(-|M_i - M_j|_1)
    and o(i) = sum of c(i, j) over the other pictures j. T is learned in a trained discriminator; here it is drawn from
    N(0, 1 / (A * dims)). Returns (o: N x kernels, c averaged over kernels: N x N).
    """
    count, width = features.shape
    random = torch.Generator().manual_seed(seed)
    tensor = torch.randn(width, kernels * dims, generator=random).to(features) / (width * dims) ** 0.5
    rows = (features @ tensor).view(count, kernels, dims)
    closeness = torch.exp(-(rows[:, None] - rows[None]).abs().sum(dim=-1))  # N x N x kernels
    others = closeness.sum(dim=1) - 1  # a picture is always close to itself
    return others.cpu().numpy(), closeness.mean(dim=-1).cpu().numpy()
