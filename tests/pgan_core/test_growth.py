"""The official schedule row by row, and the laws that every schedule obeys."""

import csv
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgan_core.growth import OFFICIAL_PRESETS, Schedule, Stage, make_schedule, official_schedule

FIXTURES = Path(__file__).parents[1] / "fixtures" / "growth"


def read_rows(name):
    with open(FIXTURES / name, newline="") as file:
        return list(csv.DictReader(file))


def test_the_fixture_holds_every_preset():
    assert {row["preset"] for row in read_rows("schedule.csv")} == set(OFFICIAL_PRESETS)


@pytest.mark.parametrize(("preset", "resolution"), [(p, 1024) for p in OFFICIAL_PRESETS] + [("v2-1gpu", 64)])
def test_official_schedule_row_by_row(preset, resolution):
    schedule = official_schedule(preset, resolution)
    rows = [
        row
        for row in read_rows("schedule.csv")
        if row["preset"] == preset and int(row["full_resolution"]) == resolution
    ]
    assert len(rows) == 301
    previous = None
    for row in rows:
        moment = schedule.at(float(row["kimg"]))
        assert moment.lod == pytest.approx(float(row["lod"]), abs=1e-9)
        assert moment.resolution == int(row["resolution"])
        assert moment.minibatch == int(row["minibatch"])
        assert moment.learning_rate == float(row["G_lrate"]) == float(row["D_lrate"])
        assert (moment.phase != previous) == (row["optimizer_reset_since_previous_row"] == "1")
        previous = moment.phase


def test_optimizer_resets_of_the_official_loop():
    """The official loop reads the schedule once in four minibatches."""
    schedule, images, iteration, previous, resets = official_schedule("v2-1gpu", 64), 0, 0, None, []
    while images < 5_000_000:
        moment = schedule.at(images / 1000)
        if moment.phase != previous:
            resets.append((iteration, images, moment.resolution, moment.minibatch, moment.lod))
        previous = moment.phase
        images += 4 * moment.minibatch
        iteration += 1
    rows = read_rows("optimizer_resets_v2-1gpu_64px.csv")
    assert [r[:4] for r in resets] == [
        tuple(int(row[key]) for key in ("outer_iteration", "cur_nimg", "resolution", "minibatch")) for row in rows
    ]
    assert [r[4] for r in resets] == pytest.approx([float(row["lod"]) for row in rows], abs=1e-9)


kimgs = st.floats(min_value=1, max_value=100)


@given(st.lists(st.tuples(kimgs, kimgs), min_size=1, max_size=5), st.floats(min_value=0, max_value=1100))
def test_alpha_rises_and_lod_falls(lengths, kimg):
    stages = [Stage(4 * 2**i, fade if i else 0, steady, 16, 1e-3) for i, (fade, steady) in enumerate(lengths)]
    schedule = Schedule(tuple(stages))
    now, later = schedule.at(kimg), schedule.at(kimg + 0.5)
    assert 0 <= now.alpha <= 1
    assert later.lod <= now.lod
    assert later.resolution >= now.resolution
    assert now.resolution == schedule.resolution / 2 ** int(now.lod)
    assert now.alpha == pytest.approx(1 - now.lod % 1 if now.lod % 1 else 1)


def test_landmarks_are_the_middles_of_fades_and_the_ends_of_resolutions():
    schedule = make_schedule(
        16,
        fade_kimg={4: 20, 16: 40},
        steady_kimg={4: 10},
        minibatch={4: 64, 16: 32},
        learning_rate={4: 2e-3},
    )
    marks = schedule.landmarks()
    assert [mark.name for mark in marks] == ["4x4-end", "8x8-fade", "8x8-end", "16x16-fade", "16x16-end"]
    assert all(first.kimg < second.kimg for first, second in pairwise(marks))
    assert [schedule.at(mark.kimg).alpha for mark in marks] == [1, 0.5, 1, 0.5, 1]
    assert [schedule.at(mark.kimg).resolution for mark in marks] == [4, 8, 8, 16, 16]
    assert schedule.at(1e6).minibatch == 32


def test_stages_without_images_are_passed_over():
    at_once = make_schedule(
        16, fade_kimg={4: 0}, steady_kimg={4: 0, 16: 10}, minibatch={4: 64, 16: 32}, learning_rate={4: 2e-3}
    )
    first, last = at_once.at(0), at_once.at(10)
    assert (first.resolution, first.alpha, first.minibatch) == (16, 1.0, 32) and first.phase == last.phase
    assert [(mark.name, mark.kimg) for mark in at_once.landmarks()] == [("16x16-end", 10)]


@pytest.mark.parametrize("resolution", [0, 2, 48])
def test_a_size_that_is_no_power_of_two_is_refused(resolution):
    with pytest.raises(ValueError, match="power of two"):
        official_schedule("v2-1gpu", resolution)


def test_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="one of"):
        official_schedule("v3")
