"""Pictures that the viewer's own browser draws: the choice in the sidebar, and what a component gets instead of them.

`web/src/drawn.js` reads what `sheet` describes; `dashboard/shared/drawn_here.js` is what components call.
"""

import base64
from collections.abc import Callable, Mapping, Sequence

import streamlit as st
import torch
from torch import Tensor

from dashboard import engine, session
from dashboard.language import N_, _
from dashboard.load import load
from dashboard.shared.controls import BOUND
from dashboard.shared.page import plain
from dissection.interventions import Edit
from pgan_core import Generator
from pgan_core.network import one_hot

CHOICES = AUTOMATIC, SERVER, BROWSER = N_("automatic"), N_("server"), N_("browser")
KEY = "drawn_by"
FAILED = "drawn_here_failed"  # in the session: why this browser cannot draw
HELP = N_(
    "The server draws for everybody. This browser can draw for itself: it fetches the generator once (some megabytes) "
    "and computes with this device's processors. Automatic: the server, and this browser while the server is busy. "
    "Segmentations, measurements and exported files are always the server's."
)
WORDS = {  # what the component says below its picture
    "fetching": N_("Fetching the generator, {megabytes} MB: {percent}%"),
    "drawing": N_("Drawing in this browser: {done} of {count}"),
    "wasm": N_("Drawn in this browser, on its processor: {milliseconds} ms a picture"),
    "webgpu": N_("Drawn in this browser, on its graphics processor: {milliseconds} ms a picture"),
}


def choose() -> None:
    """Draw the choice of who draws; in the sidebar of pages that ask `in_browser`."""
    chosen = st.selectbox(_("Drawn by"), CHOICES, key=KEY, format_func=_, help=_(HELP), **BOUND)
    if FAILED in st.session_state:
        problem = st.session_state[FAILED]
        st.caption(_("This browser cannot draw ({problem}), so the server does.").format(problem=plain(problem)))
    elif chosen == AUTOMATIC and load().is_full:
        st.caption(_("The server is busy, so this browser draws."))


def in_browser(model: session.Model) -> bool:
    """Whether this browser draws the page's pictures."""
    chosen = st.session_state.get(KEY, AUTOMATIC)
    if not model.grows and chosen == BROWSER:
        st.caption(_("Only Progressive GANs are drawn by the browser; the server draws this one."))
    if not model.grows or FAILED in st.session_state:
        return False
    return load().is_full if chosen == AUTOMATIC else chosen == BROWSER


def leave_if_failed(here: bool) -> None:
    """Inside a fragment: run the whole page again once this browser turned out not to draw."""
    if here and FAILED in st.session_state:
        st.rerun()


def failed(key: str) -> Callable[[], None]:
    """What a component with this key calls (`on_failed_change`) when its browser cannot draw: the server does, then."""

    def tell() -> None:
        if problem := st.session_state[key].failed:
            st.session_state[FAILED] = str(problem)[:200]

    return tell


def sheet(
    model: session.Model,
    z: Tensor,
    labels: Tensor | None,
    *,
    resolution: int | None = None,
    alpha: float | None = None,
    edge: int,
    columns: int,
    gap: int = 0,
    parts: Sequence[Mapping[str, Sequence[Edit]]] = ({},),
) -> dict:
    """A sheet of pictures for a browser to draw: those of the latents z, N x D, once for each of `parts` (edits).

    labels: class indices N or rows N x classes.  resolution, alpha: a moment, by default the stored one.  edge: pixels
    of a picture on the sheet.  gap: pixels between pictures.
    """
    resolution, alpha = model.generator.moment(resolution, alpha)
    classes = None if labels is None else one_hot(labels, model.generator.config.label_dim).expand(len(z), -1)
    return {
        "module": engine.engine_address(),
        "network": engine.network_address(model.file_identity),
        "latents": _text(z),
        "labels": None if classes is None else _text(classes),
        "count": len(z),
        "resolution": resolution,
        "alpha": alpha,
        "edge": edge,
        "columns": columns,
        "gap": gap,
        "parts": [plain_edits(model.generator, edits) for edits in parts],
        "said": {state: _(text) for state, text in WORDS.items()},
    }


def width_of(drawn: dict) -> int:
    """Pixels of a sheet from left to right."""
    return drawn["columns"] * (drawn["edge"] + drawn["gap"]) - drawn["gap"]


def plain_edits(generator: Generator, edits: Mapping[str, Sequence[Edit]]) -> list[dict]:
    """Edits as the engine takes them, with regions brought to their layer's size."""
    sides = {spec.name: spec.resolution for spec in generator.specs}
    return [_plain(layer, edit, sides[layer]) for layer, todo in edits.items() for edit in todo]


def _plain(layer: str, edit: Edit, side: int) -> dict:
    entry = {"layer": layer, "units": None if edit.units is None else list(edit.units), "strength": edit.strength}
    if edit.region is not None:
        cells = edit.cells((side, side))[0, 0]
        entry["cells"] = base64.b64encode((255 * cells).round().to(torch.uint8).cpu().numpy().tobytes()).decode()
    if edit.value is None:
        return entry | {"factor": 1.0 if edit.factor is None else edit.factor}
    if edit.value.dim() == 1:
        return entry | {"levels": edit.value.tolist()}
    return entry | {"maps": _text(edit.value)}


def _text(values: Tensor) -> str:
    return base64.b64encode(values.detach().cpu().numpy().astype("<f4").tobytes()).decode()
