"""Figures of the Growth page: what a picture costs at each resolution, and what growing saves over a run."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.language import _
from dashboard.shared.figure_style import BAR, GREEN, GREY, TEXT_SIZE
from pgan_core.costs import Cost
from pgan_core.growth import Schedule


def picture_costs(costs: Mapping[int, Cost]) -> go.Figure:
    """Multiply-adds and activation memory of one picture by its size, on logarithmic scales."""
    titles = (_("Multiply-adds per picture"), _("Activation memory per picture"))
    figure = make_subplots(1, 2, subplot_titles=titles, horizontal_spacing=0.1)
    quantities = ([c.multiply_adds for c in costs.values()], [c.activation_bytes for c in costs.values()])
    for column, (heights, unit) in enumerate(zip(quantities, ("", "B"), strict=True), start=1):
        bar = go.Bar(x=[str(size) for size in costs], y=heights, marker_color=BAR)
        bar.update(texttemplate=f"%{{y:.2s}}{unit}", textposition="outside", textfont_size=TEXT_SIZE, cliponaxis=False)
        bar.hovertemplate = f"%{{x}}×%{{x}}: %{{y:.3s}}{unit}<extra></extra>"
        figure.add_trace(bar, 1, column)
        figure.update_yaxes(ticksuffix=unit, col=column)
    figure.update_yaxes(type="log", dtick=2, exponentformat="SI", tickfont_size=TEXT_SIZE - 1)
    figure.update_xaxes(type="category", tickangle=0, tickfont_size=TEXT_SIZE - 1, title=_("pixels"), title_standoff=4)
    figure.update_annotations(font_size=TEXT_SIZE + 1)
    return figure.update_layout(height=300, margin={"l": 10, "r": 10, "t": 40, "b": 10}, showlegend=False)


def run_cost(schedule: Schedule, corners: Sequence[tuple[float, float]], full_size: float) -> go.Figure:
    """Cost over kimg of a growing run and of one at full size from the start, as shares of the latter's whole cost.

    `corners` are (kimg, multiply-adds) from `cumulative_cost`; `full_size` the multiply-adds of a run at full size.
    """
    figure = go.Figure()
    kimg, grown = [k for k, _ in corners], [100 * cost / full_size for _, cost in corners]
    figure.add_scatter(x=[0, kimg[-1]], y=[0, 100], mode="lines", line={"color": GREY, "width": 3, "dash": "dash"})
    figure.add_scatter(x=kimg, y=grown, mode="lines+markers", line={"color": GREEN, "width": 4}, marker_size=8)
    end = {"x": kimg[-1], "xanchor": "left", "xshift": 12, "showarrow": False, "font_size": TEXT_SIZE + 1}
    figure.add_annotation(y=100, text=_("full size from the start: 100%"), **end)
    figure.add_annotation(
        y=grown[-1], text=_("grown progressively: <b>{grown:.0f}%</b>").format(grown=grown[-1]), **end
    )
    figure.data[0].hovertemplate = "%{x:.0f} kimg: %{y:.0f}%<extra>" + _("full size from the start") + "</extra>"
    figure.data[1].hovertemplate = "%{x:.0f} kimg: %{y:.1f}%<extra>" + _("grown progressively") + "</extra>"
    figure.update_xaxes(
        title=_("kimg (to {resolution}×{resolution})").format(resolution=schedule.resolution),
        title_font_size=TEXT_SIZE,
        range=[0, kimg[-1]],
    )
    figure.update_yaxes(title=_("multiply-adds spent"), ticksuffix="%", range=[0, 114], title_font_size=TEXT_SIZE)
    return figure.update_layout(height=310, margin={"l": 10, "r": 245, "t": 10, "b": 10}, showlegend=False)
