"""The Activations page's channel browser: a wall of feature maps, one of them over the picture, its unit's numbers."""

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _
from dashboard.load import counted
from dashboard.pages.activations import figures_feature_maps as figures
from dashboard.pages.activations import layer_runs
from dashboard.pages.activations.layer_runs import Setting
from dashboard.shared.charts import chart
from dashboard.shared.controls import BOUND
from dashboard.shared.images import image_wall
from dashboard.shared.page import open_page
from dashboard.shared.picture_grid import picture_grid
from dashboard.shared.ridgelines import histogram_bars
from pgan_core.inspection import PointStatistics
from pgan_core.unit_inspection import UnitMaps

COLUMNS = 8
SHOWN = [48, 96, 192, 512]
SCALES = {N_("common"): False, N_("per unit"): True}


@st.fragment
@counted
def feature_browser(model: session.Model, setting: Setting, statistics: dict[str, PointStatistics]) -> None:
    """Choose a point, a picture and a unit; only this part of the page runs again."""
    point, picture, order, per_unit, shown = _controls(setting, list(statistics))
    units = layer_runs.maps(model, setting, point, picture)
    image = layer_runs.full_picture(model, setting.untouched, picture)
    ordered = figures.unit_order(units, order)[:shown]
    limits = figures.scale_limits(units, per_unit)
    wall, detail = st.columns([3, 2], gap="medium")
    with detail:
        unit = _choose_unit(len(units.maps), int(ordered[0]))
    with wall:
        _wall(units, ordered, limits, unit)
        text = _("full colour at each unit's largest magnitude, {largest:.3g} for unit {unit}").format(
            largest=units.largest[unit], unit=unit
        )
        if not per_unit:
            text = _("full colour at ±{limit:.3g} in all maps").format(limit=limits[0])
        size = " × ".join(map(str, units.shape))
        st.caption(
            _("{point}, {size}: {count} units by {order}. Blue is below 0, orange above; {text}.").format(
                point=point, size=size, count=len(ordered), order=_(order), text=text
            )
        )
    with detail:
        _unit(model, setting, statistics[point], units, image, limits, unit)


def _controls(setting: Setting, points: list[str]) -> tuple[str, int, str, bool, int]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        default = next((p for p in points if p.startswith("16x16/conv") and ":" not in p), points[0])
        point = st.selectbox(
            _("Layer"), points, points.index(default), key=f"activations_point_{setting.part}", width=190, **BOUND
        )
        picture = st.number_input(_("Picture"), 1, setting.count, 1, key="activations_picture", width=125, **BOUND)
        order = st.segmented_control(
            _("Sorted by"),
            figures.ORDERS,
            default="variance",
            format_func=_,
            required=True,
            key="activations_order",
            **BOUND,
        )
        scale = st.segmented_control(
            _("Colour scale"),
            list(SCALES),
            default=next(iter(SCALES)),
            format_func=_,
            required=True,
            key="activations_scale",
            **BOUND,
        )
        shown = st.selectbox(
            _("Shown"), SHOWN, 0, format_func=lambda n: _(str(n)), key="activations_shown", width=85, **BOUND
        )
    return point, int(picture) - 1, order, SCALES[scale], shown


def _choose_unit(count: int, first: int) -> int:
    """The unit: just clicked on the wall, or chosen before, or the first of the wall."""
    key = "activations_unit"
    if "activations_clicked" in st.session_state:
        st.session_state[key] = st.session_state.pop("activations_clicked")
    if not 0 <= st.session_state.get(key, first) < count:
        st.session_state[key] = first
    return st.number_input(_("Unit"), 0, count - 1, first, key=key, bind="query-params")


def _wall(units: UnitMaps, ordered: np.ndarray, limits: np.ndarray, unit: int) -> None:
    """The wall; a click on a map makes its unit the chosen one."""
    columns = min(COLUMNS, len(ordered))
    picture = figures.map_wall(units.maps[ordered], limits[ordered], columns)
    place = np.flatnonzero(ordered == unit)
    cell = picture_grid(
        picture,
        columns,
        [_("unit {unit}").format(unit=u) for u in ordered],
        chosen=int(place[0]) if len(place) else None,
        label=_("{count} feature maps").format(count=len(ordered)),
        key="activations_wall",
    )
    if cell is not None and cell < len(ordered) and int(ordered[cell]) != unit:
        st.session_state["activations_clicked"] = int(ordered[cell])
        st.rerun(scope="fragment")


def _unit(model, setting: Setting, statistics: PointStatistics, units: UnitMaps, image, limits, unit: int) -> None:
    """One unit: its map over the picture, its histogram over the sample, its highest pictures."""
    found = layer_runs.units(model, setting, statistics.point, statistics.largest or 1.0)
    over, numbers = st.columns(2)
    with over:
        laid = figures.overlay(image, units.maps[unit], float(limits[unit]))
        image_wall(laid[None], key="activations-overlay", columns=1)
    with numbers:
        title = _("Unit {unit}").format(unit=unit)
        chart(histogram_bars({title: {"values": found.histograms[unit]}}, 200, True), key="activations_hist")
        st.markdown(
            _(":small[mean {mean:.3g} · σ {std:.3g} · peak {peak:.3g}]").format(
                mean=statistics.unit_mean[unit], std=statistics.unit_std[unit], peak=statistics.unit_max[unit]
            )
        )
    count = min(4, setting.count)
    best = found.highest(unit, count)
    image_wall(
        layer_runs.thumbnails(model, setting.untouched)[best], key="activations-highest", columns=4,
        captions=[f"#{i + 1}: {found.peaks[i, unit]:.2g}" for i in best],
    )  # fmt: skip
    st.caption(
        _("Above: the pictures in which this unit peaks highest, of the {count} in the sample.").format(
            count=setting.count
        )
    )
    if setting.part == "generator":
        _dissection_button(statistics.point.partition(":")[0], unit)


def _dissection_button(layer: str, unit: int) -> None:
    """The way to the unit's place on the dissection page."""
    if st.button(
        _("What does unit {unit} mean?").format(unit=unit), icon=":material/biotech:", key="activations_meaning"
    ):
        place = {"dissection_view": "One unit", "dissection_layer": layer, "dissection_unit": unit}
        open_page("dissection", place)
