"""One concept: the units that share it, over layers, and what they reach together."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import session
from dashboard.language import _
from dashboard.pages.dissection.unit_pictures import PICTURES, unit_card
from dashboard.shared import dissections
from dashboard.shared.dissections import Found
from dashboard.shared.tables import table as show_table
from dissection.output.overlays import resize_nearest

UNION_PICTURES, STRIPS = 128, 4


def concept_view(model: session.Model, item: Found, layer: str) -> None:
    """The units whose best concept this is, in one layer or all, and their union's IoU."""
    read = item.dissection
    layers = list(read.layers) if layer == "all layers" else [layer]
    owners = {
        c: [
            (name, int(u))
            for name in layers
            for u in np.flatnonzero(
                read.layers[name].scores.interpretable & (read.layers[name].scores.best_concept == c)
            )
        ]
        for c in range(1, len(read.concepts))
    }
    order = sorted(owners, key=lambda c: -len(owners[c]))
    concept = st.selectbox(
        _("Concept"), order, key="dissection_concept", width=260, bind="query-params",
        format_func=lambda c: _(
            "{concept} ({count} units)"
        ).format(concept=_(read.concepts[c]), count=len(owners[c])),
    )  # fmt: skip
    facts(item, concept, owners[concept])
    if not owners[concept]:
        best = max(layers, key=lambda name: read.layers[name].scores.iou[:, concept].max())
        iou = read.layers[best].scores.iou[:, concept]
        st.info(
            _("No unit stands for {concept}. The closest is unit {unit} of {layer}, with IoU {iou:.3f}.").format(
                concept=_(read.concepts[concept]), unit=iou.argmax(), layer=best, iou=iou.max()
            )
        )
        return
    ranked = sorted(owners[concept], key=lambda pair: -read.layers[pair[0]].scores.iou[pair[1], concept])
    if item.own:
        union(model, item, concept, ranked)
    for start in range(0, min(STRIPS, len(ranked)), 2):
        for column, (name, unit) in zip(st.columns(2, gap="medium"), ranked[start : start + 2], strict=False):
            with column:
                images = read.layers[name].scores.top_images[unit, :PICTURES]
                material = dissections.material(item, model, name, images) if item.own else None
                unit_card(item, name, unit, material, place=name)
    if len(ranked) > STRIPS:
        table(item, concept, ranked)


def table(item: Found, concept: int, ranked: list[tuple[str, int]]) -> None:
    """All owners with their numbers."""
    layers = item.dissection.layers
    rows = [
        {
            "layer": name,
            "unit": unit,
            "IoU": layers[name].scores.iou[unit, concept],
            "95% from": layers[name].iou_low[unit],
            "to": layers[name].iou_high[unit],
            "IQR": layers[name].scores.iqr[unit, concept],
        }
        for name, unit in ranked
    ]
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in ("IoU", "95% from", "to", "IQR")}
    show_table(pd.DataFrame(rows), columns=numbers, height=240, key="dissection_owners")


def facts(item: Found, concept: int, owners: list[tuple[str, int]]) -> None:
    """Share of the pixels, and the segmenter's own error."""
    read = item.dissection
    scores = next(iter(read.layers.values())).scores
    share = scores.label_pixels[concept] / max(scores.pixels[concept], 1)
    own = read.info.get("segmenter_iou", {}).get(read.concepts[concept])
    segmenter = (
        ""
        if own is None
        else " " + _("The segmenter itself has IoU {own:.2f}, so unit scores are no surer than that.").format(own=own)
    )
    ceiling = min(0.01 / share, share / 0.01) if share else 0
    st.markdown(
        _(
            "**{concept}** covers {share:.2g}% of the pixels; {owners} units stand for it. A mask of 1% of the "
            "pixels reaches IoU {ceiling:.3f} at most."
        ).format(concept=_(read.concepts[concept]), share=100 * share, owners=len(owners), ceiling=ceiling)
        + segmenter
    )


def union(model: session.Model, item: Found, concept: int, ranked: list[tuple[str, int]]) -> None:
    """IoU of the union of one layer's owners, on pictures made now; the layer with most owners is taken."""
    name = max({n for n, _ in ranked}, key=lambda n: sum(n == other for other, _ in ranked))
    units = [unit for n, unit in ranked if n == name]
    if len(units) < 2:
        return
    start = item.dissection.info["score_images"][0]
    images = tuple(range(start, min(start + UNION_PICTURES, item.dissection.info["samples"])))
    material = dissections.material(item, model, name, images, labelled=True)
    if material.labels is None:
        return
    size = tuple(item.dissection.info["label_size"])
    levels = item.dissection.layers[name].scores.thresholds
    present = (resize_nearest(material.labels, size[0]) == concept).any(axis=1)
    mask, steps = np.zeros_like(present), []
    for unit in units:
        mask = mask | (material.values(unit, list(range(len(images))), size) > levels[unit])
        steps.append((mask & present).sum() / max((mask | present).sum(), 1))
    most = int(np.argmax(steps))
    together = _("and more units only add false positives")
    if most:
        together = _("the best {count} together {iou:.3f}").format(count=most + 1, iou=steps[most])
    st.markdown(
        _(
            "The union of the {units} units of {name} has IoU **{all_iou:.3f}** on {images} pictures. The best "
            "unit alone has {best_iou:.3f}, {together}."
        ).format(
            units=len(units), name=name, all_iou=steps[-1], images=len(images), best_iou=steps[0], together=together
        )
    )
