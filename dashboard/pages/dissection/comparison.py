"""Two dissections side by side: stages of one run, two runs, two ways to dissect."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.language import N_, _, joined, said
from dashboard.pages.dissection import figures
from dashboard.pages.dissection.unit_pictures import open_unit
from dashboard.pages.dissection.unit_profile import profiles_beside
from dashboard.shared import dissections
from dashboard.shared.charts import chart
from dashboard.shared.controls import BOUND
from dashboard.shared.dissections import Found
from dashboard.shared.export import export_bar
from dashboard.shared.tables import table as show_table
from dissection.compare import Comparison, compare, markdown, same_seeds
from dissection.unit_profiles import UnitProfiles

WAYS = {"seeds": N_("their peaks in the same pictures"), "concepts": N_("what they respond to")}


def compare_view(item: Found) -> None:
    """Choose two dissections; concepts that gain or lose units, and the units matched one to one."""
    known = {name: Found(name, read, key, key == item.key) for name, read, key in dissections.stored()}
    for name, (read, key) in st.session_state.get("dissections", {}).items():
        known[name] = Found(name, read, key, key == item.key)
    if len(known) < 2:
        st.info(_("There is only one dissection here: dissect another stage or another model, or open one."))
        return
    names = list(known)
    here = next((i for i, found in enumerate(known.values()) if found.own), 0)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        first = st.selectbox("A", names, int(here == 0), key="dissection_compare_a", width=250, **BOUND)
        second = st.selectbox("B", names, here, key="dissection_compare_b", width=250, **BOUND)
        both = same_seeds(profiles_beside(known[first]), profiles_beside(known[second]))
        ways = list(WAYS) if both else ["concepts"]
        if st.session_state.get("dissection_compare_by") not in (None, *ways):
            st.session_state["dissection_compare_by"] = ways[0]
        by = st.selectbox(
            _("Units are matched by"), ways, format_func=lambda way: _(WAYS[way]), key="dissection_compare_by",
            width=270, **BOUND,
        )  # fmt: skip
    a, b = known[first], known[second]
    try:
        found = compared(a.key, b.key, by, a, b, both)
    except ValueError as error:
        st.info(said(error))
        return
    overview(found, a, b)
    units(found, b)
    export_bar({"comparison.md": lambda: markdown(found).encode()}, key="dissection_comparison", labels=LABELS)


LABELS = {"comparison.md": "Markdown"}


@st.cache_resource(max_entries=16, show_spinner=False)
def compared(
    key_a: str, key_b: str, by: str, _a: Found, _b: Found, _profiles: tuple[UnitProfiles, UnitProfiles] | None
):
    """`compare`, kept by the keys of both."""
    return compare(_a.dissection, _b.dissection, _profiles if by == "seeds" else None)


def overview(found: Comparison, a: Found, b: Found) -> None:
    """Units by concept."""
    st.markdown(
        _("**{before} interpretable units in A, {after} in B**, over the {layers} layers that both have.").format(
            before=found.before.sum(), after=found.after.sum(), layers=len(found.layers)
        )
    )
    figure = figures.unit_changes(found.before, found.after, found.low, found.high, found.concepts)
    chart(figure, key="dissection_changes", download="png")
    sizes = [
        f"{found.dissection.info.get('samples', 0):,} · {found.dissection.info['label_size'][0]}" for found in (a, b)
    ]
    words = _(
        "95% intervals: every unit's IoU varies as its bootstrap over pictures says, each unit by itself: counts of "
        "single pictures are not kept. Pictures and pixels a side of the label maps: {a} in A, {b} in B."
    ).format(a=sizes[0], b=sizes[1])
    if found.left_out:
        words += " " + _("Only one of them has {layers}.").format(layers=joined(found.left_out))
    st.caption(words)


def units(found: Comparison, b: Found) -> None:
    """The matched units of a layer or of all, those first whose IoU changed most."""
    layers = ["all layers", *found.layers]
    if st.session_state.get("dissection_compare_layer") not in (None, *layers):
        st.session_state["dissection_compare_layer"] = layers[0]
    layer = st.selectbox(_("Layer"), layers, format_func=_, key="dissection_compare_layer", width=160, **BOUND)
    pairs = found.changed_most(None if layer == "all layers" else layer)
    same, middle = sum(match.a == match.b for match in pairs), np.median([match.correlation for match in pairs])
    st.markdown(
        _(
            "**{pairs} pairs of units**; {same} units are matched with the unit of the same number, and the median "
            "correlation of responses is {middle:.2f}."
        ).format(pairs=len(pairs), same=same, middle=middle)
    )
    rows = pd.DataFrame({
        "layer": [match.layer for match in pairs],
        N_("unit in A"): [match.a for match in pairs],
        N_("unit in B"): [match.b for match in pairs],
        N_("correlation"): [match.correlation for match in pairs],
        N_("concept in A"): [match.concept_a for match in pairs],
        N_("concept in B"): [match.concept_b for match in pairs],
        N_("IoU in A"): [match.iou_a for match in pairs],
        N_("IoU in B"): [match.iou_b for match in pairs],
        N_("difference"): [match.iou_b - match.iou_a for match in pairs],
        "95%": ["" if np.isnan(match.low) else f"{match.low:+.3f} … {match.high:+.3f}" for match in pairs],
    })  # fmt: skip
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in ("IoU in A", "IoU in B")}
    numbers |= {name: st.column_config.NumberColumn(format="%+.3f") for name in ("difference",)}
    numbers["correlation"] = st.column_config.NumberColumn(format="%.2f")

    def opened() -> None:
        for row, _column in st.session_state["dissection_pairs"]["selection"]["cells"]:
            open_unit(pairs[row].layer, pairs[row].b)

    click = {"on_select": opened, "selection_mode": "single-cell"} if b.own else {}
    show_table(rows, columns=numbers, key="dissection_pairs", height=380, **click)
    words = _("Those whose IoU changed most come first. There is no interval where the concept is another one.")
    st.caption(words + (" " + _("A click opens the unit of B.") if b.own else ""))
