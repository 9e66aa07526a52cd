"""A picture to draw on in the browser: brush, box, lasso, everywhere; the region goes to the server at mouse-up."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch

from dashboard.language import N_
from dashboard.shared import drawn_here
from dashboard.shared.browser import component
from dashboard.shared.images import SHARP, data_uri

MAX_SIDE = 128  # pixels a side of what is drawn
LOSSLESS_EDGE = 128  # pictures up to this size are sent as they are

_component = component(
    "lab_paint", "pages/interventions/paint.html", "pages/interventions/paint.css",
    "shared/drawn_here.js", "pages/interventions/paint.js",
    words=[
        N_("Where"), N_("Brush"), N_("Box"), N_("Lasso"), N_("Everywhere"), N_("Size"), N_("Size of the brush"),
        N_("Undo"), N_("Redo"), N_("Reset"), N_("The picture to draw on: arrows move, Space begins and ends a stroke"),
        N_("Compare before and after"),
        N_("before"), N_("after"), N_("change"), N_("segmentation after"), N_("segmentation before"),
    ],
)  # fmt: skip


@dataclass(frozen=True)
class Canvas:
    """What the painting shows: uint8 pictures R x R x 3, coloured segmentations (or None), and words."""

    before: np.ndarray | dict  # or a sheet of one picture that the browser draws (`drawn_here.sheet`), R below
    after: np.ndarray | dict
    edge: int  # R
    segmented_before: np.ndarray | None
    segmented_after: np.ndarray | None
    changes: Sequence[tuple[str, str, int, int]]  # concept, CSS colour, pixels before, pixels after
    steps: Sequence[str]
    undo: bool
    redo: bool
    cells: tuple[int, int]  # rows and columns of the layer
    source: np.ndarray | dict | None = None  # the picture that is copied from, shown instead of `before`
    beside: str = "before"  # the name of what is shown there


def paint_view(canvas: Canvas, *, version: str, key: str, act: Callable[[dict], None]) -> None:
    """Show the painting; `act` gets what the viewer did, before the page runs again: a dict with its `kind` and,
    for "draw", the `mask` that `region_of` reads. version: another whenever the pictures or the words are.
    """
    edge = canvas.edge
    data = {
        "version": version, "edge": edge, "side": min(edge, MAX_SIDE) if edge >= 32 else 32, "cells": canvas.cells,
        "before": _address(canvas.before), "after": _address(canvas.after),
        "source": _address(canvas.source), "beside": canvas.beside,
        "segBefore": _address(canvas.segmented_before), "segAfter": _address(canvas.segmented_after),
        "changes": [list(row) for row in canvas.changes], "steps": list(canvas.steps),
        "undo": canvas.undo, "redo": canvas.redo,
    }  # fmt: skip

    def acted() -> None:
        if done := st.session_state[key].act:
            act(dict(done))

    _component(data=data, key=key, on_act_change=acted, on_failed_change=drawn_here.failed(key))


def region_of(act: dict) -> torch.Tensor:
    """The region H x W of 0 and 1 that was drawn. Raises ValueError for anything that the browser part never sends."""
    side = int(act.get("side", 0))
    if not 0 < side <= MAX_SIDE:
        raise ValueError(f"a region has 1 to {MAX_SIDE} pixels a side, not {side}")
    try:
        bits = np.frombuffer(base64.b64decode(act["mask"], validate=True), np.uint8)
    except (binascii.Error, KeyError, TypeError) as error:
        raise ValueError("a region's bits are not base64") from error
    if len(bits) != -(-side * side // 8):
        raise ValueError(f"a region of {side} x {side} does not have {len(bits)} bytes")
    return torch.from_numpy(np.unpackbits(bits)[: side * side].reshape(side, side).astype(np.float32))


def _address(picture: np.ndarray | dict | None) -> str | dict | None:
    if picture is None or isinstance(picture, dict):
        return picture
    if picture.shape[1] <= LOSSLESS_EDGE:
        return data_uri(picture, compress_level=1)
    return data_uri(picture, **SHARP)
