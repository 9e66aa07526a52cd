"""Seeds, interpolation, ways, and moving points."""

import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pgan_core.latents import (
    angle_between,
    check_latents,
    circle,
    combine,
    latents_from_seeds,
    lerp,
    neighbours,
    norms_and_angles,
    orthogonalize,
    path,
    random_walk,
    seed_plane,
    slerp,
    truncate,
)

PUBLISHED = Path(__file__).parents[1] / "fixtures/numeric/interpolation/slerp.npz"
vectors = arrays(np.float64, 8, elements=st.floats(-10, 10))


def unit(values: np.ndarray) -> torch.Tensor:
    assume(np.linalg.norm(values) > 1e-3)
    return torch.from_numpy(values / np.linalg.norm(values))


# ---- seeds -------------------------------------------------------------------------------------------------------


def test_a_seed_is_the_same_latent_whatever_is_around_it():
    alone = latents_from_seeds([7], 64)
    batch = latents_from_seeds([3, 7, 2**32 - 1], 64)
    assert torch.equal(batch[1:2], alone)
    assert np.array_equal(alone[0].numpy(), np.random.RandomState(7).randn(64).astype(np.float32))


def test_a_seed_is_the_same_latent_under_any_number_of_threads():
    alone, before, found = latents_from_seeds(range(8), 64), torch.get_num_threads(), {}
    try:
        for count in (1, 4):
            torch.set_num_threads(count)
            found[count] = latents_from_seeds(range(8), 64)
    finally:
        torch.set_num_threads(before)
    others = []
    threads = [threading.Thread(target=lambda: others.append(latents_from_seeds(range(8), 64))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(alone, z) for z in [*found.values(), *others])


@pytest.mark.parametrize("seeds", [[], [-1], [2**32]])
def test_bad_seeds_are_refused(seeds):
    with pytest.raises(ValueError, match="seed"):
        latents_from_seeds(seeds, 4)


@pytest.mark.parametrize(
    ("z", "words"),
    [([[1.0, 2.0]], "3 numbers each, these have 2"), ([[1.0, math.nan, 2.0]], "NaN"), ([1.0], "N x 3"), ([], "N x 3")],
)
def test_bad_latents_are_refused(z, words):
    with pytest.raises(ValueError, match=words):
        check_latents(torch.tensor(z), 3)


# ---- between two points ------------------------------------------------------------------------------------------


def test_interpolation_is_the_published_one():
    with np.load(PUBLISHED) as published:
        a, b, t = published["z0"], published["z1"], published["t"]
        assert np.allclose(lerp(a, b, t), published["lerp"], atol=1e-12)
        assert np.allclose(slerp(a, b, t, unit=True), published["slerp_unit_sphere"], atol=1e-9)
        ours, theirs = slerp(a, b, t).numpy(), published["slerp_unnormalised"]
    parallel = np.isnan(theirs).any(axis=(0, 2))
    assert parallel.sum() == 1  # the published code divides 0 by 0 there
    assert np.allclose(ours[:, ~parallel], theirs[:, ~parallel], atol=1e-9)
    assert np.isfinite(ours).all()
    assert np.allclose(ours[:, parallel], lerp(a, b, t).numpy()[:, parallel], atol=1e-9)


@given(vectors, vectors, st.floats(0.1, 30))
def test_slerp_keeps_the_norm_and_turns_evenly(a, b, radius):
    a, b = radius * unit(a), radius * unit(b)
    way = slerp(a, b, torch.linspace(0, 1, 9))
    assert torch.allclose(way.norm(dim=1), torch.tensor(radius, dtype=torch.float64), rtol=1e-6)
    steps = angle_between(way[:-1], way[1:])
    assert torch.allclose(steps, angle_between(a, b).expand(8) / 8, atol=1e-6)
    assert torch.allclose(way[0], a, atol=1e-6 * radius) and torch.allclose(way[-1], b, atol=1e-5 * radius)


@given(vectors, st.floats(-2, 2))
def test_slerp_has_no_nan_on_a_line(a, t):
    a = unit(a)
    for b in (a, 3 * a, -a, -2 * a, torch.zeros_like(a), a + 1e-9):
        assert torch.isfinite(slerp(a, b, t)).all() and torch.isfinite(slerp(b, a, t, unit=True)).all()
    half = slerp(a, -a, 0.5)
    assert half.norm() == pytest.approx(1) and float(half @ a) == pytest.approx(0, abs=1e-9)


@given(vectors, vectors)
def test_lerp_and_slerp_pass_the_same_directions(a, b):
    """What a network that normalises its latents sees: the same pictures, at other times."""
    a, b = unit(a), unit(b)
    assume(0.01 < float(angle_between(a, b)) < 3)
    straight = lerp(a, b, 0.3)
    reached = angle_between(a, straight) / angle_between(a, b)
    assert float(angle_between(slerp(a, b, reached), straight)) < 1e-6


# ---- ways --------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(2, 6), st.integers(1, 8), st.sampled_from(["slerp", "lerp"]))
def test_a_loop_closes_and_an_open_way_ends(count, per_leg, method):
    points = latents_from_seeds(range(count), 16)
    loop = path(points, count * per_leg, closed=True, method=method)
    assert torch.allclose(loop[::per_leg], points, atol=1e-5)
    again = path(points.roll(-1, 0), count * per_leg, closed=True, method=method)
    assert torch.allclose(loop.roll(-per_leg, 0), again, atol=1e-5)  # going on from the last frame is the first
    way = path(points, (count - 1) * per_leg + 1, method=method)
    assert torch.allclose(way[::per_leg], points, atol=1e-5)


def test_a_loop_of_latents_of_equal_norm_keeps_it():
    points = latents_from_seeds(range(3), 32)
    points = 5 * points / points.norm(dim=1, keepdim=True)
    norms, angles = norms_and_angles(path(points, 60, closed=True))
    assert np.allclose(norms, 5, atol=1e-4)
    assert np.allclose(angles[:19], angles[0], rtol=1e-3)  # of the first leg, whose end is frame 20


@pytest.mark.parametrize(
    ("count", "frames", "words"), [(1, 5, "two key points"), (2, 0, "one frame"), (2, -3, "one frame")]
)
def test_empty_ways_are_refused(count, frames, words):
    with pytest.raises(ValueError, match=words):
        path(latents_from_seeds(range(count), 4), frames)


def test_a_random_walk_is_the_official_videos_and_wraps_around():
    walk = random_walk(240, 16, smoothing=12, seed=3)
    assert float(walk.square().mean()) == pytest.approx(1, abs=1e-5)
    _, angles = norms_and_angles(torch.cat([walk, walk[:1]]))
    assert angles[-1] < 2 * angles[:-1].max()  # the seam is as smooth as the rest
    noise = np.random.RandomState(3).randn(240, 16)
    reach = np.arange(-48, 49)
    kernel = np.exp(-0.5 * (reach / 12) ** 2)
    smooth = sum(w * np.roll(noise, -k, axis=0) for k, w in zip(reach, kernel / kernel.sum(), strict=True))
    assert np.allclose(walk, smooth / np.sqrt((smooth**2).mean()), atol=1e-5)
    assert not torch.equal(walk, random_walk(240, 16, smoothing=12, seed=4))


@given(st.floats(0.05, 1.5), st.integers(0, 50))
def test_a_circle_keeps_its_angle_and_norm_and_closes(angle, seed):
    centre = latents_from_seeds([seed], 12)[0]
    ring = circle(centre, 24, angle=angle, seed=seed)
    assert torch.allclose(ring.norm(dim=1), centre.norm(), rtol=1e-5)
    assert torch.allclose(angle_between(ring, centre), torch.tensor(angle, dtype=torch.float64), atol=1e-5)
    _, steps = norms_and_angles(torch.cat([ring, ring[:1]]))
    assert np.allclose(steps, steps[0], rtol=1e-3)


def test_the_plane_of_seeds_blends_four_neighbours():
    assert torch.equal(seed_plane(3, 2, 8), latents_from_seeds([203], 8))
    corners = latents_from_seeds([3, 4, 103, 104], 8)
    middle = seed_plane(3.25, 0.5, 8)
    shares = torch.tensor([0.375, 0.125, 0.375, 0.125])
    assert torch.allclose(middle, shares @ corners, atol=1e-6)
    assert torch.equal(seed_plane(-1, 0, 8), latents_from_seeds([2**32 - 1], 8))
    assert seed_plane([0, 1, 2], [0.5], 8).shape == (3, 8)
    with pytest.raises(ValueError, match="NaN"):
        seed_plane(math.nan, 0, 8)


# ---- moving points -----------------------------------------------------------------------------------------------


def test_truncation_and_arithmetic():
    z = latents_from_seeds([1, 2, 3], 6)
    assert torch.equal(truncate(z, 0.5), 0.5 * z)
    assert torch.allclose(truncate(z, 0, z[0]), z[:1].expand(3, 6))
    assert torch.allclose(combine(z, [1, -1, 1]), (z[0] - z[1] + z[2])[None], atol=1e-6)
    with pytest.raises(ValueError, match="3 latents"):
        combine(z, [1, 2])


def test_neighbours_keep_angle_and_norm_and_their_number():
    z = latents_from_seeds([5], 32)
    around = neighbours(z, range(6), angle=0.3)
    assert torch.allclose(around.norm(dim=1), z.norm(), rtol=1e-5)
    assert torch.allclose(angle_between(around, z), torch.tensor(0.3, dtype=torch.float64), atol=1e-5)
    assert torch.equal(neighbours(z, [4], angle=0.3)[0], around[4])
    with pytest.raises(ValueError, match="0 everywhere"):
        neighbours(torch.zeros(4), [0])


@given(arrays(np.float64, (3, 6), elements=st.floats(-5, 5)))
def test_an_orthogonalized_direction_is_at_right_angles_to_all_others(rows):
    assume(np.linalg.svd(rows, compute_uv=False).min() > 1e-2)
    direction, others = torch.from_numpy(rows[0]), torch.from_numpy(rows[1:])
    rest = orthogonalize(direction, others)
    assert float((others @ rest).abs().max()) < 1e-9 and float(rest.norm()) == pytest.approx(1)
    assert float(rest @ direction) > 0
    with pytest.raises(ValueError, match="combination"):
        orthogonalize(others[0] - 2 * others[1], others)
