"""Charts of the initialization experiments: spread over depth, and how fast layers learn."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.language import N_, _
from dashboard.shared.figure_style import COLORS
from dashboard.shared.ridgelines import log_axis, panels
from pgan_core.initialization import Propagation
from pgan_core.learning_speed import METHODS, Step

AXES = {1: {"xaxis": "x", "yaxis": "y"}, 2: {"xaxis": "x2", "yaxis": "y2"}}  # of two panels
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x")

NAMES = (N_("He-initialized"), N_("Equalized"), N_("Weight-normalized"))  # of strategies and of `METHODS`


def spread_over_depth(runs: Mapping[str, Propagation], height: int = 330) -> dict:
    """Measured standard deviation by layer as markers, theory as lines; activations left, gradients right, log axes."""
    traces, layout = [], panels([_("Activations, forward"), _("Gradients, backward")], 0.08)
    point = _("layer %{x}: %{y:.3g}, theory %{customdata:.3g}")
    layers = np.arange(1, len(next(iter(runs.values())).activation_std) + 1)
    for i, (key, run) in enumerate(runs.items()):
        # two strategies of one scale coincide: the later one is drawn larger and open around the earlier
        style = {"color": COLORS[i % len(COLORS)], "symbol": MARKERS[i % len(MARKERS)], "size": 8}
        if key == "equalized":
            style |= {"symbol": "circle-open", "size": 13, "line": {"width": 2}}
        curves = [
            (run.activation_std, run.theory_activation_std),
            (run.gradient_std, run.theory_gradient_std),
        ]
        for column, (measured, theory) in enumerate(curves, 1):
            shared = {"type": "scatter", "x": layers, "legendgroup": run.strategy.name, **AXES[column]}
            line = {"color": style["color"], "width": 1.5, "dash": "dot" if key == "equalized" else "solid"}
            lines = {"y": theory, "mode": "lines", "line": line, "showlegend": False, "hoverinfo": "skip"}
            marks = {
                "y": measured, "customdata": theory, "mode": "markers", "marker": style, "name": _(run.strategy.name),
                "showlegend": column == 1, "hovertemplate": f"{point}<extra>{_(run.strategy.name)}</extra>",
            }  # fmt: skip
            traces += [shared | lines, shared | marks]
    layout["yaxis"] |= {"title": {"text": _("standard deviation")}}
    layout["yaxis"] |= log_axis(*(r.activation_std for r in runs.values()))
    layout["yaxis2"] |= log_axis(*(r.gradient_std for r in runs.values()))
    for axis in ("xaxis", "xaxis2"):
        layout[axis] |= {"title": {"text": _("layer")}, "dtick": 1 if len(layers) <= 15 else 5}
    return {"data": traces, "layout": layout | _frame(height)}


def layer_spread(curves: Mapping[str, Sequence[float]], layers: Sequence[str], height: int = 300) -> dict:
    """Standard deviation by named layer, one line per network, on a log axis; zeros are left out."""
    traces = [
        {
            "type": "scatter", "x": list(layers), "y": np.where(np.asarray(values) > 0, values, np.nan),
            "name": _(name), "mode": "lines+markers",
            "marker": {"symbol": MARKERS[i % len(MARKERS)], "color": COLORS[i % len(COLORS)]},
            "line": {"dash": "dot" if name == "Equalized" else "solid"},
            "hovertemplate": "%{x}: %{y:.3g}<extra>" + _(name) + "</extra>",
        }
        for i, (name, values) in enumerate(curves.items())
    ]  # fmt: skip
    axis = {"title": {"text": _("standard deviation")}} | log_axis(*curves.values())
    return {"data": traces, "layout": {"yaxis": axis} | _frame(height)}


def learning_speed(steps: Sequence[Step], fan_in: Sequence[int], total: int, height: int = 330) -> go.Figure:
    """Relative update of each layer by step, one panel per method, and the loss of all three in a fourth panel."""
    titles = [*map(_, METHODS.values()), _("Loss")]
    chart = make_subplots(1, 4, subplot_titles=titles, horizontal_spacing=0.05)
    x = [step.index + 1 for step in steps]
    for column, method in enumerate(METHODS, 1):
        updates = np.array([step.relative_update[method] for step in steps]).reshape(len(steps), -1)
        for layer, values in enumerate(updates.T):
            chart.add_scatter(
                x=x,
                y=values,
                mode="lines",
                line={"color": COLORS[layer % len(COLORS)], "width": 1.5},
                name=_("layer {number}, fan-in {fan_in}").format(number=layer + 1, fan_in=fan_in[layer]),
                legendgroup=str(layer),
                showlegend=column == 1,
                hovertemplate=_("step %{x}: %{y:.2e}"),
                row=1,
                col=column,
            )
        losses = [step.loss[method] for step in steps]
        dash = ("solid", "dash", "dot")[column - 1]
        chart.add_scatter(
            x=x, y=_smooth(losses), mode="lines", line={"color": "#8a94a0", "dash": dash, "width": 2},
            name=_(METHODS[method]), row=1, col=4, hovertemplate=_("step %{x}: %{y:.3f}"),
        )  # fmt: skip
    for column in (1, 2, 3):
        chart.update_yaxes(type="log", range=[-4.3, -0.5], dtick=1, exponentformat="power", row=1, col=column)
        if column > 1:
            chart.update_yaxes(showticklabels=False, row=1, col=column)
    chart.update_yaxes(title_text=_("change of w per step"), row=1, col=1)
    chart.update_yaxes(range=[0, 0.85], row=1, col=4)
    chart.update_xaxes(range=[0, total], title_text=_("step"), nticks=4)
    return chart.update_layout(_frame(height))


def _smooth(values: Sequence[float], window: int = 15) -> np.ndarray:
    """Mean of the last `window` values (fewer at the start)."""
    sums = np.cumsum(np.insert(np.asarray(values, dtype=float), 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _frame(height: int) -> dict:
    """Height, margins and legend of a chart's layout."""
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
    return {"height": height, "margin": {"l": 8, "r": 8, "t": 30, "b": 70}, "legend": legend}
