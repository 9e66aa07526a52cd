"""What the statistics ask of a segmenter: one small protocol. Segmenters are in `dissection.segmenters`."""

from collections.abc import Callable, Mapping
from typing import Protocol, cast, runtime_checkable

import torch


@runtime_checkable
class Segmenter(Protocol):
    """What `dissect` and the causal measurements ask of a segmenter.

    It may also have: `name`; `layers`, the generator's layers whose activations it takes as a second argument, a
    dictionary; `probabilities(images)`, differentiable, N x C x H x W; `categories`, one integer a concept; and
    `accuracy`, its IoU by concept.
    """

    concepts: tuple[str, ...]  # the names that labels count; index 0 stands for "no label"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Label maps of pictures (float N x 3 x H x W in [-1, 1]): int N x H x W, or N x M x H x W for M maps."""
        ...


class DifferentiableSegmenter(Segmenter, Protocol):
    """A segmenter that also says how sure it is."""

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """N x C x H x W for pictures N x 3 x H x W in [-1, 1]; gradients flow through it."""
        ...


def layers_of(segmenter: Segmenter) -> tuple[str, ...]:
    """The layers whose activations a segmenter takes beside the pictures; usually none."""
    return tuple(getattr(segmenter, "layers", ()))


def segment(segmenter: Segmenter, images: torch.Tensor, activations: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The segmenter's label maps of pictures; of the activations it gets those that it takes."""
    label = cast(Callable[..., torch.Tensor], segmenter)  # one with `layers` takes two arguments
    layers = layers_of(segmenter)
    return label(images, {name: activations[name] for name in layers}) if layers else label(images)
