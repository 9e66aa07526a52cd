"""The plain form that speed is measured against makes the generator's pictures."""

import pytest
import torch

from benchmarks.eager import EagerGenerator
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
