"""Figures of the ablations: curves of every seed beside the full recipe's, and the last signal of every layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.language import _

COLOURS = ("#2f7dd1", "#e07b1a")  # the full recipe, and the one without a part
REFERENCE = "#8b95a1"
DOTTED = {"color": REFERENCE, "width": 2.5, "dash": "dot"}
TEXT_SIZE = 15
MARGIN = {"l": 10, "r": 10, "t": 34, "b": 10}

Runs = Sequence[tuple[np.ndarray, np.ndarray]]  # (x, y) of each seed


@dataclass(frozen=True)
class Panel:
    """One pair of axes: a measure of two recipes, and of real pictures (None: they have none)."""

    title: str
    x_title: str
    runs: Mapping[str, Runs]  # recipe's name -> curves
    reference: float | None = None
    from_zero: bool = True


def curves(panels: Sequence[Panel]) -> go.Figure:
    """Panels side by side: each seed a thin line, the mean of the seeds a thick one."""
    figure = make_subplots(1, len(panels), subplot_titles=[panel.title for panel in panels], horizontal_spacing=0.07)
    for column, panel in enumerate(panels, start=1):
        for (name, runs), colour in zip(panel.runs.items(), COLOURS, strict=False):
            _add_runs(figure, name, runs, colour, column)
        if panel.reference is not None:
            _add_reference(figure, panel.reference, column)
        figure.update_xaxes(title=panel.x_title, rangemode="tozero", row=1, col=column)
        figure.update_yaxes(rangemode="tozero" if panel.from_zero else "normal", row=1, col=column)
    if any(panel.reference is not None for panel in panels):
        figure.add_scatter(x=[None], y=[None], mode="lines", line=DOTTED, name=_("real pictures"), row=1, col=1)
    figure.update_annotations(font_size=TEXT_SIZE)
    legend = {"orientation": "h", "x": 0, "y": -0.28, "font": {"size": TEXT_SIZE}}
    return figure.update_layout(height=300, margin=MARGIN, legend=legend)


def _add_reference(figure: go.Figure, value: float, column: int) -> None:
    """A dotted line from edge to edge."""
    axes = str(column) if column > 1 else ""
    figure.add_shape(
        type="line", line=DOTTED, x0=0, x1=1, y0=value, y1=value, xref=f"x{axes} domain", yref=f"y{axes}"
    )  # fmt: skip


def _add_runs(figure: go.Figure, name: str, runs: Runs, colour: str, column: int) -> None:
    for x, y in runs:
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": colour, "width": 1.2}, opacity=0.55, legendgroup=name,
            showlegend=False, hoverinfo="skip", row=1, col=column,
        )  # fmt: skip
    whole = [run for run in runs if len(run[0]) == max(len(x) for x, _ in runs)]  # without those that broke down
    x, y = np.mean([x for x, _ in whole], axis=0), np.mean([y for _, y in whole], axis=0)
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=_("{name} (mean of {runs})").format(name=name, runs=len(whole)),
        line={"color": colour, "width": 4},
        legendgroup=name,
        showlegend=column == 1,
        row=1,
        col=column,
        hovertemplate="%{x:.3g}: %{y:.3g}<extra>" + name + "</extra>",
    )


def layer_bars(networks: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]) -> go.Figure:
    """The last signal of every layer; networks: title -> recipe's name -> layer -> values of the seeds.

    Bars are means; whiskers reach from the smallest to the largest seed.
    """
    figure = make_subplots(1, len(networks), subplot_titles=list(networks), horizontal_spacing=0.07)
    for column, recipes in enumerate(networks.values(), start=1):
        for (name, layers), colour in zip(recipes.items(), COLOURS, strict=False):
            seeds = np.array(list(layers.values()))
            mean = seeds.mean(axis=1)
            whiskers = {
                "array": seeds.max(axis=1) - mean,
                "arrayminus": mean - seeds.min(axis=1),
                "symmetric": False,
                "color": REFERENCE,
                "thickness": 2,
            }
            figure.add_bar(
                x=list(layers), y=mean, name=name, marker_color=colour, error_y=whiskers, legendgroup=name,
                showlegend=column == 1, row=1, col=column,
                hovertemplate="%{x}: %{y:.3g}<extra>" + name + "</extra>",
            )  # fmt: skip
    figure.update_yaxes(title="RMS", rangemode="tozero", col=1)
    figure.update_xaxes(tickangle=-35)
    figure.update_annotations(font_size=TEXT_SIZE)
    legend = {"orientation": "h", "x": 0, "y": 1.16, "yanchor": "bottom", "font": {"size": TEXT_SIZE}}
    return figure.update_layout(height=340, margin=MARGIN | {"t": 70}, legend=legend, bargap=0.25)
