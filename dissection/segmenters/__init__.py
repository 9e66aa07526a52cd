"""Segmenters: pictures in, label maps out, one small protocol for all of them.

A segmenter is any callable with a tuple of concept names. Label 0 means "no label": it is neither a concept nor
counted, and `concepts[0]` only names it.
"""

from typing import Protocol, runtime_checkable

import torch


class SegmenterError(ValueError):
    """A segmenter cannot be made; the message is one sentence that says what was found and what was expected."""


@runtime_checkable
class Segmenter(Protocol):
    """What `dissect` and the causal measurements ask of a segmenter."""

    concepts: tuple[str, ...]  # the names that labels count; index 0 stands for "no label"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Label maps of pictures (float N x 3 x H x W in [-1, 1]): int N x H x W, or N x M x H x W for M maps."""
        ...
