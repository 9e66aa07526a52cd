"""Both identities equal the plain convolutions, for any shapes, and the pieces cover each place once."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from pgan_core import fewer_products
from pgan_core.fewer_products import DifferenceUpsampling, WinogradConvolution, pieces, winograd_matrices

SHAPES = given(
    n=st.integers(1, 3),
    tiles=st.tuples(st.integers(1, 3), st.integers(1, 4)),
    widths=st.tuples(*[st.integers(1, 5)] * 2),
)


def drawn(n: int, h: int, w: int, widths: tuple[int, int], dtype=torch.float64) -> tuple:
    rng = torch.Generator().manual_seed(n + h + 7 * w)
    c, o = widths
    shapes = [(n, h, w, c), (o, c, 3, 3), (o,)]
    return tuple(torch.randn(shape, generator=rng, dtype=torch.float64).to(dtype) for shape in shapes)


@SHAPES
def test_winograd_is_the_convolution(n, tiles, widths):
    x, weight, bias = drawn(n, 4 * tiles[0], 4 * tiles[1], widths)
    expected = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=1)
    torch.testing.assert_close(WinogradConvolution(weight, bias)(x).permute(0, 3, 1, 2), expected, atol=1e-12, rtol=0)


@SHAPES
def test_differences_are_upsampling_and_convolution(n, tiles, widths):
    x, weight, bias = drawn(n, *tiles, widths)
    doubled = F.interpolate(x.permute(0, 3, 1, 2), scale_factor=2, mode="nearest")
    expected = F.conv2d(doubled, weight, bias, padding=1)
    torch.testing.assert_close(DifferenceUpsampling(weight, bias)(x).permute(0, 3, 1, 2), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("most", [1, 6, 1000])
def test_the_size_of_the_pieces_changes_nothing(monkeypatch, most):
    monkeypatch.setattr(fewer_products, "TILES", most)
    monkeypatch.setattr(fewer_products, "PIXELS", most)
    test_winograd_is_the_convolution.hypothesis.inner_test(3, (3, 4), (2, 3))
    test_differences_are_upsampling_and_convolution.hypothesis.inner_test(3, (3, 4), (2, 3))


def test_in_float32_winograd_is_as_close_to_the_truth_as_the_plain_convolution():
    x, weight, bias = drawn(1, 16, 16, (256, 64))
    exact = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=1)
    x, weight, bias = x.float(), weight.float(), bias.float()
    plain = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=1)
    tiled = WinogradConvolution(weight, bias)(x).permute(0, 3, 1, 2)
    error = {name: (y - exact).square().mean().sqrt() for name, y in {"plain": plain, "tiled": tiled}.items()}
    assert error["tiled"] < 3 * error["plain"] and error["tiled"] < 1e-5 * exact.std()


def test_the_matrices_give_four_outputs_of_three_taps():
    outputs, taps, inputs = winograd_matrices()
    d, g = torch.arange(6.0, dtype=torch.float64).cos(), torch.tensor([0.3, -2.0, 0.7], dtype=torch.float64)
    expected = torch.stack([(d[i : i + 3] * g).sum() for i in range(4)])
    torch.testing.assert_close(outputs @ ((taps @ g) * (inputs @ d)), expected)


@given(images=st.integers(1, 9), rows=st.integers(1, 9), width=st.integers(1, 9), most=st.integers(1, 99))
def test_pieces_cover_each_place_once(images, rows, width, most):
    seen = torch.zeros(images, rows)
    for image, row in pieces(images, rows, width, most):
        seen[image, row] += 1
        places = seen[image, row].numel() * width
        assert places <= most or seen[image, row].numel() == 1
    assert (seen == 1).all()
