"""The plain form that speed is measured against makes the generator's pictures, and its costs are counted right."""

import pytest
import torch

from benchmarks import work
from benchmarks.eager import EagerGenerator
from benchmarks.generation import PUBLISHED, official, published_effort
from pgan_core import Generator, GeneratorConfig


def small(**options) -> Generator:
    config = GeneratorConfig(resolution=16, channels=(12, 8, 6), latent_dim=10, **options)
    generator = Generator(config, seed=1).requires_grad_(False)
    for layer in generator.layers.values():
        layer.bias.normal_(generator=torch.Generator().manual_seed(2))
    return generator


def test_the_pictures_are_the_generators():
    generator, z = small(), torch.randn(3, 10, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(EagerGenerator(generator)(z), generator(z), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("options", [{"pixel_norm": "before"}, {"output": "tanh"}, {"label_dim": 2}])
def test_another_network_is_refused(options):
    with pytest.raises(ValueError, match="the paper's network"):
        EagerGenerator(small(**options))


def test_arithmetic_and_traffic_of_a_picture():
    # (in, out, places, taps) of the dense layer, 4x4/conv, 8x8 conv0 and conv1, 16x16 conv0 and conv1, to-RGB
    layers = [(10, 12, 16, 1), (12, 12, 16, 9), (12, 8, 64, 9), (8, 8, 64, 9), (8, 6, 256, 9), (6, 6, 256, 9)]
    layers.append((6, 3, 256, 1))
    plain = [2 * a * b * places * taps for a, b, places, taps in layers]
    generator = small()
    assert work.plain_flops(generator) == sum(plain)
    # fused up-sampling: four of the nine taps for each output
    assert work.fused_flops(generator) == sum(plain) - round((plain[2] + plain[4]) * 5 / 9)
    reads = [12 * 16, 12 * 16, 8 * 64, 8 * 64, 6 * 256, 6 * 256]  # what each layer but the dense one reads
    assert work.moved_bytes(generator) == 4 * (sum(reads) + sum(b * places for _, b, places, _ in layers))


def test_the_convolutions_alone_are_those_of_the_network(monkeypatch):
    places = []
    for name in ("conv2d", "conv_transpose2d"):
        true = getattr(torch.nn.functional, name)

        def counted(x, w, true=true, **options):
            places.append(true(x, w, **options).shape)
            return true(x, w, **options)

        monkeypatch.setattr(work.F, name, counted)
    work.convolutions_alone(small(), batch=2)()
    sizes = [(12, 4), (8, 8), (8, 8), (6, 16), (6, 16), (3, 16)]
    assert places == [(2, width, side, side) for width, side in sizes]


@pytest.mark.parametrize(("resolution", "expected"), [(64, 1.2), (256, 1.6), (1024, 3.3)])
def test_published_times_are_a_small_multiple_of_their_arithmetic(resolution, expected):
    flops = work.plain_flops(official(resolution))
    least, most = published_effort(resolution, flops)
    assert resolution in PUBLISHED and least < most
    assert (least + most) / 2 == pytest.approx(expected, rel=0.1)
