"""A schedule made for a time: shares, minibatch, and how it follows the clock."""

from dataclasses import replace

import pytest

from pgan_core.growth import make_schedule
from pgan_core.training.settings import TrainingError
from pgan_core.training.time_plan import TimePlan, adjusted, planned, shares
from tests.pgan_core.training.test_step import settings

SPEEDS = {4: 4000.0, 8: 2000.0, 16: 1000.0}


def seconds_of(schedule, begin=0.0):
    """What a schedule takes at SPEEDS from `begin` on."""
    total = 0.0
    for start, stage in zip(schedule.starts(), schedule.stages, strict=True):
        left = start + stage.kimg - max(begin, start)
        total += max(left, 0.0) * 1000 / SPEEDS[stage.resolution]
    return total


def test_most_of_the_time_is_for_the_largest_size():
    found = shares((4, 8, 16))
    assert sum(map(sum, found.values())) == pytest.approx(1)
    assert found[16] == (0.17, 0.51) and found[4][0] == 0.0
    assert shares((128,)) == {128: (0.0, 1.0)}
    assert shares((64, 128), first_fades=True)[64][0] > 0


def test_a_plan_fills_the_time_and_leaves_enough_steps():
    plan = TimePlan(600.0, SPEEDS, used=100.0, began=0.0)
    plan.spent = lambda: 100.0
    chosen = planned(settings(), plan, choose_minibatch=True)
    assert seconds_of(chosen.schedule) == pytest.approx(plan.left())
    assert 480 < plan.left() < 500
    assert {stage.minibatch for stage in chosen.schedule.stages} == {64}
    short = TimePlan(100.0, SPEEDS)
    short.spent = lambda: 0.0
    assert {stage.minibatch for stage in planned(settings(), short, choose_minibatch=True).schedule.stages} == {32}
    kept = planned(settings(), short, choose_minibatch=False)
    assert [stage.minibatch for stage in kept.schedule.stages] == [8, 8, 4]
    short.spent = lambda: 99.0
    with pytest.raises(TrainingError, match="over before training could begin"):
        planned(settings(), short, choose_minibatch=True)


@pytest.mark.parametrize("kimg", [1.0, 4.5, 7.0, 13.0, 17.5])
def test_the_rest_of_a_run_takes_the_time_that_is_left(kimg):
    """In each part of the growth; a fade that has begun keeps its length, and what has been trained stays."""
    schedule = make_schedule(16, fade_kimg={4: 3}, steady_kimg={4: 4}, minibatch={4: 8}, learning_rate={4: 1e-3})
    before = schedule.at(kimg)
    for seconds in (30.0, 8.0):
        found = adjusted(schedule, kimg, SPEEDS, seconds)
        assert seconds_of(found, kimg) == pytest.approx(seconds)
        after = found.at(kimg)
        assert (after.resolution, after.alpha) == (before.resolution, before.alpha)


def test_no_time_left_ends_a_run_where_it_stands():
    schedule = make_schedule(16, fade_kimg={4: 3}, steady_kimg={4: 4}, minibatch={4: 8}, learning_rate={4: 1e-3})
    assert adjusted(schedule, 16.0, SPEEDS, 0.0).total_kimg == pytest.approx(16.0)


def test_parts_of_a_schedule_can_end_elsewhere():
    schedule = make_schedule(8, fade_kimg={4: 3}, steady_kimg={4: 4}, minibatch={4: 8}, learning_rate={4: 1e-3})
    assert schedule.ending(2.0, 2.0).starts() == [0, 2.0]
    assert schedule.ending(5.0, 5.0).stages[1] == replace(schedule.stages[1], fade_kimg=1.0)
    assert schedule.ending(8.0, 12.0).total_kimg == pytest.approx(12.0)
