"""Artifact units: a unit that spoils the pictures comes first, and switching it off pays."""

import numpy as np
import pytest

from dissection.effects.artifacts import artifact_costs, compare_without
from dissection.effects.trial import Trial
from dissection.interventions import ablate
from pgan_core import Generator, GeneratorConfig
from tests.dissection.effects.painters import LAYER, RED_UNIT, Colours, painter


@pytest.fixture(scope="module")
def trial():
    return Trial(painter(), LAYER, Colours(), range(24))


def dislikes_red(images):
    """A discriminator that sees how little red there is."""
    return -images[:, 0].mean(dim=(1, 2))


def test_the_unit_that_the_discriminator_dislikes_comes_first(trial):
    costs = artifact_costs(trial, dislikes_red)
    assert costs.order[0] == RED_UNIT and costs.score_gain[RED_UNIT] > 0
    assert costs.distance_gain is None and costs.distance is None
    assert np.isclose(costs.score, float(dislikes_red(trial.images()).mean()))


def test_before_and_after_stand_beside_each_other(trial):
    change = compare_without(trial, dislikes_red, [RED_UNIT])
    assert change.score_after > change.score_before
    assert change.floor is None and change.distance_after is None


def test_the_unit_that_real_pictures_lack_comes_first():
    generator = Generator(GeneratorConfig(16, (8, 8, 8), latent_dim=6), seed=1)
    trial = Trial(generator, "16x16/conv1", Colours(), range(16))
    without = trial.images([ablate([5])]) * 127.5 + 127.5
    costs = artifact_costs(trial, lambda images: images.new_zeros(len(images)), without)
    assert costs.order[0] == 5 and costs.distance_gain[5] > 0
    change = compare_without(trial, dislikes_red, [5], without, without.flip(3))
    assert change.distance_after < change.distance_before and change.floor > 0
