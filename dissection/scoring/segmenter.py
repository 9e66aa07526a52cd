"""What the statistics ask of a segmenter: one small protocol. Segmenters are in `dissection.segmenters`."""

from typing import Protocol, runtime_checkable

import torch


@runtime_checkable
class Segmenter(Protocol):
    """What `dissect` and the causal measurements ask of a segmenter."""

    concepts: tuple[str, ...]  # the names that labels count; index 0 stands for "no label"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Label maps of pictures (float N x 3 x H x W in [-1, 1]): int N x H x W, or N x M x H x W for M maps."""
        ...
