"""How the figures of several pages look: colours, and text that can be read from the back of a room. No Streamlit."""

import plotly.graph_objects as go

COLORS = ("#2f7dd1", "#e07b1a", "#2a9d6f", "#b4529b", "#8a7a3c", "#6a6fd4")
BAR, CHOSEN, GREEN, VIOLET = COLORS[:4]
GREY = "#8b95a1"
TEXT_SIZE = 15


def finish(figure: go.Figure, height: int) -> go.Figure:
    """The figure with its height in pixels, narrow margins and large text."""
    figure.update_xaxes(tickfont_size=TEXT_SIZE, title_font_size=TEXT_SIZE)
    figure.update_yaxes(tickfont_size=TEXT_SIZE - 1, title_font_size=TEXT_SIZE)
    margin = {"l": 10, "r": 10, "t": 34, "b": 10}
    return figure.update_layout(height=height, margin=margin, font_size=TEXT_SIZE, legend_font_size=TEXT_SIZE)
