"""Figures of the Dissection page: units by concept, layer and stage; one unit's histogram, levels and IoUs."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.language import _
from dashboard.shared.figure_style import BAR, CHOSEN, GREY, finish

QUIET = "#a9b6c4"


def concept_colours(palette: np.ndarray) -> list[str]:
    """CSS colours of a palette C x 3, shifted so that all can be seen on white and on black."""
    lifted = 40 + np.asarray(palette, float) * 0.75
    return [f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in lifted]


def units_by_concept(counts: np.ndarray, concepts: Sequence[str], colours: Sequence[str]) -> go.Figure:
    """Interpretable units of one layer by concept, C counts; the most frequent concept first."""
    found = [c for c in np.argsort(-counts, kind="stable") if counts[c]]
    figure = go.Figure(
        go.Bar(
            x=[_(concepts[int(c)]) for c in found],
            y=counts[found],
            text=counts[found],
            textposition="outside",
            cliponaxis=False,
            marker_color=[colours[c] for c in found],
            hovertemplate=_("%{x}: %{y} units") + "<extra></extra>",
        )
    )
    figure.update_yaxes(title=_("interpretable units"), rangemode="tozero")
    return finish(figure, 300)


def units_by_place(
    counts: Mapping[str, np.ndarray], concepts: Sequence[str], colours: Sequence[str], axis: str
) -> go.Figure:
    """Interpretable units by concept, stacked, for each layer or each stage of training (`axis` says which)."""
    figure = go.Figure()
    names = list(counts)
    table = np.stack(list(counts.values()))
    for c in np.argsort(-table.sum(axis=0), kind="stable"):
        if table[:, c].any():
            figure.add_bar(x=names, y=table[:, c], name=_(concepts[int(c)]), marker_color=colours[c])
            figure.data[-1].hovertemplate = _("%{x}: %{y} units") + f"<extra>{_(concepts[int(c)])}</extra>"
    totals = table.sum(axis=1)
    figure.add_scatter(
        x=names, y=totals, text=totals, mode="text", textposition="top center", showlegend=False, hoverinfo="skip"
    )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    broken = [name.replace("/", "<br>").replace(" (", "<br>(") for name in names]  # short enough to stand upright
    figure.update_xaxes(title=axis, type="category", tickvals=names, ticktext=broken, tickangle=0)
    figure.update_yaxes(title=_("interpretable units"), range=[0, max(1, totals.max()) * 1.12])
    return finish(figure, 360)


def unit_histogram(counts: np.ndarray, span: Sequence[float], level: float) -> go.Figure:
    """A unit's enlarged values in bins from span[0] to span[1], logarithmic, those above the level in colour."""
    edges = np.linspace(span[0], span[1], len(counts) + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    share = 100 * counts / max(counts.sum(), 1)
    colour = np.where(centres > level, CHOSEN, QUIET)
    figure = go.Figure(go.Bar(x=centres, y=share, marker_color=colour, width=edges[1] - edges[0]))
    figure.data[0].hovertemplate = "%{x:.3g}: %{y:.3g}%<extra></extra>"
    said = _("level {level:.3g}").format(level=level)
    figure.add_vline(x=level, line={"color": CHOSEN, "width": 2, "dash": "dash"}, annotation_text=said)
    figure.update_annotations(yshift=14)
    figure.update_xaxes(title=_("value of the map (outer bins hold all beyond)"))
    figure.update_yaxes(title=_("pixels"), type="log", ticksuffix="%", dtick=1, exponentformat="none")
    figure.update_layout(bargap=0)
    return finish(figure, 270)


def unit_ious(
    iou: np.ndarray, ceiling: np.ndarray, concepts: Sequence[str], interval: tuple[float, float] | None, best: int
) -> go.Figure:
    """A unit's IoU with every concept (C each, index 0 left out) below the ceiling that its lit share sets."""
    order = [int(c) for c in np.argsort(-iou, kind="stable") if c > 0]
    names = [_(concepts[int(c)]) for c in order]
    figure = go.Figure()
    figure.add_bar(
        x=names, y=ceiling[order], marker_color=GREY, opacity=0.3, name=_("ceiling at this share of lit pixels")
    )
    figure.add_bar(
        x=names,
        y=iou[order],
        name="IoU",
        marker_color=[CHOSEN if c == best else BAR for c in order],
        text=[f"{iou[c]:.2f}" for c in order],
        textposition="outside",
        cliponaxis=False,
    )
    if interval is not None and best in order:
        low, high = interval
        error = {"array": [high - iou[best]], "arrayminus": [iou[best] - low], "symmetric": False, "type": "data"}
        figure.add_scatter(
            x=[_(concepts[best])], y=[iou[best]], error_y=error, mode="markers", marker_size=1, showlegend=False
        )
    figure.update_traces(hovertemplate="%{x}: %{y:.3f}<extra></extra>")
    figure.update_layout(barmode="overlay", legend={"orientation": "h", "y": 1.14, "x": 0})
    figure.update_yaxes(title="IoU", range=[0, 1.05])
    return finish(figure, 300)


def level_curves(
    shares: np.ndarray,
    iou: np.ndarray,
    ceiling: np.ndarray,
    concepts: Sequence[str],
    colours: Sequence[str],
    shown: Sequence[int],
    marks: Mapping[str, float],
) -> go.Figure:
    """IoU with a few concepts against the share of pixels that is lit, by moving the level.

    shares: L; iou: L x C; ceiling: L x C, which no mask of that share can exceed; marks: shares by name.
    """
    figure = go.Figure()
    for rank, c in enumerate(shown):
        line = {"color": colours[c], "width": 4 if rank == 0 else 2}
        figure.add_scatter(x=100 * shares, y=iou[:, c], mode="lines", name=_(concepts[int(c)]), line=line)
    if len(shown):
        line = {"color": GREY, "width": 2, "dash": "dot"}
        figure.add_scatter(
            x=100 * shares,
            y=ceiling[:, shown[0]],
            name=_("ceiling for {concept}").format(concept=_(concepts[shown[0]])),
            line=line,
        )
    figure.update_traces(hovertemplate=_("%{x:.3g}% lit: %{y:.3f}"))
    places = {name: float(np.log10(100 * share)) for name, share in marks.items() if share > 0}
    for row, (name, x) in enumerate(places.items()):
        style = {"color": CHOSEN if row == 0 else QUIET, "width": 2, "dash": "dash"}
        figure.add_vline(x=10**x, line=style)
        is_tight = x > 1 or any(0 < other - x < 0.7 for other in places.values())  # the legend, or another line
        side, shift = ("right", -4) if is_tight else ("left", 4)
        figure.add_annotation(x=x, y=1.0 - 0.1 * row, text=_(name), showarrow=False, xanchor=side, xshift=shift)
    figure.update_xaxes(title=_("pixels lit"), type="log", ticksuffix="%", dtick=1, range=[-1.02, 2.02])
    figure.update_yaxes(title="IoU", range=[0, 1.05])
    return finish(figure, 300)


def unit_scatter(
    iou: np.ndarray, iqr: np.ndarray, names: Sequence[str], limits: tuple[float, float], interpretable: np.ndarray
) -> go.Figure:
    """All units of a layer by IoU and IQR of their best concept, with the borders of what counts as interpretable."""
    figure = go.Figure()
    for mask, colour, name in (
        (interpretable, BAR, _("interpretable")),
        (~interpretable, QUIET, _("not interpretable")),
    ):
        where = np.flatnonzero(mask)
        figure.add_scatter(
            x=iou[where],
            y=iqr[where],
            mode="markers",
            name=name,
            marker={"color": colour, "size": 8},
            text=[_("unit {unit}: {concept}").format(unit=u, concept=_(names[u])) for u in where.tolist()],
            hovertemplate="%{text}<br>IoU %{x:.3f}, IQR %{y:.3f}<extra></extra>",
        )
    figure.add_vline(x=limits[0], line={"color": GREY, "dash": "dot"})
    figure.add_hline(y=max(limits[1], 0), line={"color": GREY, "dash": "dot"})
    figure.update_xaxes(title="IoU", rangemode="tozero")
    figure.update_yaxes(title="IQR", rangemode="tozero")
    figure.update_layout(legend={"orientation": "h", "y": 1.14, "x": 0})
    return finish(figure, 300)


def unit_changes(
    before: np.ndarray, after: np.ndarray, low: np.ndarray, high: np.ndarray, concepts: Sequence[str]
) -> go.Figure:
    """How many units each concept gains or loses (C each, with the 95% interval of after - before), the most first."""
    change = after - before
    order = [int(c) for c in np.argsort(-np.abs(change), kind="stable") if before[c] or after[c]]
    names = [_(concepts[c]) for c in order]
    counts = [f"{before[c]} → {after[c]}" for c in order]
    error = {"array": (high - change)[order], "arrayminus": (change - low)[order], "symmetric": False, "type": "data"}
    figure = go.Figure(
        go.Bar(
            x=[
                f"{name}<br><span style='font-size:12px'>{count}</span>"
                for name, count in zip(names, counts, strict=True)
            ],
            y=change[order],
            error_y=error,
            marker_color=[BAR if change[c] >= 0 else CHOSEN for c in order],
            hovertemplate="%{x}: %{y:+d}<extra></extra>",
        )
    )
    figure.update_xaxes(tickangle=0, type="category")
    figure.update_yaxes(title=_("units gained or lost"), zeroline=True)
    return finish(figure, 300)


def unit_map(
    places: np.ndarray, concept: np.ndarray, concepts: Sequence[str], colours: Sequence[str], names: Sequence[str]
) -> go.Figure:
    """Units at their places (U x 2) in the colours of their concepts (U; 0: none); a lasso selects."""
    figure = go.Figure()
    counts = np.bincount(concept, minlength=len(concepts))
    for c in (0, *(int(c) for c in np.argsort(-counts, kind="stable") if c)):
        rows = np.flatnonzero(concept == c)
        if len(rows):
            figure.add_scattergl(
                x=places[rows, 0],
                y=places[rows, 1],
                mode="markers",
                name=_("not interpretable") if c == 0 else _(concepts[int(c)]),
                marker={"color": QUIET if c == 0 else colours[c], "size": 6 if c == 0 else 8},
                customdata=rows,
                text=[names[int(row)] for row in rows],
                hovertemplate="%{text}<extra>%{fullData.name}</extra>",
            )
    figure.update_xaxes(showticklabels=False, zeroline=False)
    figure.update_yaxes(showticklabels=False, zeroline=False)
    finish(figure, 560)
    legend = {"orientation": "h", "y": 0, "x": 0, "yanchor": "top", "entrywidth": 86, "font_size": 13}
    return figure.update_layout(dragmode="lasso", legend=legend)


def peak_histogram(peaks: np.ndarray, level: float) -> go.Figure:
    """A unit's highest value in each picture, those above the level in colour."""
    counts, edges = np.histogram(peaks, bins=40)
    centres = (edges[1:] + edges[:-1]) / 2
    figure = go.Figure(
        go.Bar(
            x=centres,
            y=counts,
            width=edges[1] - edges[0],
            marker_color=np.where(centres > level, CHOSEN, QUIET),
            hovertemplate="%{x:.3g}: %{y}<extra></extra>",
        )
    )
    said = _("level {level:.3g}").format(level=level)
    figure.add_vline(x=level, line={"color": CHOSEN, "width": 2, "dash": "dash"}, annotation_text=said)
    figure.update_annotations(yshift=14)
    figure.update_xaxes(title=_("highest value in a picture"))
    figure.update_yaxes(title=_("pictures (of {count:,})").format(count=len(peaks)), rangemode="tozero")
    figure.update_layout(bargap=0)
    return finish(figure, 270)


def unit_effects(own: np.ndarray, random: np.ndarray, names: Sequence[str], title: str) -> go.Figure:
    """Change of each concept's share (C, percentage points), over the range of random units (K x C)."""
    figure = go.Figure()
    low, high = random.min(axis=0), random.max(axis=0)
    shown, mark = [_(name) for name in names], {"color": CHOSEN, "size": 11, "symbol": "diamond"}
    figure.add_bar(x=shown, y=high - low, base=low, marker_color=GREY, opacity=0.45, name=_("random units"))
    figure.add_scatter(x=shown, y=own, mode="markers", marker=mark, name=title)
    figure.update_traces(hovertemplate="%{x}: %{y:.3g}<extra></extra>")
    figure.update_layout(legend={"orientation": "h", "y": 1.14, "x": 0})
    figure.update_yaxes(title=_("percentage points"), zeroline=True)
    return finish(figure, 270)
