"""Figures of the Latents page: where in the network a walk changes things."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.language import _, said
from dashboard.shared.figure_style import BAR, CHOSEN


def layer_distances(travel: Mapping[str, np.ndarray], perceptual: np.ndarray | None = None) -> go.Figure:
    """Distance per step by layer (rows, the latent on top) and frame, each layer's sum beside it.

    travel: name -> N - 1 relative distances.  perceptual: N - 1 numbers, drawn over the same frames above.
    """
    names, steps = [said(name) for name in travel], np.stack(list(travel.values()))
    rows = 1 if perceptual is None else 2
    heights = [1.0] if rows == 1 else [0.26, 0.74]
    figure = make_subplots(
        rows, 2, column_widths=[0.8, 0.2], row_heights=heights, horizontal_spacing=0.02, vertical_spacing=0.09,
        shared_yaxes=False, subplot_titles=([_("perceptual distance per step"), ""] if rows == 2 else [])
        + [_("relative distance per step"), _("whole walk")],
    )  # fmt: skip
    if perceptual is not None:
        figure.add_scatter(
            y=perceptual, mode="lines", line={"color": BAR, "width": 2.5}, row=1, col=1,
            hovertemplate=_("frame %{x}: %{y:.3g}<extra></extra>"),
        )  # fmt: skip
        figure.update_yaxes(rangemode="tozero", row=1, col=1)
        figure.update_xaxes(showticklabels=False, row=1, col=1)
    figure.add_heatmap(
        z=steps, y=names, row=rows, col=1, colorscale="Viridis", zmin=0, showscale=False,
        hovertemplate=_("%{y}, frame %{x}: %{z:.3f}<extra></extra>"),
    )  # fmt: skip
    figure.add_bar(
        x=steps.sum(axis=1), y=names, orientation="h", marker_color=CHOSEN, row=rows, col=2, texttemplate="%{x:.1f}",
        textposition="outside", cliponaxis=False, hovertemplate="%{y}: %{x:.2f}<extra></extra>",
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", row=rows)
    figure.update_yaxes(showticklabels=False, row=rows, col=2)
    figure.update_xaxes(showticklabels=False, range=[0, 1.25 * max(steps.sum(axis=1).max(), 1e-9)], row=rows, col=2)
    figure.update_xaxes(range=[-0.5, steps.shape[1] - 0.5], col=1)
    figure.update_xaxes(title=_("frame"), title_standoff=4, row=rows, col=1)
    height = 90 + 24 * len(names) + (110 if rows == 2 else 0)
    return figure.update_layout(height=height, margin={"l": 10, "r": 10, "t": 30, "b": 10}, showlegend=False)
