"""Segmenters by name, as the shell and the app give it."""

from __future__ import annotations

import json
from typing import cast

import torch

from dissection.segmenters import Segmenter, SegmenterError
from pgan_core.adapters import UnitGenerator
from pgan_core.paths import ASSETS

SPECS = (
    "toytown (default), clusters or clusters:NUMBER, faces (extra `faces`) or faces:FILE, hf:FOLDER for a model of "
    "transformers (hf:NAME with --download), or module:factory for a Python callable of your own"
)
FACTS = ASSETS / "segmenter_toytown.json"


def load_segmenter(
    spec: str, generator: UnitGenerator | None = None, *, code: bool = False, download: bool = False
) -> Segmenter:
    """The segmenter that a text names (SPECS). Raises SegmenterError in one sentence.

    generator: what `clusters` is fitted to, and on whose device networks run.  code: whether `module:factory` may be
    imported and called, which runs its code; only the shell allows it.  download: whether hf:NAME may fetch a model
    from the Hugging Face hub.
    """
    kind, _, rest = spec.partition(":")
    device = generator.device if generator is not None else "cpu"
    if kind == "toytown" and not rest:
        return _toytown(device)
    if kind == "clusters":
        return _clusters(rest, generator)
    if kind == "faces":
        from dissection.segmenters.faces import load_faces

        return load_faces(rest or None, device=device)
    if kind == "hf" and rest:
        from dissection.segmenters.huggingface import load_huggingface  # transformers is an optional extra

        return load_huggingface(rest, download=download, device=device)
    if kind and rest and code:
        from dissection.segmenters.custom import load_custom

        return load_custom(spec)
    raise SegmenterError(f"There is no segmenter {spec!r}; choose {SPECS}.")


def _toytown(device: str | torch.device) -> Segmenter:
    from dissection.segmenters.toytown import load_toytown

    segmenter = load_toytown(device=device)
    if FACTS.is_file():
        segmenter.accuracy = json.loads(FACTS.read_text(encoding="utf-8"))["degraded"]["iou"]
    return segmenter


def _clusters(number: str, generator: UnitGenerator | None) -> Segmenter:
    from dissection.segmenters.clusters import fit_clusters

    if generator is None:
        raise SegmenterError("Clusters are fitted to a generator's pictures; none was given.")
    if number and not number.isdigit():
        raise SegmenterError(f"clusters:NUMBER takes a whole number, not {number!r}.")
    fitted = fit_clusters(generator, clusters=int(number or 8))
    return cast(Segmenter, fitted)  # it takes activations, too, as its `layers` say
