"""Figures of the Interventions page: what switching units changes. Arrays in, figures out."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

BAR, CHOSEN, CONTROL = "#2f7dd1", "#e07b1a", "#8b95a1"
TEXT_SIZE = 15
MARGIN = {"l": 10, "r": 10, "t": 34, "b": 10}


def effects(
    names: Sequence[str], change: np.ndarray, low: np.ndarray, high: np.ndarray, random: np.ndarray, chosen: str
) -> go.Figure:
    """Change of every concept's pixels in shares (C; -1: all gone), with intervals, and sets of random units, D x C."""
    order = np.array([i for i in np.argsort(change, kind="stable") if np.isfinite(change[i])], dtype=int)
    shown = [names[i] for i in order]
    colours = [CHOSEN if name == chosen else BAR for name in shown]
    arms = {"type": "data", "array": (high - change)[order], "arrayminus": (change - low)[order], "symmetric": False}
    figure = go.Figure()
    figure.add_bar(x=shown, y=change[order], error_y=arms, marker_color=colours, name="these units")
    if np.isfinite(random).any():
        there = [i for i in order if np.isfinite(random[:, i]).any()]
        low_random, median, high_random = np.nanpercentile(random[:, there], [5, 50, 95], axis=0)
        arms = {"array": high_random - median, "arrayminus": median - low_random, "symmetric": False, "thickness": 2}
        figure.add_scatter(
            x=[names[i] for i in there], y=median, error_y=arms, mode="markers",
            name="as many random units (median, 5% to 95%)",
            marker={"color": CONTROL, "size": 9, "symbol": "diamond"},
        )  # fmt: skip
    figure.update_traces(hovertemplate="%{x}: %{y:+.0%}<extra></extra>")
    figure.update_yaxes(
        title="change of its pixels", tickformat="+.0%", range=[-1.08, min(2, _top(change, high)) + 0.1]
    )
    figure.update_layout(legend={"orientation": "h", "y": 1.14, "x": 0})
    return _finish(figure, 320)


def _top(change: np.ndarray, high: np.ndarray) -> float:
    known = np.concatenate([change, high])
    return float(max(0.2, np.nanmax(known[np.isfinite(known)], initial=0.2)))


def curve(counts: Sequence[int], lines: Mapping[str, Sequence[float]]) -> go.Figure:
    """The share of a concept's pixels that is left with the first units off, a line for each order of units."""
    figure = go.Figure()
    for (name, left), colour in zip(lines.items(), (CHOSEN, BAR, CONTROL, "#2a9d6f"), strict=False):
        figure.add_scatter(
            x=list(counts), y=list(left), name=name, mode="lines+markers", line={"color": colour, "width": 3}
        )
    figure.update_traces(hovertemplate="%{x} units off: %{y:.0%} left<extra></extra>")
    figure.update_xaxes(title="units off, in order")
    figure.update_yaxes(title="left of its pixels", tickformat=".0%", rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "y": 1.14, "x": 0}, showlegend=True)
    return _finish(figure, 320)


def matrix(values: np.ndarray, units: Sequence[int], names: Sequence[str]) -> go.Figure:
    """Causal effects of units on concepts, U x C, in shares of the concept's pixels; blue takes away, red adds."""
    limit = float(np.nanpercentile(np.abs(values), 99)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=values.T, x=[str(unit) for unit in units], y=list(names), zmin=-limit, zmax=limit, colorscale="RdBu_r",
            colorbar={"title": "pixels", "tickformat": "+.0f"},
            hovertemplate="unit %{x}, %{y}: %{z:+.1f} pixels a picture<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(title="unit, similar ones beside each other", type="category", nticks=24)
    figure.update_yaxes(autorange="reversed", dtick=1)
    return _finish(figure, 420)


def context_bars(names: Sequence[str], gain: Sequence[float], places: Sequence[int], concept: str) -> go.Figure:
    """Mean growth of an inserted concept, in pixels, by what stood at the place before."""
    order = np.argsort(-np.asarray(gain), kind="stable")
    figure = go.Figure(
        go.Bar(
            x=[names[i] for i in order], y=[gain[i] for i in order], marker_color=BAR,
            customdata=[places[i] for i in order],
            hovertemplate="%{x}: %{y:+.1f} pixels, %{customdata} places<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(title=f"{concept} gained, pixels a place")
    return _finish(figure, 320)


def losses(values: Sequence[float]) -> go.Figure:
    """The loss of a search at every step."""
    figure = go.Figure(go.Scatter(y=list(values), mode="lines", line={"color": BAR, "width": 2}))
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="loss")
    return _finish(figure, 240)


def _finish(figure: go.Figure, height: int) -> go.Figure:
    figure.update_xaxes(tickfont_size=TEXT_SIZE, title_font_size=TEXT_SIZE)
    figure.update_yaxes(tickfont_size=TEXT_SIZE - 1, title_font_size=TEXT_SIZE)
    return figure.update_layout(height=height, margin=MARGIN, font_size=TEXT_SIZE)
