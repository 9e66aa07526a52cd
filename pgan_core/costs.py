"""What pictures and runs cost: multiply-adds, activation memory, what growing saves (section 2 of Karras et al. 2018).

Counts are exact, for one picture and one forward pass, in the plain form of each layer (nearest neighbour, then 3x3).
Training multiplies both by a factor that does not depend on the resolution, so the ratios hold for it as well.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.growth import Schedule
from pgan_core.layer_table import layer_table


@dataclass(frozen=True)
class Cost:
    """What one picture costs a network in one forward pass."""

    multiply_adds: int
    activation_bytes: int  # the output of every row of the layer table once, in float32

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.multiply_adds + other.multiply_adds, self.activation_bytes + other.activation_bytes)


def image_cost(network: Generator | Discriminator, resolution: int) -> Cost:
    """One picture at a resolution, outside a fade. Raises ValueError for a size that the network does not make."""
    rows = layer_table(network, resolution)
    return Cost(sum(row.multiply_adds for row in rows), 4 * sum(math.prod(row.output_shape) for row in rows))


def cumulative_cost(schedule: Schedule, multiply_adds: Mapping[int, int]) -> list[tuple[float, float]]:
    """Corners (kimg, cost) of a growing run's cost in multiply-adds, given those of one picture by resolution.

    A fade is counted as its newer resolution: the old branch adds a 1x1 layer only.
    """
    corners, cost = [(0.0, 0.0)], 0.0
    for start, stage in zip(schedule.starts(), schedule.stages, strict=True):
        cost += 1000 * stage.kimg * multiply_adds[stage.resolution]
        corners.append((start + stage.kimg, cost))
    return corners


def saving(schedule: Schedule, multiply_adds: Mapping[int, int]) -> float:
    """How many times more the same number of pictures costs at full size all the way."""
    grown = cumulative_cost(schedule, multiply_adds)[-1][1]
    return 1000 * schedule.total_kimg * multiply_adds[schedule.resolution] / grown


def pictures_that_fit(costs: Sequence[Cost], memory: int) -> int:
    """Pictures whose activations, in all these networks together, fit into `memory` bytes."""
    return memory // sum(cost.activation_bytes for cost in costs)
