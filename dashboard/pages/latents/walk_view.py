"""A walk that plays in the browser: one or two films in step, curves of z beside them, one scrubber."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from dashboard.language import N_
from dashboard.pages.latents.sprites import Sheet
from dashboard.shared import drawn_here
from dashboard.shared.browser import PLAYER_WORDS, component
from dashboard.shared.figure_style import COLORS

FPS = 30
SPEEDS, MODES = ("0.125", "0.25", "0.5", "1", "2", "4"), ("once", "loop", "ping-pong")

_component = component(
    "lab_walk", "pages/latents/walk.html", "shared/player.css",
    "pages/latents/walk.css", "shared/drawn_here.js", "shared/whole.js", "shared/player.js", "pages/latents/walk.js",
    words=[
        *PLAYER_WORDS, N_("Place on the walk"), N_("Speed"), N_("At the end"), N_("once"), N_("loop"),
        N_("ping-pong"), N_("frame {n} of {count}"), N_("frame 0"),
    ],
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where the player stands, and how it plays."""

    moment: float = 0.0
    speed: str = "1"
    mode: str = "loop"


@dataclass(frozen=True)
class Curve:
    """A chart over the frames of a walk, from 0 up, one line per name."""

    title: str
    lines: Mapping[str, np.ndarray]  # N numbers, or N - 1 from frame to frame


def walk_view(
    tracks: Mapping[str, Sheet],
    curves: Sequence[Curve],
    *,
    place: Place,
    places: Sequence[int],
    ticks: Sequence[tuple[float, str]],
    identity: str,
    key: str,
    patience: float | None,
    finer: Callable[[], None],
) -> Place:
    """Play sheets of equally many frames in step; returns where the viewer last let go.

    tracks: caption -> frames, one or two.  ticks: (frame, text).  identity: differs for another walk.
    """
    data = {
        "identity": identity,
        "frames": places[-1] + 1,
        "places": list(places),
        "patience": patience,
        "fps": FPS,
        "tracks": [
            {"sheet": sheet.address, "columns": sheet.columns, "edge": sheet.edge, "name": name}
            for name, sheet in tracks.items()
        ],
        "curves": [_curve(curve) for curve in curves],
        "ticks": [{"t": frame, "label": text} for frame, text in ticks],
        "start": place.moment if np.isfinite(place.moment) else 0.0,
        "speed": place.speed if place.speed in SPEEDS else "1",
        "mode": place.mode if place.mode in MODES else "loop",
        "play": place.moment == 0,
    }
    view = _component(
        data=data, key=key, default={"view": asdict(place)}, on_view_change=lambda: None, on_finer_change=finer,
        on_failed_change=drawn_here.failed(key),
    ).view  # fmt: skip
    return Place(float(view["moment"]), view["speed"], view["mode"]) if view else place


def _curve(curve: Curve) -> dict:
    lines = [
        {"name": name if len(curve.lines) > 1 else "", "colour": colour, "values": np.round(values, 4).tolist()}
        for (name, values), colour in zip(curve.lines.items(), COLORS, strict=False)
    ]
    return {"title": curve.title, "lines": lines}
