"""A scrubber over precomputed frames that moves in the browser: play, pause, arrow keys, no server in between."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard.shared.browser import load
from dashboard.shared.images import data_uri

_scrubber = st.components.v2.component(
    "lab_scrubber",
    html=load("shared/scrubber.html"),
    css=load("shared/player.css"),
    js=load("shared/whole.js", "shared/player.js", "shared/scrubber.js"),
    isolate_styles=False,
)


def frame_addresses(frames: Sequence[np.ndarray]) -> list[str]:
    """uint8 H x W x 3 frames (small pictures already enlarged) as data: addresses. Cache what this returns."""
    return [data_uri(frame, "WEBP", quality=90, method=2) for frame in frames]


def scrubber(
    addresses: Sequence[str],
    *,
    identity: str,
    key: str,
    labels: Sequence[str] = (),
    ticks: Sequence[tuple[int, str]] = (),
    aspect: float = 1.0,
    columns: int = 1,
    seconds: float = 6.0,
    smooth: bool = True,
    start: int = 0,
    test: str = "scrubber",
) -> int:
    """Show frames with one scrubber; returns the number of the frame at which the viewer last let go.

    identity: differs when the frames do.  labels: a line for each frame.  ticks: (frame, text) under the scrubber.
    aspect: width / height of a frame.  columns: square pictures side by side in a frame, for the lines between them.
    smooth: neighbouring frames are blended.  The frame takes the whole width: put it into a column of `st.columns`.
    """
    data = {
        "identity": identity,
        "sheets": list(addresses),
        "points": [{"t": i, "sheet": i} for i in range(len(addresses))],
        "labels": list(labels),
        "ticks": [{"t": frame, "label": text} for frame, text in ticks],
        "aspect": aspect,
        "columns": columns,
        "seconds": seconds,
        "smooth": smooth,
        "start": start,
        "test": test,
    }
    result = _scrubber(data=data, key=key, default={"moment": start}, on_moment_change=lambda: None)
    return round(result.moment if result.moment is not None else start)
