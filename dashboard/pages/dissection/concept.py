"""One concept: the units that share it, over layers, and what they reach together."""

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.pages.dissection.unit_pictures import PICTURES, unit_card
from dashboard.shared import dissections
from dashboard.shared.dissections import Found
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
        "Concept", order, key="dissection_concept", width=260, bind="query-params",
        format_func=lambda c: f"{read.concepts[c]} ({len(owners[c])} units)",
    )  # fmt: skip
    facts(item, concept, owners[concept])
    if not owners[concept]:
        best = max(layers, key=lambda name: read.layers[name].scores.iou[:, concept].max())
        iou = read.layers[best].scores.iou[:, concept]
        st.info(
            f"No unit stands for {read.concepts[concept]}. The closest is unit {iou.argmax()} of {best}, with IoU "
            f"{iou.max():.3f}."
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
    st.dataframe(rows, hide_index=True, height=240, column_config=numbers, key="dissection_owners")


def facts(item: Found, concept: int, owners: list[tuple[str, int]]) -> None:
    """Share of the pixels, and the segmenter's own error."""
    read = item.dissection
    scores = next(iter(read.layers.values())).scores
    share = scores.label_pixels[concept] / max(scores.pixels[concept], 1)
    own = read.info.get("segmenter_iou", {}).get(read.concepts[concept])
    segmenter = (
        "" if own is None else f" The segmenter itself has IoU {own:.2f}, so unit scores are no surer than that."
    )
    st.markdown(
        f"**{read.concepts[concept]}** covers {100 * share:.2g}% of the pixels; {len(owners)} units stand for it. "
        f"A mask of 1% of the pixels reaches IoU {min(0.01 / share, share / 0.01) if share else 0:.3f} at most."
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
    together = f"the best {most + 1} together {steps[most]:.3f}" if most else "and more units only add false positives"
    st.markdown(
        f"The union of the {len(units)} units of {name} has IoU **{steps[-1]:.3f}** on {len(images)} pictures. The "
        f"best unit alone has {steps[0]:.3f}, {together}."
    )
