"""Sliders along directions of the latent space: the browser moves the picture, the server makes the strips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from dashboard.language import N_
from dashboard.pages.latents.sprites import Sheet
from dashboard.shared import drawn_here
from dashboard.shared.browser import component
from dashboard.shared.dissections import TOWN
from pgan_core.directions import Directions

REACH, STEPS = 3.0, 13  # sigma to both sides; pictures of a strip

_component = component(
    "lab_directions", "pages/latents/directions.html", "pages/latents/directions.css",
    "shared/drawn_here.js", "shared/whole.js", "pages/latents/directions.js",
    words=[
        N_("now"), N_("before"), N_("difference"), N_("direction {number}"), N_("{share}% of pictures gain"),
        N_("{share}% explained"), N_("more {concept}"), N_("night instead of day"), *TOWN,
    ],
)  # fmt: skip


@dataclass(frozen=True)
class Dial:
    """Directions with a name and a line of words each."""

    directions: Directions
    names: tuple[str, ...]
    notes: tuple[str, ...]


def strip_latents(dial: Dial, z: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Latents of all pictures that the sliders need: each one's strip with the others in place, then before and now."""
    places = np.linspace(-REACH, REACH, STEPS)
    rows = []
    for k in range(len(dial.names)):
        for place in places:
            rows.append(dial.directions.move(z, [*sigmas[:k], float(place), *sigmas[k + 1 :]]))
    return torch.cat([*rows, z, dial.directions.move(z, sigmas)])


def directions_view(
    dial: Dial,
    sheet: Sheet,
    sigmas: Sequence[float],
    *,
    identity: str,
    key: str,
    changed: Callable[[list[float]], None],
) -> None:
    """Show the sliders at `sigmas`; `changed` gets where they stand when the hand lets go, before the page runs again.

    `sheet` holds the pictures of `strip_latents`; identity differs when they do.
    """
    data = {
        "identity": identity, "names": list(dial.names), "notes": list(dial.notes), "values": list(sigmas),
        "low": -REACH, "high": REACH, "steps": STEPS,
        "sheet": sheet.address, "columns": sheet.columns, "edge": sheet.edge,
    }  # fmt: skip

    def moved() -> None:
        values = st.session_state[key].sigmas
        if values:
            changed([float(value) for value in values])

    _component(data=data, key=key, on_sigmas_change=moved, on_failed_change=drawn_here.failed(key))
