"""Figures of the Quality page: distances beside their floor, one slice, stages, and what the measures answer."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.language import N_, _
from dissection.shares import Contrast

WORDS = (
    N_("average"),
    N_("floor"),
    N_("real"),
    N_("Distance"),
    N_("distance"),
    N_("MS-SSIM"),
    N_("stage"),
)  # of metrics
REAL, FAKE, FLOOR, GAP = "#2f7dd1", "#e07b1a", "#8b95a1", "rgba(224, 123, 26, 0.35)"
LEVELS = ("#2f7dd1", "#e07b1a", "#2a9d6f", "#b4529b", "#8a7a3c", "#6a6fd4", "#c94a4a")
TEXT_SIZE = 15
MARGIN = {"l": 10, "r": 10, "t": 30, "b": 10}


def level_name(level: int | str) -> str:
    """How a pyramid level is called on an axis."""
    return _(english_level_name(level))


def english_level_name(level: int | str) -> str:
    """The same for what is kept for readers of all languages."""
    return f"{level}×{level}" if isinstance(level, int) else level


def level_bars(values: Mapping, real: Mapping, name: str, title: str, reference: str = "floor") -> go.Figure:
    """A metric for each pyramid level and the average; a line across each bar marks the value of real pictures.

    values, real: level -> number; name: of the bars; title: of the metric, on the axis; reference: what `real` is.
    """
    marks = [real[level] for level in values]
    labels = [f"{level_name(level)}<br><i>{_(reference)} {real[level]:.1f}</i>" for level in values]
    figure = go.Figure()
    figure.add_bar(x=labels, y=list(values.values()), name=name, marker_color=FAKE, width=0.5, texttemplate="%{y:.1f}")
    figure.update_traces(textposition="outside", cliponaxis=False, textfont_size=TEXT_SIZE, hovertemplate="%{y:.2f}")
    line = {"color": REAL, "width": 5}
    for i, value in enumerate(marks):
        figure.add_shape(type="line", x0=i - 0.36, x1=i + 0.36, y0=value, y1=value, line=line)
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="lines",
        line=line,
        name=_("floor: real against real") if reference == "floor" else _(reference),
    )
    top = 1.15 * max(*values.values(), *marks, 1e-9)
    figure.update_yaxes(title=title, range=[0, top], title_font_size=TEXT_SIZE)
    figure.update_xaxes(tickfont_size=TEXT_SIZE, type="category")
    legend = {"orientation": "h", "x": 0, "y": 1.14, "font": {"size": TEXT_SIZE}, "itemsizing": "constant"}
    return figure.update_layout(height=330, margin=MARGIN, legend=legend)


def slice_figure(sorted_pair: Sequence[np.ndarray], positions: Sequence[np.ndarray], names: Sequence[str]) -> go.Figure:
    """One random line: where patches of both sets fall on it, and the two sorted lists whose gap is the distance.

    sorted_pair: two ascending arrays of one length; positions: a few patches of each set, as places on the line.
    """
    figure = make_subplots(
        1, 2, column_widths=[0.45, 0.55], horizontal_spacing=0.1,
        subplot_titles=(_("Projections"), _("Sorted")),
    )  # fmt: skip
    a, b = (_thinned(values) for values in sorted_pair)
    rank = np.linspace(0, 100, len(a))
    low, high = np.quantile(np.concatenate([a, b]), [0.005, 0.995])
    peak = 0.0
    for values, name, colour in zip(sorted_pair, names, (REAL, FAKE), strict=True):
        density, edges = np.histogram(values, bins=60, range=(low, high), density=True)
        centres, peak = (edges[1:] + edges[:-1]) / 2, max(peak, float(density.max()))
        figure.add_scatter(
            x=centres, y=density, name=name, line={"color": colour, "width": 3, "shape": "hvh"}, row=1, col=1
        )
    ticks = zip(positions, names, (REAL, FAKE), (-0.06, -0.14), strict=True)
    for places, name, colour, height in ticks:
        marks = {"symbol": "line-ns", "size": 13, "line": {"width": 2, "color": colour}}
        where = np.clip(places, low, high)
        figure.add_scatter(
            x=where, y=np.full(len(where), height * peak), mode="markers", marker=marks, name=name,
            showlegend=False, hovertemplate=_("a patch at %{x:.2f}<extra></extra>"), row=1, col=1,
        )  # fmt: skip
    figure.add_scatter(x=rank, y=a, name=names[0], line={"color": REAL, "width": 3}, showlegend=False, row=1, col=2)
    figure.add_scatter(
        x=rank, y=b, name=names[1], line={"color": FAKE, "width": 3}, fill="tonexty", fillcolor=GAP,
        showlegend=False, row=1, col=2,
    )  # fmt: skip
    figure.update_xaxes(title=_("place on the line"), range=[low, high], row=1, col=1)
    figure.update_yaxes(showticklabels=False, row=1, col=1)
    figure.update_xaxes(title=_("rank"), ticksuffix="%", row=1, col=2)
    figure.update_yaxes(title=_("place on the line"), range=[low, high], row=1, col=2)
    figure.update_annotations(font_size=TEXT_SIZE)
    legend = {"orientation": "h", "x": 0, "y": -0.2, "font": {"size": TEXT_SIZE}}
    return figure.update_layout(height=330, margin=MARGIN, legend=legend)


def _thinned(values: np.ndarray, count: int = 400) -> np.ndarray:
    """At most `count` values at even ranks: a curve needs no more."""
    return values[np.linspace(0, len(values) - 1, min(count, len(values))).astype(int)]


def stage_lines(
    stages: Sequence[str], values: Sequence[Mapping], real: Sequence[Mapping], title: str, reference: str = "floor"
) -> go.Figure:
    """A metric by level over the stages of a run; a level begins where the network has grown to it.

    values, real: one for each stage, by resolution and with "average"; title, reference: as of `level_bars`.
    """
    figure = go.Figure()
    levels = sorted({level for found in values for level in found if level != "average"}, reverse=True)
    for level, colour in zip([*levels, "average"], [*LEVELS[: len(levels)], "#16202c"], strict=True):
        x = [stage for stage, found in zip(stages, values, strict=True) if level in found]
        y = [found[level] for found in values if level in found]
        is_average = level == "average"
        line = {"color": FLOOR if is_average else colour, "width": 4 if is_average else 3}
        figure.add_scatter(
            x=x, y=y, mode="lines+markers", name=level_name(level), line=line, marker={"size": 9},
            hovertemplate=f"%{{x}}, {level_name(level)}: %{{y:.1f}}<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=list(stages), y=[found["average"] for found in real], name=_(
            "{reference} of the average"
        ).format(reference=_(reference)), mode="lines",
        line={"color": FLOOR, "width": 3, "dash": "dot"},
        hovertemplate=f"%{{x}}, {reference}: %{{y:.1f}}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(title=title, rangemode="tozero", title_font_size=TEXT_SIZE)
    figure.update_xaxes(tickfont_size=TEXT_SIZE - 1, type="category", categoryarray=list(stages))
    legend = {"orientation": "h", "x": 0, "y": 1.12, "font": {"size": TEXT_SIZE}}
    return figure.update_layout(height=340, margin=MARGIN, legend=legend)


def answers(rows: Sequence[str], columns: Sequence[str], values: np.ndarray, chosen: int) -> go.Figure:
    """What every measure says of every set: numbers in a grid, coloured by how far they moved from the first row.

    values: rows x columns, the first row of the untouched set. Each column is coloured by the ratio to its first entry;
    `chosen` is the row drawn bold.
    """
    values = np.asarray(values, float)
    moved = np.abs(np.log2(np.maximum(values, 1e-3) / np.maximum(values[:1], 1e-3)))
    text = [[_cell(value, values[0, j], i == 0) for j, value in enumerate(row)] for i, row in enumerate(values)]
    labels = [f"<b>▸ {row}</b>" if i == chosen else row for i, row in enumerate(rows)]
    figure = go.Figure(
        go.Heatmap(
            z=moved, x=list(columns), y=labels, text=text, texttemplate="%{text}", zmin=0, zmax=2.5, xgap=3, ygap=3,
            colorscale=[[0, "#e9eef4"], [0.12, "#e9eef4"], [1, "#e8842c"]], showscale=False, hoverinfo="skip",
            textfont={"size": TEXT_SIZE + 1, "color": "#16202c"},
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", tickfont_size=TEXT_SIZE, showgrid=False)
    figure.update_xaxes(side="top", tickfont_size=TEXT_SIZE, showgrid=False)
    return figure.update_layout(height=64 + 46 * len(rows), margin={"l": 10, "r": 10, "t": 54, "b": 6})


def _cell(value: float, untouched: float, is_first: bool) -> str:
    number = f"{value:.3f}" if value < 1 else f"{value:.1f}"
    if is_first or not untouched:
        return number
    ratio = value / untouched
    return f"{number}  <i>×{ratio:.1f}</i>" if abs(ratio - 1) >= 0.05 else f"{number}  ="


def share_differences(values: Contrast, concepts: Sequence[str], order: Sequence[int]) -> go.Figure:
    """How much more or less of each concept is generated than real, as a share of the real one, with 95% intervals.

    order: the concepts that are shown, from the top; those that no real picture has have no such share.
    """
    shown = [c for c in order if values.real[c] > 0]
    figure = go.Figure()
    for differs, colour in ((False, FLOOR), (True, FAKE)):
        some = [c for c in shown if values.differs[c] == differs]
        real, change = values.real[some], values.difference[some]
        arms = {"array": (values.high[some] - change) / real, "arrayminus": (change - values.low[some]) / real}
        figure.add_scatter(
            x=change / real, y=[_(concepts[c]) for c in some], mode="markers", showlegend=False,
            marker={"color": colour, "size": 11}, error_x=arms | {"symmetric": False, "thickness": 3, "width": 0},
            hovertemplate="%{y}: %{x:+.1%}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(0, line={"color": REAL, "width": 2})
    figure.update_xaxes(title=_("generated, compared with real"), tickformat="+.0%", title_font_size=TEXT_SIZE)
    names = [_(concepts[c]) for c in reversed(shown)]
    figure.update_yaxes(
        categoryorder="array", categoryarray=names, type="category", range=[-0.6, len(names) - 0.4],
        tickfont_size=TEXT_SIZE,
    )  # fmt: skip
    return figure.update_layout(height=max(260, 35 * len(shown) + 60), margin=MARGIN)
