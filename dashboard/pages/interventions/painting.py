"""The picture to draw on, and the wall of other seeds below it: only this runs again at every stroke."""

import hashlib
from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import _, said
from dashboard.load import counted
from dashboard.pages.interventions import pictures
from dashboard.pages.interventions.choice import COPY, SOURCE, Choice
from dashboard.pages.interventions.history import History, share, words
from dashboard.pages.interventions.paint_view import Canvas, paint_view, region_of
from dashboard.pages.interventions.photograph import Photograph
from dashboard.shared import dissections, drawn_here
from dashboard.shared.images import SHARP, data_uri
from dashboard.shared.picture_grid import picture_grid
from dissection.interventions import EditError, to_json
from pgan_core.pictures import contact_sheet, enlarge

CHANGES = 6  # concepts in the list of changes


@st.fragment
@counted
def painting(
    model: session.Model, choice: Choice, kept: History, here: bool, projected: Photograph | None = None
) -> None:
    """Draw, change, show; then the wall. here: this browser draws the pictures.  projected: drawn on instead of the
    seed's picture.
    """
    drawn_here.leave_if_failed(here)
    seed = session.seed()
    if problem := st.session_state.pop("interventions_problem", None):
        st.error(problem)
    canvas = drawn_canvas(model, choice, kept) if here else canvas_of(model, choice, kept, projected)
    version = version_of(model, projected.digest if projected else seed, choice, kept, here)
    paint_view(canvas, version=version, key="interventions_paint", act=lambda act: acted(act, model, choice, kept))
    if choice.item and str(choice.item.dissection.info.get("segmenter")).startswith("clusters"):
        st.caption(
            _(
                "Clusters are found in the network's activations, so the picture above shows no regions; the "
                "measurements below do."
            )
        )
    if not share(kept):
        st.caption(_("There are too many edits for a link. Save them as a file."))
    wall(model, choice, kept, here)


def acted(act: dict, model: session.Model, choice: Choice, kept: History) -> None:
    """Carry out what the viewer did to the picture."""
    kind = act.get("kind")
    try:
        if kind in ("undo", "redo", "reset"):
            kept.move(kind)
        elif kind in ("draw", "everywhere"):
            kept.add(choice.layer, choice.edit(model, region_of(act) if kind == "draw" else None))
    except EditError as error:
        st.session_state["interventions_problem"] = f"{said(error)}."


def canvas_of(model: session.Model, choice: Choice, kept: History, projected: Photograph | None = None) -> Canvas:
    """What the painting shows: pictures, segmentations, changes and steps.

    Of a photograph: itself, with the change in it; the reconstruction, which is what is segmented, stands beside it.
    """
    seed, edits = session.seed(), kept.edits()
    if projected is None:
        before = pictures.before(model, (seed,))
        after = pictures.pictures(model, (seed,), edits) if edits else before
    else:
        before, after = projected.reconstruction(model, {}), projected.reconstruction(model, edits)
    segmenter = choice.item and dissections.segmenter_of(choice.item, model)
    first, last = (pictures.segmented(segmenter, images) for images in (before, after))
    coloured, changes = (None, None), []
    if first is not None and last is not None:
        concepts = choice.dissection.concepts
        palette = dissections.colours(concepts)
        coloured = palette[first][0], palette[last][0]
        changes = changed_pixels(first, last, concepts, palette, choice.concept)
        st.session_state["interventions_told"] = told(kept, first[0], last[0], concepts, choice.concept)
    words = around(model, choice, kept)
    source = pictures.before(model, (choice.source,))[0] if choice.verb == COPY else None
    if projected is not None:
        if source is None:
            source, words["beside"] = after[0], _("the reconstruction")
        before, after = projected.pixels[None], projected.with_change(model, edits)
    return Canvas(
        before[0], after[0], after.shape[1], coloured[0], coloured[1], changes, source=source, **words
    )  # fmt: skip


def drawn_canvas(model: session.Model, choice: Choice, kept: History) -> Canvas:
    """The same without segmentations, for the browser to draw."""
    edge = model.generator.moment()[0]

    def drawn(seed: int, edits: dict | None = None) -> dict:
        z, labels = session.inputs(model, seed, 1)
        return drawn_here.sheet(model, z, labels, edge=edge, columns=1, parts=[edits or {}])

    source = drawn(choice.source) if choice.verb == COPY else None
    before, after = drawn(session.seed()), drawn(session.seed(), kept.edits())
    return Canvas(before, after, edge, None, None, [], source=source, **around(model, choice, kept))


def around(model: session.Model, choice: Choice, kept: History) -> dict:
    """The words of a canvas, and what can be done to it."""
    names = {(choice.layer, choice.units): choice.concept} if choice.concept else {}
    st.session_state.setdefault("interventions_names", {}).update(names)
    known = st.session_state["interventions_names"]
    cell = next(spec.resolution for spec in model.generator.specs if spec.name == choice.layer)
    beside = _("seed {source}, copied from").format(source=choice.source) if choice.verb == COPY else _("before")
    return {
        "steps": [words(layer, edit, known) for layer, edit in kept.applied],
        "beside": beside,
        "undo": kept.at > 0,
        "redo": kept.at < len(kept.steps),
        "cells": (cell, cell),
    }


def told(kept: History, before: np.ndarray, after: np.ndarray, concepts: Sequence[str], concept: str) -> dict:
    """What a lesson asks about: the last edit's verb, what stood under most of its region, and how many pixels the
    chosen concept gained by all edits. Labels are H x W; {} without edits.
    """
    if not kept.applied:
        return {}
    _, edit = kept.applied[-1]
    on = "everywhere"
    if edit.region is not None and edit.region.dim() == 2 and edit.region.any():
        rows, columns = np.nonzero(edit.region.numpy() > 0)
        heights, widths = (np.array(before.shape) / np.array(edit.region.shape)).tolist()
        under = before[(rows * heights).astype(int), (columns * widths).astype(int)]
        on = concepts[int(np.bincount(under.ravel()).argmax())]
    gained = {name: int((after == i).sum()) - int((before == i).sum()) for i, name in enumerate(concepts)}
    return {"verb": edit.verb, "concept": concept, "on": on, "gained": gained.get(concept, 0)}


def changed_pixels(before, after, concepts, palette, concept: str) -> list[tuple[str, str, int, int]]:
    """The chosen concept and those whose pixels changed most: name, colour, pixels before and after."""
    counts = [np.bincount(labels.ravel(), minlength=len(concepts)) for labels in (before, after)]
    order = np.argsort(-np.abs(counts[1] - counts[0]), kind="stable")
    chosen = [concepts.index(concept)] if concept else []
    shown = [*chosen, *(int(c) for c in order if c and c not in chosen and (counts[0][c] or counts[1][c]))][:CHANGES]
    return [(_(concepts[c]), f"rgb{tuple(map(int, palette[c]))}", int(counts[0][c]), int(counts[1][c])) for c in shown]


def version_of(model: session.Model, picture: int | str, choice: Choice, kept: History, here: bool) -> str:
    """A text that changes whenever the painting does; picture: a seed, or a photograph's digest."""
    shown = (model.identity, picture, choice.layer, choice.units, choice.source, kept.at, len(kept.steps), here)
    return hashlib.sha256(f"{shown}{to_json(kept.edits())}".encode()).hexdigest()[:16]


def wall(model: session.Model, choice: Choice, kept: History, here: bool) -> None:
    """The same edits on the next seeds, before above and after below; for Copy, a click chooses the source."""
    edits, count = kept.edits(), pictures.wall_size(model)
    seeds = pictures.next_seeds(session.seed(), count)
    title = _("The same edits on the next seeds, before and after") if edits else _("The next seeds")
    if here:
        drawn_wall(model, choice, seeds, edits, title)
        return
    before = pictures.before(model, seeds)
    after = pictures.pictures(model, seeds, edits) if edits else before
    edge = before.shape[1]
    rows = np.concatenate([before, after]) if edits else before
    sheet = contact_sheet(enlarge(rows, 64) if edge < 64 else rows[:, :: max(1, edge // 256), :: max(1, edge // 256)],
                          count, gap=2, background=0)  # fmt: skip
    if choice.verb == COPY:
        wall_title(f"{title}; {_('click the one to copy from')}")
        choose_source(sheet, seeds * (len(rows) // count), count, choice.source)
        return
    alt = _("{count} pictures").format(count=len(rows))
    address = data_uri(sheet, **SHARP)
    wall_title(title)
    st.html(
        f'<img data-testid="interventions-wall" src="{address}" '
        f'alt="{alt}" style="width:100%;image-rendering:pixelated">'
    )


def wall_title(text: str) -> None:
    st.html(f'<p style="font-size:.9rem;margin:.3rem 0">{text}</p>')


def drawn_wall(model: session.Model, choice: Choice, seeds: tuple[int, ...], edits: dict, title: str) -> None:
    """The wall for the browser to draw."""
    (z, labels), edge = session.inputs(model, seeds[0], len(seeds)), model.generator.moment()[0]
    parts = [{}, edits] if edits else [{}]
    sheet = drawn_here.sheet(
        model, z, labels, edge=min(max(edge, 64), 256), columns=len(seeds), gap=2, parts=parts
    )  # fmt: skip
    if choice.verb == COPY:
        wall_title(f"{title}; {_('click the one to copy from')}")
        choose_source(sheet, seeds * len(parts), len(seeds), choice.source)
        return
    wall_title(title)
    names = [_("seed {seed}").format(seed=seed) for seed in seeds] * len(parts)
    picture_grid(sheet, len(seeds), names, chosen=None, label=title, key="interventions_wall")


def choose_source(sheet: np.ndarray | dict, seeds: tuple[int, ...], columns: int, source: int) -> None:
    """The wall as a grid; a click makes that picture the one to copy from."""
    names, place = [_("seed {seed}").format(seed=seed) for seed in seeds], seeds.index(source)
    cell = picture_grid(
        sheet, columns, names, chosen=place, label=_("Pictures to copy from"), key="interventions_sources"
    )
    if cell is not None and seeds[cell] != source:
        session.remember(SOURCE, cell % columns + 1, default=1)
        st.rerun()
