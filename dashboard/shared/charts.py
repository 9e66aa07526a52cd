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
    sent = in_ink(figure.to_dict(), INK[theme], RULE[theme])
    config = {"displayModeBar": False}
    if download:
        image = {"format": download, "filename": key, "scale": 2}
        config = {"displaylogo": False, "modeBarButtons": [["toImage"]], "toImageButtonOptions": image}
    return st.plotly_chart(go.Figure(sent, _validate=False), key=key, config=config, **options)


def in_ink(sent: dict, ink: str, rule: str) -> dict:
    """A figure's dict with its texts and lines coloured; plotly's updates would take as long as drawing it did."""
    layout = sent["layout"]
    layout |= {name: layout.get(name, {}) for name in ("title", "legend", "xaxis", "yaxis")}
    axes = [part for name, part in layout.items() if name.startswith(("xaxis", "yaxis"))]
    for axis in axes:
        axis |= {"gridcolor": rule, "zerolinecolor": rule, "title": axis.get("title", {})}
        axis["tickfont"] = axis.get("tickfont", {}) | {"color": ink}
    titles = [axis["title"] for axis in axes]
    for part in (layout, layout["title"], layout["legend"], *layout.get("annotations", ()), *titles):
        part["font"] = part.get("font", {}) | {"color": ink}
    return sent
