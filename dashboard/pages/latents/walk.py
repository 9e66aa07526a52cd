"""The walk on the Latents page: its controls, its player, its exports, and what it does inside the network."""

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.load import counted, load
from dashboard.pages.latents import figures
from dashboard.pages.latents.key_points import KeyPoints
from dashboard.pages.latents.points import KINDS
from dashboard.pages.latents.runs import (
    Look,
    check,
    cost_of_100,
    drawn_sheet,
    every_frame,
    first_part,
    inputs,
    inside,
    layer_sheet,
    lerp_film,
    on_lerp,
    walk_film,
)
from dashboard.pages.latents.sprites import Sheet
from dashboard.pages.latents.walk_view import FPS, Curve, Place, walk_view
from dashboard.shared import drawn_here
from dashboard.shared.charts import chart
from dashboard.shared.controls import BARE, BOUND
from dashboard.shared.export import export_bar
from dashboard.shared.page import formula_box
from pgan_core.latents import norms_and_angles
from pgan_core.walk_recipe import WalkRecipe, walk_file
from pgan_core.walks import path_length

FINER = "latents_finer"  # in the session: the walk whose every frame is wanted
PATIENCE = 8.0  # seconds until a walk that a full server left coarse asks again
LERP, NOTHING = N_("Compare with lerp"), N_("Only the walk")
CAPTIONS = {
    "points": N_("Slerp: on the shell"), "random": N_("A smooth random walk"),
    "circle": N_("A circle around the chosen point"),
}  # fmt: skip
LERP_CAPTION = N_("Lerp: straight through the inside")
MOST_DRAWN = 600  # frames of a walk that a browser draws
LONG = 2**21  # pixels of a walk beyond which its cost is measured and said beforehand
EQUATION = (
    r"\begin{gathered} \mathrm{slerp}(a,b,t)=\frac{\sin((1-t)\omega)\,a+\sin(t\omega)\,b}{\sin\omega} \\[.8em]"
    r" \cos\omega=\frac{a\cdot b}{\lVert a\rVert\,\lVert b\rVert} \end{gathered}"
)
WHY = N_(
    "Almost all latents drawn from N(0, I) have a length close to √{dim}: they lie on a shell. A straight "
    "line (lerp) cuts through its inside, where training never was. Slerp stays on the shell and, between "
    "points of equal length, turns by the same angle in every frame. "
)
NORMALISED = N_(
    "**This network normalises its latents**, so it sees only their direction. Both ways lead through the "
    "same pictures; lerp is just faster in the middle of each leg, so its film is made of slerp's frames. "
    "Truncation towards 0 changes nothing."
)
NOT_NORMALISED = N_("This network does not normalise its latents, so their length changes the pictures.")


def walk_controls(model: session.Model, points: KeyPoints, look: Look) -> tuple[WalkRecipe, str]:
    """The walk, and what is shown beside it: LERP, NOTHING or a layer's name."""
    kind = st.segmented_control(
        _("Path"), list(KINDS), default="Key points", format_func=_, key="latents_kind", required=True, **BARE
    )
    frames = st.number_input(
        _("Frames"), 1, 10**6, 120, 30, key="latents_frames", width=125, icon=":material/movie:", **BARE,
    )  # fmt: skip
    closed, smooth, degrees = True, 30, 30
    if kind == "Key points":
        closed = st.toggle(_("Closed"), True, key="latents_loop", help=_("Back to the first point"), **BOUND)
    elif kind == "Random":
        smooth = st.slider(_("Smoothing"), 5, 90, 30, 5, format=_("%d frames"), key="latents_smooth", width=120, **BARE)
    else:
        degrees = st.slider(_("Angle"), 5, 90, 30, 5, format="%d°", key="latents_angle", width=120, **BARE)
    offered = [LERP, NOTHING] if kind == "Key points" else [NOTHING]
    beside = st.selectbox(
        _("Beside"), [*offered, *model.generator.layer_names], format_func=_, key="latents_beside", width=178, **BARE
    )
    texts = points.texts if kind != "Circle" else (points.texts[points.chosen],)
    recipe = WalkRecipe(
        KINDS[kind], texts, int(frames), closed, "slerp", float(smooth), float(np.deg2rad(degrees)), session.seed(),
        look.truncation,
    )  # fmt: skip
    return recipe, beside


# ---- the walk ----------------------------------------------------------------------------------------------------


def curves(recipe: WalkRecipe, latent_dim: int) -> list[Curve]:
    """Norm and turned angle of z along the walk; through key points for both ways of interpolating."""
    lines = {"slerp": recipe} | ({"lerp": on_lerp(recipe)} if recipe.kind == "points" else {})
    measured = {name: norms_and_angles(walk.latents(latent_dim)) for name, walk in lines.items()}
    norms = {name: norm for name, (norm, _) in measured.items()}
    angles = {name: turned for name, (_, turned) in measured.items()}
    shown = [Curve(_("Length of z"), norms)]
    return [*shown, Curve(_("Angle per frame, degrees"), angles)] if recipe.frames > 1 else shown


def drawn_tracks(model: session.Model, recipe: WalkRecipe, look: Look, beside: str) -> dict[str, Sheet]:
    """The films to show by caption, for the browser to draw; a layer's film is the server's."""
    shown = {_(CAPTIONS[recipe.kind]): drawn_sheet(model, *inputs(model, recipe, look), look)}
    if beside == LERP:
        shown[_(LERP_CAPTION)] = drawn_sheet(model, *inputs(model, on_lerp(recipe), look), look)
    elif beside != NOTHING:
        shown |= layer_track(model, recipe, look, beside, every_frame(recipe))
    return shown


def tracks(
    model: session.Model, recipe: WalkRecipe, look: Look, beside: str, places: tuple[int, ...]
) -> dict[str, Sheet]:
    """The films to show by caption, each with the walk's frames at `places`."""
    shown = {_(CAPTIONS[recipe.kind]): walk_film(model, recipe, look, places).sheet}
    if beside == LERP:
        shown[_(LERP_CAPTION)] = lerp_film(model, recipe, look, places).sheet
    elif beside != NOTHING:
        shown |= layer_track(model, recipe, look, beside, places)
    return shown


def layer_track(
    model: session.Model, recipe: WalkRecipe, look: Look, layer: str, places: tuple[int, ...]
) -> dict[str, Sheet]:
    """A layer's film by its caption."""
    sheet, units = layer_sheet(model, recipe, look, layer, places)
    return {_("{beside}: {units} units that change most").format(beside=layer, units=len(units)): sheet}


def ticks(recipe: WalkRecipe) -> list[tuple[float, str]]:
    """The key points on the scrubber."""
    if recipe.kind != "points":
        return []
    legs = len(recipe.points) - (not recipe.closed)
    end = recipe.frames - (not recipe.closed)
    return [(i * end / legs, str(i + 1)) for i in range(len(recipe.points))]


@st.fragment
@counted
def play(model: session.Model, recipe: WalkRecipe, look: Look, beside: str, here: bool) -> None:
    """The player; only this runs again when the dial is let go, and when the walk plays and may become finer.

    here: this browser draws the walk.
    """
    drawn_here.leave_if_failed(here)
    identity = f"{model.identity}/{recipe}/{look}/{beside}/{here}"
    some, whole = first_part(recipe, look), every_frame(recipe)
    is_finer = st.session_state.get(FINER) == identity and not load().is_full
    places = whole if here or is_finer or len(some) == len(whole) else some
    with st.container():  # the bar's place: what follows stays where it is
        shown = drawn_tracks(model, recipe, look, beside) if here else tracks(model, recipe, look, beside, places)
    start = Place(
        session.recall("latents_at", 0.0), session.recall("latents_speed", "1"), session.recall("latents_mode", "loop")
    )
    patience = None if places is whole else PATIENCE if load().is_full else 0.0
    place = walk_view(
        shown, curves(recipe, model.info["latent_dim"]), place=start, places=places, ticks=ticks(recipe),
        identity=f"{identity}/{len(places)}", key="latents_walk", patience=patience,
        finer=lambda: st.session_state.update({FINER: identity}),
    )  # fmt: skip
    session.remember("latents_at", place.moment, 0.0)
    session.remember("latents_speed", place.speed, "1")
    session.remember("latents_mode", place.mode, "loop")


def exports(model: session.Model, recipe: WalkRecipe, look: Look) -> None:
    """The walk as films, pictures and latents, each with the settings that made it."""
    names = {
        "walk.gif": "GIF", "walk.mp4": "MP4", "walk.webm": "WebM", "walk-strip.png": _("PNG strip"),
        "walk-grid.png": _("PNG grid"), "walk.npz": _("Latents, npz"), "walk.json": _("Latents, JSON"),
    }  # fmt: skip
    z, settings = recipe.latents(model.info["latent_dim"]), recipe.settings(**look.settings(model))

    def make(name: str) -> bytes:
        columns = int(np.ceil(recipe.frames**0.5)) if name == "walk-grid.png" else 0
        frames = walk_film(model, recipe, look, every_frame(recipe)).frames
        return walk_file(name, frames, z, settings, fps=FPS, columns=columns)

    export_bar({name: lambda name=name: make(name) for name in names}, key="latents", labels=names)


def walk_section(model: session.Model, points: KeyPoints, look: Look, controls, here: bool) -> None:
    """The walk, its exports, and what it does inside the network. `controls` is where its controls go.

    here: this browser draws the pictures.
    """
    with controls:
        recipe, beside = walk_controls(model, points, look)
    latent_dim = model.info["latent_dim"]
    if here and recipe.frames > MOST_DRAWN:
        st.caption(_("The server draws walks of more than {most} frames.").format(most=MOST_DRAWN))
        here = False
    if not here and recipe.frames * look.resolution**2 > LONG:
        seconds, size = (number * recipe.frames / 100 for number in cost_of_100(model, look))
        st.caption(
            _("{frames:,} frames: about {seconds:,.0f} s, {megabytes:,.0f} MB of pictures.").format(
                frames=recipe.frames, seconds=seconds, megabytes=size / 1e6
            )
        )
    try:
        check(model, recipe, look)
    except ValueError as error:
        st.error(f"{said(error)}.")
        return
    play(model, recipe, look, beside, here)
    exports(model, recipe, look)
    normalises = model.generator.config.sees_directions_only
    words = _(WHY).format(dim=latent_dim) + _(NORMALISED if normalises else NOT_NORMALISED)
    formula_box(EQUATION, words, _("Shoemake 1985; White 2016. PGGAN's official videos use a smoothed random walk."))
    if recipe.frames > 1:
        inside_section(model, recipe, look)


@st.fragment
@counted
def inside_section(model: session.Model, recipe: WalkRecipe, look: Look) -> None:
    """Where in the network the walk changes things."""
    st.subheader(_("Where the change happens"))
    is_asked = st.toggle(
        _("Measure every layer along this walk"), key="latents_inside", help=_("This takes some seconds"), **BOUND,
    )  # fmt: skip
    if not is_asked:
        return
    measured = inside(model, recipe, look)
    if measured is None:
        return
    distances, steps = measured
    chart(figures.layer_distances(distances, steps), key="latents_travel")
    words = _(
        "Each row is a layer: how far its activation moves from one frame to the next, relative to its size. "
        "Where all rows are bright, the picture changes fast."
    )
    if steps is not None:
        length = path_length(steps, recipe.latents(model.info["latent_dim"]))
        words += " " + _(
            "The curve approximates what the eye sees: distances between features of the model's own discriminator. "
            "**Perceptual path length {length:.3g}** (distance per squared angle; lower is smoother)."
        ).format(length=length)
    st.markdown(words)
