"""Figures of the Interventions page: what switching units changes. Arrays in, figures out."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.language import _
from dashboard.shared.figure_style import BAR, CHOSEN, GREY, VIOLET, finish

FEW_PLACES = 20  # too few to tell


def effects(
    names: Sequence[str], change: np.ndarray, low: np.ndarray, high: np.ndarray, random: np.ndarray, chosen: str
) -> go.Figure:
    """Change of every concept's pixels in shares (C; -1: all gone), with intervals, and sets of random units, D x C."""
    order = np.array([i for i in np.argsort(change, kind="stable") if np.isfinite(change[i])], dtype=int)
    shown = [names[i] for i in order]
    colours = [CHOSEN if name == chosen else BAR for name in shown]
    arms = {"type": "data", "array": (high - change)[order], "arrayminus": (change - low)[order], "symmetric": False}
    figure = go.Figure()
    figure.add_bar(x=shown, y=change[order], error_y=arms, marker_color=colours, name=_("these units"))
    if np.isfinite(random).any():
        there = [i for i in order if np.isfinite(random[:, i]).any()]
        low_random, median, high_random = np.nanpercentile(random[:, there], [5, 50, 95], axis=0)
        arms = {"array": high_random - median, "arrayminus": median - low_random, "symmetric": False, "thickness": 2}
        figure.add_scatter(
            x=[names[i] for i in there], y=median, error_y=arms, mode="markers",
            name=_("as many random units (median, 5% to 95%)"),
            marker={"color": GREY, "size": 9, "symbol": "diamond"},
        )  # fmt: skip
    figure.update_traces(hovertemplate="%{x}: %{y:+.0%}<extra></extra>")
    figure.update_yaxes(title=_("change in pixels"), tickformat="+.0%", range=[-1.08, min(2, _top(change, high)) + 0.1])
    figure.update_layout(legend={"orientation": "h", "y": 1.14, "x": 0})
    return finish(figure, 320)


def _top(change: np.ndarray, high: np.ndarray) -> float:
    known = np.concatenate([change, high])
    return float(max(0.2, np.nanmax(known[np.isfinite(known)], initial=0.2)))


def curve(lines: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> go.Figure:
    """The share of a concept's pixels that is left with the first units off: order -> (units off, shares left)."""
    figure = go.Figure()
    styles = ((CHOSEN, "solid"), (BAR, "solid"), (VIOLET, "dot"), (GREY, "dash"))
    for (name, (counts, left)), (colour, dash) in zip(lines.items(), styles, strict=False):
        figure.add_scatter(
            x=list(counts), y=list(left), name=name, mode="lines+markers",
            line={"color": colour, "width": 3, "dash": dash}, marker_size=8,
        )  # fmt: skip
    figure.update_traces(hovertemplate=_("%{x} units off: %{y:.0%} left<extra></extra>"))
    figure.update_xaxes(title=_("units off, in order"))
    figure.update_yaxes(title=_("pixels left"), tickformat=".0%", rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "y": 1.14, "x": 0}, showlegend=True)
    return finish(figure, 320)


def matrix(values: np.ndarray, units: Sequence[int], names: Sequence[str]) -> go.Figure:
    """Causal effects of units on concepts, U x C, in shares of the concept's pixels; blue takes away, red adds."""
    limit = float(np.nanpercentile(np.abs(values), 99)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=values.T, x=[str(unit) for unit in units], y=list(names), zmin=-limit, zmax=limit, colorscale="RdBu_r",
            colorbar={"title": _("pixels"), "tickformat": "+.0f"},
            hovertemplate=_("unit %{x}, %{y}: %{z:+.1f} pixels a picture<extra></extra>"),
        )
    )  # fmt: skip
    figure.update_xaxes(title=_("unit, similar ones side by side"), type="category", nticks=24)
    figure.update_yaxes(autorange="reversed", dtick=1)
    return finish(figure, 420)


def context_bars(
    names: Sequence[str], gain: Sequence[float], places: Sequence[int], grew: Sequence[float], concept: str
) -> go.Figure:
    """Mean gain of an inserted concept, in pixels, by what stood at the place before; grew: share of the places.

    Bars over few places are pale.
    """
    order = [int(i) for i in np.argsort(-np.asarray(gain), kind="stable")]
    figure = go.Figure(
        go.Bar(
            x=[f"{names[i]}<br><i>{places[i]}</i>" for i in order], y=[gain[i] for i in order],
            marker={"color": BAR, "opacity": [0.35 if places[i] < FEW_PLACES else 1 for i in order]},
            text=[f"{grew[i]:.0%}" for i in order], textposition="outside", cliponaxis=False,
            customdata=[(names[i], places[i]) for i in order],
            hovertemplate=_("%{customdata[0]}: %{y:+.1f} pixels, %{customdata[1]} places<extra></extra>"),
        )
    )  # fmt: skip
    figure.update_yaxes(title=_("pixels of {concept} gained per place").format(concept=concept))
    figure.update_xaxes(title=_("what stood there before, and number of places"))
    return finish(figure, 340)


def alphas(values: np.ndarray, present: Sequence[int]) -> go.Figure:
    """The share α that a search gives each unit, the first 30 in order; the current units in another colour."""
    order = [int(unit) for unit in np.argsort(-np.asarray(values), kind="stable")[:30]]
    figure = go.Figure()
    for name, colour, is_present in ((_("current units"), CHOSEN, True), (_("other units"), BAR, False)):
        units = [unit for unit in order if (unit in present) is is_present]
        figure.add_bar(x=[str(unit) for unit in units], y=[float(values[unit]) for unit in units], name=name,
                       marker_color=colour, hovertemplate=_("unit %{x}: α = %{y:.2f}<extra></extra>"))  # fmt: skip
    ticks = {"type": "category", "categoryorder": "array", "categoryarray": [str(unit) for unit in order]}
    figure.update_xaxes(title=_("unit, in the search's order"), nticks=15, **ticks)
    figure.update_yaxes(title="α", range=[0, 1.02])
    figure.update_layout(legend={"orientation": "h", "y": 1.18, "x": 0}, showlegend=True)
    return finish(figure, 260)


def losses(values: Sequence[float], epochs: int) -> go.Figure:
    """The loss of a search at every step (noisy: each has other pictures and places), and its mean in each epoch."""
    steps, ends = np.arange(len(values)), np.linspace(0, len(values), epochs + 1)
    parts = [part for part in np.array_split(np.asarray(values), epochs) if len(part)]
    middles = (ends[1:] + ends[:-1] - 1)[: len(parts)] / 2
    figure = go.Figure()
    figure.add_scatter(x=steps, y=list(values), mode="lines", line={"color": GREY, "width": 1.5}, name=_("each step"))
    means = [float(part.mean()) for part in parts]
    figure.add_scatter(
        x=middles, y=means, mode="lines+markers", line={"color": BAR, "width": 3}, name=_("mean of each epoch")
    )
    figure.update_xaxes(title=_("step"))
    figure.update_yaxes(title=_("loss"))
    figure.update_layout(legend={"orientation": "h", "y": 1.18, "x": 0})
    return finish(figure, 260)
