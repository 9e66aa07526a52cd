"""Activations: what flows through the layers, and what would flow without pixel norm?"""

import streamlit as st

from dashboard import session
from dashboard.language import N_, _
from dashboard.load import counted
from dashboard.pages.activations import layer_runs
from dashboard.pages.activations.feature_browser import feature_browser
from dashboard.pages.activations.figures import magnitudes, statistics_table
from dashboard.pages.activations.layer_runs import NORM_NAMES, Setting
from dashboard.shared import later, other_models
from dashboard.shared.charts import chart
from dashboard.shared.controls import BARE, BOUND
from dashboard.shared.export import export_bar
from dashboard.shared.page import formula_box, header
from dashboard.shared.ridgelines import histogram_bars, ridgelines
from dashboard.shared.tables import table as show_table
from pgan_core.histograms import Bins
from pgan_core.inspection import PointStatistics, WeightStatistics, weight_statistics

VIEWS = [N_("All layers"), N_("One layer"), N_("Feature maps"), N_("Weights")]
POINTS = {N_("Before the non-linearity"): ":pre", N_("After it"): "", N_("After pixel norm"): ":norm"}
LINEAR = Bins(-4, 4, 80)
AXES = [N_("automatic"), N_("linear"), N_("logarithmic")]
LARGEST_FILE = 400 * 2**20  # bytes of activations before they are compressed
Statistics = dict[str, PointStatistics]


# ---- controls ----------------------------------------------------------------------------------------------------


def controls(model: session.Model) -> tuple[str, Setting]:
    """What is looked at, and the network and sample that it is looked at in."""
    parts = list(model.networks)
    few = model.generator.resolution > 256
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        views = VIEWS if model.grows else VIEWS[:-1]
        if st.session_state.get("activations_view", views[0]) not in views:
            st.session_state["activations_view"] = views[0]
        view = st.segmented_control(
            _("Show"), views, default=VIEWS[0], format_func=_, key="activations_view", required=True, **BARE
        )
        part = st.segmented_control(
            _("Network"),
            parts,
            default=parts[0],
            key="activations_network",
            format_func=lambda part: _(part.capitalize()),
            required=True,
            **BARE,
        )
        st.markdown(_("Latents"), width="content")
        count = st.segmented_control(
            _("Latents"), [1, 4, 16, 64], default=1 if few else 4, key="activations_count", required=True,
            **BARE,
        )  # fmt: skip
    if not model.grows:
        reason = _("it has no pixel norm and no equalized scale to switch, and its weights have no constants.")
        other_models.why_not(model, reason)
        return view, Setting(part, session.seed(), count)
    if view == "Weights":
        return view, Setting(part, session.seed(), count)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        norm = "on"
        if part == "generator":
            instead = _("Switch it off, or put another normalisation in its place")
            st.markdown(_("Pixel norm"), width="content", help=instead)
            norm = st.segmented_control(
                _("Pixel norm"), list(NORM_NAMES), default="on", key="activations_norm", required=True,
                format_func=lambda norm: _(NORM_NAMES[norm]), **BARE,
            )  # fmt: skip
        equalized = st.toggle(_("Equalized scale"), True, key="activations_equalized", bind="query-params")
        setting = Setting(part, session.seed(), count, norm, equalized)
    return view, setting


def choose_bins(setting: Setting) -> Bins:
    """The axis of all histograms: logarithmic where values may escalate, the same for both sides of a comparison."""
    name = st.session_state.get("activations_axis", AXES[0])
    if name == "linear" or (name == "automatic" and not setting.changed):
        return LINEAR
    limit = 1e12 if setting.norm == "off" and not setting.equalized else 1e3
    return Bins(-limit, limit, 80, "asinh")


def display_controls() -> None:
    """The charts' axis (read by `choose_bins`) and the format in which they are saved."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            _("Histogram axis"), AXES, default=AXES[0], format_func=_, key="activations_axis", required=True, **BOUND
        )
        st.segmented_control(
            _("Save charts as"), ["png", "svg"], default="png", key="activations_file", format_func=str.upper,
            help=_("With the button in a chart's upper right corner"), required=True, **BOUND,
        )  # fmt: skip


# ---- views -------------------------------------------------------------------------------------------------------


def at(statistics: Statistics, suffix: str) -> Statistics:
    """Layer -> statistics at one of its three points."""
    wanted = {name: s for name, s in statistics.items() if name[len(name.partition(":")[0]) :] == suffix}
    return {name.partition(":")[0]: s for name, s in wanted.items()}


def available_points(statistics: Statistics) -> dict[str, str]:
    return {title: suffix for title, suffix in POINTS.items() if at(statistics, suffix)}


def all_layers(networks: dict[str, Statistics], file: str) -> None:
    """Ridgelines; then the two magnitudes by layer, and the table."""
    points = available_points(next(iter(networks.values())))
    title = "After it"
    if len(networks) > 1:
        title = st.segmented_control(
            _("Point"),
            list(points),
            default=title,
            format_func=_,
            required=True,
            key="activations_ridge",
            bind="query-params",
            label_visibility="collapsed",
        )
        columns = {name: at(statistics, points[title]) for name, statistics in networks.items()}
    else:
        columns = {name: at(statistics, suffix) for name, suffix in points.items() for statistics in networks.values()}
        layers = [layer for layer in columns["After it"] if all(layer in c for c in columns.values())]
        columns = {name: {layer: column[layer] for layer in layers} for name, column in columns.items()}
    chart(
        ridgelines(
            {name: {layer: s.histogram for layer, s in column.items()} for name, column in columns.items()},
            notes={name: [f"σ {s.std:.3g}" for s in column.values()] for name, column in columns.items()},
            height=max(330, 30 * len(next(iter(columns.values()))) + 80),
        ),
        key="activations_ridges", download=file,
    )  # fmt: skip
    st.caption(_("All layers share one axis; each ridge is scaled to its fullest bin. σ is the standard deviation."))
    if len(networks) > 1 and st.session_state.get("activations_norm") in ("lrn", "batch"):
        st.caption(_("The replacement takes the place of pixel norm; the network was not trained with it."))
    by_layer(columns, "network" if len(networks) > 1 else "point", file)


@st.fragment
@counted
def by_layer(columns: dict[str, Statistics], named: str, file: str) -> None:
    """The two magnitudes by layer and the table; named: what the columns are."""
    if not later.seen("activations"):
        return
    chart(magnitudes(columns), key="activations_magnitudes", download=file)
    table = statistics_table(columns).rename(columns={"network": named})
    numbers = {name: st.column_config.NumberColumn(format="%.4g") for name in ("mean", "std", "largest")}
    shares = {n: st.column_config.NumberColumn(format="%.2f") for n in ("dead units %", "outside the axis %")}
    show_table(table, columns=numbers | shares, key="activations_table")
    st.caption(_("A unit is dead if it is never above 0, anywhere in any picture of the sample."))
    export_bar({"activations.csv": lambda: table.to_csv(index=False).encode()}, key="activations_table_file")


def one_layer(networks: dict[str, Statistics], file: str) -> None:
    """The histograms of one layer at its points, those of both networks in one panel."""
    points = available_points(next(iter(networks.values())))
    layers = list(at(next(iter(networks.values())), ":pre"))
    layer = st.select_slider(_("Layer"), layers, layers[len(layers) // 2], key="activations_layer", bind="query-params")
    panels = {
        title: {name: at(statistics, suffix)[layer].histogram for name, statistics in networks.items()}
        for title, suffix in points.items()
    }
    chart(histogram_bars(panels, height=330), key="activations_one", download=file)
    chosen = {
        f"{name} · {title.lower()}" if len(networks) > 1 else title: {layer: at(statistics, suffix)[layer]}
        for name, statistics in networks.items()
        for title, suffix in points.items()
    }
    numbers = {name: st.column_config.NumberColumn(format="%.4g") for name in ("mean", "std", "largest")}
    table = statistics_table(chosen).rename(columns={"network": "point"})
    show_table(table, columns=numbers, key="activations_one_table")


@session.cached(max_entries=8)
def all_weights(model: session.Model, part: str) -> list[WeightStatistics]:
    """Every layer's weights; stored ones on one axis, effective ones on another."""
    network = model.networks[part]
    limit = 4 * max(float(network.layers[name].c) for name in network.layers)
    stored, effective = Bins(-4, 4, 80), Bins(-limit, limit, 80)
    return [weight_statistics(network, name, stored, effective) for name in network.layers]


def weights(model: session.Model, part: str, file: str) -> None:
    """Ridgelines of the stored and the effective weights."""
    found = all_weights(model, part)
    stored, effective = N_("Stored, w"), N_("Effective, w · c")
    figure = ridgelines(
        {stored: {w.name: w.stored for w in found}, effective: {w.name: w.effective for w in found}},
        notes={
            stored: [f"σ {w.stored_std:.3g}" for w in found],
            effective: [f"c {w.constant:.3g} · σ {w.effective_std:.3g}" for w in found],
        },
    )
    chart(figure, key="activations_weights", download=file)
    st.caption(_("Each column has its own axis, shared by all layers. With equalized learning rate, the file holds w."))


def downloads(model: session.Model, setting: Setting, statistics: Statistics) -> None:
    """A download of the activations at chosen points, as npz."""
    default = [point for point in statistics if point.startswith("8x8/conv1") and ":" not in point]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = f"activations_keep_{setting.part}"
        kept = st.multiselect(_("Activations to save"), list(statistics), default, key=key, **BOUND)
        size = sum(4 * setting.count * _numbers(statistics[point]) for point in kept)
        if not kept or size > LARGEST_FILE:
            too_large = _("{size:.0f} MiB: choose less than {most} MiB.")
            st.caption(too_large.format(size=size / 2**20, most=LARGEST_FILE >> 20) if kept else "")
        else:
            files = {"activations.npz": lambda: layer_runs.activations_file(model, setting, kept)}
            export_bar(files, key="activations_npz")
            st.caption(_("{size:,.1f} MiB").format(size=size / 2**20))


def _numbers(statistics: PointStatistics) -> int:
    total = 1
    for side in statistics.shape:
        total *= side
    return total


def stddev_metric(model: session.Model, setting: Setting) -> None:
    """The minibatch-stddev map of this batch: one number per group."""
    numbers = layer_runs.stddev_numbers(model, setting)
    if numbers is None:
        st.caption(_("This discriminator has no minibatch-stddev layer."))
        return
    values = sorted({float(f"{n:.4g}") for n in numbers})
    groups = _("{count} groups").format(count=len(values)) if len(values) > 1 else _("one group")
    shown = ", ".join(f"{v:.4g}" for v in values[:8])
    st.markdown(
        _(
            "**Minibatch stddev** of this batch of {count}: {shown} ({groups}). It fills the extra map. If all "
            "pictures are alike, it is near 0, and the discriminator can tell that they are generated (section "
            "3)."
        ).format(count=setting.count, shown=shown, groups=groups)
    )


# ---- the page ----------------------------------------------------------------------------------------------------

model = session.model(may_be_lighter=True)
header(_("What flows through the layers?"), _("PGGAN, section 4.2"))
view, setting = controls(model)
file = st.session_state.get("activations_file", "png")
if view == "Weights":
    weights(model, setting.part, file)
else:
    bins = choose_bins(setting)
    networks = {"Untouched": layer_runs.statistics(model, setting.untouched, bins)}
    if setting.changed:
        networks[setting.title] = layer_runs.statistics(model, setting, bins)
    current = networks[setting.title]
    if setting.part == "discriminator":
        stddev_metric(model, setting)
    if view == "Feature maps":
        feature_browser(model, setting, current)
    else:
        (one_layer if view == "One layer" else all_layers)(networks, file)
    downloads(model, setting, current)
display_controls()
if model.grows:
    formula_box(
        r"b_{x,y} = \frac{a_{x,y}}{\sqrt{\frac{1}{N}\sum_{j=0}^{N-1}\left(a_{x,y}^{j}\right)^2 + \epsilon}}",
        _(
            "**Pixel norm** scales each pixel's feature vector to mean square 1 after every convolution of the "
            "generator. So signals cannot escalate while generator and discriminator compete. Switch it or the "
            "equalized scale off, and watch magnitudes grow from layer to layer."
        ),
        _("Karras et al. 2018, section 4.2, ε = 1e−8"),
    )
