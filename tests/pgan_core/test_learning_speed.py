"""Adam moves every equalized layer by the same share, and He-initialized ones by their fan-in."""

from itertools import islice

import numpy as np
import pytest
import torch

from pgan_core.learning_speed import METHODS, build, learning_speed

WIDTHS = (2, 512, 8, 128, 1)


def test_the_three_networks_start_as_one_function():
    x = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    outputs = [build(method, WIDTHS, seed=0)(x) for method in METHODS]
    assert torch.allclose(outputs[0], outputs[1], atol=1e-5)
    assert torch.allclose(outputs[0], outputs[2], atol=1e-5)


def test_the_first_step_is_the_learning_rate_over_the_stored_scale():
    step = next(learning_speed(1, WIDTHS, learning_rate=1e-3))
    fan_in = np.array(WIDTHS[:-1])
    gain = np.array([2, 2, 2, 1])
    assert np.allclose(step.relative_update["equalized"], 1e-3, rtol=0.3)
    assert np.allclose(step.relative_update["he"], 1e-3 * np.sqrt(fan_in / gain), rtol=0.3)
    assert np.ptp(np.log(step.relative_update["weight_norm"])) < 0.5


def test_learning_goes_down_and_can_be_stopped_and_repeated():
    first = list(islice(learning_speed(1000, WIDTHS, seed=1), 60))
    second = list(islice(learning_speed(60, WIDTHS, seed=1), 60))
    assert [s.loss for s in first] == [s.loss for s in second]
    for method in METHODS:
        assert np.mean([s.loss[method] for s in first[-10:]]) < 0.9 * first[0].loss[method]


@pytest.mark.parametrize("arguments", [{"steps": 0}, {"learning_rate": 0}, {"widths": (2,)}])
def test_settings_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ValueError, match="positive learning rate"):
        next(learning_speed(**arguments))
