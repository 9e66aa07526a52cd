"""Why PGGAN needs no careful initialization: the classical experiment on plain networks, and its theory.

A stack of equally wide layers x_l = phi(W_l x_{l-1}), fed with x_0 ~ N(0, 1), biases 0. Every strategy uses the same
noise, W = sigma * noise with noise ~ N(0, 1), so that only the scale sigma tells two strategies apart. Equalized
learning rate (section 4.1 of Karras et al. 2018) stores the noise and multiplies by He's constant at run time: at
the start it is the same network as He's, and what differs is how it learns (see `learning_speed`).
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pgan_core.generator import Generator, GeneratorConfig, generator_layers
from pgan_core.histograms import Bins, Histogram, histogram
from pgan_core.layers import LayerWeights
from pgan_core.network import initial_weights


@dataclass(frozen=True)
class PowerLaw:
    """gain * fan_in^power."""

    gain: float
    power: float = 0.0

    def __call__(self, fan_in: int) -> float:
        return self.gain * fan_in**self.power


XAVIER = PowerLaw(1.0, -0.5)  # Glorot & Bengio 2010, the form that keeps the variance forward
HE = PowerLaw(math.sqrt(2), -0.5)  # He et al. 2015: sqrt(2 / fan_in) keeps the variance under ReLU


@dataclass(frozen=True)
class Strategy:
    """How weights are made: stored ~ N(0, stored_std(fan_in)^2), used at run time as stored * constant(fan_in)."""

    key: str  # "small", "large", "xavier", "he", "equalized" or "custom"
    name: str
    stored_std: PowerLaw
    constant: PowerLaw = PowerLaw(1.0)

    def effective_std(self, fan_in: int) -> float:
        return self.stored_std(fan_in) * self.constant(fan_in)


def fixed_std(std: float, key: str = "custom", name: str | None = None) -> Strategy:
    """N(0, std^2) in every layer. Raises ValueError for a std that is not a positive finite number."""
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"A standard deviation is a positive number, not {std:g}.")
    return Strategy(key, name or f"N(0, {std:g}²)", PowerLaw(std))


def strategies(custom_std: float | None = None) -> dict[str, Strategy]:
    """The five strategies of the experiment by key, and "custom" where a standard deviation is given."""
    known = [
        fixed_std(0.01, "small"),
        fixed_std(1.0, "large", "N(0, 1)"),
        Strategy("xavier", "Xavier", XAVIER),
        Strategy("he", "He", HE),
        Strategy("equalized", "Equalized", PowerLaw(1.0), HE),
    ]
    if custom_std is not None:
        known.append(fixed_std(custom_std))
    return {strategy.key: strategy for strategy in known}


@dataclass(frozen=True)
class Nonlinearity:
    """phi and its derivative, on tensors."""

    name: str
    phi: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]

    @functools.lru_cache(maxsize=4096)  # noqa: B019  (few non-linearities, which live on; the same ones at every seed)
    def gaussian_moments(self, variance: float) -> tuple[float, float, float]:
        """E[phi(u)], E[phi(u)^2] and E[phi'(u)^2] for u ~ N(0, variance), by the trapezoid rule to about 1e-6.

        The count of nodes is even, so that none lies on the kink at 0.
        """
        z = torch.linspace(-10, 10, 40_000, dtype=torch.float64)
        weight = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
        u = z * math.sqrt(variance)
        y, slope = self.phi(u), self.derivative(u)
        return float(weight @ y), float(weight @ y.square()), float(weight @ slope.square())


LEAKY_SLOPE = 0.2  # the paper's
NONLINEARITIES = {
    "linear": Nonlinearity("linear", lambda u: u, torch.ones_like),
    "tanh": Nonlinearity("tanh", torch.tanh, lambda u: 1 - torch.tanh(u).square()),
    "relu": Nonlinearity("ReLU", torch.relu, lambda u: (u > 0).to(u.dtype)),
    "leaky_relu": Nonlinearity(
        "Leaky ReLU",
        lambda u: torch.nn.functional.leaky_relu(u, LEAKY_SLOPE),
        lambda u: torch.where(u > 0, 1.0, LEAKY_SLOPE).to(u.dtype),
    ),
}


@dataclass(frozen=True)
class PlainNetwork:
    """The stack that the experiment runs: depth layers of width units, and the seed of its noise."""

    depth: int = 10
    width: int = 500
    nonlinearity: str = "tanh"
    samples: int = 64
    seed: int = 0

    def __post_init__(self):
        if not 1 <= self.depth <= 30:
            raise ValueError(f"The experiment has 1 to 30 layers, not {self.depth}.")
        if self.width < 1 or self.samples < 1:
            raise ValueError(f"Width and samples are at least 1, not {self.width} units and {self.samples} samples.")
        if self.nonlinearity not in NONLINEARITIES:
            known = ", ".join(NONLINEARITIES)
            raise ValueError(f"The non-linearity is one of {known}, not {self.nonlinearity!r}.")

    def noise(self) -> list[Tensor]:
        """The standard normal draws in order: input samples x width, a matrix a layer, gradient samples x width.

        float64: thirty badly scaled layers leave the range of float32.
        """
        rng = torch.Generator().manual_seed(self.seed)
        rows = [self.samples, *[self.width] * self.depth, self.samples]
        return [torch.randn(n, self.width, generator=rng).double() for n in rows]


@dataclass(frozen=True)
class Propagation:
    """What one strategy does to a signal, layer by layer (arrays of length depth, index 0 is the first layer).

    activations: of x_l.  gradients: of the loss by x_l, when the gradient by the output x_depth is N(0, 1).
    The `theory_` curves are those of an infinitely wide network.
    """

    strategy: Strategy
    weight_std: float
    activations: list[Histogram]
    gradients: list[Histogram]
    activation_std: np.ndarray
    gradient_std: np.ndarray
    theory_activation_std: np.ndarray
    theory_gradient_std: np.ndarray


def propagate(
    network: PlainNetwork,
    strategy: Strategy,
    activation_bins: Bins,
    gradient_bins: Bins,
    noise: list[Tensor] | None = None,
) -> Propagation:
    """Run a signal forward and a gradient back. `noise` is network.noise(), drawn once for several strategies."""
    std = strategy.effective_std(network.width)
    unit = NONLINEARITIES[network.nonlinearity]
    x, *weights, gradient = noise or network.noise()
    inputs, outputs = [], []
    for weight in weights:
        inputs.append(x @ weight.T * std)
        x = unit.phi(inputs[-1])
        outputs.append(x)
    gradients = [gradient]
    for weight, u in zip(reversed(weights[1:]), reversed(inputs[1:]), strict=True):
        gradients.append((gradients[-1] * unit.derivative(u)) @ weight * std)
    gradients.reverse()
    return Propagation(
        strategy,
        std,
        [histogram(y, activation_bins) for y in outputs],
        [histogram(g, gradient_bins) for g in gradients],
        np.array([float(y.std(correction=0)) for y in outputs]),
        np.array([float(g.std(correction=0)) for g in gradients]),
        *theoretical_std(network.depth, network.width, std, unit),
    )


def compare(
    network: PlainNetwork, chosen: dict[str, Strategy], activation_bins: Bins, gradient_bins: Bins
) -> dict[str, Propagation]:
    """`propagate` for several strategies on the same noise; two of equal scale are run once."""
    noise, by_std, results = network.noise(), {}, {}
    for key, strategy in chosen.items():
        std = strategy.effective_std(network.width)
        if std not in by_std:
            by_std[std] = propagate(network, strategy, activation_bins, gradient_bins, noise)
        results[key] = replace(by_std[std], strategy=strategy)
    return results


def theoretical_std(depth: int, width: int, weight_std: float, unit: Nonlinearity) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations of activations and of gradients over depth in the limit of infinite width.

    Forward, the input of the non-linearity is N(0, v) with v = width sigma^2 E[x^2], and E[x^2] of the next layer
    follows from it; backward, E[g^2] is multiplied by width sigma^2 E[phi'(u)^2] at each layer it passes.
    """
    gain = width * weight_std**2
    second_moment, activation_std, slopes = 1.0, [], []
    for _ in range(depth):
        mean, second_moment, slope = unit.gaussian_moments(gain * second_moment)
        activation_std.append(math.sqrt(max(second_moment - mean**2, 0)))
        slopes.append(slope)
    gradient_square = [1.0]
    for slope in reversed(slopes[1:]):
        gradient_square.append(gradient_square[-1] * gain * slope)
    return np.array(activation_std), np.sqrt(gradient_square[::-1])


@dataclass(frozen=True)
class Preset:
    """A case to start talking on: which network, which strategy to look at, and what to see there."""

    title: str
    nonlinearity: str
    strategy: str
    look_for: str


PRESETS = (
    Preset(
        "Too small",
        "tanh",
        "small",
        "N(0, 0.01²) under tanh: every layer shrinks the signal to about a fifth, so that deep activations are 0, "
        "and the gradients that come back vanish with them: nothing learns.",
    ),
    Preset(
        "Too large",
        "tanh",
        "large",
        "N(0, 1) under tanh: the units sit at −1 and 1, where tanh is flat: each unit has all but lost its slope, "
        "while the few that have not blow the gradient up.",
    ),
    Preset(
        "Xavier, tanh",
        "tanh",
        "xavier",
        "1/√fan-in under tanh: all layers look alike, the spread falls only slowly with depth, forward and backward.",
    ),
    Preset(
        "Xavier, ReLU",
        "relu",
        "xavier",
        "1/√fan-in under ReLU: half of each sum is cut away, the variance halves at every layer and the signal fades.",
    ),
    Preset(
        "He, ReLU",
        "relu",
        "he",
        "√(2/fan-in) under ReLU: the factor 2 pays for the half that ReLU cuts, and the spread stays over any depth. "
        "Equalized, PGGAN's choice, is the same network at its start.",
    ),
)


def initialized_generator(config: GeneratorConfig, strategy: Strategy, seed: int = 0) -> Generator:
    """A fresh PGGAN generator of this configuration, every layer made by one strategy from the same noise.

    "Equalized" takes each layer's own constant from the paper (`LayerSpec.constant`: another gain in the first dense
    layer and in to-RGB), and so does "He", which holds them in the stored weights: at the start they draw one picture.
    """
    specs = generator_layers(config)
    weights = {}
    for (name, fresh), spec in zip(initial_weights(specs, seed).items(), specs, strict=True):
        fan_in = math.prod(spec.weight_shape[1:])
        if strategy.key == "equalized":
            stored, constant = fresh.weight, spec.constant
        elif strategy.key == "he":
            stored, constant = fresh.weight * spec.constant, 1.0
        else:
            stored, constant = fresh.weight * strategy.effective_std(fan_in), 1.0
        weights[name] = LayerWeights(stored, fresh.bias, constant)
    return Generator(config, weights)
