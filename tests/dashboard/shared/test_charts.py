"""A chart's texts and lines take the theme's colours."""

import json

import pandas  # noqa: F401  (before plotly)
import plotly.graph_objects as go
import plotly.io
import pytest
from plotly.subplots import make_subplots

from dashboard.language import OUTSIDE, language
from dashboard.shared.charts import in_ink, once

INK, RULE = "#123456", "#654321"


def panels() -> go.Figure:
    figure = make_subplots(1, 3, subplot_titles=["a", "b", "c"])
    figure.add_scatter(x=[1], y=[2], row=1, col=2)
    figure.update_xaxes(title="steps", title_standoff=4, tickfont_size=12)
    return figure.update_layout(title="Title", legend_font_size=9)


def annotated() -> go.Figure:
    return go.Figure(go.Bar(x=[1], y=[2])).add_annotation(text="here", font_size=9)


@pytest.mark.parametrize("make", [panels, annotated, lambda: go.Figure(go.Heatmap(z=[[1, 2]]))])
def test_a_chart_is_coloured_as_plotly_would(make):
    sent, updated = in_ink(make().to_dict(), INK, RULE), make()
    updated.update_layout(font_color=INK, title_font_color=INK, legend_font_color=INK)
    for axes in (updated.update_xaxes, updated.update_yaxes):
        axes(tickfont_color=INK, title_font_color=INK, gridcolor=RULE, zerolinecolor=RULE)
    updated.update_annotations(font_color=INK)
    found, expected = (json.loads(plotly.io.to_json(one, validate=False)) for one in (sent, updated.to_dict()))
    assert found == expected


def test_a_chart_is_made_once_in_each_language():
    made = []

    def draw(values) -> go.Figure:
        made.append(language())
        return go.Figure(layout={"title": {"text": language()}})

    titles = []
    for code in ("en", "zh", "en"):
        token = OUTSIDE.set(code)
        titles.append(once(draw, [1, 2])["layout"]["title"]["text"])
        OUTSIDE.reset(token)
    assert titles == ["en", "zh", "en"] and made == ["en", "zh"]
