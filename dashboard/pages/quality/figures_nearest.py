"""How far the nearest training picture is: one curve for each kind of picture."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.language import _
from dashboard.pages.quality.figures import FAKE, FLOOR, MARGIN, REAL, TEXT_SIZE

BINS = 48


def nearest_curves(nearest: Mapping[str, Sequence[float]]) -> go.Figure:
    """The distribution of distances to the nearest training picture, for each named set, its median marked.

    "generated" and "held out" are the pair to compare; every other set is drawn in grey.
    """
    highest = max(max(values) for values in nearest.values())
    edges = np.linspace(0, 1.02 * highest, BINS + 1)
    figure = go.Figure()
    for name, values in nearest.items():
        colour = {"generated": FAKE, "held out": REAL}.get(name, FLOOR)
        share = 100 * np.histogram(values, edges)[0] / len(values)
        figure.add_scatter(
            x=(edges[1:] + edges[:-1]) / 2, y=share, name=name, line={"color": colour, "width": 3, "shape": "hvh"},
            hovertemplate=_("{name}: %{{y:.1f}}% at %{{x:.1f}}<extra></extra>").format(name=_(name)),
        )  # fmt: skip
        median = float(np.median(values))
        line = {"color": colour, "width": 3, "dash": "dot"}
        figure.add_shape(type="line", x0=median, x1=median, y0=0, y1=1, yref="paper", line=line)
    figure.update_xaxes(
        title=_("distance to the nearest training scene (dotted: median)"),
        range=[0, edges[-1]],
        title_font_size=TEXT_SIZE,
    )
    figure.update_yaxes(title=_("share of pictures"), ticksuffix="%", rangemode="tozero", title_font_size=TEXT_SIZE)
    legend = {"orientation": "h", "x": 0, "y": 1.16, "font": {"size": TEXT_SIZE}}
    return figure.update_layout(height=280, margin=MARGIN, legend=legend)
