"""The best set of units for a concept, searched by gradient descent (Bau et al. 2019, section 3.2 and appendix).

    found = search_units(trial, concept, iou[:, concept])
    effect_table(other_trial, found.order[:20])       # judged on a trial of other seeds

The search needs a segmenter that gives probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from dissection.effects.trial import Trial, levels_at_concept
from dissection.scoring.segmenter import DifferentiableSegmenter
from pgan_core.progress import Progress


@dataclass(frozen=True)
class Search:
    """A finished search: alpha says how strongly each of U units takes part."""

    alpha: np.ndarray  # U
    order: np.ndarray  # all units, the strongest first
    losses: np.ndarray  # of each step


def search_units(
    trial: Trial,
    concept: int,
    iou: np.ndarray,
    *,
    epochs: int = 10,
    batch: int = 8,
    learning_rate: float = 0.01,
    decay: float = 0.005,
    seed: int = 0,
    progress: Progress | None = None,
) -> Search:
    """The units that cause a concept: a continuous alpha in [0, 1]^U learned by gradient descent (section 3.2, eq. 6).

    loss = the concept's probability where the units are ablated - its probability where they are inserted, at random
    places, + decay * sum(alpha^2). alpha starts at IoU / max IoU and is clamped after every step.

    iou: U, of the concept.  The effect of an insertion is read where it was made (the published code reads it at the
    ablation's place).  Raises ValueError for a segmenter without ``probabilities``.
    """
    if not hasattr(trial.segmenter, "probabilities"):
        raise ValueError("the search needs gradients, and this segmenter gives no probabilities")
    values = levels_at_concept(trial, concept)
    start = torch.as_tensor(np.asarray(iou) / max(float(np.max(iou)), 1e-8), dtype=torch.float32)
    alpha = start.clamp(0, 1).to(trial.activation.device).requires_grad_(True)
    optimizer = torch.optim.Adam([alpha], lr=learning_rate)
    rng, losses = torch.Generator().manual_seed(seed), []
    steps = epochs * -(-len(trial) // batch)
    for _ in range(epochs):
        for chosen in torch.randperm(len(trial), generator=rng).split(batch):
            loss = _search_loss(trial, concept, alpha, values, chosen, rng) + decay * alpha.square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                alpha.clamp_(0, 1)
            losses.append(float(loss.detach()))
            if progress:
                progress(len(losses) / steps)
    final = alpha.detach().cpu().numpy()
    return Search(final, np.argsort(-final, kind="stable"), np.array(losses))


def _search_loss(
    trial: Trial, concept: int, alpha: Tensor, values: Tensor, chosen: Tensor, rng: torch.Generator
) -> Tensor:
    chosen = chosen.to(trial.activation.device)
    x = trial.activation[chosen]
    place = _random_places(len(chosen), (x.shape[2], x.shape[3]), rng).to(x)  # N x 1 x h x w
    a = alpha[:, None, None] * place

    def probability_there(edited: Tensor) -> Tensor:
        images = trial.generator.run(trial.z[chosen], start=(trial.layer, edited)).images
        assert images is not None  # a walk without `stop` ends at the pictures
        segmenter = cast(DifferentiableSegmenter, trial.segmenter)  # `search` asks for one
        probability = segmenter.probabilities(images)[:, concept].to(place.device)
        where = torch.nn.functional.interpolate(place, probability.shape[-2:])[:, 0]
        return (probability * where).sum() / where.sum()

    left = probability_there(x * (1 - a))
    gained = probability_there(x * (1 - a) + values[:, None, None] * a)
    return left - gained


def _random_places(n: int, size: tuple[int, int], rng: torch.Generator) -> Tensor:
    """For each picture a random block, a quarter of the map high and wide: N x 1 x h x w of 0 and 1."""
    h, w = size
    side_y, side_x = max(1, h // 4), max(1, w // 4)
    y = torch.randint(h - side_y + 1, (n, 1, 1, 1), generator=rng)
    x = torch.randint(w - side_x + 1, (n, 1, 1, 1), generator=rng)
    rows, columns = torch.arange(h).view(1, 1, h, 1), torch.arange(w).view(1, 1, 1, w)
    return ((rows >= y) & (rows < y + side_y) & (columns >= x) & (columns < x + side_x)).float()
