"""Recipes that other loops wrote into a file: what the Growth page reads of them."""

from types import SimpleNamespace

import pytest

from dashboard.pages.growth.runs import changing_rates, default_count, run_schedule

STAGE = {"resolution": 4, "fade_kimg": 0, "steady_kimg": 2, "minibatch": 8, "learning_rate": 1e-3}


def model(**metadata):
    return SimpleNamespace(info={"metadata": metadata})


def test_unknown_words_of_a_recipe_are_passed_over():
    found = run_schedule(model(recipe={"loss": "relativistic", "schedule": [STAGE | {"gamma": 3}]}, loop="another"))
    assert found.resolution == 4 and found.total_kimg == 2


@pytest.mark.parametrize("recipe", [{}, {"schedule": []}, {"schedule": [{"resolution": 4}]}, {"schedule": ["4x4"]}])
def test_a_recipe_without_a_schedule_of_ours_has_none(recipe):
    assert run_schedule(model(recipe=recipe)) is None


def test_a_rate_that_falls_inside_the_stages_is_said():
    phases = [{"lr": [1.5e-3, 4.5e-4], "cool": 0.0}, {"lr": [7e-4, 3.5e-5], "cool": 0.6}]
    assert "3.5e-05" in changing_rates(model(phases=phases))
    assert (
        changing_rates(model(phases=phases[:1])) == changing_rates(model(phases=[{}])) == changing_rates(model()) == ""
    )


@pytest.mark.parametrize(("resolution", "count"), [(16, 16), (32, 16), (64, 9), (128, 9), (256, 9), (1024, 4)])
def test_a_wall_opens_with_pictures_that_fit(resolution, count):
    assert default_count(resolution) == count
