"""Architecture, "Your network": what a text says is what torch builds from it, and no text breaks the page."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from dashboard.pages.architecture.figures import KINDS
from dashboard.pages.architecture.figures_your_network import network_drawing, svg
from dashboard.pages.architecture.your_network.blocks import ACTIVATIONS, NORMS, deconv_padding, padding
from dashboard.pages.architecture.your_network.parser import FLAGS, OPTIONS, WORDS, read
from dashboard.pages.architecture.your_network.presets import PRESETS
from dashboard.pages.architecture.your_network.rows import rows
from dashboard.pages.architecture.your_network.view import contents, files
from dashboard.shared.link_text import pack
from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.layer_table import table_cells
from pgan_core.network import feature_maps

SKIPS = """input 32x48x3
conv 8 3x3 as e1
conv 16 3x3 stride 2 gated elu as e2
conv 16 3x3 dilated 4 sn
add e2
up 2x bilinear
concat e1
conv 3 1x1 tanh"""
ZOO = """input 20x31x3
conv 6 5x3 stride 2 lrelu 0.1
conv 6 4x4 pad 1 nobias batchnorm relu
deconv 7 4x4 stride 2
deconv 5 3x3 stride 3 gated
deconv 5 2x2
deconv 6 3x4 dilated 2 sn
deconv 4 2x2 stride 3
deconv 4 4x4 stride 2 pad 1
layernorm
groupnorm 2 silu
instancenorm gelu
pixelnorm
lrn
pool 2x max
stddev
conv 4 3x3 dilated 3 gated sn elu
softplus
dropout 0.2
pool 3x
dense 24 sn selu
batchnorm
reshape 2x3x4
conv 2 1x1 sigmoid
pool global
flatten"""


class Gated(nn.Module):
    """A layer times the sigmoid of another of its kind."""

    def __init__(self, make):
        super().__init__()
        self.feature, self.gate = make(), make()

    def forward(self, x):
        return self.feature(x) * torch.sigmoid(self.gate(x))


class Stddev(nn.Module):
    def forward(self, x):
        return torch.cat([x, x[:, :1]], dim=1)


def torch_module(layer) -> nn.Module:
    """The layer as torch makes it; a vector stays a 1x1 map."""
    op, (c, h, w) = layer.operation, layer.entering
    if op.word == "conv":
        options = (op.features, op.kernel, op.stride, padding(op), op.dilation, 1, op.bias)
        module = make_weighted(op, lambda: nn.Conv2d(c, *options))
    elif op.word == "deconv":
        crop, extra = deconv_padding(op)
        options = (op.features, op.kernel, op.stride, crop, extra, 1, op.bias, op.dilation)
        module = make_weighted(op, lambda: nn.ConvTranspose2d(c, *options))
    elif op.word == "dense":
        dense = make_weighted(op, lambda: nn.Linear(c * h * w, op.features, op.bias))
        module = nn.Sequential(nn.Flatten(), dense, nn.Unflatten(1, (op.features, 1, 1)))
    elif op.word == "up":
        module = nn.Upsample(scale_factor=op.scale, mode=op.mode)
    elif op.word == "pool":
        pool = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}[op.mode]
        module = pool(op.scale) if op.scale else nn.AdaptiveAvgPool2d(1)
    elif op.word in ("reshape", "flatten"):
        module = nn.Sequential(nn.Flatten(), nn.Unflatten(1, layer.leaving))
    else:
        module = {
            "batchnorm": lambda: nn.BatchNorm2d(c),
            "instancenorm": lambda: nn.InstanceNorm2d(c),
            "layernorm": lambda: nn.LayerNorm((c, h, w)),
            "groupnorm": lambda: nn.GroupNorm(int(op.number), c),
            "stddev": Stddev,
        }.get(op.word, nn.Identity)()
    return module.eval()


def make_weighted(op, make):
    """A layer with its spectral norm and its gate."""
    normed = (lambda: spectral_norm(make())) if op.spectral else make
    return Gated(normed) if op.gated else normed()


def check_against_torch(network) -> None:
    """Runs the network in torch; shapes and parameter counts of every layer must be what was said."""
    outputs, joins = [], {}
    for skip in network.skips:
        joins.setdefault(skip.end, []).append(skip.start)
    with torch.no_grad():
        for i, layer in enumerate(network.layers):
            word = layer.operation.word
            if word == "input":
                x, count = torch.zeros(2, *layer.leaving), 0
            elif word in ("concat", "add"):
                others = [outputs[j] for j in joins[i]]
                x, count = torch.cat([x, *others], 1) if word == "concat" else sum(others, x), 0
            else:
                module = torch_module(layer)
                x, count = module(x), sum(p.numel() for p in module.parameters())
            outputs.append(x)
            assert tuple(x.shape[1:]) == layer.leaving, layer
            assert count == layer.parameters, layer


@pytest.mark.parametrize("text", [SKIPS, ZOO], ids=["skips", "every kind"])
def test_shapes_and_parameters_are_torchs(text):
    network = read(text)
    assert not network.messages
    check_against_torch(network)


def test_the_zoo_has_every_word():
    used = {layer.operation.word for text in (SKIPS, ZOO) for layer in read(text).layers}
    assert {*WORDS, *NORMS} <= used


LINES = st.one_of(
    st.builds(
        "conv {} {}x{} stride {} dilated {} {}".format,
        st.integers(1, 6), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3),
        st.sampled_from(["", "gated", "sn", "gated sn pad 0", "nobias pad 2"]),
    ),
    st.builds(
        "deconv {} {}x{} stride {} dilated {}".format,
        st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 2),
    ),
    st.sampled_from(["pool 2x", "pool 2x max", "up 2x", "dense 5", "batchnorm relu", "layernorm", "stddev", "flatten"]),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 14), st.integers(1, 14), st.lists(LINES, max_size=5))
def test_any_small_network_is_torchs(height, width, lines):
    network = read("\n".join([f"input {height}x{width}x2", *lines]))
    if max(math.prod(layer.leaving) for layer in network.layers) < 1e5:
        check_against_torch(network)


TOKENS = [*WORDS, *NORMS, *ACTIVATIONS, *FLAGS, *itertools.chain(*OPTIONS.values()), "as", "e1", "3x3", "2x", "64", "#"]
TOKENS += ["256x256x3", "0", "-1", "0.2", "99999999999999999999", "²", "٣", "<b>", "global", "\n", "\n", "\n"]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(TOKENS), max_size=60).map(" ".join)))
def test_any_text_gives_blocks_or_words(text):
    network = read(text)
    assert network.layers or network.messages
    assert all(1 <= message.line <= text.count("\n") + 1 for message in network.messages)
    assert all("found" in message.text and "expected" in message.text for message in network.messages)
    shown = contents(network, text.count("\n") + 1)
    assert len(shown["rows"]) == text.count("\n") + 1
    assert "<b>" not in shown["wide"]
    assert len(rows(network)) == len(network_drawing(network, 20).placed)


@pytest.mark.parametrize("line, found, expected", [
    ("cov 64", '"cov"', "conv"),
    ("conv", "nothing", "number of feature maps"),
    ("conv 64 5", '"5"', "kernel"),
    ("conv 64 3x3 strid 2", '"strid"', "stride"),
    ("conv 64 3x3 stride 0", "0", "1 to 64"),
    ("conv 64 99x99 pad 0", "8x8x3", "larger"),
    ("up", "nothing after up", "factor"),
    ("concat e1", '"e1"', 'as e1'),
    ("add e0", "e0 of 16x16x3", "8x8x3"),
    ("concat e0", "e0 of 16x16 pixels", "8x8"),
    ("reshape 4x4x4", "64 values", "192"),
    ("conv 3 as e0", '"e0" again', "a new one"),
    ("groupnorm 2", "2 groups", "divisor of 3"),
    ("input 4x4x3", "below other blocks", "above all of them"),
])  # fmt: skip
def test_the_wrong_line_is_named_and_the_others_go_on(line, found, expected):
    network = read(f"input 16x16x3\nrelu as e0\n\npool 2x  # half\n{line}\nconv 7 1x1")
    (message,) = network.messages
    assert message.line == 5
    before, after = message.text.split("expected", 1)
    assert found in before and expected in after
    assert network.layers[-1].leaving == (7, 8, 8)


def test_without_an_input_one_is_assumed_and_said():
    network = read("# mine\nconv 4 3x3")
    assert [m.line for m in network.messages] == [2]
    assert [layer.leaving for layer in network.layers] == [(3, 64, 64), (4, 64, 64)]


def test_a_text_that_is_too_long_is_read_as_far_as_allowed():
    network = read("input 8x8x3\n" + "relu\n" * 2000)
    assert len(network.layers) == 150
    assert "150" in network.messages[-1].text


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_right_and_what_they_are_called(preset):
    network = read(PRESETS[preset])
    assert not network.messages
    check = {
        "PGGAN generator, 128x128": lambda: Generator(GeneratorConfig(resolution=128, channels=feature_maps(128))),
        "PGGAN discriminator, 128x128": lambda: Discriminator(
            DiscriminatorConfig(resolution=128, channels=feature_maps(128))
        ),
    }.get(preset)
    if check:
        layers = check().layers
        ends = ("rgb", "from_rgb")
        kept = [layer for name, layer in layers.items() if not name.endswith(ends) or name.startswith("128")]
        assert network.parameters == sum(p.numel() for layer in kept for p in layer.parameters())
    else:
        check_against_torch(network)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_kinds_of_convolution_are_told_apart_in_grey_and_letters_stay_readable():
    kinds = ("plain_conv", "conv", "gated_conv", "dilated_conv", "spectral")
    luminances = [_luminance(KINDS[kind][1]) for kind in kinds]
    lightness = [116 * y ** (1 / 3) - 16 for y in luminances]
    assert all(a - b >= 7.5 for a, b in itertools.pairwise(lightness))
    assert min(luminances) + 0.05 >= 4.5 * (_luminance("#16202c") + 0.05)


def test_a_block_of_several_kinds_has_a_band_for_each():
    drawing = network_drawing(read("input 8x8x3\nconv 4 3x3 dilated 4 gated sn"))
    block = drawing.placed[1].block
    assert (block.kind, block.also) == ("gated_conv", ("spectral", "dilated_conv"))
    assert all(KINDS[kind][1] in svg(drawing) for kind in ("gated_conv", "spectral", "dilated_conv"))


def test_skip_connections_run_above_each_other():
    drawing = network_drawing(read("input 8x8x3\nrelu as a\nrelu as b\nrelu\nadd b\nadd a"))
    inner, outer = (max(y for _, y in arrow) for arrow in drawing.arrows[-2:])
    assert outer > inner > max(p.top for p in drawing.placed)


def test_rows_do_not_overlap():
    drawing = network_drawing(read(PRESETS["PGGAN generator, 128x128"]), width=12)
    assert len({p.y for p in drawing.placed}) > 2
    for a, b in itertools.combinations(drawing.placed, 2):
        assert a.right <= b.x or b.right <= a.x or abs(a.y - b.y) >= (a.height + b.height) / 2


def test_the_table_has_the_line_of_several_blocks_together():
    shown = contents(read("input 4x4x3\nconv 2 1x1 batchnorm relu\nrelu"), 3)
    assert shown["rows"][1] == ["Conv 1×1, Batch norm, ReLU", "linear", "2×4×4", "12", "96"]
    assert shown["rows"][2][0] == "ReLU"


def test_what_is_saved():
    made = {name.rsplit(".")[-1]: make() for name, make in files(read(SKIPS), "Skips").items()}
    assert made["svg"].startswith(b"<?xml") and b"Gated conv" in made["svg"]
    assert made["pdf"].startswith(b"%PDF")
    assert made["tex"].startswith(b"\\begin{tabular}") and b"Skips" in made["tex"]
    assert made["md"].decode().count("\n") == 3 + len(read(SKIPS).layers)
    assert made["csv"].decode().splitlines()[3].split(",")[2] == "Gated conv 3×3 /2"
    assert [cells[0] for cells in table_cells(rows(read(SKIPS)))] == [str(i) for i in range(8)]


def test_a_link_restores_the_text_on_the_page(open_app):
    text = "input 8x8x3\nconv 5 3x3 gated"
    preset = "SN-PatchGAN discriminator"
    query = {"architecture_network": "Your network", "architecture_preset": preset}
    app = open_app("architecture", **query, architecture_text=pack(text))
    assert not app.exception and not app.warning
    assert app.session_state["architecture_texts"] == {preset: text}
    app.button(key="architecture_text_reset").click().run()
    assert app.session_state["architecture_texts"] == {}
    assert not app.exception


def test_a_broken_link_shows_the_preset_and_says_so(open_app):
    app = open_app("architecture", architecture_network="Your network", architecture_text="nonsense")
    assert not app.exception
    assert "cannot be read" in app.warning[0].value
