"""What each initialization does to a signal is what theory says."""

import numpy as np
import pytest
import torch

from pgan_core.generator import GeneratorConfig
from pgan_core.histograms import Bins
from pgan_core.initialization import (
    NONLINEARITIES,
    PRESETS,
    PlainNetwork,
    compare,
    fixed_std,
    initialized_generator,
    propagate,
    strategies,
)

BINS = Bins(-3, 3, 60)


@pytest.fixture(scope="module")
def wide_runs():
    """Runs over four seeds at width 4096 by case. A single draw of He and ReLU strays by about sqrt(5 / 4096) = 3%."""
    cases = {"xavier": "linear", "he": "relu"}
    runs = {key: [] for key in cases}
    for seed in range(4):
        networks = {key: PlainNetwork(3, 4096, unit, samples=32, seed=seed) for key, unit in cases.items()}
        noise = networks["he"].noise()
        for key, network in networks.items():
            runs[key].append(propagate(network, strategies()[key], BINS, BINS, noise))
    return runs


@pytest.mark.parametrize("key", ["xavier", "he"])
def test_variance_is_kept_within_2_percent_a_layer(wide_runs, key):
    activation = np.mean([run.activation_std**2 for run in wide_runs[key]], axis=0)
    gradient = np.mean([run.gradient_std**2 for run in wide_runs[key]], axis=0)
    assert np.abs(activation[1:] / activation[:-1] - 1).max() < 0.02
    assert np.abs(gradient[:-1] / gradient[1:] - 1).max() < 0.02
    assert np.allclose(activation, wide_runs[key][0].theory_activation_std ** 2, rtol=0.02)


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_every_strategy_follows_its_theoretical_curve(nonlinearity):
    results = compare(PlainNetwork(6, 800, nonlinearity, samples=64), strategies(0.05), BINS, BINS)
    assert set(results) == {"small", "large", "xavier", "he", "equalized", "custom"}
    for run in results.values():
        # a saturated tanh has few units with a slope: its gradient is a sum of few terms and varies more
        tolerance = 0.3 if (nonlinearity, run.strategy.key) == ("tanh", "large") else 0.12
        assert np.allclose(run.activation_std, run.theory_activation_std, rtol=tolerance)
        assert np.allclose(run.gradient_std, run.theory_gradient_std, rtol=tolerance)


def test_theory_has_the_textbook_values():
    network = PlainNetwork(4, 100, "relu")
    he = propagate(network, strategies()["he"], BINS, BINS)
    xavier = propagate(network, strategies()["xavier"], BINS, BINS)
    assert np.allclose(he.theory_activation_std**2, 1 - 1 / np.pi)  # the variance of ReLU(u), u ~ N(0, 2)
    assert np.allclose(he.theory_gradient_std, 1)
    assert np.allclose(xavier.theory_activation_std[1:] / xavier.theory_activation_std[:-1], np.sqrt(0.5))


def test_gradients_are_those_of_autograd():
    network, strategy = PlainNetwork(3, 20, "tanh", samples=5), strategies()["he"]
    x, *weights, upstream = network.noise()
    x.requires_grad_()
    first = torch.tanh(x @ weights[0].T * strategy.effective_std(20))
    first.retain_grad()
    y = first
    for weight in weights[1:]:
        y = torch.tanh(y @ weight.T * strategy.effective_std(20))
    y.backward(upstream)
    run = propagate(network, strategy, BINS, BINS)
    assert np.isclose(run.gradient_std[0], float(first.grad.std(correction=0)))
    assert np.array_equal(run.gradients[0].counts, np.histogram(first.grad.numpy(), 60, range=(-3, 3))[0])
    assert np.array_equal(run.activations[-1].counts, np.histogram(y.detach().numpy(), 60, range=(-3, 3))[0])


def test_the_worst_case_of_30_layers_stays_finite():
    run = propagate(PlainNetwork(30, 64, "linear"), fixed_std(1e4), BINS, BINS)
    assert np.isfinite(run.activation_std).all()
    assert np.isfinite(run.gradient_std).all()


def test_the_same_seed_gives_the_same_histograms():
    first, second, other = (
        propagate(PlainNetwork(2, 30, seed=seed), strategies()["he"], BINS, BINS) for seed in (3, 3, 4)
    )
    assert np.array_equal(first.activations[1].counts, second.activations[1].counts)
    assert not np.array_equal(first.activations[1].counts, other.activations[1].counts)


@pytest.mark.parametrize(
    "arguments, message",
    [({"depth": 31}, "1 to 30"), ({"width": 0}, "Width"), ({"nonlinearity": "selu"}, "non-linearity")],
)
def test_a_network_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PlainNetwork(**arguments)


@pytest.mark.parametrize("std", [0, -1, float("nan"), float("inf")])
def test_a_standard_deviation_is_positive(std):
    with pytest.raises(ValueError, match="positive number"):
        strategies(std)


def test_presets_name_known_cases():
    assert len(PRESETS) == 5
    assert all(p.nonlinearity in NONLINEARITIES and p.strategy in strategies() for p in PRESETS)


def test_the_strategies_on_the_real_generator():
    config = GeneratorConfig(resolution=16, channels=(16, 16, 8), latent_dim=16)
    made = {key: initialized_generator(config, strategy) for key, strategy in strategies().items()}
    z = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    layer = "8x8/conv0"
    std = {key: generator.layers[layer].weight.std().item() for key, generator in made.items()}
    expected = {"small": 0.01, "large": 1, "xavier": 144**-0.5, "he": (2 / 144) ** 0.5, "equalized": 1}
    assert std == pytest.approx(expected, rel=0.05)

    plain = {key: generator.variant(pixel_norm="off")(z) for key, generator in made.items()}
    assert torch.allclose(plain["he"], plain["equalized"], rtol=1e-4, atol=1e-4)
    assert plain["small"].std() < 0.01 * plain["he"].std() < 0.01 * plain["large"].std()

    # with pixel norm and biases 0 only the last layer's scale is left: Xavier's and He's picture are the same
    normed = {key: made[key](z) for key in ("xavier", "he", "equalized")}
    assert torch.allclose(normed["xavier"], normed["he"], atol=1e-4)
