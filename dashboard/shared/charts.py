"""The one way to show a plotly figure: full width, text in the theme's full ink, no toolbar."""

import plotly.graph_objects as go
import streamlit as st

INK = {"light": "#16202c", "dark": "#eef3f8"}  # textColor of the themes in .streamlit/config.toml
RULE = {"light": "#d5dce4", "dark": "#36414d"}


def chart(figure: go.Figure, key: str, download: str | None = None, **options) -> object:
    """Show a figure and return what `st.plotly_chart` returns (`on_select="rerun"` and the like are passed on).

    download: "png" or "svg" shows a button that saves the chart as such a file; the browser makes it.
    Streamlit's own plotly theme draws axes and titles in grey, which a projector washes out.
    """
    theme = st.context.theme.type or "light"
    ink, rule = INK[theme], RULE[theme]
    figure.update_layout(font_color=ink, title_font_color=ink, legend_font_color=ink)
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(tickfont_color=ink, title_font_color=ink, gridcolor=rule, zerolinecolor=rule)
    figure.update_annotations(font_color=ink)
    config = {"displayModeBar": False}
    if download:
        image = {"format": download, "filename": key, "scale": 2}
        config = {"displaylogo": False, "modeBarButtons": [["toImage"]], "toImageButtonOptions": image}
    return st.plotly_chart(figure, key=key, config=config, **options)
