"""The Growth page's components, which move in the browser without the server: the wall with its scrubber and figure 2,
and the training schedules whose marker follows the scrubber.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import session
from dashboard.language import N_
from dashboard.pages.growth.track import Phase, Track
from dashboard.shared.browser import PLAYER_WORDS, component
from pgan_core.growth import Schedule

SECONDS_PER_RESOLUTION = 3.0

_growth = component(
    "lab_growth", "pages/growth/growth.html", "shared/player.css", "pages/growth/growth.css",
    "shared/whole.js", "shared/player.js", "pages/growth/figure2.js", "pages/growth/growth.js",
    words=[
        *PLAYER_WORDS, N_("Click a picture to see it in the diagram"), N_("Picture in the diagram"),
        N_("Moment of growth"), N_("Figure 2: both networks at the chosen moment"), N_("Generator"),
        N_("Discriminator"), N_("score"), N_("old branch, enlarged"), N_("new branch"), N_("their blend"),
        N_("fading in"), N_("training at"), N_("snapshot after {kimg} kimg"),
    ],
)  # fmt: skip
_early = component("lab_early", "pages/growth/early.js", html="<span></span>")
_schedules = component(
    "lab_schedules", "pages/growth/schedules.css", "pages/growth/schedules.js",
    html='<div class="lab-schedules" data-testid="schedules"></div>',
    words=[
        N_("resolution"), N_("minibatch"), N_("learning rate"), N_("Training schedule: {run}"), N_("{number} kimg"),
    ],
)  # fmt: skip


def growth_view(
    track: Track,
    addresses: Sequence[str],
    columns: int,
    *,
    start: float,
    identity: str,
    key: str,
    place_key: str,
) -> float:
    """Show a track; returns the place on the scrubber at which the viewer last let go (at first `start`).

    `addresses` are the track's own, from the caller's cache; `identity` changes when they do. The place is remembered
    under `place_key`, before the script runs: Streamlit can drop the run of this part where another part asks for one
    meanwhile.
    """
    steady = [(phase, (phase.t0 + phase.t1) / 2) for phase in track.phases if not phase.fading]
    ticks = steady + [(phase, phase.t1) for phase in track.phases[-1:] if phase.fading]
    data = {
        "identity": identity,
        "sheets": list(addresses),
        "points": [asdict(point) for point in track.points],
        "phases": [asdict(phase) for phase in track.phases],
        "ticks": [{"t": t, "label": f"{phase.resolution}×{phase.resolution}"} for phase, t in ticks],
        "columns": columns,
        "smooth": track.smooth,
        "seconds": SECONDS_PER_RESOLUTION * len(ticks),
        "start": min(start, track.end),
    }

    moved = partial(_moved, key, place_key, start, track.end)
    _growth(data=data, key=key, default={"moment": start}, on_moment_change=moved)
    return moved()


def _moved(key: str, place_key: str, start: float, end: float) -> float:
    """Remember and return the place that the browser last sent. Not a closure of the page, which holds the network."""
    moment = st.session_state[key].moment
    place = min(float(moment if moment is not None else start), end)
    session.remember(place_key, place, default=end)
    return place


def early_view(address: str, columns: int, place: DeltaGenerator, *, key: str) -> None:
    """Give the wall on the page the sheet of its last moment while the others are being made.

    `place` is a container that shows something else: one that held only this would leave a gap in the page.
    """
    with place:
        _early(data={"sheet": address, "columns": columns}, key=key)


def schedules_view(runs: dict[str, Schedule], phases: Sequence[Phase], *, start: float, key: str) -> None:
    """Charts of training schedules side by side, with a marker at the moment that the growth view shows."""
    data = {
        "phases": [asdict(phase) for phase in phases],
        "runs": [{"name": name, **_curves(schedule)} for name, schedule in runs.items()],
        "start": start,
    }
    _schedules(data=data, key=key)


def _curves(schedule: Schedule) -> dict:
    """The corners of a schedule's curves over kimg, and the kimg at which each of its phases begins and ends."""
    spans, curves = [], {"resolution": [], "alpha": [], "minibatch": [], "learning rate": []}
    for start, stage in zip(schedule.starts(), schedule.stages, strict=True):
        faded, end = start + stage.fade_kimg, start + stage.kimg
        if stage.fade_kimg:
            spans.append([stage.resolution, True, start, faded])
        spans.append([stage.resolution, False, faded, end])
        for name, value in zip(curves, (stage.resolution, None, stage.minibatch, stage.learning_rate), strict=True):
            corners = [(start, 0), (faded, 1), (end, 1)] if value is None else [(start, value), (end, value)]
            curves[name] += corners if stage.fade_kimg or value is not None else corners[1:]
    return {"total": schedule.total_kimg, "spans": spans, "curves": curves}
