"""What the published code gave for the reference files, and files of the same layouts with other sizes."""

import io
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as st

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.layers import LayerWeights

FIXTURES = Path(__file__).parents[2] / "fixtures/checkpoints"


def expected(name: str) -> dict[str, torch.Tensor]:
    """The arrays that the published network gave, by their names in the fixture's KEYS.md."""
    with np.load(FIXTURES / name / "expected.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def assert_close(actual: torch.Tensor, wanted: torch.Tensor, what: str) -> None:
    """Within 3e-5 of the largest value; where the fixture keeps the first samples only, those."""
    actual = actual.reshape(len(actual), *wanted.shape[1:])[: len(wanted)]
    tolerance = 3e-5 * max(1.0, float(wanted.abs().max()))
    error = float((actual - wanted).abs().max())
    assert error <= tolerance, f"{what} differs by {error:.2g}, {tolerance:.2g} is allowed"


def ending(arrays: dict[str, torch.Tensor], start: str) -> list[tuple[str, str, torch.Tensor]]:
    """(name, what follows `start` in it, array) of the arrays whose names start so."""
    found = [(name, name[len(start) :], array) for name, array in arrays.items() if name.startswith(start)]
    assert found, f"the fixture has no {start}*"
    return found


def saved(content: object, **options) -> bytes:
    """What torch.save would write for `content`."""
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def widths() -> st.SearchStrategy[tuple[int, ...]]:
    """Feature maps at 4x4, 8x8, ...: none of them as in the fixtures."""
    return st.lists(st.integers(2, 9), min_size=2, max_size=4).map(tuple)


def rescaled(network, constant, bias_constant=lambda c: 1.0):
    """The same stored weights and small biases under a published rule: `constant(name, weight)` gives c."""
    generator = torch.Generator().manual_seed(5)
    weights = {}
    for name, layer in network.layers.items():
        c = constant(name, layer.weight)
        bias = torch.randn(layer.bias.shape, generator=generator)
        weights[name] = LayerWeights(layer.weight.detach(), bias, c, bias_constant(c))
    return type(network)(network.config, weights).eval().requires_grad_(False)


def random_generator(channels: tuple[int, ...], **options) -> Generator:
    """A network of these widths with N(0, 1) weights and the paper's constants."""
    return Generator(GeneratorConfig(resolution=2 << len(channels), channels=channels, **options), seed=1)


def random_discriminator(channels: tuple[int, ...], **options) -> Discriminator:
    """Its mirror."""
    return Discriminator(DiscriminatorConfig(resolution=2 << len(channels), channels=channels, **options), seed=2)


def he(weight: torch.Tensor, gain: float = 2**0.5) -> float:
    """gain / sqrt(fan_in)."""
    return gain / weight[0].numel() ** 0.5


def latents(count: int, length: int) -> torch.Tensor:
    return torch.randn(count, length, generator=torch.Generator().manual_seed(3))
