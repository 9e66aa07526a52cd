"""Artifact units: what each costs in the discriminator's score and in distance to real pictures.

    costs = artifact_costs(trial, discriminator, real)
    costs.order[:20]                                  # without these, pictures are better

Bau et al. 2019, section 4.3, found such units by eye and by FID; switching off 20 of them lowered FID. Here the
distance is the sliced Wasserstein distance, given with its noise floor: between small sets it is large even for real
pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata

from dissection.effects.trial import Trial
from dissection.interventions import ablate
from pgan_core import Discriminator
from pgan_core.metrics.swd import distances_from
from pgan_core.progress import Progress


@dataclass(frozen=True)
class ArtifactCosts:
    """For U units: what switching off each one alone changes; and the sample's score and distance with all units."""

    score_gain: np.ndarray  # U: rise of the discriminator's mean score (more: looks more real)
    distance_gain: np.ndarray | None  # U: fall of the sliced Wasserstein distance x 1e3; None without real pictures
    score: float
    distance: float | None

    @property
    def order(self) -> np.ndarray:
        """Units by what they cost, the worst first: by the mean of both ranks, or by the score's alone."""
        gains = [self.score_gain] if self.distance_gain is None else [self.score_gain, self.distance_gain]
        ranks = sum(rankdata(-gain) for gain in gains)
        return np.argsort(ranks, kind="stable")


@dataclass(frozen=True)
class Comparison:
    """Mean scores and distances x 1e3 with all units and without some; distances are None without real pictures."""

    score_before: float
    score_after: float
    distance_before: float | None
    distance_after: float | None
    floor: float | None  # the distance of as many other real pictures


def artifact_costs(
    trial: Trial, discriminator: Discriminator, real: torch.Tensor | None = None, *, progress: Progress | None = None
) -> ArtifactCosts:
    """What each unit of the trial's layer costs.  real: N x 3 x R x R uint8, as many as the trial has pictures."""
    score, distance = _measure(trial, discriminator, real, [])
    scores, distances = np.empty(trial.units), np.empty(trial.units)
    for unit in range(trial.units):
        scores[unit], without = _measure(trial, discriminator, real, [unit])
        distances[unit] = np.nan if without is None else without
        if progress:
            progress((unit + 1) / trial.units)
    return ArtifactCosts(scores - score, None if distance is None else distance - distances, score, distance)


def compare_without(
    trial: Trial,
    discriminator: Discriminator,
    units: Sequence[int],
    real: torch.Tensor | None = None,
    real_again: torch.Tensor | None = None,
) -> Comparison:
    """The whole sample before and after units are switched off; `real_again` gives the noise floor."""
    before, after = _measure(trial, discriminator, real, []), _measure(trial, discriminator, real, units)
    floor = None if real is None or real_again is None else _distance(real, real_again)
    return Comparison(before[0], after[0], before[1], after[1], floor)


@torch.no_grad()
def _measure(
    trial: Trial, discriminator: Discriminator, real: torch.Tensor | None, units: Sequence[int]
) -> tuple[float, float | None]:
    """Mean score and distance of the sample without some units."""
    images = torch.cat([trial.images([ablate(units)] if len(units) else [], batch) for batch in trial.batches()])
    scores = torch.cat(
        [discriminator(images[batch]).reshape(len(images[batch]), -1)[:, 0] for batch in trial.batches()]
    )
    return float(scores.mean()), None if real is None else _distance(real, images.cpu() * 127.5 + 127.5)


def _distance(real: torch.Tensor, fake: torch.Tensor) -> float:
    return distances_from(real, {"fake": fake}, repeats=2)["fake"]["average"]
