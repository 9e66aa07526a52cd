"""The architecture drawing: every layer is in it, the fade has two branches, a long one several rows."""

import contextvars
import warnings

import plotly.graph_objects as go
import pytest

from dashboard.language import OUTSIDE
from dashboard.pages.architecture.figures import KINDS, Block, chain_drawing, figure, kinds_in, network_drawing
from dashboard.pages.architecture.figures_paper import draw, fonts, save
from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.layer_table import layer_table

CHANNELS = (8, 8, 4)
GENERATOR = Generator(GeneratorConfig(resolution=16, channels=CHANNELS, latent_dim=8))
DISCRIMINATOR = Discriminator(DiscriminatorConfig(resolution=16, channels=CHANNELS))


@pytest.mark.parametrize("network", [GENERATOR, DISCRIMINATOR], ids=["G", "D"])
@pytest.mark.parametrize("fading", [False, True])
def test_every_row_of_the_table_is_a_block_and_none_overlaps(network, fading):
    drawing = network_drawing(network, fading=fading)
    names = [p.block.name for p in drawing.placed]
    assert {row.name for row in layer_table(network, fading=fading)} <= set(names)
    assert len(names) == len(set(names))
    assert ("blend" in names) == fading
    for i, a in enumerate(drawing.placed):
        for b in drawing.placed[i + 1 :]:
            apart_x = a.right <= b.x or b.right <= a.x
            apart_y = abs(a.y - b.y) >= (a.height + b.height) / 2
            assert apart_x or apart_y, (a.block.name, b.block.name)


def test_pixel_norm_follows_every_layer_but_to_rgb():
    names = [p.block.name for p in network_drawing(GENERATOR).placed if p.block.kind == "pixel_norm"]
    assert names == [f"{name}:norm" for name in GENERATOR.layer_names]


def test_sizes_are_written_where_they_change():
    texts = [text for _, _, text in network_drawing(GENERATOR).sizes]
    assert texts == ["8×1×1", "8×4×4", "8×8×8", "8×16×16", "4×16×16", "3×16×16"]


def test_legend_has_a_line_for_each_kind_once():
    lines = [KINDS[kind][0] for kind in kinds_in(network_drawing(DISCRIMINATOR, fading=True))]
    assert len(lines) == len(set(lines))
    assert "Minibatch stddev" in lines


@pytest.mark.parametrize("kind, magic", [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_files_open_and_are_the_same_every_time(kind, magic):
    files = [save(draw(network_drawing(GENERATOR, fading=True), "Generator"), kind) for _ in range(2)]
    assert files[0].startswith(magic)
    assert files[0] == files[1]


def test_the_svg_keeps_its_text():
    text = save(draw(network_drawing(GENERATOR), "Generator"), "svg").decode()
    assert "Pixel norm" in text
    assert "4×16×16" in text


@pytest.mark.skipif(len(fonts()) == 1, reason="this machine has no Chinese font")
@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
@pytest.mark.parametrize("network", [GENERATOR, DISCRIMINATOR], ids=["G", "D"])
def test_in_chinese_no_sign_is_missing(network, kind):
    def in_chinese() -> bytes:
        OUTSIDE.set("zh")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # matplotlib warns of every glyph that no font has
            return save(draw(network_drawing(network, fading=True), "Discriminator"), kind)

    file = contextvars.copy_context().run(in_chinese)
    assert kind != "svg" or "判别器" in file.decode()


def test_the_clickable_figure_carries_the_layers_names():
    chart = go.Figure(figure(network_drawing(GENERATOR, fading=True), selected="8x8/conv0"))
    names = {name for trace in chart.data if trace.type == "bar" for name in trace.customdata}
    assert set(GENERATOR.layers) - {"4x4/rgb"} <= names


def test_a_long_network_goes_on_in_the_next_row():
    blocks = [Block(str(i), "plain_conv", "Conv 3×3", (64, 128, 128)) for i in range(7)]
    drawing = chain_drawing(blocks, width=3.6)
    rows = sorted({p.y for p in drawing.placed}, reverse=True)
    assert [sum(p.y == y for p in drawing.placed) for y in rows] == [3, 3, 1]
    assert len({p.y for p in chain_drawing(blocks).placed}) == 1
    assert save(draw(drawing), "svg").startswith(b"<?xml")
