"""The architecture drawing: every layer is in it, the fade has two branches, special convolutions are told apart."""

import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm

from dashboard.figures.architecture import KINDS, chain_drawing, figure, kinds_in, network_drawing
from dashboard.figures.architecture_paper import draw, save
from dashboard.figures.module_blocks import describe
from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.inspection import layer_table

CHANNELS = (8, 8, 4)
GENERATOR = Generator(GeneratorConfig(resolution=16, channels=CHANNELS, latent_dim=8))
DISCRIMINATOR = Discriminator(DiscriminatorConfig(resolution=16, channels=CHANNELS))


class GatedConv(nn.Module):
    """As in free-form inpainting: features times the sigmoid of a second convolution."""

    def __init__(self, gate="module", dilation=1):
        super().__init__()
        self.feature = nn.Conv2d(3, 4, 3, padding=dilation, dilation=dilation)
        self.mask = nn.Conv2d(3, 4, 3, padding=dilation, dilation=dilation)
        self.sigmoid = nn.Sigmoid() if gate == "module" else torch.sigmoid

    def forward(self, x):
        return nn.functional.leaky_relu(self.feature(x), 0.2) * self.sigmoid(self.mask(x))


class Residual(nn.Module):
    """Two convolutions as well, but added."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return torch.sigmoid(self.first(x)) + self.second(x)


class SelfGated(Residual):
    """One convolution times its own sigmoid, plus a second one: not a gate."""

    def forward(self, x):
        first = self.first(x)
        return first * torch.sigmoid(first) + self.second(x)


def _network():
    return nn.Sequential(
        GatedConv(),
        GatedConv(gate="function"),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),
        spectral_norm(nn.Conv2d(4, 4, 3, padding=1)),
        old_spectral_norm(nn.Conv2d(4, 4, 3, padding=1)),
        nn.ReLU(),
        Residual(),
        nn.Conv2d(4, 2, 3, stride=2, padding=1),
        nn.Upsample(scale_factor=2),
    )


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


def test_the_clickable_figure_carries_the_layers_names():
    chart = figure(network_drawing(GENERATOR, fading=True), selected="8x8/conv0")
    names = {name for trace in chart.data if trace.type == "bar" for name in trace.customdata}
    assert set(GENERATOR.layers) - {"4x4/rgb"} <= names


def test_convolutions_of_other_networks_are_told_apart():
    found = [(b.name, b.kind) for b in describe(_network())]
    assert found == [
        ("0", "gated_conv"),
        ("1", "gated_conv"),
        ("2", "dilated_conv"),
        ("3", "spectral_conv"),
        ("4", "spectral_conv"),
        ("5", "activation"),
        ("6.first", "plain_conv"),
        ("6.second", "plain_conv"),
        ("7", "plain_conv"),
        ("8", "upsample"),
    ]


def test_a_convolution_times_its_own_sigmoid_is_not_gated():
    assert [block.kind for block in describe(SelfGated())] == ["plain_conv", "plain_conv"]


def test_an_example_gives_sizes_and_the_order_of_the_calls():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.late, self.early, self.never = nn.Conv2d(4, 2, 1), nn.Conv2d(3, 4, 3), nn.Conv2d(1, 1, 1)

        def forward(self, x):
            return self.late(self.early(x))

    module = Backwards()
    blocks = describe(module, example=torch.zeros(1, 3, 8, 8))
    assert [(b.name, b.shape) for b in blocks] == [("early", (4, 6, 6)), ("late", (2, 6, 6))]
    assert module.training
    assert not module.late._forward_hooks


def test_what_the_user_says_by_path_wins():
    blocks = describe(_network(), kinds={"6": ("dilated_conv", "Residual")})
    assert [(b.kind, b.label) for b in blocks if b.name.startswith("6")] == [("dilated_conv", "Residual")]
    with pytest.raises(ValueError, match="no part 'nowhere'"):
        describe(_network(), kinds={"nowhere": "other"})
    with pytest.raises(ValueError, match="a kind is one of"):
        describe(_network(), kinds={"6": "swirly"})


def test_a_long_module_goes_on_in_the_next_row():
    blocks = describe(nn.Sequential(*[nn.Linear(2, 2) for _ in range(7)]))
    drawing = chain_drawing(blocks, per_row=3)
    assert len({p.y for p in drawing.placed}) == 3
    assert save(draw(drawing), "svg").startswith(b"<?xml")
