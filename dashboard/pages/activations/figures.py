"""Charts of activation statistics by layer: spread, largest magnitude, and their table."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dashboard.language import N_, _, said
from dashboard.shared.figure_style import COLORS
from dashboard.shared.ridgelines import log_axis, panels
from pgan_core.inspection import PointStatistics

CHARTS = {N_("Standard deviation"): "std", N_("Largest magnitude"): "largest"}

COLUMNS = (  # of `statistics_table`, as people read them
    N_("network"), N_("point"), N_("layer"), N_("mean"), N_("std"), N_("dead units %"), N_("largest"), N_("shape"),
    N_("outside the axis %"),
)  # fmt: skip


def magnitudes(networks: Mapping[str, Mapping[str, PointStatistics]], height: int = 300) -> dict:
    """Spread and largest magnitude by layer on log axes: network title -> {layer: statistics}, one line per network."""
    traces, layout = [], panels([_(title) for title in CHARTS], 0.07)
    for i, (name, layers) in enumerate(networks.items()):
        for column, field in enumerate(CHARTS.values(), 1):
            values = np.array([getattr(s, field) for s in layers.values()])
            traces.append({
                "type": "scatter", "x": list(layers), "y": np.where(values > 0, values, np.nan), "name": said(name),
                "legendgroup": name, "showlegend": column == 1 and len(networks) > 1, "mode": "lines+markers",
                "line": {"color": COLORS[i], "dash": "solid" if i == 0 else "dash"},
                "marker": {"symbol": "circle" if i == 0 else "diamond", "size": 7},
                "hovertemplate": "%{x}: %{y:.3g}<extra>" + said(name) + "</extra>",
                "xaxis": ("x", "x2")[column - 1], "yaxis": ("y", "y2")[column - 1],
            })  # fmt: skip
    for column, field in enumerate(CHARTS.values(), 1):
        values = [[getattr(s, field) for s in layers.values()] for layers in networks.values()]
        layout["yaxis" if column == 1 else "yaxis2"] |= log_axis(*values)
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
    layout |= {"height": height, "margin": {"l": 8, "r": 8, "t": 30, "b": 8}, "legend": legend}
    return {"data": traces, "layout": layout}


def statistics_table(networks: Mapping[str, Mapping[str, PointStatistics]]) -> pd.DataFrame:
    """One row per network and layer: mean, standard deviation, dead units in percent, largest magnitude, shape."""
    rows = [
        {
            "network": name,
            "layer": layer,
            "mean": s.mean,
            "std": s.std,
            "dead units %": 100 * s.dead,
            "largest": s.largest,
            "shape": " × ".join(map(str, s.shape)),
            "outside the axis %": 100 * (1 - s.histogram.counts.sum() / max(s.histogram.total, 1)),
        }
        for name, layers in networks.items()
        for layer, s in layers.items()
    ]
    table = pd.DataFrame(rows)
    return table if len(networks) > 1 else table.drop(columns="network")
