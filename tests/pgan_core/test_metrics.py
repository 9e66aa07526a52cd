"""The measures against the numbers of the official code, and whether each moves when it should."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pgan_core.metrics import (
    inception_score,
    laplacian_pyramid,
    ms_ssim,
    ms_ssim_of_pairs,
    sliced_wasserstein,
    swd,
    swd_with_floor,
)
from pgan_core.metrics.pyramid import pyramid_up
from pgan_core.metrics.similarity import WEIGHTS

NUMERIC = Path(__file__).parents[1] / "fixtures" / "numeric"
PATCHES = 32  # a quarter of the paper's: enough to see which way a measure moves


def _load(name):
    with np.load(NUMERIC / name) as file:
        return dict(file)


@pytest.fixture(scope="module")
def images():
    return _load("swd/images.npz")


@pytest.fixture(scope="module")
def expected_swd():
    return _load("swd/swd.npz")


@pytest.fixture(scope="module")
def expected_msssim():
    return _load("msssim/msssim.npz")


def test_laplacian_pyramid_is_the_official_one(images, expected_swd):
    for name in ("A", "B_noise"):
        for level, found in enumerate(laplacian_pyramid(images[name][:2], 3)):
            assert torch.is_floating_point(found)
            np.testing.assert_allclose(found, expected_swd[f"pyramid_{name}_level{level}"], atol=4e-5)


@settings(deadline=None, max_examples=20)
@given(x=arrays(np.float32, (1, 3, 16, 24), elements=st.floats(0, 255, width=32)), levels=st.integers(1, 4))
def test_laplacian_pyramid_adds_up_to_the_picture(x, levels):
    pyramid = laplacian_pyramid(x, levels)
    rebuilt = pyramid[-1]
    for finer in reversed(pyramid[:-1]):
        rebuilt = finer + pyramid_up(rebuilt)
    np.testing.assert_allclose(rebuilt, x, atol=1e-3)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_patches_and_distance_along_given_lines(images, expected_swd, level):
    clouds = []
    for name in ("A", "B_noise"):
        x, y = (expected_swd[f"desc_{axis}_{name}_level{level}"].reshape(8, 16) for axis in "xy")
        corners = torch.from_numpy(np.stack([y, x], axis=-1) - 3)
        patches = swd.level_patches(images[name][:8], level, corners, last=level == 2)
        swd.normalise(patches)
        # The official rows are ordered (channel, column, row), ours (row, column, channel).
        patches = patches.view(-1, 7, 7, 3).permute(0, 3, 2, 1).flatten(1).contiguous()
        np.testing.assert_allclose(patches, expected_swd[f"final_{name}_level{level}"], atol=1e-5)
        clouds.append(patches)
    raw = np.concatenate(expected_swd[f"dirs_raw_level{level}"], axis=1)
    lines = torch.from_numpy((raw / np.linalg.norm(raw, axis=0)).T.astype(np.float32))
    (distance,) = swd.projected_distances(clouds[0], clouds[1:], lines)
    assert distance == pytest.approx(expected_swd[f"swd_given_dirs_level{level}"], rel=1e-5)


@pytest.mark.parametrize("name", ["B", "B_blur", "B_colour", "B_noise"])
def test_sliced_wasserstein_lies_within_the_official_spread(images, expected_swd, name):
    expected = expected_swd[f"api_A_vs_{name}_10seeds"]
    found = sliced_wasserstein(images["A"], images[name], seed=1)
    assert list(found) == [64, 32, 16, "average"]
    # Five deviations of a single draw; the differences between these sets are far larger.
    np.testing.assert_array_less(abs(np.array(list(found.values())) - expected.mean(0)), 5 * expected.std(0))


def test_sliced_wasserstein_moves_when_it_should(images):
    real, again = images["A"], images["A2"]
    same = sliced_wasserstein(real, again, patches_per_image=PATCHES)
    for damaged in (images["B_blur"], images["B_noise"]):
        found = sliced_wasserstein(real, damaged, patches_per_image=PATCHES)
        assert found[64] > 3 * same[64] and found["average"] > 2 * same["average"]
    collapsed = again[np.arange(96) % 3]
    found = sliced_wasserstein(real, collapsed, patches_per_image=PATCHES)
    assert found["average"] > 1.5 * same["average"]


@settings(deadline=None, max_examples=8)
@given(gain=st.floats(0.2, 3), offset=st.floats(-80, 80), channel=st.integers(0, 2))
def test_sliced_wasserstein_is_blind_to_gain_and_offset_of_a_channel(images, gain, offset, channel):
    real, fake = images["A"][:12], images["B"][:12].astype(np.float32)
    shifted = fake.copy()
    shifted[:, channel] = gain * shifted[:, channel] + offset
    few = {"patches_per_image": 8, "repeats": 1, "directions": 32}
    before, after = (sliced_wasserstein(real, x, **few) for x in (fake, shifted))
    assert after == pytest.approx(before, rel=1e-3)


def test_sliced_wasserstein_depends_on_seed_alone(images, tmp_path, monkeypatch):
    real, fake = images["A"][:16], images["B"][:16]
    few = {"patches_per_image": 8, "repeats": 2, "directions": 16}
    found = sliced_wasserstein(real, fake, **few)
    assert sliced_wasserstein(real, fake, seed=1, **few) != found
    np.save(tmp_path / "real.npy", real)
    mapped = np.load(tmp_path / "real.npy", mmap_mode="r")
    monkeypatch.setattr(swd, "_BATCH_PIXELS", 3 * 64 * 64)
    monkeypatch.setattr(swd, "_CHUNK_VALUES", 500)
    streamed = sliced_wasserstein(mapped, torch.from_numpy(fake).float(), **few)
    assert streamed == pytest.approx(found, rel=1e-5)


def test_floor_stands_beside_the_distance(images):
    shares = []
    few = {"patches_per_image": PATCHES, "repeats": 2, "directions": 64}
    found = swd_with_floor(images["A"], images["A2"], images["B_noise"], progress=shares.append, **few)
    assert found["distance"][64] > 5 * found["floor"][64]
    assert set(found["floor"]) == set(found["distance"]) == {64, 32, 16, "average"}
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    alone = sliced_wasserstein(images["A"], images["B_noise"], **few)
    assert found["distance"] == pytest.approx(alone, rel=0.1)


def test_flat_pictures_have_a_distance(images):
    flat = np.full((4, 3, 16, 16), 7, np.uint8)
    assert sliced_wasserstein(flat, flat, patches_per_image=4)["average"] == 0
    assert np.isfinite(sliced_wasserstein(images["A"][:4, :, :16, :16], flat, patches_per_image=4)["average"])


_SET = np.zeros((4, 3, 32, 32), np.uint8)


@pytest.mark.parametrize(
    ("real", "fake", "sentence"),
    [
        (_SET.tolist(), _SET, "expected a numpy array or a tensor, got list"),
        (_SET.astype(np.int64), _SET.astype(np.int64), "real: expected uint8 or float pictures, got dtype int64"),
        (_SET, torch.zeros(4, 3, 32, 32, dtype=torch.bool), "fake: expected uint8 or float .* got dtype bool"),
        (_SET[:, :1], _SET[:, :1], r"N x 3 x H x W, got \(4, 1, 32, 32\)"),
        (_SET[0], _SET[0], r"N x 3 x H x W, got \(3, 32, 32\)"),
        (_SET[:1], _SET[:1], "at least 2 pictures are needed, got 1"),
        (_SET, _SET[:3], "as many pictures of the same size"),
        (_SET, _SET[..., :16, :16], "as many pictures of the same size"),
        (_SET[..., :24, :24], _SET[..., :24, :24], "power of two from 16 pixels up as their side, got 24 x 24"),
        (_SET[..., :8, :8], _SET[..., :8, :8], "got 8 x 8"),
        (_SET[..., :16], _SET[..., :16], "got 32 x 16"),
        (np.full((4, 3, 32, 32), np.nan, np.float32), _SET, "real: some pixels are NaN or infinite"),
    ],
)
def test_sliced_wasserstein_refuses_with_one_sentence(real, fake, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        sliced_wasserstein(real, fake)
    assert str(error.value).count(". ") == 0


def test_sliced_wasserstein_refuses_no_directions():
    with pytest.raises(ValueError, match="at least 1"):
        sliced_wasserstein(_SET, _SET, directions=0)


@pytest.mark.parametrize("name", ["B_blur", "B_colour", "B_noise"])
@pytest.mark.parametrize(("suffix", "weights"), [("", WEIGHTS), ("_w3", WEIGHTS[:3]), ("_w2", (0.4, 0.6))])
def test_ms_ssim_is_the_official_one(images, expected_msssim, name, suffix, weights):
    found = ms_ssim(images["B"][:16], images[name][:16], weights=weights)
    np.testing.assert_allclose(found, expected_msssim[f"B_vs_{name}_official{suffix}"], atol=1e-5)


def test_ms_ssim_at_five_full_scales(expected_msssim):
    big = expected_msssim["big_I"]
    found = ms_ssim(torch.from_numpy(big).float(), expected_msssim["big_J"])
    np.testing.assert_allclose(found, expected_msssim["big_I_vs_J_official"], atol=1e-5)
    found = ms_ssim(big, big[::-1])
    np.testing.assert_allclose(found, expected_msssim["big_I_vs_reversedI_official"], atol=1e-5)


def test_ms_ssim_of_pairs_rises_when_a_set_collapses(images, expected_msssim):
    found = ms_ssim_of_pairs(images["A"])
    np.testing.assert_allclose(found, expected_msssim["div_pairs_A"], atol=1e-5)
    assert len(ms_ssim_of_pairs(images["A"][:5])) == 2
    collapsed = images["A"][np.random.default_rng(0).integers(0, 3, 96)]
    assert ms_ssim_of_pairs(collapsed).mean() > found.mean() + 0.1


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([16, 32, 48]), noise=st.floats(1, 60))
def test_ms_ssim_is_symmetric_and_falls_with_noise(seed, size, noise):
    random = np.random.default_rng(seed)
    x = random.uniform(0, 255, (2, 3, size, size))
    grain = random.normal(0, noise, x.shape)
    near, far = np.clip(x + grain, 0, 255), np.clip(x + 4 * grain, 0, 255)
    np.testing.assert_allclose(ms_ssim(x, x), 1, atol=1e-5)
    np.testing.assert_allclose(ms_ssim(x, near), ms_ssim(near, x), rtol=1e-5)
    assert (ms_ssim(x, far) < ms_ssim(x, near)).all() and (ms_ssim(x, near) < 1).all()


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (_SET, _SET[:2], "pairs of one shape"),
        (_SET[..., :24, :], _SET[..., :24, :], "divisible by 16, got 24 x 32"),
        (_SET.astype(np.int32), _SET, "a: expected uint8 or float"),
        (_SET[:0], _SET[:0], "at least 1 pictures are needed, got 0"),
        (np.linspace(-1, 1, _SET.size).reshape(_SET.shape), _SET, "look like pictures in -1..1"),
    ],
)
def test_ms_ssim_refuses_with_one_sentence(a, b, sentence):
    with pytest.raises(ValueError, match=sentence):
        ms_ssim(a, b)


def test_inception_score_is_the_official_one():
    expected = _load("inception_score/inception_score.npz")
    for kind in ("sharp", "soft"):
        for splits in (1, 3, 10):
            found = inception_score(expected[f"preds_{kind}"], splits)
            assert found == pytest.approx(expected[f"is_{kind}_splits{splits}"].tolist(), abs=1e-5)
    mean, std = inception_score(expected["preds_onehot"], 1)
    assert 1 < mean <= 10 and std == 0


@settings(deadline=None, max_examples=30)
@given(logits=arrays(np.float64, (12, 5), elements=st.floats(-20, 20)), order=st.permutations(range(5)))
def test_inception_score_counts_classes(logits, order):
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    mean, _ = inception_score(p, 2)
    assert 1 - 1e-9 <= mean <= 5 + 1e-9
    assert inception_score(p[:, order], 2)[0] == pytest.approx(mean)
    assert inception_score(np.repeat(p[:1], 12, axis=0), 3) == pytest.approx((1, 0))


def test_inception_score_of_certain_and_even_classes():
    assert inception_score(np.eye(4)[np.arange(40) % 4], 10) == pytest.approx((4, 0))


@pytest.mark.parametrize(
    ("p", "splits", "sentence"),
    [
        (np.ones(3), 1, "N x K probabilities"),
        (np.full((3, 2), 0.5), 10, "3 pictures cannot be cut into 10 splits"),
        (np.full((3, 2), 0.9), 1, "sum to 1"),
        (np.array([[1.5, -0.5]]), 1, "sum to 1"),
        (np.array([[np.nan, 1.0]]), 1, "sum to 1"),
    ],
)
def test_inception_score_refuses_with_one_sentence(p, splits, sentence):
    with pytest.raises(ValueError, match=sentence):
        inception_score(p, splits)
