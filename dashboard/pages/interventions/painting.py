"""The picture to draw on, and the wall of other seeds below it: only this runs again at every stroke."""

import hashlib
from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import _, said
from dashboard.pages.interventions import pictures
from dashboard.pages.interventions.choice import COPY, SOURCE, Choice
from dashboard.pages.interventions.history import History, share, words
from dashboard.pages.interventions.paint_view import Canvas, paint_view, region_of
from dashboard.shared import dissections
from dashboard.shared.images import data_uri
from dashboard.shared.picture_grid import picture_grid
from dissection.interventions import EditError
from pgan_core.pictures import contact_sheet, enlarge

CHANGES = 6  # concepts in the list of changes


@st.fragment
def painting(model: session.Model, choice: Choice, kept: History) -> None:
    """Draw, change, show; then the wall."""
    seed = session.seed()
    if problem := st.session_state.pop("interventions_problem", None):
        st.error(problem)
    edits = kept.edits()
    before = pictures.before(model, (seed,))
    after = pictures.pictures(model, (seed,), edits) if edits else before
    canvas = canvas_of(model, choice, kept, before, after)
    version = version_of(model, seed, choice, kept, after)
    paint_view(canvas, version=version, key="interventions_paint", act=lambda act: acted(act, model, choice, kept))
    if not share(kept):
        st.caption(_("There are too many edits for a link. Save them as a file."))
    wall(model, choice, kept)


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


def canvas_of(model, choice: Choice, kept: History, before: np.ndarray, after: np.ndarray) -> Canvas:
    """What the painting shows: pictures, segmentations, changes and steps."""
    segmenter = choice.item and dissections.segmenter_of(choice.item, model)
    first, last = (pictures.segmented(segmenter, images) for images in (before, after))
    coloured, changes = (None, None), []
    if first is not None and last is not None:
        concepts = choice.dissection.concepts
        palette = dissections.colours(concepts)
        coloured = palette[first][0], palette[last][0]
        changes = changed_pixels(first, last, concepts, palette, choice.concept)
        st.session_state["interventions_told"] = told(kept, first[0], last[0], concepts, choice.concept)
    names = {(choice.layer, choice.units): choice.concept} if choice.concept else {}
    st.session_state.setdefault("interventions_names", {}).update(names)
    known = st.session_state["interventions_names"]
    cell = next(spec.resolution for spec in model.generator.specs if spec.name == choice.layer)
    return Canvas(
        before[0], after[0], coloured[0], coloured[1], changes,
        [words(layer, edit, known) for layer, edit in kept.applied],
        source=pictures.before(model, (choice.source,))[0] if choice.verb == COPY else None,
        beside=_("seed {source}, copied from").format(source=choice.source) if choice.verb == COPY else _("before"),
        undo=kept.at > 0, redo=kept.at < len(kept.steps), cells=(cell, cell),
    )  # fmt: skip


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


def version_of(model, seed: int, choice: Choice, kept: History, after: np.ndarray) -> str:
    """A text that changes whenever the painting does."""
    content = repr((model.identity, seed, choice.layer, choice.units, choice.source, kept.at, len(kept.steps))).encode()
    return hashlib.sha256(content + after.tobytes()).hexdigest()[:16]


def wall(model: session.Model, choice: Choice, kept: History) -> None:
    """The same edits on the next seeds, before above and after below; for Copy, a click chooses the source."""
    edits, count = kept.edits(), pictures.wall_size(model)
    seeds = pictures.next_seeds(session.seed(), count)
    before = pictures.before(model, seeds)
    after = pictures.pictures(model, seeds, edits) if edits else before
    edge = before.shape[1]
    rows = np.concatenate([before, after]) if edits else before
    sheet = contact_sheet(enlarge(rows, 64) if edge < 64 else rows[:, :: max(1, edge // 256), :: max(1, edge // 256)],
                          count, gap=2, background=0)  # fmt: skip
    title = _("The same edits on the next seeds, before and after") if edits else _("The next seeds")
    if choice.verb == COPY:
        st.html(f'<p style="font-size:.9rem;margin:.3rem 0">{title}; {_("click the one to copy from")}</p>')
        choose_source(sheet, seeds * (len(rows) // count), count, choice.source)
        return
    alt = _("{count} pictures").format(count=len(rows))
    address = data_uri(sheet, "WEBP", quality=88, method=0)
    st.html(
        f'<p style="font-size:.9rem;margin:.3rem 0">{title}</p><img data-testid="interventions-wall" src="{address}" '
        f'alt="{alt}" style="width:100%;image-rendering:pixelated">'
    )


def choose_source(sheet: np.ndarray, seeds: tuple[int, ...], columns: int, source: int) -> None:
    """The wall as a grid; a click makes that picture the one to copy from."""
    names, place = [_("seed {seed}").format(seed=seed) for seed in seeds], seeds.index(source)
    cell = picture_grid(
        sheet, columns, names, chosen=place, label=_("Pictures to copy from"), key="interventions_sources"
    )
    if cell is not None and seeds[cell] != source:
        session.remember(SOURCE, cell % columns + 1, default=1)
        st.rerun()
