"""Architecture: what is inside a Progressive GAN?"""

import numpy as np
import pandas as pd
import streamlit as st
import torch

from dashboard import session
from dashboard.language import N_, _, language
from dashboard.pages.architecture import figures
from dashboard.pages.architecture.figures_paper import draw, save
from dashboard.pages.architecture.your_network.view import your_network
from dashboard.shared import other_models
from dashboard.shared.charts import chart, once
from dashboard.shared.controls import BARE
from dashboard.shared.export import export_bar
from dashboard.shared.page import formula_box, header
from dashboard.shared.ridgelines import histogram_bars
from dashboard.shared.tables import table as show_table
from pgan_core.histograms import Bins, histogram
from pgan_core.inspection import WeightStatistics, weight_statistics
from pgan_core.layer_table import (
    COLUMNS,
    LayerRow,
    layer_table,
    short_count,
    table_cells,
    table_csv,
    table_latex,
    table_markdown,
)

LAYER = "architecture_layer"
YOURS = "your network"
WORDS = {  # what a block without weights does
    "latent": N_("The input: n numbers from N(0, 1), normalised first to a point on the sphere of radius √n."),
    "image": N_("The input: a generated or real picture with values from −1 to 1."),
    "upsample": N_("Nearest neighbour: every pixel becomes 2×2 equal ones. No weights."),
    "downsample": N_("Average pooling: every 2×2 pixels become their mean. No weights."),
    "pixel_norm": N_("Each pixel's feature vector is scaled to mean square 1: b = a / √(mean(a²) + 1e−8). No weights."),
    "minibatch_stddev": N_("One extra map: the standard deviation over a group of pictures, averaged over all values."),
    "blend": N_(
        "The fade: (1 − α) times the old branch plus α times the new one. α rises from 0 to 1 during training."
    ),
}


@session.cached(max_entries=64)
def weights(model: session.Model, part: str, name: str) -> WeightStatistics:
    """A layer's stored and effective weights on one axis."""
    network = model.networks[part]
    limit = float(network.layers[name].weight.abs().max()) * max(1.0, network.layers[name].c)
    return weight_statistics(network, name, Bins(-limit, limit, 81), Bins(-limit, limit, 81))


@session.cached(max_entries=32)
def paper_figure(model: session.Model, part: str, resolution: int, fading: bool, kind: str, code: str) -> bytes:
    """The figure as a file; code: the language of its words, which is part of the key."""
    drawing = figures.network_drawing(model.networks[part], resolution, fading)
    return save(draw(drawing, part.capitalize()), kind)


def controls(model: session.Model) -> tuple[str, int, bool]:
    """Which network, its resolution, and whether to draw both branches of the fade; the last two not for YOURS."""
    parts = list(model.networks)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        part = st.segmented_control(
            _("Network"),
            [*parts, YOURS],
            default=parts[0],
            key="architecture_network",
            format_func=lambda name: _(name.capitalize()),
            required=True,
            **BARE,
        )
        if part == YOURS:
            return part, 0, False
        sizes = model.networks[part].resolutions
        st.markdown(_("grown to"), width="content")
        resolution = st.segmented_control(
            _("Grown to"), sizes, default=sizes[-1], key="architecture_resolution", required=True, **BARE
        )
        can_fade = resolution // 2 in sizes
        fading = st.toggle(
            _("while fading in"), True, key="architecture_fade", bind="query-params", disabled=not can_fade
        )
    return part, resolution, fading and can_fade


def clicked() -> None:
    """A click on a block chooses its layer."""
    points = st.session_state["architecture_chart"].selection.points
    if points and "customdata" in points[0]:
        name = points[0]["customdata"]
        st.session_state[LAYER] = name[0] if isinstance(name, list) else name


def choose_layer(drawing: figures.Drawing, place) -> str:
    """The chosen block's name: clicked in the figure or picked from the list."""
    names = [p.block.name for p in drawing.placed]
    first = next((name for name in names if name.endswith("8x8/conv0")), names[1])
    if st.session_state.get(LAYER, first) not in names:
        st.session_state[LAYER] = first
    with place:
        return st.selectbox(
            _("Block"),
            names,
            names.index(first),
            key=LAYER,
            bind="query-params",
            label_visibility="collapsed",
            width=240,
        )


def layer_detail(model: session.Model, part: str, row: LayerRow) -> None:
    """A layer's stored and effective weights, its constant, its bias."""
    found = weights(model, part, row.name)
    st.markdown(
        _(
            "Weights **{shape}**, {parameters} parameters with the bias, {work} multiply-adds per "
            "picture. Run-time constant **c = {constant:.4g}**; standard deviation **{stored_std:.3g}** stored, "
            "**{effective_std:.3g}** effective."
        ).format(
            shape=" × ".join(map(str, found.shape)),
            parameters=short_count(row.parameters),
            work=short_count(row.multiply_adds),
            constant=found.constant,
            stored_std=found.stored_std,
            effective_std=found.effective_std,
        )
    )
    panels = {_("Stored, w"): {"w": found.stored}, _("Effective, w · c"): {"w · c": found.effective}}
    if found.bias is not None:
        limit = max(float(np.abs(found.bias).max()), 1e-3)
        panels[_("Bias")] = {"bias": histogram(torch.from_numpy(found.bias), Bins(-limit, limit, 41))}
    chart(once(histogram_bars, panels, height=230), key="architecture_weights")
    st.caption(_("Stored and effective weights share one axis, so you can see what the constant does."))


def files(model: session.Model, part: str, resolution: int, fading: bool, rows: list[LayerRow]) -> dict:
    """What can be saved: the figure for a paper and the table, by file name."""
    texts = {
        "tex": lambda: table_latex(rows, part.capitalize()).encode(),
        "csv": lambda: table_csv(rows).encode(),
        "md": lambda: table_markdown(rows).encode(),
    }
    code = language()
    pictures = {k: lambda kind=k: paper_figure(model, part, resolution, fading, kind, code) for k in ("svg", "pdf")}
    return {f"{part}.{kind}": make for kind, make in (pictures | texts).items()}


def table(rows: list[LayerRow], part: str) -> None:
    """The paper's table 2, for this network."""
    total = short_count(sum(row.parameters for row in rows))
    work = short_count(sum(row.multiply_adds for row in rows))
    st.subheader(_("Layer by layer"))
    st.markdown(
        _("As in the paper's table 2: **{total}** trainable parameters, **{work}** multiply-adds per picture.").format(
            total=total, work=work
        )
    )
    cells = pd.DataFrame(table_cells(rows), columns=list(COLUMNS))
    show_table(cells, height=36 * min(len(rows) + 1, 14), key="architecture_table")


def main() -> None:
    """The page. Its names are its own: what Streamlit keeps of this file must not hold a network."""
    model = session.model(needs_generator=False)
    header(_("What is inside a Progressive GAN?"), _("PGGAN, table 2 and figure 2"))
    if not model.grows:
        other_models.why_not(model, _("table 2 does not describe it. These are its layers, found by a traced run."))
        other_models.layers(model)
        st.stop()
    part, resolution, fading = controls(model)
    if part == YOURS:
        your_network()
        st.stop()
    network = model.networks[part]
    rows = layer_table(network, resolution, fading)
    drawing = figures.network_drawing(network, resolution, fading)
    figure_place = st.container()
    tools = st.container(horizontal=True, vertical_alignment="center")
    chosen = choose_layer(drawing, tools)
    with figure_place:
        chart(figures.figure(drawing, chosen), key="architecture_chart", on_select=clicked, selection_mode="points")
    with tools:
        export_bar(files(model, part, resolution, fading, rows), key="architecture")
    by_name = {row.name: row for row in rows}
    kind = next(p.block.kind for p in drawing.placed if p.block.name == chosen)
    if chosen in network.layers:
        layer_detail(model, part, by_name[chosen])
    else:
        st.markdown(_(WORDS.get(kind, "")))
    formula_box(
        r"\begin{gathered} \hat w = w \cdot c, \quad w \sim \mathcal{N}(0, 1) \\ c = \sqrt{2 / n_{in}} \end{gathered}",
        _(
            "**Equalized learning rate.** The file holds w, drawn from N(0, 1) at the start; the network computes "
            "with w · c, where c is He's constant for the layer's fan-in. All layers store numbers of the same "
            "scale, so Adam changes them all at the same speed. Stored weights show what training made of N(0, 1), "
            "effective ones what the layer does."
        ),
        _("Karras et al. 2018, section 4.1"),
    )
    table(rows, part)


main()
