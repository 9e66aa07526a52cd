"""Segmenters: pictures in, label maps out, behind one small protocol.

A segmenter is any callable with a tuple of concept names. Label 0 means "no label": it is neither a concept nor
counted; `concepts[0]` is only its name.
"""

from dissection.scoring.segmenter import Segmenter

__all__ = ["Segmenter", "SegmenterError"]


class SegmenterError(ValueError):
    """A segmenter can't be made; the message is one sentence that says what was found and what was expected."""
