"""A network as blocks in order: what they are and where they stand. Drawn by plotly here, and in `figures_paper`.

    from dashboard.pages.architecture.figures import network_drawing
    from dashboard.pages.architecture.figures_paper import draw
    draw(network_drawing(generator, fading=True), title="Generator").savefig("generator.pdf")

For a network that a visitor writes, see `your_network`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboard.language import N_, _, said
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layer_table import LayerRow, layer_table

# kind -> (legend, fill, edge); light fills, so that dark text can be read on them in both themes
KINDS = {
    "latent": (N_("Latent, image"), "#e4e8ec", "#6b7785"),
    "image": (N_("Latent, image"), "#e4e8ec", "#6b7785"),
    "dense": (N_("Dense, equalized"), "#cfcff5", "#4b50b8"),
    "conv": (N_("Convolution, equalized"), "#c3ddf7", "#1f66b0"),
    "upsample": (N_("Up-sampling"), "#fbdcb8", "#b9610d"),
    "downsample": (N_("Down-sampling"), "#f9cfc4", "#b5472a"),
    "pixel_norm": (N_("Pixel norm"), "#bfe6d3", "#1d7a55"),
    "rgb": (N_("To RGB"), "#ecc9e6", "#93397f"),
    "from_rgb": (N_("From RGB"), "#ecc9e6", "#93397f"),
    "minibatch_stddev": (N_("Minibatch stddev"), "#e9dfb4", "#75662a"),
    "blend": (N_("Blend"), "#ffffff", "#333333"),
    # kinds of convolution differ in lightness, too (L* 96, 87, 79, 70, 61), for grey print and the colour-blind
    "plain_conv": (N_("Convolution"), "#eef5fc", "#4a7fb5"),
    "gated_conv": (N_("Gated"), "#e8c12c", "#7a6200"),
    "dilated_conv": (N_("Dilated"), "#6ab7c0", "#125a64"),
    "spectral": (N_("Spectrally normalised"), "#e0708a", "#8c1f3a"),
    "plain_dense": (N_("Dense"), "#dcdcf8", "#5d62c4"),
    "norm": (N_("Normalisation"), "#cdeadb", "#2f8f66"),
    "activation": (N_("Non-linearity"), "#efefef", "#8a8a8a"),
    "join": (N_("Skip connection"), "#ffffff", "#333333"),
    "other": (N_("Other"), "#f4f4f4", "#9a9a9a"),
}
SHORT_LABELS = {"rgb": N_("To RGB"), "from_rgb": N_("From RGB"), "latent": N_("Latent"), "image": N_("Image")}
WIDTHS = {"pixel_norm": 0.5, "upsample": 0.65, "downsample": 0.65, "latent": 0.65, "image": 0.65, "blend": 0.65}
BAND = 0.42  # height of a further kind's band at a block's foot
GAP, GROUP_GAP, BLEND_GAP = 0.16, 0.42, 1.1
BRANCH_RISE = 1.0
LARGE_TEXT = 30  # up to this many blocks there is room for text that the back of a room can read

LABELS = (  # in blocks and in tables, beside those above
    N_("Your network"),
    N_("Latent vector"), N_("Input image"), N_("Upsample"), N_("Downsample"), N_("Fully-connected"), N_("Conv {size}"),
    N_("Up {factor}×"), N_("Up {factor}× bilinear"), N_("Deconv {size}"), N_("Average {factor}×"), N_("Max {factor}×"),
    N_("Average, global"), N_("Max, global"), N_("Flatten"), N_("Reshape {size}"), N_("Gated conv {size}"),
    N_("Batch norm"), N_("Instance norm"), N_("Layer norm"), N_("Group norm {groups}"), N_("Local response norm"),
    N_("{parameters} parameters, {work} multiply-adds"), N_("linear"), N_("Layer"), N_("Operation"), N_("Act."),
    N_("Output shape"), N_("Params"), N_("Mult-adds"),
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """One block: the name of its layer, its kind (a key of KINDS), what is written in it, what leaves it."""

    name: str
    kind: str
    label: str
    shape: tuple[int, ...] | None = None  # C x H x W of one picture; None where it is not known
    detail: str = ""  # for the hover text
    also: tuple[str, ...] = ()  # further kinds that it is of: bands at its foot in their colours


@dataclass(frozen=True)
class Placed:
    """A block in the drawing, centred vertically at y."""

    block: Block
    x: float  # left
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.y + self.height / 2

    def bands(self) -> list[tuple[str, float]]:
        """The further kinds with the lower edge of each one's band, from the foot up."""
        return [(kind, self.y - self.height / 2 + i * BAND) for i, kind in enumerate(self.block.also)]

    def text(self) -> tuple[float, float]:
        """The middle of the room for the label above the bands, and that room's length along the text."""
        room = self.height - BAND * len(self.block.also)
        return self.top - room / 2, max(room, self.width)


@dataclass
class Drawing:
    """Everything that a renderer needs: placed blocks, arrows as polylines, and the sizes written at edges."""

    placed: list[Placed] = field(default_factory=list)
    arrows: list[list[tuple[float, float]]] = field(default_factory=list)
    sizes: list[tuple[float, float, str]] = field(default_factory=list)  # x, y, "512×8×8" (read upwards)
    notes: list[tuple[float, float, str]] = field(default_factory=list)  # x, y, "α"

    def find(self, name: str) -> Placed:
        """The block of that name."""
        return next(p for p in self.placed if p.block.name == name)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """left, right, bottom, top of the blocks."""
        return (
            min(p.x for p in self.placed),
            max(p.right for p in self.placed),
            min(p.y - p.height / 2 for p in self.placed),
            max(p.y + p.height / 2 for p in self.placed),
        )


def network_blocks(rows: Sequence[LayerRow]) -> list[Block]:
    """The rows of a layer table as blocks, pixel norm a block of its own."""
    blocks = []
    for row in rows:
        detail = f"{row.parameters:,} parameters, {row.multiply_adds:,} multiply-adds" if row.parameters else ""
        label = SHORT_LABELS.get(row.kind, row.operation).replace("Fully-connected", "Dense")
        blocks.append(Block(row.name, row.kind, label, row.output_shape, detail))
        if row.pixel_norm:
            blocks.append(Block(f"{row.name}:norm", "pixel_norm", N_("Pixel norm"), row.output_shape))
    return blocks


def network_drawing(network: Generator | Discriminator, resolution: int | None = None, fading: bool = False) -> Drawing:
    """The generator or discriminator grown to ``resolution``; ``fading`` draws both branches of the newest block."""
    rows = layer_table(network, resolution, fading)
    resolution = max(row.output_shape[-1] for row in rows)
    side_kind = "rgb" if isinstance(network, Generator) else "from_rgb"
    old = next((r for r in rows if r.kind == side_kind and not r.name.startswith(f"{resolution}x")), None)
    blocks = network_blocks([row for row in rows if row is not old])
    if old is None:
        return chain_drawing(blocks)
    last = f"{resolution}x{resolution}/rgb" if side_kind == "rgb" else f"{resolution // 2}x{resolution // 2}/downsample"
    place = next(i for i, block in enumerate(blocks) if block.name == last)
    blocks.insert(place + 1, Block("blend", "blend", "+", blocks[place].shape, "(1 − α) × old + α × new"))
    drawing = chain_drawing(blocks)
    (_generator_branch if side_kind == "rgb" else _discriminator_branch)(drawing, old, resolution)
    return drawing


def chain_drawing(blocks: Sequence[Block], width: float = math.inf, room: float = 0) -> Drawing:
    """Blocks from left to right with arrows between; a row longer than ``width`` continues in another one below.

    width: in units of a usual block, each followed by `GAP`.  room: free height above each row.
    """
    drawing, y = Drawing(), 0.0
    tallest = max((_height(block) for block in blocks), default=0)
    for row in _rows(blocks, width):
        if drawing.placed:
            longest = max(len(text) for _, _, text in drawing.sizes)
            y -= tallest + 0.9 + 0.26 * longest + room
            last, between = drawing.placed[-1], y + tallest / 2 + room + 0.3
            turn = last.right + 0.25
            way = [(last.right, last.y), (turn, last.y), (turn, between), (-0.5, between), (-0.5, y), (0, y)]
            drawing.arrows.append(way)
        _place_row(drawing, row, y, tallest)
    return drawing


def _rows(blocks: Sequence[Block], width: float) -> list[list[Block]]:
    rows, used = [], 0.0
    for block in blocks:
        needed = WIDTHS.get(block.kind, 1.0) + GAP
        if not rows or used + needed > width:
            rows, used = [*rows, []], 0.0
        rows[-1].append(block)
        used += needed
    return rows


def _place_row(drawing: Drawing, blocks: Sequence[Block], y: float, tallest: float) -> None:
    x, before = 0.0, None
    for block in blocks:
        if before is not None:
            new_size = before.block.shape and block.shape and block.shape[1:] != before.block.shape[1:]
            x += BLEND_GAP if block.kind == "blend" else GROUP_GAP if new_size else GAP
        placed = Placed(block, x, y, WIDTHS.get(block.kind, 1.0), _height(block))
        if before is not None:
            drawing.arrows.append([(before.right, y), (x, y)])
        if block.shape and (before is None or before.block.shape != block.shape):
            drawing.sizes.append((placed.right - placed.width / 2, y - tallest / 2 - 0.15, _size_text(block.shape)))
        drawing.placed.append(placed)
        x, before = placed.right, placed


def _height(block: Block) -> float:
    """Blocks grow with the logarithm of the map's size."""
    if block.kind == "blend":
        return 0.65
    side = block.shape[-1] if block.shape and len(block.shape) == 3 else 1
    return 3.2 + 0.3 * math.log2(max(side, 1))


def _size_text(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _generator_branch(drawing: Drawing, old: LayerRow, resolution: int) -> None:
    """The old branch: to-RGB and up-sampling from the block before, weighted by 1 − α, added to the new branch."""
    leave = drawing.find(f"{resolution}x{resolution}/upsample")
    y = drawing.extent[3] + BRANCH_RISE
    x = leave.x - GROUP_GAP / 2
    wide = _branch_width(drawing, x)
    shape = (old.output_shape[0], resolution, resolution)
    rgb = Placed(Block(old.name, "rgb", N_("To RGB"), old.output_shape), x + 0.4, y, wide, 1.1)
    up = Placed(Block("old/upsample", "upsample", N_("Up 2×"), shape), rgb.right + 0.35, y, wide, 1.1)
    _join(drawing, [(x, 0), (x, y)], rgb, up)


def _branch_width(drawing: Drawing, x: float) -> float:
    """How wide the old branch's blocks are: wider in long drawings, whose units are small, if there is room."""
    total = drawing.find("blend")
    room = total.x + total.width / 2 - x - 1.15
    return max(2.1, min(0.062 * (drawing.extent[1] - drawing.extent[0]), room / 2))


def _discriminator_branch(drawing: Drawing, old: LayerRow, resolution: int) -> None:
    """The old branch: down-sampling of the picture and from-RGB, weighted by 1 − α, added after the newest block."""
    image = drawing.find("image")
    y = drawing.extent[3] + BRANCH_RISE
    x = image.x + image.width / 2
    wide = _branch_width(drawing, image.right)
    channels, *_ = image.block.shape or (3,)
    shape = (channels, resolution // 2, resolution // 2)
    down = Placed(Block("old/downsample", "downsample", N_("Down 2×"), shape), image.right + 0.4, y, wide, 1.1)
    rgb = Placed(Block(old.name, "from_rgb", N_("From RGB"), old.output_shape), down.right + 0.35, y, wide, 1.1)
    _join(drawing, [(x, image.height / 2), (x, y)], down, rgb)


def _join(drawing: Drawing, way: list[tuple[float, float]], first: Placed, second: Placed) -> None:
    """The old branch's two blocks, its arrows as far as the sum, and the weights of both branches."""
    total, y = drawing.find("blend"), first.y
    middle = total.x + total.width / 2
    drawing.placed += [first, second]
    drawing.arrows += [
        [*way, (first.x, y)],
        [(first.right, y), (second.x, y)],
        [(second.right, y), (middle, y), (middle, total.height / 2)],
    ]
    if total.right > max(p.right for p in drawing.placed) - 0.1:
        drawing.arrows.append([(total.right, 0), (total.right + 0.6, 0)])
    drawing.notes += [(second.right + 0.15, y + 0.1, "×(1 − α)"), (total.x - BLEND_GAP / 2 - 0.4, 0.15, "×α")]


def kinds_in(drawing: Drawing) -> list[str]:
    """The kinds that occur, in the order of KINDS, one per line of the legend."""
    present, lines = {kind for p in drawing.placed for kind in (p.block.kind, *p.block.also)}, {}
    for kind, (line, _fill, _edge) in KINDS.items():
        if kind in present and kind != "blend":
            lines.setdefault(line, kind)
    return list(lines.values())


def figure(drawing: Drawing, selected: str | None = None) -> dict:
    """The drawing for the page: bars that can be clicked, `customdata` their layer's name."""
    text = 14 if len(drawing.placed) <= LARGE_TEXT else 12
    traces = [_arrows(drawing)]
    for kind in [*kinds_in(drawing), "blend"]:
        line = KINDS[kind][0]
        for flat in (False, True):  # text stands upright in blocks that are wider than high
            bars = [p for p in drawing.placed if KINDS[p.block.kind][0] == line and (p.width >= p.height) == flat]
            if bars:
                first = all(trace.get("name") != _(line) for trace in traces)
                traces.append(_bars(kind, bars, selected, flat, first, text))
    left, right, bottom, top = drawing.extent
    size = {"showarrow": False, "font": {"size": text - 1}}
    annotations = [
        {"x": x, "y": y, "text": text, "textangle": -90, "yanchor": "top", **size} for x, y, text in drawing.sizes
    ] + [{"x": x, "y": y, "text": text, "xanchor": "left", "yanchor": "bottom", **size} for x, y, text in drawing.notes]
    layout = {
        "barmode": "overlay", "height": 400, "margin": {"l": 4, "r": 4, "t": 4, "b": 4}, "dragmode": False,
        "annotations": annotations,
        "legend": {"orientation": "h", "y": 0, "yanchor": "top", "x": 0, "font": {"size": 13}, "itemclick": False},
        "xaxis": {"visible": False, "range": [left - 0.4, right + 0.9], "fixedrange": True},
        "yaxis": {"visible": False, "range": [bottom - 2.4, top + 0.5], "fixedrange": True},
    }  # fmt: skip
    return {"data": traces, "layout": layout}


def _bars(kind: str, bars: list[Placed], selected: str | None, flat: bool, first: bool, text: int) -> dict:
    """The blocks of one kind as a bar trace; the selected block has a red frame."""
    line, fill, edge = KINDS[kind]
    chosen = [p.block.name == selected for p in bars]
    frame = {"color": ["#d1242f" if c else edge for c in chosen], "width": [3 if c else 1 for c in chosen]}
    return {
        "type": "bar", "name": _(line), "showlegend": first and kind != "blend",
        "x": [p.x + p.width / 2 for p in bars], "width": [p.width for p in bars],
        "y": [p.height for p in bars], "base": [p.y - p.height / 2 for p in bars],
        "marker": {"color": fill, "line": frame},
        "text": [said(p.block.label) for p in bars], "textangle": 0 if flat else -90, "textposition": "inside",
        "insidetextanchor": "middle", "constraintext": "none", "textfont": {"color": "#16202c", "size": text},
        "customdata": [p.block.name for p in bars], "hovertext": [_hover(p.block) for p in bars], "hoverinfo": "text",
        "selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}},
    }  # fmt: skip


def _hover(block: Block) -> str:
    size = "" if block.shape is None else "<br>" + _("output {size}").format(size=_size_text(block.shape))
    return f"<b>{block.name}</b><br>{said(block.label)}{size}" + (f"<br>{said(block.detail)}" if block.detail else "")


def _arrows(drawing: Drawing) -> dict:
    """All arrows as one line trace."""
    x, y = [], []
    for arrow in drawing.arrows:
        x += [*(p[0] for p in arrow), None]
        y += [*(p[1] for p in arrow), None]
    line = {"color": "#7c8896", "width": 1.5}
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": line, "hoverinfo": "skip", "showlegend": False}
