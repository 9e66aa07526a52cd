"""Dissection: what does each unit of the generator stand for?"""

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _, joined, language, said
from dashboard.pages.dissection import figures
from dashboard.pages.dissection.comparison import compare_view
from dashboard.pages.dissection.concept import concept_view
from dashboard.pages.dissection.new import new_view, rename_regions
from dashboard.pages.dissection.search import search_view
from dashboard.pages.dissection.stages import stages_view
from dashboard.pages.dissection.unit import unit_view
from dashboard.pages.dissection.unit_pictures import OVERLAYS, PICTURES, legend, unit_card
from dashboard.shared import dissections
from dashboard.shared.charts import chart, once
from dashboard.shared.controls import BARE, BOUND
from dashboard.shared.dissections import Found
from dashboard.shared.export import export_bar
from dashboard.shared.page import formula_box, header
from dissection.output.report import to_csv, to_html, to_json
from dissection.result import Dissection

VIEWS = [
    *(N_("Concepts"), N_("Units"), N_("Search"), N_("One unit"), N_("One concept")),
    *(N_("Training"), N_("Compare"), N_("New")),
]
ORDERS = ["IoU", "IQR", N_("concept"), N_("unit")]
PER_PAGE = 12
EQUATION = (
    r"\begin{gathered} M_u(x) = A_u^{\uparrow}(x) > t_u \\[.6em] "
    r"\mathrm{IoU}_{u,c} = \frac{\sum_x |M_u(x) \cap L_c(x)|}{\sum_x |M_u(x) \cup L_c(x)|} \end{gathered}"
)
WORDS = N_(
    "A unit's map $A_u$ is upsampled to the picture's size and thresholded at a level $t_u$. **IoU** divides "
    "the pixels of the whole sample that are lit and labelled $c$ by those that are either. "
)
BY_IQR = N_(
    "The level maximises **IQR** (mutual information over joint entropy of lit and labelled) on the first half of the "
    "sample; scores come from the second."
)
BY_SHARE = N_("The level is the one that a fixed share of the unit's values exceeds.")
WHERE = N_("Bau et al. 2019, section 3.1")


# ---- what is looked at -------------------------------------------------------------------------------------------


def choose_view(items: list[Found]) -> tuple[str, Found | None, str]:
    """The view, the dissection (None where there is none) and the layer, from one row of controls."""
    if "dissection_next" in st.session_state:  # one that was just computed or brought
        st.session_state["dissection_name"] = st.session_state.pop("dissection_next")
        st.session_state["dissection_view"] = VIEWS[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = st.segmented_control(
            _("Show"), VIEWS, default=VIEWS[0], format_func=_, required=True, key="dissection_view", **BARE
        )
        if not items or view == "New":
            return "New", (items[0] if items else None), ""
        names = [item.name for item in items]
        name = (
            st.selectbox(_("Dissection"), names, key="dissection_name", width=230, **BARE) if len(names) > 1 else None
        )
        item = items[names.index(name)] if name else items[0]
        if view in ("Search", "Compare"):
            return view, item, ""
        layers = list(item.dissection.layers)
        if view in ("Concepts", "One concept", "Training") and len(layers) > 1:
            layers = [N_("all layers"), *layers]
        first = layers[0] if layers[0] == "all layers" else richest(item.dissection)
        asked = st.session_state.get("dissection_layer", first)
        if asked not in layers:
            if asked != "all layers":
                st.toast(
                    _("This dissection does not have the layer {asked}.").format(asked=asked), icon=":material/info:"
                )
            st.session_state["dissection_layer"] = first
        layer = st.selectbox(
            _("Layer"), layers, layers.index(first), format_func=_, key="dissection_layer", width=190, **BARE
        )
    return view, item, layer


def richest(dissection: Dissection) -> str:
    """The layer with the most interpretable units."""
    return max(dissection.layers, key=lambda name: dissection.layers[name].scores.interpretable.sum())


def describe(item: Found) -> None:
    """One line about what was measured."""
    info = item.dissection.info
    by_share = _("levels that a share of {fraction} exceeds").format(fraction=info.get("fraction"))
    level = _("levels of maximal IQR") if item.dissection.in_halves else by_share
    made = "" if item.own else " " + _("**It was made from another network, so there are no pictures.**")
    st.caption(
        _("{samples:,} pictures from seed {seed}, segmenter {segmenter}, {level}.").format(
            samples=info.get("samples", 0), seed=info.get("seed"), segmenter=info.get("segmenter"), level=level
        )
        + made
    )


def rule_of(item: Found) -> str:
    """What a unit has to exceed to be interpretable, as this dissection was scored."""
    scores = next(iter(item.dissection.layers.values())).scores
    iqr = " " + _("and IQR above {min_iqr:g}").format(min_iqr=scores.min_iqr) if scores.min_iqr > 0 else ""
    return _("IoU above {min_iou:g}{iqr}").format(min_iou=scores.min_iou, iqr=iqr)


# ---- concepts ----------------------------------------------------------------------------------------------------


def concepts_view(item: Found, layer: str) -> None:
    """How many units stand for which concept, in one layer or in all of them."""
    read = item.dissection
    colours = figures.concept_colours(dissections.colours(read.concepts))
    counts = {name: part.concept_counts(len(read.concepts)) for name, part in read.layers.items()}
    if layer == "all layers":
        total, units = sum(c.sum() for c in counts.values()), sum(len(part.mean) for part in read.layers.values())
        st.markdown(
            _("**{total} of {units} units** are interpretable, over {layers} layers.").format(
                total=total, units=units, layers=len(counts)
            )
        )
        places = once(figures.units_by_place, counts, read.concepts, colours, _("layer"))
        chart(places, key="dissection_layers", download="png")
    else:
        scores = read.layers[layer].scores
        st.markdown(
            _("**{total} of {units} units** of {layer} are interpretable.").format(
                total=counts[layer].sum(), units=len(scores.iou), layer=layer
            )
        )
        left, right = st.columns([3, 2])
        with left:
            by_concept = once(figures.units_by_concept, counts[layer], read.concepts, colours)
            chart(by_concept, key="dissection_concepts")
        with right:
            names = [read.concepts[c] for c in scores.best_concept]
            limits = scores.min_iou, scores.min_iqr
            points = once(figures.unit_scatter, scores.best_iou, scores.best_iqr, names, limits, scores.interpretable)
            chart(points, key="dissection_scatter")
    shown = counts if layer == "all layers" else {layer: counts[layer]}
    missing = np.sum(list(shown.values()), axis=0) == 0
    nobody = [name for name, none in zip(read.concepts[1:], missing[1:], strict=True) if none]
    if nobody:
        st.caption(_("No unit stands for: {concepts}.").format(concepts=joined(map(_, nobody))))


# ---- the wall of units -------------------------------------------------------------------------------------------


def units_view(model: session.Model, item: Found, name: str) -> None:
    """A wall of units, sorted and filtered, with their top pictures under an overlay."""
    read, layer = item.dissection, item.dissection.layers[name]
    order, mode = wall_controls(read, name)
    if not len(order):
        st.info(_("No unit matches these filters."))
        return
    pages = -(-len(order) // PER_PAGE)
    number = st.pagination(pages, key="dissection_page", bind="query-params") if pages > 1 else 1
    units = order[(number - 1) * PER_PAGE : number * PER_PAGE]
    shown = layer.scores.top_images[units, :PICTURES]
    palette = dissections.colours(read.concepts)
    material = None
    if item.own:
        material = dissections.material(item, model, name, shown.ravel(), mode in OVERLAYS[3:])
        legend(mode, read.concepts, palette, range(1, len(read.concepts)))
    for start in range(0, len(units), 2):
        for column, unit in zip(st.columns(2, gap="medium"), units[start : start + 2], strict=False):
            with column:
                unit_card(item, name, int(unit), material, mode, palette)


def wall_controls(read: Dissection, name: str) -> tuple[np.ndarray, str]:
    """Units in the chosen order, after the filter, and the overlay."""
    scores = read.layers[name].scores
    present = [read.concepts[c] for c in np.unique(scores.best_concept) if c]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        concept = st.selectbox(
            _("Concept"), [N_("any"), *present], format_func=_, key=f"dissection_filter_{name}", width=140, **BOUND
        )
        order = st.selectbox(_("Sorted by"), ORDERS, format_func=_, key="dissection_order", width=110, **BOUND)
        least = st.slider(_("IoU at least"), 0.0, 1.0, 0.05, 0.05, key="dissection_least", width=150, **BOUND)
        mode = st.segmented_control(
            _("Overlay"), OVERLAYS, default=OVERLAYS[0], format_func=_, required=True, key="dissection_overlay", **BOUND
        )
    keep = scores.best_iou >= least
    if concept != "any":
        keep &= np.array([read.concepts[c] == concept for c in scores.best_concept])
    keys = {
        "IoU": (-scores.best_iou,),
        "IQR": (-scores.best_iqr,),
        "concept": (-scores.best_iou, scores.best_concept),
        "unit": (np.arange(len(keep)),),
    }
    ordered = np.lexsort(keys[order])
    return ordered[keep[ordered]], mode


# ---- the page ----------------------------------------------------------------------------------------------------


def downloads(model: session.Model, item: Found) -> None:
    """The whole dissection as files."""
    read = item.dissection
    files = {
        "dissection.json": lambda: to_json(read).encode(),
        "dissection.csv": lambda: to_csv(read).encode(),
        "dissection.npz": read.npz_bytes,
        "dissection.html": lambda: to_html(
            read, model.generator if item.own else None, say=said, language=language()
        ).encode(),
    }
    export_bar(files, key="dissection")
    st.caption(
        _("The HTML report contains its pictures and needs no server. With all layers it takes a while to make.")
    )


def main() -> None:
    model = session.model()
    header(_("What does each unit stand for?"), _("GAN Dissection, section 3.1"))
    items = dissections.found(model)
    view, item, layer = choose_view(items)
    if view == "New" or item is None:
        if item is None and st.session_state["dissection_view"] != "New":
            st.info(_("This model has no dissection yet: make one here, or open one."))
        new_view(model)
        return
    if view == "Training":
        stages_view(model, layer)
        return
    if view == "Compare":
        compare_view(item)
        return
    describe(item)
    if view == "Concepts":
        concepts_view(item, layer)
    elif view == "Units":
        units_view(model, item, layer)
    elif view == "Search":
        search_view(model, item)
    elif view == "One unit":
        unit_view(model, item, layer)
    else:
        concept_view(model, item, layer)
    rename_regions(item)
    where = _("{where}. Interpretable: {rule}.").format(where=_(WHERE), rule=rule_of(item))
    level = BY_IQR if item.dissection.in_halves else BY_SHARE
    formula_box(EQUATION, _(WORDS) + _(level), where)
    downloads(model, item)


main()
