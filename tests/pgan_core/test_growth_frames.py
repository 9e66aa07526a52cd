"""The frames of a growing network are what the network gives at those moments."""

import numpy as np
import pytest
import torch

from pgan_core import Generator, GeneratorConfig
from pgan_core.growth_frames import growth_frames, stored_frame
from pgan_core.pictures import to_uint8

BASE = {"resolution": 16, "channels": (8, 6, 4), "latent_dim": 5}


def make(**options):
    return Generator(GeneratorConfig(**BASE, **options), seed=3).eval()


@pytest.fixture
def z():
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("output", ["linear", "tanh", "clamp"])
def test_every_frame_is_the_network_at_that_moment(z, output):
    generator = make(output=output)
    frames = list(growth_frames(generator, z, steps=4, size=32))
    assert [(f.resolution, f.alpha) for f in frames] == [(4, 1), *((8, k / 4) for k in range(1, 5))] + [
        (16, k / 4) for k in range(1, 5)
    ]
    for frame in frames:
        with torch.inference_mode():
            expected = to_uint8(generator(z, resolution=frame.resolution, alpha=frame.alpha))
        factor = 32 // frame.resolution
        enlarged = expected.repeat(factor, 1).repeat(factor, 2)
        assert np.abs(frame.pictures.astype(int) - enlarged).max() <= 1  # rounding at a half


def test_a_file_with_only_the_finest_to_rgb_gives_one_frame(z):
    frames = list(growth_frames(make(rgb_resolutions=(16,)), z))
    assert [(f.resolution, f.alpha, f.pictures.shape) for f in frames] == [(16, 1.0, (3, 16, 16, 3))]


def test_a_network_stored_in_a_fade_ends_there(z):
    generator = make(stored_resolution=8, stored_alpha=0.3)
    frames = list(growth_frames(generator, z, steps=2))
    assert [(f.resolution, f.alpha) for f in frames] == [(4, 1), (8, 0.3), (8, 0.5), (8, 1)]
    with torch.inference_mode():
        assert np.array_equal(frames[1].pictures, to_uint8(generator(z)))  # its own moment, enlarged to full size


def test_large_pictures_are_averaged_down(z):
    *_, last = growth_frames(make(), z, size=8)
    assert last.pictures.shape == (3, 8, 8, 3)


def test_native_frames_are_as_large_as_the_moment_they_show(z):
    enlarged = list(growth_frames(make(), z, steps=2))
    frames = list(growth_frames(make(), z, steps=2, native=True))
    assert [f.pictures.shape[1] for f in frames] == [4, 8, 8, 16, 16]
    for small, large in zip(frames, enlarged, strict=True):
        factor = 16 // small.pictures.shape[1]
        assert np.array_equal(small.pictures, large.pictures[:, ::factor, ::factor])
    snapshot = stored_frame(make(stored_resolution=8, stored_alpha=0.25), z, native=True)
    assert snapshot.old.shape == snapshot.new.shape == snapshot.pictures.shape == (3, 8, 8, 3)


def test_a_snapshot_in_a_fade_shows_its_branches_and_their_blend(z):
    frame = stored_frame(make(stored_resolution=8, stored_alpha=0.25), z)
    assert (frame.resolution, frame.alpha) == (8, 0.25)
    assert frame.old.shape == frame.new.shape == frame.pictures.shape == (3, 16, 16, 3)
    with torch.inference_mode():
        floats = make()(z, resolution=4)
    assert np.array_equal(frame.old[:, ::4, ::4], to_uint8(floats))
    inside = (frame.old > 0) & (frame.old < 255) & (frame.new > 0) & (frame.new < 255)
    blend = 0.75 * frame.old.astype(float) + 0.25 * frame.new
    assert np.abs(blend - frame.pictures)[inside].max() <= 1.0


def test_a_snapshot_outside_a_fade_has_no_branches(z):
    frame = stored_frame(make(stored_resolution=8), z)
    assert (frame.resolution, frame.alpha, frame.old, frame.new) == (8, 1.0, None, None)


def test_large_walls_are_walked_in_parts(z, monkeypatch):
    whole = [frame.pictures for frame in growth_frames(make(), z, steps=2)]
    monkeypatch.setattr("pgan_core.growth_frames.PIXELS_AT_ONCE", 2 * 16**2)
    parts = [frame.pictures for frame in growth_frames(make(), z, steps=2)]
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(whole, parts, strict=True))
