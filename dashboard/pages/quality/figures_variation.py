"""Figures of minibatch stddev, minibatch discrimination, and norms of a feature vector."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.language import _

TEXT_SIZE = 15
MARGIN = {"l": 10, "r": 10, "t": 34, "b": 10}
COLOURS = ("#2f7dd1", "#e07b1a", "#2a9d6f")


def stddev_maps(stddev: np.ndarray, extra_map: np.ndarray, top: float) -> go.Figure:
    """One group's stddev for every feature and place, its average, and the extra map that is appended.

    stddev: C x 4 x 4, extra_map: 4 x 4; `top` is the top of the common colour scale.
    """
    over = _("Stddev over the group: {features} features × {places} places")
    figure = make_subplots(
        1, 2, column_widths=[0.78, 0.22], horizontal_spacing=0.06,
        subplot_titles=(over.format(features=len(stddev), places=stddev[0].size), _("Extra map")),
    )  # fmt: skip
    scale = {"zmin": 0, "zmax": top, "colorscale": "Viridis"}
    figure.add_heatmap(
        z=stddev.reshape(len(stddev), -1).T, **scale, colorbar={"title": "σ", "thickness": 14}, row=1, col=1,
        hovertemplate=_("feature %{x}, place %{y}: %{z:.3f}<extra></extra>"),
    )  # fmt: skip
    light = extra_map.mean() < 0.6 * top
    figure.add_heatmap(
        z=extra_map, **scale, showscale=False, texttemplate="%{z:.2f}", row=1, col=2, hoverinfo="skip",
        textfont={"size": TEXT_SIZE, "color": "white" if light else "black"},
    )  # fmt: skip
    figure.update_xaxes(title=_("feature"), row=1, col=1, showgrid=False)
    figure.update_yaxes(title=_("place"), row=1, col=1, showgrid=False, autorange="reversed")
    figure.update_xaxes(showticklabels=False, row=1, col=2)
    figure.update_yaxes(showticklabels=False, autorange="reversed", row=1, col=2)
    figure.update_annotations(font_size=TEXT_SIZE)
    return figure.update_layout(height=230, margin=MARGIN)


def alike_curves(similarities: Sequence[float], curves: dict[str, dict[str, np.ndarray]], chosen: float) -> go.Figure:
    """Over how alike the batch is: the layer's average stddev, and the discriminator's mean score.

    curves: name of the form -> {"average": values, "score": values}; a line marks `chosen`.
    """
    titles = (_("Average stddev (the extra map)"), _("Discriminator's mean score"))
    figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.1)
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        for column, key in ((1, "average"), (2, "score")):
            figure.add_scatter(
                x=list(similarities), y=values[key], name=name, mode="lines+markers", legendgroup=name,
                line={"color": colour, "width": 3}, showlegend=column == 1, row=1, col=column,
                hovertemplate=_("%{x:.0%} alike: %{y:.3f}") + "<extra>" + name + "</extra>",
            )  # fmt: skip
    figure.add_vline(chosen, line={"color": "#8b95a1", "width": 3, "dash": "dot"})
    figure.update_xaxes(title=_("how alike"), tickformat=".0%", range=[-0.02, 1.02])
    figure.update_yaxes(rangemode="tozero", col=1)
    figure.update_annotations(font_size=TEXT_SIZE)
    legend = {"orientation": "h", "x": 0, "y": -0.28, "font": {"size": TEXT_SIZE}}
    return figure.update_layout(height=300, margin=MARGIN, legend=legend)


def closeness(matrix: np.ndarray) -> go.Figure:
    """Minibatch discrimination: how close each two pictures of the batch are, 0 to 1."""
    names = [str(i + 1) for i in range(len(matrix))]
    figure = go.Figure(
        go.Heatmap(
            z=matrix,
            x=names,
            y=names,
            zmin=0,
            zmax=1,
            colorscale="Viridis",
            xgap=1,
            ygap=1,
            colorbar={"title": "c(i, j)", "thickness": 14},
            hovertemplate=_("%{x} and %{y}: %{z:.2f}") + "<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", title=_("picture"), type="category", showgrid=False)
    figure.update_xaxes(title=_("picture"), type="category", showgrid=False)
    return figure.update_layout(height=300, margin=MARGIN)


def feature_vectors(vectors: dict[str, np.ndarray]) -> go.Figure:
    """The feature vector at one place under each norm, a row of bars each; vectors: title -> C values."""
    figure = make_subplots(len(vectors), 1, shared_xaxes=True, vertical_spacing=0.13, subplot_titles=tuple(vectors))
    for row, (values, colour) in enumerate(zip(vectors.values(), COLOURS, strict=False), start=1):
        figure.add_bar(
            y=values, marker_color=colour, marker_line_width=0, row=row, col=1, showlegend=False,
            hovertemplate=_("feature %{x}: %{y:.3g}<extra></extra>"),
        )  # fmt: skip
    figure.update_xaxes(title=_("feature"), row=len(vectors), col=1)
    figure.update_annotations(font_size=TEXT_SIZE, x=0, xanchor="left")
    return figure.update_layout(height=130 * len(vectors) + 60, margin=MARGIN, bargap=0.1)
