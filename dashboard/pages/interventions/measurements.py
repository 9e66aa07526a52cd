"""What units cause over many pictures, as work for a process of its own: plain values in and out, no Streamlit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dissection.effects.artifacts import ArtifactCosts, artifact_costs
from dissection.effects.causal_results import ContextTable
from dissection.effects.context import stood_at
from dissection.effects.measure_concepts import where_it_grows
from dissection.effects.proposals import Proposal
from dissection.effects.trial import (
    Trial,
    ablation_curve,
    average_causal_effect,
    bootstrap_shares,
    effect_table,
    high_levels,
)
from dissection.effects.unit_search import Search, search_units
from dissection.interventions import ablate
from dissection.segmenters import Segmenter
from pgan_core import Discriminator, Generator

FIRST_SEED = 2_000_000  # of the pictures that effects are measured on: no dissection's
COUNTS = (0, 1, 2, 3, 5, 8, 12, 16, 20, 30)
EPOCHS = 10

Progress = Callable[..., None]  # progress(share)


@dataclass(frozen=True)
class Sample:
    """A layer and the pictures on which its units are switched."""

    generator: Generator
    layer: str
    segmenter: Segmenter | None
    pictures: int
    label: int | None

    def trial(self) -> Trial:
        return self._trial(FIRST_SEED)

    def others(self) -> Trial:
        """As many other pictures, to learn from."""
        return self._trial(FIRST_SEED - self.pictures)

    def _trial(self, first: int) -> Trial:
        seeds = range(first, first + self.pictures)
        return Trial(self.generator, self.layer, self.segmenter, seeds, label=self.label)


def effect(progress: Progress, sample: Sample, units: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Change, low and high ends (C each), and of random units (draws x C), column 0 left out."""
    done = effect_table(
        sample.trial(), units, control=min(sample.pictures, 50), progress=progress
    )  # fmt: skip
    return tuple(array[..., 1:] - 1 for array in (done.left, done.left_low, done.left_high, done.random_left))


def curves(progress: Progress, sample: Sample, concept: int, orders: dict[str, np.ndarray]) -> dict[str, tuple]:
    """Order -> (counts of units that are off, shares of the concept left); a random order is added."""
    trial = sample.trial()
    orders = orders | {"random": np.random.default_rng(0).permutation(trial.units)}
    lines = {}
    for number, (name, order) in enumerate(orders.items()):
        counts = [k for k in COUNTS if k <= len(order)]
        tell = lambda part, number=number: progress((number + part) / len(orders))  # noqa: E731
        left = ablation_curve(trial, [int(u) for u in order], counts, progress=tell)[:, concept]
        lines[name] = (counts, left.tolist())
    return lines


def each_unit(progress: Progress, sample: Sample) -> np.ndarray:
    """Every unit's causal effect on every concept, U x C, column 0 left out."""
    trial = sample.trial()
    return average_causal_effect(trial, high_levels(trial), progress=progress)[:, 1:]


def search(
    progress: Progress, sample: Sample, concept: int, iou: np.ndarray, units: tuple[int, ...]
) -> tuple[Search, np.ndarray]:
    """The best units by gradient descent; share of the concept left with its ends, without its first 20 and `units`."""
    learn = sample.others()
    found = search_units(learn, concept, iou, epochs=EPOCHS, progress=progress)
    trial = sample.trial()
    before = trial.pixels()
    after = [trial.pixels([ablate([int(u) for u in some])]) for some in (found.order[:20], units)]
    left = [(a[:, concept].sum() / max(before[:, concept].sum(), 1), bootstrap_shares(before, a)) for a in after]
    return found, np.array([[share, low[concept], high[concept]] for share, (low, high) in left])


def context(
    progress: Progress, sample: Sample, concept: str, units: tuple[int, ...], levels: tuple[float, ...]
) -> ContextTable:
    """Where the concept grows when it is inserted; levels: of the units, empty to measure high ones."""
    trial = sample.trial()
    levels = levels or tuple(high_levels(trial)[list(units)].tolist())
    proposal = Proposal(concept, sample.layer, units, "", levels)
    return where_it_grows(trial, proposal, stood_at(trial), progress=progress)


def artifacts(progress: Progress, sample: Sample, discriminator: Discriminator) -> ArtifactCosts:
    """What each unit costs by the discriminator's score."""
    return artifact_costs(sample.trial(), discriminator, progress=progress)
