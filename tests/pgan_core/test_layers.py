"""The layers against what TensorFlow's official code gives (tests/fixtures/numeric/pggan/tf_layers.npz)."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.layers import (
    StddevConfig,
    downsample,
    downsample_kernel,
    minibatch_stddev,
    pixel_norm,
    upsample,
    upsample_kernel,
)

FIXTURES = Path(__file__).parents[1] / "fixtures/numeric/pggan"


@pytest.fixture(scope="module")
def tf_layers():
    with np.load(FIXTURES / "tf_layers.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files if file[name].dtype.kind != "U"}


@pytest.mark.parametrize("case", range(6))
def test_minibatch_stddev_is_the_official_one(tf_layers, case):
    x, group = tf_layers[f"mbstd_in_{case}"], int(tf_layers[f"mbstd_group_{case}"])
    ours = torch.cat([x, minibatch_stddev(x, StddevConfig(group_size=group))], dim=1)
    torch.testing.assert_close(ours, tf_layers[f"mbstd_out_{case}"], atol=2e-6, rtol=0)


@pytest.mark.parametrize("n", [6, 7, 10])
def test_a_batch_that_cannot_be_grouped_is_refused_as_officially(n):
    with pytest.raises(ValueError, match="minibatch stddev groups 4 pictures"):
        minibatch_stddev(torch.zeros(n, 2, 4, 4))


def test_pixel_norm_is_the_official_one_on_maps_and_latents(tf_layers):
    for name in ("pixelnorm", "latentnorm"):
        torch.testing.assert_close(pixel_norm(tf_layers[f"{name}_in"]), tf_layers[f"{name}_out"], atol=2e-6, rtol=0)


def test_resizing_is_the_official_one(tf_layers):
    assert torch.equal(upsample(tf_layers["upscale_in"]), tf_layers["upscale2d_out"])
    torch.testing.assert_close(downsample(tf_layers["upscale_in"]), tf_layers["downscale2d_out"], atol=1e-6, rtol=0)


def test_the_official_fused_upscale_is_nearest_then_the_flipped_kernel(tf_layers):
    stored = tf_layers["upscale2d_conv2d_w"]  # kh, kw, out, in
    weight = stored.permute(2, 3, 0, 1).flip(2, 3)
    weight = weight * (2 / (9 * stored.shape[3])) ** 0.5
    x = tf_layers["upscale2d_conv2d_x"]
    expected = tf_layers["upscale2d_conv2d_y"]
    torch.testing.assert_close(F.conv2d(upsample(x), weight, padding=1), expected, atol=1e-5, rtol=0)
    fused = F.conv_transpose2d(x, upsample_kernel(weight), stride=2, padding=1)
    torch.testing.assert_close(fused, expected, atol=1e-5, rtol=0)


def test_the_official_fused_downscale_is_one_convolution(tf_layers):
    stored = tf_layers["conv2d_downscale2d_w"]  # kh, kw, in, out
    weight = stored.permute(3, 2, 0, 1) * (2 / (9 * stored.shape[2])) ** 0.5
    fused = F.conv2d(tf_layers["conv2d_downscale2d_x"], downsample_kernel(weight), stride=2, padding=1)
    torch.testing.assert_close(fused, tf_layers["conv2d_downscale2d_y"], atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**31))
def test_one_transposed_convolution_equals_nearest_and_convolution(inner, outer, size, seed):
    rng = torch.Generator().manual_seed(seed)
    weight = torch.randn(outer, inner, 3, 3, generator=rng)
    x = torch.randn(2, inner, size, size, generator=rng)
    plain = F.conv2d(upsample(x), weight, padding=1)
    fused = F.conv_transpose2d(x, upsample_kernel(weight), stride=2, padding=1)
    torch.testing.assert_close(fused, plain, atol=1e-4, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**31))
def test_strided_groups_are_consecutive_groups_of_a_reordered_batch(size, groups, seed):
    x = torch.randn(size * groups, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    strided = minibatch_stddev(x, StddevConfig(group_size=size))
    order = torch.arange(size * groups).reshape(size, groups).T.flatten()  # group by group
    consecutive = minibatch_stddev(x[order], StddevConfig(group_size=size, grouping="consecutive"))
    torch.testing.assert_close(strided[order], consecutive)


def test_a_collapsed_batch_has_no_stddev():
    alike = torch.randn(1, 8, 4, 4).repeat(4, 1, 1, 1)
    assert minibatch_stddev(alike).max() < 2e-4  # sqrt(eps)
    assert minibatch_stddev(torch.randn(4, 8, 4, 4)).min() > 0.3
