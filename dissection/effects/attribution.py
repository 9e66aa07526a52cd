"""What switching off each unit would do to each concept, to first order, for all layers at once.

    effects = first_order_effects(generator, layers, segmenter, seeds)
    order = effects["8x8/conv1"][:, concept].argsort()      # first the units that take most of the concept with them

Switching off a unit sets its map x to 0, so a concept's summed probability changes by about -x dp/dx (gradient times
activation). It takes one backward pass for each concept; measuring it takes one forward pass for each unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from dissection.scoring.job import latents_and_labels
from dissection.segmenters import Segmenter
from pgan_core.adapters import UnitGenerator
from pgan_core.progress import Progress

BATCH = 8


def first_order_effects(
    generator: UnitGenerator,
    layers: Sequence[str],
    segmenter: Segmenter,
    seeds: Sequence[int],
    *,
    concepts: Sequence[int] | None = None,
    label: int | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """By layer, the mean change of each concept's summed probability (in pixels) when a unit is ablated, U x C.

    generator: the plain form, through which gradients flow.  concepts: those of interest (None: all); the others stay
    0.  label: one class for all; with None each seed has its own.  Raises ValueError for a segmenter without
    probabilities.
    """
    if not hasattr(segmenter, "probabilities"):
        raise ValueError("first-order effects need gradients, and this segmenter gives no probabilities")
    batches = [list(seeds[first : first + BATCH]) for first in range(0, len(seeds), BATCH)]
    totals: dict[str, np.ndarray] = {}
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        parts = pool.map(lambda batch: _batch_effects(generator, layers, segmenter, batch, concepts, label), batches)
        for done, part in enumerate(parts, start=1):
            totals = {name: totals.get(name, 0) + effect for name, effect in part.items()}
            if progress:
                progress(done / len(batches))
    return {name: total / len(seeds) for name, total in totals.items()}


def _batch_effects(
    generator,
    layers: Sequence[str],
    segmenter,
    seeds: Sequence[int],
    concepts: Sequence[int] | None,
    label: int | None,
) -> dict[str, np.ndarray]:
    """The same summed over a few seeds; one backward pass a concept."""
    z = latents_and_labels(generator, seeds, label).requires_grad_()
    run = generator.run(z, keep=layers)
    mass = segmenter.probabilities(run.images).sum(dim=(0, 2, 3))  # C
    kept = [run.activations[name] for name in layers]
    effects = {name: np.zeros((x.shape[1], len(mass))) for name, x in zip(layers, kept, strict=True)}
    for concept in range(1, len(mass)) if concepts is None else concepts:
        slopes = torch.autograd.grad(mass[concept], kept, retain_graph=True)
        for name, x, slope in zip(layers, kept, slopes, strict=True):
            effects[name][:, concept] = -(x * slope).sum(dim=(0, 2, 3)).detach().cpu().numpy()
    return effects
