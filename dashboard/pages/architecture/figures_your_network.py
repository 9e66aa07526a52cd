"""A network that a visitor wrote: its blocks, its drawing with skip connections, and that drawing as SVG.

The SVG is for the page, which is redrawn as people type; saved files come from `figures_paper`.
"""

import html
import math
from collections.abc import Sequence

from dashboard.language import _, said
from dashboard.pages.architecture.figures import BAND, KINDS, Block, Drawing, Placed, chain_drawing, kinds_in
from dashboard.pages.architecture.your_network.blocks import WEIGHTED, Layer, Operation
from dashboard.pages.architecture.your_network.parser import Network, Skip
from dashboard.pages.architecture.your_network.rows import operation_name

UNIT = 28  # pixels of a block's width
TEXT = 13  # pixels
LANE = 0.45  # height between skip connections that run above each other
SIMPLE_KINDS = {
    "up": "upsample", "pool": "downsample", "pixelnorm": "pixel_norm", "stddev": "minibatch_stddev", "concat": "join",
    "add": "join", "reshape": "other", "flatten": "other", "dropout": "other", "batchnorm": "norm",
    "instancenorm": "norm", "layernorm": "norm", "groupnorm": "norm", "lrn": "norm",
}  # fmt: skip


def block(layer: Layer) -> Block:
    """A layer as a block of the drawing, named after its line."""
    op = layer.operation
    kinds = kinds_of(layer)
    detail = f"{layer.parameters:,} parameters, {layer.multiply_adds:,} multiply-adds" if layer.parameters else ""
    vector = layer.leaving[1] == layer.leaving[2] == 1
    shape = layer.leaving[:1] if vector else layer.leaving
    return Block(str(op.line), kinds[0], operation_name(op), shape, detail, tuple(kinds[1:]))


def kinds_of(layer: Layer) -> list[str]:
    """What a layer is: first what fills the block (gated before spectrally normalised before dilated)."""
    op = layer.operation
    if op.word == "input":
        return ["latent" if layer.leaving[1] == layer.leaving[2] == 1 else "image"]
    if op.word not in WEIGHTED:
        return [SIMPLE_KINDS.get(op.word, "activation")]
    marks = {"gated_conv": op.gated, "spectral": op.spectral, "dilated_conv": op.dilation > 1}
    special = [kind for kind, there in marks.items() if there]
    return special or [_ordinary(op)]


def _ordinary(op: Operation) -> str:
    kind = "dense" if op.word == "dense" else "conv"
    return kind if op.equalized else f"plain_{kind}"


def network_drawing(network: Network, width: float = math.inf) -> Drawing:
    """The network in rows of ``width`` units; a skip connection within a row is an arrow above it."""
    lanes = min(len(network.skips), 6)
    drawing = chain_drawing([block(layer) for layer in network.layers], width, LANE * lanes + (0.5 if lanes else 0))
    top = max((p.height for p in drawing.placed), default=0) / 2
    runs: list[tuple[int, Skip]] = []
    for skip in sorted(network.skips, key=lambda s: s.end - s.start):  # short ones run lowest
        start, end = drawing.placed[skip.start], drawing.placed[skip.end]
        if start.y != end.y:
            drawing.notes.append((start.middle, start.top + 0.05, skip.name))
            continue
        lane = 1 + max((n for n, other in runs if other.start <= skip.end and skip.start <= other.end), default=0)
        runs.append((lane, skip))
        y = start.y + top + LANE * lane
        drawing.arrows.append([(start.middle, start.top), (start.middle, y), (end.middle, y), (end.middle, end.top)])
    return drawing


def svg(drawing: Drawing) -> str:
    """The drawing as an SVG element in the page's ink; each block carries its line in ``data-line``."""
    if not drawing.placed:
        return ""
    left, right, bottom, top = drawing.extent
    top = max([top, *(y for arrow in drawing.arrows for _, y in arrow), *(y + 0.6 for _, y, _ in drawing.notes)])
    deepest = min((y - 0.26 * len(text) for _, y, text in drawing.sizes), default=bottom)
    x0, y0 = left - 0.6, top + 0.15
    size = (UNIT * (right + 0.4 - x0), UNIT * (y0 - min(bottom, deepest) + 0.2))

    def at(x: float, y: float) -> tuple[float, float]:
        return round(UNIT * (x - x0), 1), round(UNIT * (y0 - y), 1)

    parts = [_arrow([at(*point) for point in arrow]) for arrow in drawing.arrows]
    parts += [_block(p, at) for p in drawing.placed]
    for x, y, text in drawing.sizes:
        px, py = at(x, y)
        parts.append(f'<text transform="translate({px} {py}) rotate(-90)" text-anchor="end" dy=".35em">{text}</text>')
    for x, y, text in drawing.notes:
        px, py = at(x, y)
        parts.append(f'<text x="{px}" y="{py}" text-anchor="middle">{html.escape(text)}</text>')
    w, h = (math.ceil(n) for n in size)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" font-size="{TEXT}"'
    return f'{head} fill="currentColor">{"".join(parts)}</svg>'


def _arrow(points: Sequence[tuple[float, float]]) -> str:
    """A line with a head: the last step goes right or down."""
    (xb, yb), (x, y) = points[-2:]
    line = " ".join(f"{a},{b}" for a, b in points)
    head = (
        f"{x - 4},{y - 5} {x + 4},{y - 5} {x},{y}"
        if y - yb > abs(x - xb)
        else f"{x - 5},{y - 3} {x - 5},{y + 3} {x},{y}"
    )
    stroke = 'fill="none" stroke="#7c8896" stroke-width="1.5"'
    return f'<polyline points="{line}" {stroke}/><polygon points="{head}" fill="#7c8896"/>'


def _block(p: Placed, at) -> str:
    _line, fill, edge = KINDS[p.block.kind]
    x, y = at(p.x, p.top)
    w, h = round(UNIT * p.width, 1), round(UNIT * p.height, 1)
    parts = [f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}" stroke="{edge}"/>']
    for kind, foot in p.bands():
        _line, colour, frame = KINDS[kind]
        bx, by = at(p.x, foot + BAND)
        parts.append(
            f'<rect x="{bx}" y="{by}" width="{w}" height="{round(UNIT * BAND, 1)}" fill="{colour}" stroke="{frame}"/>'
        )
    middle, room = p.text()
    label = html.escape(said(p.block.label))
    letters = round(min(TEXT, UNIT * room / (0.56 * len(label) + 0.5)), 1)
    tx, ty = at(p.middle, middle)
    parts.append(
        f'<text transform="translate({tx} {ty}) rotate(-90)" text-anchor="middle" dy=".35em" fill="#16202c" '
        f'font-size="{letters}">{label}</text>'
    )
    shape = "×".join(map(str, p.block.shape or ()))
    title = _("Line {number}: {operation}").format(number=p.block.name, operation=label)
    title += "\n" + _("output {size}").format(size=shape) + (f"\n{said(p.block.detail)}" if p.block.detail else "")
    return f'<g data-line="{p.block.name}"><title>{title}</title>{"".join(parts)}</g>'


def legend(drawing: Drawing) -> list[tuple[str, str, str]]:
    """(words, fill, edge) of each kind in the drawing."""
    return [(_(line), fill, edge) for line, fill, edge in (KINDS[kind] for kind in kinds_in(drawing))]
