"""One unit: its level, which can be moved, its histogram, its IoU with every concept, its pictures."""

import html

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _
from dashboard.load import counted
from dashboard.pages.dissection import figures
from dashboard.pages.dissection.notes import notes_view
from dashboard.pages.dissection.unit_pictures import OVERLAYS, legend, strip, strip_html
from dashboard.pages.dissection.unit_profile import profile_view
from dashboard.shared import dissections, later
from dashboard.shared.charts import chart
from dashboard.shared.dissections import Found
from dashboard.shared.export import export_bar
from dashboard.shared.page import open_page
from dissection.output.overlays import Material
from dissection.result import LayerDissection
from dissection.scoring.tally import overlap_ceiling
from pgan_core.pictures import encode

TOP, RANDOM, CURVES = 8, 8, 4


def unit_view(model: session.Model, item: Found, name: str) -> None:
    """Everything about one unit of a layer."""
    layer = item.dissection.layers[name]
    units, best = len(layer.mean), int(layer.scores.best_iou.argmax())
    if not 0 <= st.session_state.get("dissection_unit", best) < units:
        st.session_state["dissection_unit"] = best
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        unit = st.number_input(_("Unit"), 0, units - 1, best, key="dissection_unit", bind="query-params", width=120)
        mode = st.segmented_control(
            _("Overlay"),
            OVERLAYS,
            default=OVERLAYS[0],
            format_func=_,
            required=True,
            key="dissection_overlay",
            bind="query-params",
        )
        beside = _("On the Activations page")
        if st.button(_("Its maps"), icon=":material/layers:", key="dissection_maps", help=beside):
            show_maps(name, unit)
    facts(item, name, unit)
    place = level_slider(layer, unit, name)
    level = level_at(layer, unit, place)
    numbers(item, layer, unit, place)
    top = pictures(model, item, name, unit, mode, level) if item.own else None
    scores_section(item, name, unit, place)
    profile_view(model, item, name, unit, level, top)
    notes_view(model, item, name, unit)


@st.fragment
@counted
def scores_section(item: Found, name: str, unit: int, place: int | None) -> None:
    """The unit's values, and its IoU by level and by concept."""
    if not later.seen(f"dissection_scores_{name}_{unit}", height=640):
        return
    layer = item.dissection.layers[name]
    level = level_at(layer, unit, place)
    left, right = st.columns(2)
    with left:
        histogram = figures.unit_histogram(layer.histogram[unit], layer.histogram_span[unit], level)
        chart(histogram, key="dissection_histogram")
    with right:
        chart(curves(item, layer, unit, place), key="dissection_curves")
    chart(against_all(item, layer, unit, place), key="dissection_ious", download="png")
    ceiling = _(
        "A mask that lights more or fewer pixels than the concept covers cannot reach IoU 1; the grey bars "
        "and the dotted line show this ceiling."
    )
    halves = _(
        "The curves are counted on the {level_pixels:,} pixels that levels are chosen from, the score at the chosen "
        "level on the other half."
    ).format(level_pixels=layer.level_pixels)
    st.caption(f"{ceiling} {halves}" if item.dissection.in_halves else ceiling)


def show_maps(name: str, unit: int) -> None:
    """Go to this unit on the Activations page."""
    place = {
        "activations_view": "Feature maps",
        "activations_network": "generator",
        "activations_point_generator": name,
        "activations_unit": unit,
    }
    open_page("activations", place)


def facts(item: Found, name: str, unit: int) -> None:
    """Which unit it is, for slides without the controls; concept, uncertainty, its own statistics."""
    read, layer = item.dissection, item.dissection.layers[name]
    scores = layer.scores
    best = int(scores.best_concept[unit])
    own = read.info.get("segmenter_iou", {}).get(read.concepts[best])
    segmenter = (
        ""
        if own is None
        else " "
        + _("The segmenter itself has IoU {own:.2f} on {concept}.").format(own=own, concept=_(read.concepts[best]))
    )
    faint = "" if scores.interpretable[unit] else " " + _("(not interpretable)")
    about = _(
        "**{concept}**{faint}: IoU **{iou:.3f}** (95% interval over images: {low:.3f} to {high:.3f}), IQR {iqr:.3f}."
        "{segmenter}"
    ).format(
        concept=_(read.concepts[best]),
        faint=faint,
        iou=scores.best_iou[unit],
        low=layer.iou_low[unit],
        high=layer.iou_high[unit],
        iqr=scores.best_iqr[unit],
        segmenter=segmenter,
    )
    values = _(":small[mean {mean:.3g} · σ {std:.3g} · {off:.0f}% of its values are 0 or less]").format(
        mean=layer.mean[unit], std=layer.std[unit], off=100 * layer.off[unit]
    )
    place = _("{layer}, unit {unit}").format(layer=name, unit=unit)
    st.markdown(f"{place} · {about}  \n{values}")


def level_slider(layer: LayerDissection, unit: int, name: str) -> int | None:
    """The candidate level that the viewer moves to; None: the dissection's own."""
    share = layer.lit[unit, :, 0] / layer.level_pixels
    levels = layer.levels[unit]
    own = int(np.abs(levels - layer.scores.thresholds[unit]).argmin())
    one = int(np.abs(share - 0.01).argmin())
    key = f"dissection_level_{name}_{unit}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.select_slider(
            _("Level"), range(len(levels)), own, key=key, width=620, bind="query-params",
            format_func=lambda k: _(
                "{level:.3g} ({share:.3g}% lit)"
            ).format(level=levels[k], share=100 * share[k]),
        )  # fmt: skip
        for label, value in ((N_("Its own"), own), (N_("1% lit"), one)):
            st.button(_(label), key=f"{key}_{label}", on_click=st.session_state.__setitem__, args=(key, value))
    return None if chosen == own else int(chosen)


def level_at(layer: LayerDissection, unit: int, place: int | None) -> float:
    """A candidate level by its place; None: the dissection's own."""
    return float(layer.scores.thresholds[unit] if place is None else layer.levels[unit, place])


def numbers(item: Found, layer: LayerDissection, unit: int, place: int | None) -> None:
    """The IoU at the chosen level."""
    read, scores, whole = item.dissection, layer.scores, _("on the whole sample")
    if place is None:
        best = scores.best_concept[unit]
        lit = scores.active[unit, best] / max(scores.pixels[best], 1)
        value = scores.best_iou[unit]
        where = _("on the half of the sample that is scored") if item.dissection.in_halves else whole
    else:
        iou = layer.unit_level_iou(unit)[place]
        best, value = int(iou.argmax()), iou.max()
        lit = layer.lit[unit, place, 0] / layer.level_pixels
        where = _("on the half that levels are chosen from") if item.dissection.in_halves else whole
    words = _(
        "At this level <b>{lit:.3g}%</b> of the pixels are lit, and IoU with <b>{concept}</b> is "
        "<b>{iou:.3f}</b> {where}."
    ).format(lit=100 * lit, concept=html.escape(_(read.concepts[best])), iou=value, where=where)
    st.html(f'<div data-testid="dissection-live">{words}</div>')


def pictures(model: session.Model, item: Found, name: str, unit: int, mode: str, level: float) -> Material:
    """Top and random pictures under the overlay, and their export; returns the material of the top ones.

    The random ones are the same for every unit, so that their walk serves a whole layer.
    """
    layer, read = item.dissection.layers[name], item.dissection
    top = layer.scores.top_images[unit, :TOP]
    others = np.random.default_rng(0).integers(0, read.info["samples"], RANDOM)
    palette = dissections.colours(read.concepts)
    shared = {"level": level, "concept": layer.scores.best_concept[unit], "palette": palette}
    shared["size"] = read.info["label_size"]
    legend(mode, read.concepts, palette, range(1, len(read.concepts)))
    strips = {}
    materials = [dissections.material(item, model, name, chosen, mode in OVERLAYS[3:]) for chosen in (top, others)]
    for title, chosen, material in zip((N_("highest"), N_("random")), (top, others), materials, strict=True):
        strips[title] = strip(material, layer, unit, chosen, mode, **shared)
        st.html(
            strip_html(
                strips[title],
                _("{title} pictures of unit {unit}").format(title=_(title), unit=unit),
                f"dissection-{title}",
            )
        )
        seeds = ", ".join(str(read.info["seed"] + int(image)) for image in chosen)
        st.caption(_("{title}: seeds {seeds}").format(title=_(title).capitalize(), seeds=seeds))
    sheet = np.concatenate(list(strips.values()))
    export_bar({f"unit-{unit}.png": lambda: encode(sheet)}, key="dissection_unit_file")
    return materials[0]


def curves(item: Found, layer: LayerDissection, unit: int, place: int | None):
    """IoU over the lit share, its own concept first, with the unit's own level, the viewer's and 1% marked."""
    read = item.dissection
    iou = layer.unit_level_iou(unit)
    own_concept = int(layer.scores.best_concept[unit])
    highest = [int(c) for c in np.argsort(-iou.max(axis=0), kind="stable") if c != own_concept]
    shown = [c for c in [own_concept, *highest][:CURVES] if iou[:, c].any()]
    share = layer.lit[unit, :, 0] / layer.level_pixels
    own = int(np.abs(layer.levels[unit] - layer.scores.thresholds[unit]).argmin())
    marks = {N_("its own level"): share[own], N_("1% lit"): 0.01}
    if place is not None:
        marks = {N_("yours"): share[place], **marks}
    concept_share = layer.level_label_pixels / layer.level_pixels
    ceiling = overlap_ceiling(share[:, None], concept_share[None])
    lines = figures.concept_colours(dissections.colours(read.concepts))
    kept = share > 0
    return figures.level_curves(share[kept], iou[kept], ceiling[kept], read.concepts, lines, shown, marks)


def against_all(item: Found, layer: LayerDissection, unit: int, place: int | None):
    """IoU with every concept at the level, under the ceiling."""
    scores = layer.scores
    if place is None:
        interval = layer.iou_low[unit], layer.iou_high[unit]
        best = int(scores.best_concept[unit])
        return figures.unit_ious(scores.iou[unit], layer.ceiling()[unit], item.dissection.concepts, interval, best)
    iou = layer.unit_level_iou(unit)[place]
    share = layer.lit[unit, place, 0] / layer.level_pixels
    ceiling = overlap_ceiling(share, layer.level_label_pixels / layer.level_pixels)
    return figures.unit_ious(iou, ceiling, item.dissection.concepts, None, int(iou.argmax()))
