"""The one way to show a plotly figure: full width, text in the theme's full ink, no toolbar."""

from collections.abc import Callable
from typing import Any, ParamSpec

import plotly.graph_objects as go
import streamlit as st

from dashboard.language import language

P = ParamSpec("P")
INK = {"light": "#16202c", "dark": "#eef3f8"}  # textColor of the themes in .streamlit/config.toml
RULE = {"light": "#d5dce4", "dark": "#36414d"}


def once(draw: Callable[P, go.Figure], *arguments: P.args, **named: P.kwargs) -> dict:
    """The figure that `draw` makes of these arguments, as a dict; made once for everybody with the same language.

    For what does not follow the seed. Plotly checks every property of a figure, which takes longer than many a result.
    """
    return _once(_name(draw), language(), (arguments, named), lambda: draw(*arguments, **named))


def once_for(key: str, draw: Callable[P, go.Figure], *arguments: P.args, **named: P.kwargs) -> dict:
    """The same where a key stands for the arguments, which would take longer to compare than to draw."""
    return _once(_name(draw), language(), key, lambda: draw(*arguments, **named))


def _name(draw: Callable) -> str:
    return f"{draw.__module__}.{draw.__qualname__}"


@st.cache_data(max_entries=128, show_spinner=False)
def _once(name: str, code: str, given: Any, _draw: Callable[[], go.Figure]) -> dict:
    return _draw().to_dict()


def chart(figure: go.Figure | dict, key: str, download: str | None = None, **options) -> Any:
    """Show a figure and return what `st.plotly_chart` returns (`on_select="rerun"` and the like are passed on).

    A figure that is a dict is not checked.

    download: "png" or "svg" shows a button that saves the chart as such a file; the browser makes it.
    Streamlit's own plotly theme draws axes and titles in grey, which a projector washes out.
    """
    theme = st.context.theme.type or "light"
    sent = in_ink(figure if isinstance(figure, dict) else figure.to_dict(), INK[theme], RULE[theme])
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
