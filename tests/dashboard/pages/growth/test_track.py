"""Frames along the scrubber."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from dashboard.pages.growth.track import final_track, phases, place, sheet_address, snapshot_track, tile_size
from pgan_core.growth_frames import GrowthFrame
from tests.small_run import SCHEDULE


def frame(resolution, alpha, value=0, **branches):
    return GrowthFrame(resolution, alpha, np.full((4, 8, 8, 3), value, np.uint8), **branches)


def test_phases_alternate_and_join():
    found = phases([4, 8, 16])
    assert [(p.resolution, p.fading) for p in found] == [(4, False), (8, True), (8, False), (16, True), (16, False)]
    assert [p.t0 for p in found[1:]] == [p.t1 for p in found[:-1]]
    assert found[-1].t1 == 3.5


def test_a_network_stored_in_a_fade_ends_the_scrubber_there():
    found = phases([4, 8], alpha=0.25)
    assert [(p.fading, p.t0, p.t1) for p in found] == [(False, 0, 0.5), (True, 0.5, 0.75)]


def test_a_single_resolution_has_one_place():
    assert [(p.resolution, p.fading) for p in phases([64])] == [(64, False)]


def test_final_track_orders_points_and_names_the_branches():
    frames = [frame(4, 1.0, 1), frame(8, 0.5, 2), frame(8, 1.0, 3)]
    track = final_track(frames, (8, 1.0), columns=2)
    assert [(p.t, p.sheet) for p in track.points] == [(0, 0), (0.5, 0), (1.0, 1), (1.5, 2), (2.0, 2)]
    assert (track.phases[1].old, track.phases[1].new) == (0, 2)
    assert track.sheets[1].shape == (16, 16, 3) and track.sheets[1].max() == 2
    assert track.nearest(1.1).sheet == 1


def test_final_track_of_a_mid_fade_network_stops_at_its_alpha():
    frames = [frame(4, 1.0), frame(8, 0.25), frame(8, 0.5), frame(8, 1.0)]
    track = final_track(frames, (8, 0.25), columns=2)
    assert [(p.t, p.alpha) for p in track.points] == [(0, 1.0), (0.5, 1.0), (0.75, 0.25)]
    assert track.phases[-1].new == 3  # the new branch alone is still there for the drawing


def test_snapshots_keep_their_own_moment_and_branches():
    pictures = np.zeros((4, 8, 8, 3), np.uint8)
    frames = [frame(4, 1.0), frame(8, 0.5, old=pictures, new=pictures), frame(8, 1.0)]
    track = snapshot_track(frames, [3.0, 4.0, 8.0], columns=2, schedule=SCHEDULE)
    assert [p.t for p in track.points] == [0.5, 1.0, 2.0]
    assert (track.points[1].old, track.points[1].new) == (2, 3) and track.points[0].old is None
    assert "4" in track.points[1].name and not track.smooth


@pytest.mark.parametrize(("kimg", "t"), [(5.0, 1.5), (6.5, 1.75), (8.0, 2.0), (99.0, 2.0)])
def test_a_snapshot_after_its_fade_stands_at_its_kimg(kimg, t):
    assert place(phases([4, 8]), frame(8, 1.0), SCHEDULE, kimg) == pytest.approx(t)


@pytest.mark.parametrize(("resolution", "columns", "size"), [(16, 4, 64), (64, 4, 64), (64, 2, 64), (1024, 2, 256)])
def test_pictures_are_sent_no_larger_than_they_are_shown(resolution, columns, size):
    assert tile_size(resolution, columns) == size


def test_sheets_travel_at_their_own_size_and_are_enlarged_to_one():
    noise = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    frames = [GrowthFrame(4, 1.0, noise[:, :4, :4]), GrowthFrame(8, 1.0, noise)]
    track = final_track(frames, (8, 1.0), columns=2)
    for address, sheet in zip(track.addresses(), track.sheets, strict=True):
        sent = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
        assert np.array_equal(np.asarray(sent.convert("RGB")), sheet)  # small pictures without loss
    stripes = np.full((160, 160, 3), (220, 40, 30), np.uint8)
    stripes[:, np.arange(160) // 4 % 2 == 0] = 30, 60, 210
    sent = Image.open(io.BytesIO(base64.b64decode(sheet_address(stripes).partition(",")[2])))
    assert np.abs(np.asarray(sent.convert("RGB")).astype(int) - stripes).max() <= 12  # large ones: colours keep apart
    small, large = track.wall(0, 64), track.wall(1, 64)
    assert small.shape == large.shape == (64, 64, 3)
    assert np.array_equal(small[::8, ::8], track.sheets[0])
