"""Strips of pictures that show where a unit is active, and the wall of units made of them."""

import html

import numpy as np
import streamlit as st

from dashboard.language import N_, _
from dashboard.shared.dissections import Found
from dashboard.shared.images import SHARP, data_uri, whole
from dissection.output.overlays import (
    AGREEMENT,
    Material,
    agreement,
    heat,
    lit_region,
    resize_nearest,
    resize_pictures,
)
from dissection.result import LayerDissection
from pgan_core.pictures import contact_sheet

NAMES = (N_("hit"), N_("miss"), N_("false alarm"))  # of `AGREEMENT`
OVERLAYS = [N_("Lit region"), N_("Picture"), N_("Unit"), N_("Segmentation"), N_("Agreement")]
PICTURES = 3  # of a unit in a wall
SIDE = 128  # pixels of a picture in a strip
GAP = 3


def strip(
    material: Material,
    layer: LayerDissection,
    unit: int,
    images,
    mode: str,
    *,
    level: float,
    concept: int,
    palette,
    size,
) -> np.ndarray:
    """Pictures of the sample side by side with an overlay of one unit: uint8 SIDE x (N SIDE and gaps) x 3.

    The mask is the one that was counted, at the label maps' size (H, W).
    """
    rows = material.rows(images)
    pictures = resize_pictures(material.pictures[rows], SIDE)
    values = material.values(unit, rows, tuple(size))
    masks = resize_nearest(values > level, SIDE)
    if mode == "Lit region":
        pictures = lit_region(pictures, masks)
    elif mode == "Unit":
        pictures = heat(
            resize_nearest(values, SIDE), min(0.0, layer.histogram_span[unit, 0]), layer.scores.top_values[unit, 0]
        )
    elif mode in ("Segmentation", "Agreement") and material.labels is not None:
        labels = resize_nearest(material.labels[rows], SIDE)
        if mode == "Segmentation":
            pictures = palette[labels[:, 0]]
        else:
            pictures = agreement(pictures, masks, (labels == concept).any(axis=1))
    return contact_sheet(pictures, len(pictures), gap=GAP, background=128)


def strip_html(picture: np.ndarray, alt: str, testid: str = "unit-strip") -> str:
    """A strip as an <img> at its own size, or halved where its place is too narrow."""
    source = data_uri(picture, **SHARP)
    return f'<img src="{source}" alt="{html.escape(alt)}" data-testid="{testid}" style="{whole(picture.shape[1])}">'


def lit_sheet(
    material: Material, unit: int, images, level: float, size: tuple[int, int], side: int, columns: int
) -> np.ndarray:
    """Small pictures with what lies above the level lit, as one sheet; size: the label maps' (H, W)."""
    rows = material.rows(images)
    lit = resize_nearest(material.values(unit, rows, size) > level, side)
    return contact_sheet(lit_region(resize_pictures(material.pictures[rows], side), lit), columns, 2, 128)


def unit_title(layer: LayerDissection, unit: int, concepts, place: str = "") -> str:
    """Unit, concept and IoU with its interval, as HTML; `place` is the layer's name where it is not obvious."""
    scores = layer.scores
    name = html.escape(_(concepts[scores.best_concept[unit]]))
    faint = "" if scores.interpretable[unit] else "opacity:.65"
    words = f"{place} " + _("unit {unit}").format(unit=unit)
    interval = f"{layer.iou_low[unit]:.2f}–{layer.iou_high[unit]:.2f}"
    return (
        f'<div style="display:flex;justify-content:space-between;{faint}">'
        f"<span><b>{name}</b> · {html.escape(words)}</span>"
        f"<span>IoU {scores.best_iou[unit]:.2f} <small>({interval})</small></span></div>"
    )


def unit_card(
    item: Found, name: str, unit: int, material: Material | None, mode: str = OVERLAYS[0], palette=None, place: str = ""
) -> None:
    """One unit: its title, its top pictures if there is material, and a button to its own view."""
    read, layer = item.dissection, item.dissection.layers[name]
    content = unit_title(layer, unit, read.concepts, place)
    if material is not None:
        images = layer.scores.top_images[unit, :PICTURES]
        level, concept = layer.scores.thresholds[unit], layer.scores.best_concept[unit]
        picture = strip(
            material, layer, unit, images, mode, level=level, concept=concept, palette=palette,
            size=read.info["label_size"],
        )  # fmt: skip
        content += strip_html(picture, _("top pictures of unit {unit}").format(unit=unit))
    st.html(content)
    st.button(
        _("Unit {unit}").format(unit=unit),
        key=f"dissection_open_{name}_{unit}",
        type="tertiary",
        icon=":material/open_in_full:",
        on_click=open_unit,
        args=(name, unit),
    )


def open_unit(layer: str, unit: int) -> None:
    """Go to one unit's view."""
    st.session_state["dissection_view"] = "One unit"
    st.session_state["dissection_layer"] = layer
    st.session_state["dissection_unit"] = unit


def legend(mode: str, concepts, palette, shown) -> None:
    """What the colours of an overlay mean."""
    if mode == "Agreement":
        entries = AGREEMENT.items()
    elif mode == "Segmentation":
        entries = [(concepts[c], tuple(palette[c])) for c in shown]
    else:
        return
    spans = "".join(
        f'<span style="white-space:nowrap"><span style="display:inline-block;width:.9em;height:.9em;'
        f'background:rgb{tuple(int(v) for v in colour)};margin-right:.3em"></span>{html.escape(_(name))}</span>'
        for name, colour in entries
    )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.9rem">{spans}</div>')
