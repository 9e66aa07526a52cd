"""Costs by hand, and what growing saves."""

import itertools

import pytest

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.costs import Cost, cumulative_cost, image_cost, pictures_that_fit, saving
from pgan_core.growth import Schedule, Stage

SMALL = {"resolution": 16, "channels": (8, 6, 4)}


def test_a_small_generator_by_hand():
    cost = image_cost(Generator(GeneratorConfig(latent_dim=5, **SMALL)), 8)
    assert cost.multiply_adds == 5 * 8 * 16 + 8 * 8 * 9 * 16 + 8 * 6 * 9 * 64 + 6 * 6 * 9 * 64 + 6 * 3 * 64
    values = 5 + 8 * 16 + 8 * 16 + 8 * 64 + 6 * 64 + 6 * 64 + 3 * 64  # latent, dense, conv, upsample, convs, picture
    assert cost.activation_bytes == 4 * values


@pytest.mark.parametrize("network", [Generator(GeneratorConfig(**SMALL)), Discriminator(DiscriminatorConfig(**SMALL))])
def test_larger_pictures_cost_more(network):
    costs = [image_cost(network, size) for size in (4, 8, 16)]
    assert all(a.multiply_adds < b.multiply_adds for a, b in itertools.pairwise(costs))
    assert all(a.activation_bytes < b.activation_bytes for a, b in itertools.pairwise(costs))


def test_a_run_is_the_sum_of_its_stages():
    schedule = Schedule((Stage(4, 0, 10, 16, 1e-3), Stage(8, 20, 30, 16, 1e-3)))
    costs = {4: 2, 8: 10}
    assert cumulative_cost(schedule, costs) == [(0, 0), (10, 20_000), (60, 520_000)]
    assert saving(schedule, costs) == pytest.approx(600_000 / 520_000)


def test_memory_and_sums():
    assert Cost(1, 2) + Cost(3, 4) == Cost(4, 6)
    assert pictures_that_fit([Cost(1, 30), Cost(1, 20)], 160) == 3
