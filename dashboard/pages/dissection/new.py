"""A new dissection: computed here, or uploaded as the two files of one made elsewhere; and names for its regions."""

import streamlit as st

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.shared import dissections
from dashboard.shared.controls import BOUND
from dashboard.shared.dissections import Found
from dissection import DissectionError
from dissection.segmenters import faces

SEGMENTERS = {N_("Toy Town"): "toytown", N_("Clusters"): "clusters", N_("Faces"): "faces"}
RULES = {N_("maximal IQR"): "iqr", N_("fixed fraction"): "fraction", "gandissect": "gandissect", "dissect": "dissect"}
SAMPLES = [100, 300, 1000, 3000, 10000]


def new_view(model: session.Model) -> None:
    """Choose settings and compute, or upload files."""
    st.subheader(_("Dissect this model"))
    layers, segmenter, samples, threshold = settings(model)
    st.button(_("Dissect"), type="primary", key="dissection_start", on_click=start, disabled=not layers)
    is_under_way = dissections.is_under_way(model, layers, segmenter, samples, threshold)  # begun in another tab
    if layers and (st.session_state.get("dissection_running") or is_under_way):
        run(model, layers, segmenter, samples, threshold)
    st.caption(
        _(
            "With your own Python segmenter, a Hugging Face model or a sample of any size: `pggan-lab dissect "
            "CHECKPOINT --all-layers --segmenter hf:FOLDER --out YOUR_FOLDER`. Then open its two files below. "
            "Dissections in a folder that the environment variable `PGGAN_LAB_MODELS` names, or in its "
            "subfolders, are listed without that."
        )
    )
    st.subheader(_("Open a dissection made elsewhere"))
    files = st.file_uploader(
        _("dissection.npz and dissection.json"), ["npz", "json"], accept_multiple_files=True, key="dissection_files"
    )
    if files and st.button(_("Open"), key="dissection_bring"):
        try:
            read = dissections.bring({file.name: file.getvalue() for file in files})
        except DissectionError as error:
            st.error(said(error))
            return
        dissections.keep(_("opened: {source}").format(source=read.info.get("source") or _("dissection")), read)
        leave()


def settings(model: session.Model) -> tuple[tuple[str, ...], str, int, str | float]:
    """Layers, segmenter, sample and threshold."""
    names = list(model.generator.layer_names)
    default = [name for name in names if name.endswith("conv1")][:2] or names[len(names) // 2 :][:1]
    key = f"dissection_layers_{model.name}"
    layers = st.multiselect(_("Layers"), names, default, key=key, placeholder=_("Layers"), **BOUND)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button(_("All layers"), on_click=st.session_state.__setitem__, args=(key, names))
        samples = st.segmented_control(
            _("Pictures"), SAMPLES, default=300, required=True, key="dissection_samples", **BOUND
        )
        kind = st.segmented_control(
            _("Segmenter"),
            [kind for kind in SEGMENTERS if kind != "Faces" or faces.is_installed()],
            default="Toy Town" if model.grows else "Clusters",  # which fit whatever the pictures show
            format_func=_,
            required=True,
            key="dissection_by" if model.grows else "dissection_by_other",
            **BOUND,
        )
        spec = SEGMENTERS[kind]
        if spec == "clusters":
            regions = st.number_input(_("Regions"), 2, 64, 8, key="dissection_regions", width=110, **BOUND)
            spec = f"clusters:{regions}"
        rule = RULES[
            st.selectbox(_("Threshold"), list(RULES), format_func=_, key="dissection_rule", width=160, **BOUND)
        ]
        if rule == "fraction":
            rule = st.number_input(
                _("Fraction"), 0.001, 0.5, 0.01, 0.005, format="%.3f", key="dissection_part", width=130, **BOUND
            )
    return tuple(layers), spec, samples, rule


def start() -> None:
    st.session_state["dissection_running"] = True


def stop() -> None:
    st.session_state["dissection_running"] = False


def run(model: session.Model, layers: tuple[str, ...], segmenter: str, samples: int, threshold) -> None:
    """Compute, keep, and show the result; one sentence where there is none."""
    read = dissections.compute(model, layers, segmenter, samples, threshold)
    if read is None:
        return
    stop()
    of_class = "" if model.label is None else " " + _("of class {label}").format(label=model.label)
    name = _("{samples} pictures{of_class}, {segmenter}, {threshold}, {layers} layers")
    name = name.format(samples=samples, of_class=of_class, segmenter=segmenter, threshold=threshold, layers=len(layers))
    dissections.keep(name, read)
    leave()


def leave() -> None:
    """Show the dissection that was added last."""
    st.session_state["dissection_next"] = list(st.session_state["dissections"])[-1]
    st.rerun()


def rename_regions(item: Found) -> None:
    """Names for the regions of a dissection by clusters."""
    regions = [name for name in item.dissection.concepts[1:] if name.startswith("region ")]
    if not regions:
        return
    with st.expander(_("Name the regions")):
        columns = st.columns(4)
        names = {
            region: columns[i % 4].text_input(said(region), key=f"dissection_region_{item.key}_{region}")
            for i, region in enumerate(regions)
        }
        if st.button(_("Use these names"), key="dissection_rename"):
            dissections.keep(_("{name}, named").format(name=item.name), item.dissection.renamed(names))
            leave()
