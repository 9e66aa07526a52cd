"""Histograms of many layers as ridgelines, and single ones as bars; several networks side by side on the same bins."""

import copy
import functools
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from dashboard.language import _, said
from dashboard.shared.figure_style import COLORS
from pgan_core.histograms import Bins, Histogram

OVERLAP = 1.6  # how far a ridge reaches into the rows above it


def ridgelines(
    columns: Mapping[str, Mapping[str, Histogram]],
    *,
    notes: Mapping[str, Sequence[str]] | None = None,
    highlight: str | None = None,
    height: int | None = None,
) -> dict:
    """One column per network: title -> {layer: histogram}, the first layer on top, all columns with the same layers.

    Each ridge is scaled to its fullest bin, so that shapes can be compared; `notes` are written at the right of each
    ridge (title -> one text per layer). `highlight` marks a column's title.
    """
    layers = list(next(iter(columns.values())))
    colors = [str(color) for color in sample_colorscale("Viridis", np.linspace(0.1, 0.85, len(layers)))]
    traces, annotations, layout = [], [], {}
    for column, (title, histograms) in enumerate(columns.items()):
        axis = str(column + 1) if column else ""
        gap = 0.15 / (len(columns) + 2)
        width = (1 - gap * (len(columns) - 1)) / len(columns)
        domain = [column * (width + gap), column * (width + gap) + width]
        bins = next(iter(histograms.values())).bins
        layout[f"xaxis{axis}"] = _axis(bins, domain, room=(0.3 if len(columns) < 4 else 0.45) if notes else 0)
        marked = f"<b>{said(title)}</b> ◀" if title == highlight else said(title)
        annotations.append(_note(marked, sum(domain) / 2, 1, "center", "bottom") | {"font": {"size": 14}})
        texts = (notes or {}).get(title, [""] * len(layers))
        for row, (layer, counted) in enumerate(histograms.items()):
            base = len(layers) - 1 - row
            traces.append(
                _ridge(counted, base, colors[row], f"<b>{said(layer)}</b><br>{texts[row]}") | {"xaxis": f"x{axis}"}
            )
            if texts[row]:
                annotations.append(_note(texts[row], domain[1], base, "right", "middle") | {"yref": "y"})
    layout["yaxis"] = {
        "tickvals": list(range(len(layers)))[::-1],
        "ticktext": [said(layer) for layer in layers],
        "showgrid": False,
        "zeroline": False,
        "range": [-0.5, len(layers) - 1 + OVERLAP + 0.2],
    }
    height = height or max(300, 30 * len(layers) + 90)
    margin = {"l": 8, "r": 8, "t": 30, "b": 8}
    layout |= {"annotations": annotations, "height": height, "showlegend": False, "margin": margin}
    return {"data": traces, "layout": layout}


def _ridge(counted: Histogram, base: float, color: str, label: str) -> dict:
    """One histogram as a filled outline standing on `base`."""
    x, y = _outline(counted)
    red, green, blue = (int(v) for v in color.removeprefix("rgb(").rstrip(")").split(","))
    share = _("outside the axis: {share:.1%}")
    outside = counted.below + counted.above + counted.not_finite
    outside_words = share.format(share=outside / max(counted.total, 1))
    return {
        "type": "scatter", "x": x, "y": base + OVERLAP * y, "mode": "lines", "fill": "toself",
        "fillcolor": f"rgba({red},{green},{blue},0.75)", "line": {"color": "rgba(255,255,255,0.6)", "width": 1},
        "hovertemplate": f"{label}<br>{outside_words}<extra></extra>",
    }  # fmt: skip


def _note(text: str, x: float, y: float, xanchor: str, yanchor: str) -> dict:
    place = {"x": x, "xref": "paper", "y": y, "yref": "paper", "xanchor": xanchor, "yanchor": yanchor}
    return {"text": text, "showarrow": False, "font": {"size": 12}, **place}


def _outline(counted: Histogram) -> tuple[np.ndarray, np.ndarray]:
    """The histogram's steps as a closed outline on the binned scale, its fullest bin at height 1."""
    edges = np.linspace(*counted.bins.limits, counted.bins.count + 1)
    heights = counted.counts / max(counted.counts.max(), 1)
    return np.concatenate([edges[:1], edges.repeat(2)[1:-1], edges[-1:]]), np.concatenate([[0], heights.repeat(2), [0]])


def _axis(bins: Bins, domain: list[float], room: float) -> dict:
    """A column's axis; `room` is the share of its width left free for the notes."""
    axis = axis_of(bins)
    low, high = axis["range"]
    return axis | {"range": [low, high + room * (high - low)], "tickangle": 0, "domain": domain, "anchor": "y"}


def axis_of(bins: Bins) -> dict:
    """An x axis for a binned scale: asinh bins get ticks at powers of ten."""
    low, high = bins.limits
    if bins.scale == "linear":
        end = float(f"{high:.1g}") if float(f"{high:.1g}") <= high else float(f"{high:.1g}") / 2
        texts = [f"−{end:g}", "0", f"{end:g}"]
        return {"range": [low, high], "tickvals": [-end, 0, end], "ticktext": texts, "zeroline": True}
    largest = int(np.log10(bins.high))
    powers = [largest] if largest < 6 else [largest // 2, largest]
    values = [-(10.0**p) for p in reversed(powers)] + [0.0] + [10.0**p for p in powers]
    labels = [_power(p) for p in powers]
    texts = [f"−{label}" for label in reversed(labels)] + ["0", *labels]
    return {"range": [low, high], "tickvals": np.arcsinh(values), "ticktext": texts, "zeroline": True}


def _power(exponent: int) -> str:
    return "1" if exponent == 0 else f"10<sup>{exponent}</sup>"


def histogram_bars(
    panels: Mapping[str, Mapping[str, Histogram]], height: int = 260, log_counts: bool = False
) -> go.Figure:
    """Histograms as bars: panel title -> {series: histogram}; a panel's series share bins and overlap."""
    chart = make_subplots(1, len(panels), subplot_titles=[said(title) for title in panels], horizontal_spacing=0.06)
    names: dict[str, str] = {}
    values = _("%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y:,} values")
    for column, series in enumerate(panels.values(), 1):
        for name, counted in series.items():
            first = name not in names
            color = names.setdefault(name, COLORS[len(names) % len(COLORS)])
            edges = np.linspace(*counted.bins.limits, counted.bins.count + 1)
            shown = counted.bins.edges
            chart.add_bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counted.counts,
                width=np.diff(edges),
                name=said(name),
                showlegend=first,
                legendgroup=name,
                opacity=0.65,
                marker={"color": color, "line": {"width": 0}},
                customdata=np.stack([shown[:-1], shown[1:]], axis=1),
                hovertemplate=f"{values}<extra>{said(name)}</extra>",
                row=1,
                col=column,
            )
            chart.update_xaxes(row=1, col=column, **axis_of(counted.bins))
    if log_counts:
        chart.update_yaxes(type="log", dtick=1)
    else:
        chart.update_yaxes(nticks=4)
    chart.update_layout(
        barmode="overlay", bargap=0, height=height, showlegend=any(len(series) > 1 for series in panels.values()),
        legend={"orientation": "h", "y": 1.25, "x": 0.5, "xanchor": "center"}, margin={"l": 8, "r": 8, "t": 34, "b": 8},
    )  # fmt: skip
    return chart


def panels(titles: Sequence[str], spacing: float) -> dict:
    """The layout of panels side by side, with axes x, x2, ... and y, y2, ...; spacing: between them, of the width."""
    return copy.deepcopy(_panels(tuple(titles), spacing))


@functools.lru_cache(maxsize=64)
def _panels(titles: tuple[str, ...], spacing: float) -> dict:
    return make_subplots(1, len(titles), subplot_titles=titles, horizontal_spacing=spacing).to_dict()["layout"]


def log_axis(*curves: Sequence[float] | np.ndarray) -> dict:
    """A log axis with a tick per decade, or at 1, 2, 5 where the curves cover little more than one decade."""
    values = np.concatenate([np.asarray(curve, dtype=float).ravel() for curve in curves])
    values = values[np.isfinite(values) & (values > 0)]
    axis = {"type": "log", "exponentformat": "power"}
    if not len(values):
        return axis
    low, high = np.log10(values.min()), np.log10(values.max())
    if high - low > 1.2:
        return axis | {"dtick": max(1, round((high - low) / 5))}
    powers = 10.0 ** np.arange(np.floor(low), np.ceil(high) + 1)
    ticks = np.outer(powers, (1, 2, 5)).ravel()  # plotly's own digits between the decades are too small to read
    return axis | {"tickvals": ticks, "ticktext": [f"{tick:.3g}" for tick in ticks]}
