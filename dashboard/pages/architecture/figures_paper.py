"""The drawing of a network for a paper: matplotlib, as SVG or PDF with text that stays text."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.typing import RcKeyType

from dashboard.pages.architecture.figures import BAND, KINDS, Drawing, kinds_in

STYLE: dict[RcKeyType, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "svg.fonttype": "none",
    "svg.hashsalt": "pggan-lab",  # the same drawing is the same file
}
MAX_UNIT = 0.28  # inches: a network of few blocks makes a narrower figure


def draw(drawing: Drawing, title: str = "", width: float = 7.2) -> Figure:
    """The drawing as a matplotlib figure, at most ``width`` inches wide (7.2 fills two columns)."""
    left, right, bottom, top = drawing.extent
    left, right, top = left - 0.7, right + 0.9, top + (1.5 if title else 0.6)
    unit = min(width / (right - left), MAX_UNIT)
    size = max(3.5, min(7.0, unit * 72 * 0.38))  # points: text in a block one unit wide
    bottom -= 0.4 + 0.65 * size / 72 / unit * max((len(text) for _, _, text in drawing.sizes), default=0)
    width = max(unit * (right - left), 3.4)
    kinds = kinds_in(drawing)
    columns = 4 if width > 5 else 2
    legend_rows = -(-len(kinds) // columns)
    height = unit * (top - bottom) + 0.17 * legend_rows + 0.1
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes(
            (0, (0.17 * legend_rows + 0.1) / height, unit * (right - left) / width, unit * (top - bottom) / height)
        )
        axes.set(xlim=(left, right), ylim=(bottom, top))
        axes.axis("off")
        _blocks(axes, drawing, size, unit)
        for x, y, text in drawing.sizes:
            axes.text(x, y, text, rotation=90, ha="center", va="top", fontsize=size, color="#333333")
        for x, y, text in drawing.notes:
            axes.text(x, y, text, ha="left", va="bottom", fontsize=size)
        if title:
            axes.text(left + 0.7, top - 0.2, title, fontsize=9, fontweight="bold", va="top")
        handles = [Patch(facecolor=KINDS[k][1], edgecolor=KINDS[k][2], linewidth=0.6, label=KINDS[k][0]) for k in kinds]
        figure.legend(
            handles=handles, loc="lower center", ncols=columns, fontsize=6.5, frameon=False, borderaxespad=0.2,
            handlelength=1.2, handleheight=0.9,
        )  # fmt: skip
    return figure


def _blocks(axes, drawing: Drawing, size: float, unit: float) -> None:
    """Blocks and arrows; size: of text in points, unit: of the drawing in inches."""
    for p in drawing.placed:
        _, fill, edge = KINDS[p.block.kind]
        corner = (p.x, p.y - p.height / 2)
        axes.add_patch(Rectangle(corner, p.width, p.height, facecolor=fill, edgecolor=edge, linewidth=0.6))
        for kind, foot in p.bands():
            band = Rectangle(
                (p.x, foot), p.width, BAND, facecolor=KINDS[kind][1], edgecolor=KINDS[kind][2], linewidth=0.4
            )
            axes.add_patch(band)
        y, room = p.text()
        fitting = 72 * unit * room / (0.62 * len(p.block.label) + 0.5)
        axes.text(
            p.middle, y, p.block.label, rotation=90 if p.height > p.width else 0, ha="center", va="center",
            fontsize=min(size, fitting),
        )  # fmt: skip
    for arrow in drawing.arrows:
        *way, tip = arrow
        axes.plot(*zip(*way, strict=True), color="#444444", linewidth=0.6)
        head = {"arrowstyle": "-|>", "mutation_scale": 3.5, "shrinkA": 0, "shrinkB": 0}
        axes.add_patch(FancyArrowPatch(way[-1], tip, color="#444444", linewidth=0.6, **head))


def save(figure: Figure, kind: str) -> bytes:
    """The figure as the bytes of an "svg", "pdf" or "png" (300 dpi) file; the same figure gives the same bytes."""
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format=kind, dpi=300, metadata=metadata)
    return buffer.getvalue()
