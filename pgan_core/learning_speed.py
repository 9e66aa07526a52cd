"""Why at run time? How far Adam moves each layer in a step, under three ways of holding the same weights.

Adam's step does not depend on a parameter's scale: each stored number moves by about the learning rate. With He's
initializer a layer of large fan-in stores small numbers, and the same step changes it by a large share. Equalized
learning rate (section 4.1 of Karras et al. 2018) stores N(0, 1) in every layer, so the share is the same everywhere.
Weight normalization (Salimans & Kingma 2016) stores a direction at one scale for all layers, with a like effect.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

METHODS = {"he": "He-initialized", "equalized": "Equalized", "weight_norm": "Weight-normalized"}
WEIGHT_NORM_STD = 0.05  # of the stored directions, section 3 of Salimans & Kingma


class HeldLayer(nn.Module):
    """A dense layer whose effective weight starts as c * noise and is stored in one of three ways."""

    def __init__(self, noise: Tensor, c: float, method: str):
        super().__init__()
        self.c = c if method == "equalized" else 1.0
        stored = {"he": noise * c, "equalized": noise.clone(), "weight_norm": noise * WEIGHT_NORM_STD}[method]
        self.weight = nn.Parameter(stored)
        self.bias = nn.Parameter(torch.zeros(len(noise)))
        length = noise.norm(dim=1, keepdim=True) * c
        self.length = nn.Parameter(length) if method == "weight_norm" else None

    def effective_weight(self) -> Tensor:
        if self.length is not None:
            return self.length * F.normalize(self.weight, dim=1)
        return self.weight * self.c

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.effective_weight(), self.bias)


def build(method: str, widths: tuple[int, ...], seed: int) -> nn.Sequential:
    """The network: dense layers of the given widths with LeakyReLU(0.2) between; one seed gives one function."""
    rng = torch.Generator().manual_seed(seed)
    layers = []
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        gain = 1.0 if i == len(widths) - 2 else math.sqrt(2)
        noise = torch.randn(fan_out, fan_in, generator=rng)
        layers += [HeldLayer(noise, gain / math.sqrt(fan_in), method), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


def two_spirals(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """The task: count points x 2 of two intertwined spirals, in about -1..1, and which spiral (0 or 1) each is on."""
    rng = torch.Generator().manual_seed(seed)
    label = torch.arange(count) % 2
    turn = torch.rand(count, generator=rng).sqrt() * 2 * math.pi * 1.25
    angle = turn + math.pi * label
    points = turn[:, None] / (2 * math.pi * 1.25) * torch.stack([angle.cos(), angle.sin()], dim=1)
    return points + 0.02 * torch.randn(count, 2, generator=rng), label.float()


@dataclass(frozen=True)
class Step:
    """One step of all three networks: the loss before it, and ||change|| / ||w|| of each layer's effective weight."""

    index: int
    loss: dict[str, float]
    relative_update: dict[str, np.ndarray]


def learning_speed(
    steps: int = 300,
    widths: tuple[int, ...] = (2, 1024, 16, 256, 1),
    learning_rate: float = 1e-3,
    batch: int = 64,
    seed: int = 0,
) -> Iterator[Step]:
    """Train the three networks on the two spirals with Adam(0, 0.99) as in the paper, all on the same batches.

    A generator: each `next` makes one step, so that the caller shows progress and stops when it likes.
    """
    if steps < 1 or len(widths) < 2 or min(widths) < 1 or not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError("The experiment needs at least one step, one layer and a positive learning rate.")
    points, labels = two_spirals(2048, seed)
    networks = {method: build(method, widths, seed) for method in METHODS}
    optimizers = {
        method: torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.0, 0.99), eps=1e-8)
        for method, network in networks.items()
    }
    rng = torch.Generator().manual_seed(seed)
    for index in range(steps):
        chosen = torch.randint(len(points), (batch,), generator=rng)
        loss, update = {}, {}
        for method, network in networks.items():
            loss[method], update[method] = _step(network, optimizers[method], points[chosen], labels[chosen])
        yield Step(index, loss, update)


def _step(network: nn.Sequential, optimizer, x: Tensor, y: Tensor) -> tuple[float, np.ndarray]:
    """One step of Adam; the loss before it and each layer's relative change."""
    layers = [layer for layer in network if isinstance(layer, HeldLayer)]
    before = [layer.effective_weight().detach().clone() for layer in layers]
    with torch.enable_grad():
        loss = F.binary_cross_entropy_with_logits(network(x).squeeze(1), y)
        optimizer.zero_grad()
        loss.backward()
    optimizer.step()
    changes = [
        float((layer.effective_weight().detach() - w).norm() / w.norm())
        for layer, w in zip(layers, before, strict=True)
    ]
    return float(loss.detach()), np.array(changes)
