"""Your own segmenter: a Python callable, named as `module:factory`. From a shell only, as importing runs its code."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from dissection.segmenters import Segmenter, SegmenterError


def load_custom(spec: str) -> Segmenter:
    """What `factory()` of `module` returns; the module is on Python's path or in the current folder.

    It has `concepts`, names of which index 0 stands for "no label", and turns pictures (float N x 3 x H x W in [-1, 1])
    into integers N x H x W or N x M x H x W. Raises SegmenterError in one sentence if it does not.
    """
    module, _, factory = spec.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        segmenter = getattr(import_module(module), factory)()
    except ImportError as error:
        raise SegmenterError(f"The segmenter {spec} cannot be imported ({error}).") from error
    except AttributeError as error:
        raise SegmenterError(f"The module {module} has no {factory} ({error}).") from error
    if not isinstance(segmenter, Segmenter) or not callable(segmenter):
        raise SegmenterError(f"{spec} returned a {type(segmenter).__name__}, not a callable with a tuple `concepts`.")
    if not hasattr(segmenter, "name"):
        setattr(segmenter, "name", spec)  # noqa: B010 (a name is optional in the protocol)
    return segmenter
