"""The plane of seeds on the Latents page: whole places are seeds, between them their latents are blended."""

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.load import counted
from dashboard.pages.latents.key_points import KeyPoints
from dashboard.pages.latents.plane_view import EDGE, SIDE, corner, map_places, plane_view
from dashboard.pages.latents.points import keep
from dashboard.pages.latents.runs import Look, drawn_sheet, pictures
from dashboard.pages.latents.sprites import Sheet, sprite_sheet
from dashboard.shared import drawn_here
from dashboard.shared.page import formula_box
from dashboard.shared.progress import with_progress
from pgan_core.latents import PLANE_STRIDE, classes_from_seeds, seed_plane, seed_plane_classes, truncate

EQUATION = (
    r"\begin{aligned} z(x,y)={}&(1-a)(1-b)\,z_{00}+a(1-b)\,z_{10} \\"
    r" &{}+(1-a)\,b\,z_{01}+ab\,z_{11} \end{aligned}"
)
WORDS = N_(
    "At whole x and y lies the picture of seed x + {stride} y, as in NVIDIA's visualizer for StyleGAN3. In "
    "between, the latents of the four seeds around are blended; a and b are the fractions of x and y. "
)
NORMALISED = N_("A blend is shorter than its corners, which makes no difference: this network normalises its latents.")
NOT_NORMALISED = N_(
    "A blend is shorter than its corners; this network does not normalise its latents, so their length changes the "
    "pictures."
)


def map_inputs(model: session.Model, x0: int, y0: int, look: Look) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Latents and classes of a map's pictures."""
    places, classes = map_places(x0, y0), model.info["label_dim"]
    z = truncate(seed_plane(*places, model.info["latent_dim"]), look.truncation)
    if classes and look.label is None:
        return z, seed_plane_classes(*places, classes)
    return z, classes_from_seeds([0], classes, look.label)


def map_sheet(model: session.Model, x0: int, y0: int, look: Look, here: bool) -> Sheet:
    """The pictures of a map: for this browser to draw, or from memory or under a bar."""
    if here:
        return drawn_sheet(model, *map_inputs(model, x0, y0, look), look, EDGE, SIDE)

    def work(progress) -> Sheet:
        made = pictures(session.prepared(model), *map_inputs(model, x0, y0, look), look, progress)
        return sprite_sheet(made, EDGE)

    return with_progress(("plane", model.identity, x0, y0, look), work, _("Drawing the map"), entries=16)


@st.fragment
@counted
def plane_section(model: session.Model, points: KeyPoints, look: Look, here: bool) -> None:
    """A map to drag over; only this runs again when it is let go. here: this browser draws it."""
    drawn_here.leave_if_failed(here)
    x, y = session.recall("latents_x", float(session.seed() % PLANE_STRIDE) + 0.5), session.recall("latents_y", 0.5)
    x, y = (float(np.clip(v, -(10**6), 10**6)) if np.isfinite(v) else 0.5 for v in (x, y))
    try:
        with st.container():  # the bar's place: what follows stays where it is
            sheet = map_sheet(model, *corner(x, y), look, here)
    except ValueError as error:
        st.error(f"{said(error)}.")
        return
    identity = f"{model.identity}/{look}/{corner(x, y)}/{here}"
    plane_view(sheet, x, y, identity=identity, key="latents_plane", changed=keep_place)
    if st.button(_("Use as key point"), icon=":material/add_location:", key="latents_take_place"):
        keep(points.put(f"@{x:.3f}:{y:.3f}"))
        st.rerun()
    length = NORMALISED if model.generator.config.sees_directions_only else NOT_NORMALISED
    formula_box(EQUATION, _(WORDS).format(stride=PLANE_STRIDE) + _(length))


def keep_place(x: float, y: float) -> None:
    """Into the session and the address."""
    session.remember("latents_x", x)
    session.remember("latents_y", y)
