"""The drawing of a network for a paper: matplotlib, as SVG or PDF with text that stays text."""

import functools
import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.typing import RcKeyType

from dashboard.language import language, said
from dashboard.pages.architecture.figures import BAND, KINDS, Drawing, kinds_in

CHINESE = {  # whichever is installed: the font, and how its file's name begins
    "Noto Sans CJK SC": "NotoSansCJK", "WenQuanYi Micro Hei": "wqy-microhei", "PingFang SC": "PingFang",
    "Microsoft YaHei": "msyh",
}  # fmt: skip
STYLE: dict[RcKeyType, Any] = {
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "svg.fonttype": "none",
    "svg.hashsalt": "pggan-lab",  # the same drawing is the same file
}
MAX_UNIT = 0.28  # inches: a network of few blocks makes a narrower figure


@functools.cache
def fonts() -> list[str]:
    """The figures' own font, and the first Chinese one that this machine has."""
    if not CHINESE.keys() & set(font_manager.get_font_names()):  # its list may be older than the font
        for path in font_manager.findSystemFonts():
            if Path(path).name.startswith(tuple(CHINESE.values())):
                font_manager.fontManager.addfont(path)
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *[name for name in CHINESE if name in installed][:1]]


def style() -> dict[RcKeyType, Any]:
    """matplotlib's settings for these figures."""
    return {**STYLE, "font.family": fonts()}  # a generic family stands for one font, without the next for what it lacks


def words(text: str) -> str:
    """A label in the reader's language, as far as the fonts have its signs."""
    return said(text) if language() != "zh" or len(fonts()) > 1 else text


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
    with matplotlib.rc_context(style()):
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
            axes.text(left + 0.7, top - 0.2, words(title), fontsize=9, fontweight="bold", va="top")
        handles = [
            Patch(facecolor=KINDS[k][1], edgecolor=KINDS[k][2], linewidth=0.6, label=words(KINDS[k][0])) for k in kinds
        ]
        figure.legend(
            handles=handles,
            loc="lower center",
            ncols=columns,
            fontsize=6.5,
            frameon=False,
            borderaxespad=0.2,
            handlelength=1.2,
            handleheight=0.9,
        )
    return figure


def _blocks(axes, drawing: Drawing, size: float, unit: float) -> None:
    """Blocks and arrows; size: of text in points, unit: of the drawing in inches."""
    for p in drawing.placed:
        _line, fill, edge = KINDS[p.block.kind]
        label = words(p.block.label)
        corner = (p.x, p.y - p.height / 2)
        axes.add_patch(Rectangle(corner, p.width, p.height, facecolor=fill, edgecolor=edge, linewidth=0.6))
        for kind, foot in p.bands():
            band = Rectangle(
                (p.x, foot), p.width, BAND, facecolor=KINDS[kind][1], edgecolor=KINDS[kind][2], linewidth=0.4
            )
            axes.add_patch(band)
        y, room = p.text()
        fitting = 72 * unit * room / (0.62 * len(label) + 0.5)
        axes.text(
            p.middle, y, label, rotation=90 if p.height > p.width else 0, ha="center", va="center",
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
    with matplotlib.rc_context(style()):
        figure.savefig(buffer, format=kind, dpi=300, metadata=metadata)
    return buffer.getvalue()
