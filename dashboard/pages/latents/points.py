"""The list of key points on the Latents page: thumbnails, a wall to pick from, the list as text, and import."""

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.pages.latents.key_points import MOST, KeyPoint, KeyPoints, key_points_row
from dashboard.pages.latents.runs import Look, candidate_wall, drawn_thumbnails, drawn_wall, thumbnails
from dashboard.shared.picture_grid import picture_grid
from pgan_core.latent_points import from_file, latent_text, points_latents, settings_in
from pgan_core.walk_recipe import WalkRecipe

KINDS = {N_("Key points"): "points", N_("Random"): "random", N_("Circle"): "circle"}
CANDIDATES, CANDIDATE_COLUMNS = 24, 6


def key_points(seed: int) -> KeyPoints:
    """The list: this session's, else the link's, else the seeds from the sidebar's on."""
    text = session.recall("latents_points", "")
    try:
        points = KeyPoints.read(text, session.recall("latents_chosen", 0)) if text else KeyPoints.of_seed(seed)
    except ValueError as error:
        st.session_state["latents_error"] = _("The link's key points cannot be used: {error}.").format(
            error=said(error)
        )
        points = KeyPoints.of_seed(seed)
    if st.session_state.setdefault("latents_seed", seed) != seed:
        points = points.rolled(seed)
    st.session_state["latents_seed"] = seed
    keep(points)
    return points


def keep(points: KeyPoints) -> None:
    """Into the session and the address."""
    seed = st.session_state.get("latents_seed", 0)
    session.remember("latents_points", points.text, default=KeyPoints.of_seed(seed).text)
    session.remember("latents_chosen", points.chosen, default=0)


def current() -> KeyPoints:
    """The list, inside a callback."""
    text = st.session_state.get("latents_points", "")
    chosen = st.session_state.get("latents_chosen", 0)
    return KeyPoints.read(text, chosen) if text else KeyPoints.of_seed(st.session_state.get("latents_seed", 0))


def roll_all() -> None:
    """New seeds for all points that are not pinned; the sidebar's dice do the same and change its seed, too."""
    points = current()
    keep(points.rolled(session.roll()))


def typed(latent_dim: int) -> None:
    """Take over the text field; bad text changes nothing and gets one sentence."""
    try:
        points = KeyPoints.read(st.session_state["latents_typed"], current().chosen)
        points_latents(points.texts, latent_dim)
        keep(points)
    except ValueError as error:
        st.session_state["latents_error"] = _("The points have not changed: {error}.").format(error=said(error))


def imported(latent_dim: int) -> None:
    """Take over an uploaded file: a walk of ours with all its settings, or latents as key points."""
    upload = st.session_state["latents_import"]
    if upload is None:
        return
    data = upload.getvalue()
    try:
        z = from_file(data, upload.name, latent_dim)
        settings = settings_in(data)
        if "walk" in settings:
            restore(WalkRecipe.from_settings(settings), latent_dim)
        elif len(z) == 1:
            keep(current().put(latent_text(z[0])))
        else:
            chosen = z[np.linspace(0, len(z) - 1, min(len(z), MOST)).round().astype(int)]
            keep(KeyPoints(tuple(KeyPoint(latent_text(row)) for row in chosen)))
    except ValueError as error:
        st.session_state["latents_error"] = _("Nothing was imported: {error}.").format(error=said(error))


def restore(recipe: WalkRecipe, latent_dim: int) -> None:
    """Set the page to a file's walk. ValueError for malformed points, before anything is changed."""
    points_latents(recipe.points, latent_dim)
    if recipe.kind == "circle":
        keep(current().put(recipe.points[0]))
    else:
        keep(KeyPoints.read(",".join(recipe.points[:MOST])))
        st.session_state["latents_seed"] = st.session_state["seed"] = recipe.seed
    degrees = round(float(np.rad2deg(recipe.angle)) / 5) * 5
    st.session_state.update(
        {
            "latents_kind": next(name for name, kind in KINDS.items() if kind == recipe.kind),
            "latents_frames": min(recipe.frames, 10**6),
            "latents_loop": recipe.closed,
            "latents_smooth": int(np.clip(recipe.smoothing, 5, 90)),
            "latents_angle": int(np.clip(degrees, 5, 90)),
            "latents_psi": float(np.clip(recipe.truncation, 0, 1.5)),
        }
    )


def candidates(model: session.Model, points: KeyPoints, look: Look, here: bool) -> None:
    """A wall to pick the chosen point from: other seeds, or its neighbours."""
    with st.container(horizontal=True, vertical_alignment="center"):
        sort = st.segmented_control(
            _("Candidates"), [N_("New seeds"), N_("Neighbours")], default="New seeds",
            key="latents_wall", required=True, format_func=_,
            label_visibility="collapsed", bind="query-params",
        )  # fmt: skip
        page = st.number_input(
            _("Page"), 1, 10_000, 1, key="latents_page", label_visibility="collapsed", width=130, bind="query-params"
        )
    first, chosen = (page - 1) * CANDIDATES, points.points[points.chosen]
    base = chosen.text if chosen.text.replace("~", "").isdigit() else None
    if sort == "Neighbours" and base is None:
        st.info(_("Only seeds and their neighbours have numbered neighbours. Choose such a point."))
        return
    texts = [f"{base}~{i}" if sort == "Neighbours" else str(1000 + i) for i in range(first, first + CANDIDATES)]
    draw = drawn_wall if here else candidate_wall
    wall = draw(model, tuple(texts), look, CANDIDATE_COLUMNS)
    names = [_("seed {text}").format(text=text) for text in texts]
    cell = picture_grid(wall, CANDIDATE_COLUMNS, names, chosen=None, label=_("Candidates"), key="latents_candidates")
    if cell is not None:
        keep(points.put(texts[cell]))
        st.rerun()
    st.caption(
        _("Click a picture to put it in place of point {number} ({name}).").format(
            number=points.chosen + 1, name=chosen.name
        )
    )


def points_section(model: session.Model, here: bool) -> tuple[KeyPoints, Look]:
    """Thumbnails with their buttons, the wall of candidates, the list as text, import, and how pictures are made.

    here: this browser draws the pictures.
    """
    latent_dim, points = model.info["latent_dim"], key_points(session.seed())
    shown = drawn_thumbnails if here else thumbnails
    row, side = st.columns([3, 1], gap="small", vertical_alignment="center")
    with side:
        left, right = st.columns(2, gap="xxsmall")
        with right.popover(_("Look"), icon=":material/tune:", width="stretch"):
            look = picture_controls(model)
        left.button(
            _("Roll"), icon=":material/casino:", on_click=roll_all, key="latents_roll", width="stretch",
            help=_("New seeds for all points that are not pinned"),
        )  # fmt: skip
        with left.popover(
            _("Pick"), icon=":material/grid_view:", width="stretch", on_change="rerun", key="latents_pick"
        ) as pick:
            if pick.open:  # else nothing is drawn for it
                candidates(model, points, look, here)
        with right.popover(_("Edit"), icon=":material/edit:", width="stretch"):
            edit(points, latent_dim)
    error = st.session_state.pop("latents_error", None)
    try:
        with row:
            key_points_row(points, shown(model, points.texts, look), "latents_row", keep)
    except ValueError as wrong:  # a link's points are malformed, or for another network
        error = _("The key points cannot be used: {wrong}.").format(wrong=said(wrong))
        points = KeyPoints.of_seed(session.seed())
        keep(points)
        with row:
            key_points_row(points, shown(model, points.texts, look), "latents_row", keep)
    if error:
        st.error(error)
    return points, look


def edit(points: KeyPoints, latent_dim: int) -> None:
    """The list as text, and import."""
    st.session_state["latents_typed"] = points.text
    st.text_input(
        _("Points"), key="latents_typed", on_change=typed, args=(latent_dim,),
        help=_(
            "Separated by commas. `17` is a seed, `17~3` its third neighbour, `3-7+12` a sum, `@2.5:0.5` a place "
            "in the plane of seeds, `17#2` seed 17 in class 2 of a model with classes. `!` at the end pins a "
            "point."
        ),
    )  # fmt: skip
    st.file_uploader(
        _("Import latents"), ["npz", "npy", "json"], key="latents_import", on_change=imported, args=(latent_dim,)
    )


def picture_controls(model: session.Model) -> Look:
    """The moment of the fade and the truncation; the class is the sidebar's."""
    generator = model.generator
    stored, stored_alpha = generator.moment()
    sizes = list(generator.resolutions)
    size = stored
    if len(sizes) > 1:
        size = st.select_slider(_("Resolution"), sizes, stored, key="latents_size", bind="query-params")
    alpha = 1.0
    if size // 2 in sizes:
        start = stored_alpha if size == stored else 1.0
        alpha = st.slider(_("α, weight of the newer resolution"), 0.0, 1.0, start, 0.05, key="latents_alpha",
                          bind="query-params")  # fmt: skip
    psi = st.slider(_("Truncation ψ"), 0.0, 1.5, 1.0, 0.05, key="latents_psi", bind="query-params")
    return Look(size, alpha, model.label, psi)
