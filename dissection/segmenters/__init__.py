"""Segmenters: pictures in, label maps out, one small protocol for all of them.

A segmenter is any callable with a tuple of concept names. Label 0 means "no label": it is neither a concept nor
counted, and `concepts[0]` only names it.
"""

from dissection.scoring.segmenter import Segmenter

__all__ = ["Segmenter", "SegmenterError"]


class SegmenterError(ValueError):
    """A segmenter cannot be made; the message is one sentence that says what was found and what was expected."""
