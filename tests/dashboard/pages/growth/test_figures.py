"""Figures of the Growth page: the numbers they draw."""

import pytest

from dashboard.pages.growth.figures import picture_costs, run_cost
from pgan_core.costs import Cost, cumulative_cost, saving
from tests.small_run import SCHEDULE

COSTS = {4: Cost(100, 1000), 8: Cost(400, 3000), 16: Cost(1600, 9000)}


def test_picture_costs_draw_both_quantities_by_size():
    adds, memory = picture_costs(COSTS).data
    assert list(adds.x) == ["4", "8", "16"] and list(adds.y) == [100, 400, 1600]
    assert list(memory.y) == [1000, 3000, 9000] and memory.texttemplate.endswith("B")


def test_run_cost_ends_at_the_share_that_growing_spends():
    multiply_adds = {size: cost.multiply_adds for size, cost in COSTS.items()}
    full_size = 1000 * SCHEDULE.total_kimg * multiply_adds[16]
    figure = run_cost(SCHEDULE, cumulative_cost(SCHEDULE, multiply_adds), full_size)
    full, grown = figure.data
    assert list(full.y) == [0, 100] and grown.x[-1] == SCHEDULE.total_kimg
    assert grown.y[-1] == pytest.approx(100 / saving(SCHEDULE, multiply_adds))
    assert [a.text for a in figure.layout.annotations][1] == f"grown progressively: <b>{grown.y[-1]:.0f}%</b>"
