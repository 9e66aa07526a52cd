"""Search over the units of all layers: a map of their responses, and a table whose rows open a unit."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import session
from dashboard.language import N_, _, joined, language
from dashboard.pages.dissection import figures
from dashboard.pages.dissection.notes import Note, known_notes, together
from dashboard.pages.dissection.unit_pictures import PICTURES, lit_sheet, open_unit
from dashboard.pages.dissection.unit_profile import effects_of
from dashboard.shared import dissections
from dashboard.shared.charts import chart, once_for
from dashboard.shared.controls import BOUND
from dashboard.shared.dissections import Found
from dashboard.shared.images import SHARP, data_uri
from dashboard.shared.tables import table as show_table
from dissection.output.overlays import make_material
from dissection.unit_table import UnitTable, holds

ORDERS = {"IoU": "IoU", "IQR": "IQR", "off": N_("removed when off"), "on": N_("added when on"), "unit": N_("unit")}
PER_PAGE, SIDE = 10, 48  # units at a time, and pixels of a picture beside them


def search_view(model: session.Model, item: Found) -> None:
    """The controls, the map, and one page of what was found."""
    read, effects = item.dissection, effects_of(item)
    units = unit_table(item.key, effects is not None, read, effects)
    notes = together(*known_notes(item))
    asked, tag, text = controls(units, item, notes)
    picked, found = st.columns([1, 2], gap="medium")
    with picked:
        lasso = map_of(units, item)
    among = holds(texts(item, units, notes), text)
    for rows in (lasso, None if tag is None else rows_of(units, [n for n in notes if tag in n.tags.split(", ")])):
        if rows is not None:
            among &= np.isin(np.arange(len(among)), rows)
    rows = units.find(**asked, among=among)
    with found:
        result(model, item, units, rows, asked["concept"], notes)
    if effects is None:
        st.caption(
            _(
                "Effects can be searched once they are measured for every unit: "
                "`python -m dissection effects CHECKPOINT FOLDER`."
            )
        )


@st.cache_resource(max_entries=8, show_spinner=False)
def unit_table(key: str, with_effects: bool, _dissection, _effects) -> UnitTable:
    """The table of a dissection's units."""
    return UnitTable.of(_dissection, _effects)


def controls(units: UnitTable, item: Found, notes: list[Note]) -> tuple[dict, str | None, str]:
    """What is asked for: `UnitTable.find`'s arguments, a tag and words."""
    concepts = item.dissection.concepts
    orders = [order for order in ORDERS if units.off is not None or order not in ("off", "on")]
    tags = sorted({tag for note in notes for tag in note.tags.split(", ") if tag})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input(
            _("Words"), key="dissection_search", width=210, placeholder=_("layer, concept, words of a note"), **BOUND
        )
        concept = st.selectbox(
            _("Concept"), [N_("any"), *concepts[1:]], format_func=_, key="dissection_search_concept", width=140, **BOUND
        )
        tag = None
        if tags:
            if st.session_state.get("dissection_search_tag") not in (None, *tags):
                st.session_state["dissection_search_tag"] = None
            tag = st.selectbox(_("Tag"), tags, None, key="dissection_search_tag", width=130, **BOUND)
        iou = st.number_input(
            _("IoU at least"), 0.0, 1.0, 0.0, 0.05, format="%.2f", key="dissection_search_iou", width=120, **BOUND
        )
        iqr = st.number_input(
            _("IQR at least"), 0.0, 1.0, 0.0, 0.01, format="%.2f", key="dissection_search_iqr", width=120, **BOUND
        )
        effect = 0.0
        if units.off is not None:
            effect = st.number_input(
                _("Effect at least"), 0.0, 100.0, 0.0, 0.1, format="%.2f", key="dissection_search_effect", width=130,
                help=_("Percentage points of the picture that it removes when off, or adds when on"), **BOUND,
            )  # fmt: skip
        order = st.selectbox(
            _("Sorted by"),
            orders,
            format_func=lambda order: _(ORDERS[order]),
            key="dissection_search_order",
            width=170,
            **BOUND,
        )
    number = None if concept == "any" else concepts.index(concept)
    return (
        {"concept": number, "least_iou": iou, "least_iqr": iqr, "least_effect": effect, "order": order},
        tag,
        text or "",
    )


def map_of(units: UnitTable, item: Found) -> np.ndarray | None:
    """The map of all units; the rows inside a lasso, None without one."""
    figure = once_for(item.key, drawn_map, units, item.dissection.concepts)
    event = chart(figure, key="dissection_map", on_select="rerun", selection_mode=("points", "box", "lasso"))
    st.caption(
        _(
            "Each point is a unit; near ones respond to the concepts alike (two principal components, {share:.0%} of "
            "the variance). Draw around points to list only these; a double click ends that."
        ).format(share=units.map()[1])
    )
    points = event["selection"]["points"]
    return np.array([point["customdata"] for point in points], int).ravel() if points else None


def drawn_map(units: UnitTable, concepts: tuple[str, ...]) -> go.Figure:
    """All units at their places, in the colours of what they stand for."""
    line, pairs = _("{layer}, unit {unit}"), zip(units.layer, units.unit, strict=True)
    names = [line.format(layer=units.layers[k], unit=unit) for k, unit in pairs]
    shown = np.where(units.interpretable, units.best, 0)
    return figures.unit_map(
        units.map()[0], shown, concepts, figures.concept_colours(dissections.colours(concepts)), names
    )


def texts(item: Found, units: UnitTable, notes: list[Note]) -> np.ndarray:
    """What words are looked for in: a unit's layer, number, concept and notes, in lower case."""
    found = named(item.key, language(), units, item.dissection.concepts)
    if not notes:
        return found
    said, row_of = found.tolist(), row_numbers(units)
    for note in notes:
        if (row := row_of.get((note.layer, note.unit))) is not None:
            said[row] += f" {note.author} {note.tags} {note.text}".lower()
    return np.array(said)


@st.cache_resource(max_entries=8, show_spinner=False)
def named(key: str, code: str, _units: UnitTable, _concepts: tuple[str, ...]) -> np.ndarray:
    """Layer, number and concept of every unit, in English and in the language `code`, in lower case."""
    both = [f"{name} {shown}" for name, shown in zip(_concepts, dissections.words(_concepts), strict=True)]
    units = zip(_units.layer, _units.unit, _units.best, strict=True)
    return np.array([f"{_units.layers[k]} {unit} {both[c]}".lower() for k, unit, c in units])


def rows_of(units: UnitTable, notes: list[Note]) -> np.ndarray:
    """The row of the unit that each note is about; none for a unit that is not in the table."""
    row_of = row_numbers(units)
    return np.array([row_of[n.layer, n.unit] for n in notes if (n.layer, n.unit) in row_of], int)


def row_numbers(units: UnitTable) -> dict[tuple[str, int], int]:
    """Layer and number of a unit -> its row."""
    layers = np.array(units.layers)[units.layer].tolist()
    return dict(zip(zip(layers, units.unit.tolist(), strict=True), range(len(layers)), strict=True))


def result(
    model: session.Model, item: Found, units: UnitTable, rows: np.ndarray, concept: int | None, notes: list[Note]
) -> None:
    """One page of the units found, with their top pictures; a click on one opens it."""
    st.markdown(_("**{found:,} of {units:,} units**").format(found=len(rows), units=len(units.unit)))
    if not len(rows):
        return
    pages = -(-len(rows) // PER_PAGE)
    if not 1 <= st.session_state.get("dissection_search_page", 1) <= pages:
        st.session_state["dissection_search_page"] = 1
    place = st.empty()
    number = st.pagination(pages, key="dissection_search_page", **BOUND) if pages > 1 else 1
    shown = rows[(number - 1) * PER_PAGE : number * PER_PAGE]
    where = [(units.layers[units.layer[row]], int(units.unit[row])) for row in shown]
    columns = {
        "layer": [layer for layer, _unit in where],
        "unit": [unit for _layer, unit in where],
        "stands for": [item.dissection.concepts[c] for c in units.best[shown]],
        "IoU": units.of_concept(units.iou, concept)[shown],
        "IQR": units.of_concept(units.iqr, concept)[shown],
    }
    if units.off is not None and units.on is not None:
        columns |= {N_("off"): units.of_concept(units.off, concept)[shown]}
        columns |= {N_("on"): units.of_concept(units.on, concept)[shown]}
    tags = {}
    for note in notes:
        if note.tags:
            tags.setdefault((note.layer, note.unit), []).append(note.tags)
    if tags:
        columns["tags"] = [joined(tags.get(pair, [])) for pair in where]
    numbers = {name: st.column_config.NumberColumn(format="%.3f", width=58) for name in ("IoU", "IQR")}
    numbers["unit"] = st.column_config.NumberColumn(width=44)
    numbers |= {name: st.column_config.NumberColumn(format="%+.2f", width=58) for name in ("off", "on")}
    numbers["pictures"] = st.column_config.ImageColumn(width=PICTURES * SIDE + 12)

    def opened() -> None:
        for row, _column in st.session_state["dissection_found"]["selection"]["cells"]:
            open_unit(*where[row])

    if item.own:
        pictures = top_pictures(item.key, tuple(where), item.dissection, session.prepared(model))
        columns = {"pictures": pictures} | columns
    with place:
        show_table(
            pd.DataFrame(columns), columns=numbers, key="dissection_found", row_height=SIDE + 4,
            height=(SIDE + 4) * len(where) + 40, on_select=opened, selection_mode="single-cell",
        )  # fmt: skip
    st.caption(
        _("A click on a unit opens it. IoU, IQR and effects are with {concept}.").format(
            concept=_("the concept that it stands for") if concept is None else _(item.dissection.concepts[concept])
        )
    )


@st.cache_data(max_entries=64, show_spinner=False)
def top_pictures(key: str, where: tuple[tuple[str, int], ...], _dissection, _generator) -> list[str]:
    """Each unit's top pictures with its lit regions, as data addresses."""
    made = {}
    for name in {layer for layer, _unit in where}:
        tops = _dissection.layers[name].scores.top_images[[u for layer, u in where if layer == name], :PICTURES]
        made[name] = make_material(_generator, _dissection, name, tops.ravel())
    sheets = []
    for name, unit in where:
        scores = _dissection.layers[name].scores
        images = scores.top_images[unit, :PICTURES]
        size = tuple(_dissection.info["label_size"])
        sheets.append(lit_sheet(made[name], unit, images, float(scores.thresholds[unit]), size, SIDE, PICTURES))
    return [data_uri(sheet, **SHARP) for sheet in sheets]
