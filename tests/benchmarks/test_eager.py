"""The plain form that speed is measured against makes the generator's pictures, and its costs are counted right."""

import pytest
import torch

from benchmarks.eager import EagerGenerator
from benchmarks.generation import fused_flops
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


def test_arithmetic_of_a_picture():
    # (in, out, places, taps) of the dense layer, 4x4/conv, 8x8 conv0 and conv1, 16x16 conv0 and conv1, to-RGB
    layers = [(10, 12, 16, 1), (12, 12, 16, 9), (12, 8, 64, 9), (8, 8, 64, 9), (8, 6, 256, 9), (6, 6, 256, 9)]
    layers.append((6, 3, 256, 1))
    plain = [2 * a * b * places * taps for a, b, places, taps in layers]
    generator = small()
    # fused up-sampling: four of the nine taps for each output
    assert fused_flops(generator) == round(sum(plain) - (plain[2] + plain[4]) * 5 / 9)
