"""Edits saved and loaded, and pictures with the settings that made them."""

import json

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import _, said
from dashboard.pages.interventions import pictures
from dashboard.pages.interventions.history import History, checked
from dashboard.pages.interventions.photograph import Photograph
from dashboard.shared.export import export_bar
from dashboard.shared.page import plain
from dissection.interventions import EditError, from_json, to_json
from pgan_core.pictures import encode_gif, encode_png, enlarge

MAX_FILE = 16 << 20  # bytes of an uploaded file of edits
GIF_EDGE, HOLD, STEPS = 256, 8, 10  # pixels; frames that stand still; frames of a fade


def files_view(model: session.Model, kept: History, projected: Photograph | None = None) -> None:
    """Downloads of the edits and of what they do, and an upload of edits."""
    saved, opened = st.columns([3, 4], vertical_alignment="center")
    with saved:
        export_bar(
            {
                "edit.json": lambda: to_json(kept.edits()).encode(),
                "edited.png": lambda: picture_file(model, kept, projected),
                "before-after.gif": lambda: film_file(model, kept, projected),
            },
            key="interventions",
            labels={"edit.json": _("Edits")},
        )
    with opened, st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.popover(_("Open edits"), icon=":material/upload:"):
            brought = st.file_uploader(
                _("A file of edits"), "json", key="interventions_file", max_upload_size=MAX_FILE >> 20
            )
            st.button(
                _("Apply"),
                key="interventions_apply",
                disabled=brought is None,
                on_click=bring,
                args=(model, kept, brought),
            )
        st.caption(_("This page's address carries the edits, too."))
    if problem := st.session_state.pop("interventions_file_problem", None):
        st.error(plain(problem))


def bring(model: session.Model, kept: History, brought) -> None:
    """Replace the edits by those of an uploaded file."""
    try:
        if brought.size > MAX_FILE:
            raise EditError(f"{brought.name} is larger than {MAX_FILE >> 20} MiB")
        kept.replace(checked(model, from_json(brought.getvalue())))
    except EditError as error:
        st.session_state["interventions_file_problem"] = f"{said(error)}."


def settings_of(model: session.Model, kept: History, projected: Photograph | None = None) -> dict:
    """All that it takes to make a picture again."""
    what = {"seed": session.seed()} if projected is None else {"photograph": projected.digest}
    return {"model": model.name, **what, **json.loads(to_json(kept.edits()))}


def picture_file(model: session.Model, kept: History, projected: Photograph | None = None) -> bytes:
    """The edited picture as PNG, with its settings; a photograph at its own size."""
    if projected is None:
        picture = pictures.pictures(model, (session.seed(),), kept.edits())[0]
    else:
        picture = projected.with_change(model, kept.edits(), full=True)[0]
    return encode_png(picture, settings_of(model, kept, projected))


def film_file(model: session.Model, kept: History, projected: Photograph | None = None) -> bytes:
    """Before, fading into after and back, as GIF with its settings as comment."""
    if projected is None:
        seed = (session.seed(),)
        pair = np.concatenate([pictures.before(model, seed), pictures.pictures(model, seed, kept.edits())])
    else:
        pair = np.stack([projected.pixels, projected.with_change(model, kept.edits())[0]])
    before, after = enlarge(pair, GIF_EDGE).astype(float)
    shares = [*[0.0] * HOLD, *np.linspace(0, 1, STEPS), *[1.0] * HOLD, *np.linspace(1, 0, STEPS)]
    frames = [np.rint(before + (after - before) * share).astype(np.uint8) for share in shares]
    return encode_gif(frames, 12, json.dumps(settings_of(model, kept, projected)))
