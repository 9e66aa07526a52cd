"""A search for nearest neighbours that goes on where it was cut off."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pgan_core.metrics.nearest import MEASURES, NearestSearch, Neighbours
from pgan_core.metrics.picture_stream import PictureSource

UNFINISHED = "unfinished.npz"  # in the folder that the finished search is written to


def search(
    queries: np.ndarray,
    training: PictureSource,
    kept: Path,
    *,
    name: str,
    k: int = 3,
    mirror: bool = True,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Neighbours]:
    """Measure -> the k nearest of each query (uint8 Q x 3 x R x R), the training set being read and described once.

    `kept` is a file that holds what was found so far, written after each part of the set, and which a search for the
    same queries in the set of the same `name` and length goes on from; whoever has stored the result deletes it.
    """
    searches = {measure: NearestSearch(queries, measure, k=k, mirror=mirror) for measure in MEASURES}
    asked = json.dumps([hashlib.sha256(queries).hexdigest(), name, len(training), k, mirror])
    start = _restore(list(searches.values()), kept, asked)
    for batch in training.batches(progress=progress, start=start):
        for one in searches.values():
            one.update(batch)
        _keep(list(searches.values()), kept, asked)
    return {measure: one.result() for measure, one in searches.items()}


def _keep(searches: Sequence[NearestSearch], kept: Path, asked: str) -> None:
    states = [{f"{i}/{name}": array for name, array in one.state().items()} for i, one in enumerate(searches)]
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(f"{kept.name}.partial")
    with partial.open("wb") as file:
        np.savez(file, asked=np.array(asked), **{name: array for state in states for name, array in state.items()})
    os.replace(partial, kept)


def _restore(searches: Sequence[NearestSearch], kept: Path, asked: str) -> int:
    """The place in the training set at which to go on: 0 where nothing of this search was kept."""
    try:
        with np.load(kept, allow_pickle=False) as file:
            if str(file["asked"]) != asked:
                return 0
            states = [{name: file[f"{i}/{name}"] for name in one.state()} for i, one in enumerate(searches)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0
    for one, state in zip(searches, states, strict=True):
        one.restore(state)
    return searches[0].seen
