"""The plane of seeds: a map to drag over in the browser; the server draws another map only when its edge is reached."""

import math
from collections.abc import Callable

import numpy as np
import streamlit as st

from dashboard.language import N_
from dashboard.pages.latents.sprites import Sheet
from dashboard.shared import drawn_here
from dashboard.shared.browser import component

SPAN, SIDE = 2, 13  # seeds along an edge of the map; pictures along it
EDGE = 256  # pixels of a picture at most

_component = component(
    "lab_plane", "pages/latents/plane.html", "pages/latents/plane.css",
    "shared/drawn_here.js", "shared/whole.js", "pages/latents/plane.js",
    words=[
        N_("Drag over the map, or use the arrow keys. Whole numbers are seeds."), N_("Place in the plane of seeds"),
    ],
)  # fmt: skip


def corner(x: float, y: float) -> tuple[int, int]:
    """The whole-numbered corner of a map in which a place lies near the middle."""
    return math.floor(x - (SPAN - 1) / 2), math.floor(y - (SPAN - 1) / 2)


def map_places(x0: int, y0: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the map's pictures, row after row."""
    along = np.linspace(0, SPAN, SIDE)
    y, x = np.meshgrid(y0 + along, x0 + along, indexing="ij")
    return x.ravel(), y.ravel()


def plane_view(
    sheet: Sheet, x: float, y: float, *, identity: str, key: str, changed: Callable[[float, float], None]
) -> None:
    """Show the map (pictures of `map_places`); `changed` gets the place where the viewer let go."""
    x0, y0 = corner(x, y)
    data = {
        "identity": identity, "sheet": sheet.address, "side": SIDE, "edge": sheet.edge,
        "x0": x0, "y0": y0, "span": SPAN, "x": x, "y": y,
    }  # fmt: skip

    def moved() -> None:
        place = st.session_state[key].place
        if place:
            changed(float(place["x"]), float(place["y"]))

    _component(data=data, key=key, on_place_change=moved, on_failed_change=drawn_here.failed(key))
