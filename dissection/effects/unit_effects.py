"""What one unit causes: switched off, and on at its strong level, beside random units of its layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dissection.interventions import Edit, ablate, insert
from dissection.result import Dissection
from dissection.scoring.job import label_maps, latents_and_labels, pictures_of, prepared
from dissection.scoring.segmenter import layers_of
from dissection.segmenters import Segmenter
from pgan_core.adapters import UnitGenerator
from pgan_core.progress import Progress

SEEDS = range(3_000_000, 3_000_024)  # none of a dissection's
RANDOM = 8
BATCH = 8


@dataclass(frozen=True)
class UnitEffects:
    """Change of the share of pixels that each concept covers (C), in percentage points; of random units K x C."""

    off: np.ndarray
    on: np.ndarray
    random_off: np.ndarray
    random_on: np.ndarray
    level: float  # that the unit is set to


@torch.inference_mode()
def measure_unit(
    generator: UnitGenerator,
    dissection: Dissection,
    segmenter: Segmenter,
    layer: str,
    unit: int,
    *,
    seeds: Sequence[int] = SEEDS,
    random: int = RANDOM,
    label: int | None = None,
    progress: Progress | None = None,
) -> UnitEffects:
    """Over the pictures of the seeds. A unit's strong level is the mean peak of its top pictures."""
    fast, scores = prepared(generator), dissection.layers[layer].scores
    strong = scores.top_values.mean(axis=1)
    others = [other for other in range(len(strong)) if other != unit]
    drawn = np.random.RandomState(unit).choice(others, min(random, len(others)), replace=False).tolist()
    todo: list[list[Edit]] = [[]]
    for one in (unit, *drawn):
        todo += [[ablate([one])], [insert([one], float(strong[one]))]]
    totals = np.zeros((len(todo), len(segmenter.concepts)))
    batches = [list(seeds[i : i + BATCH]) for i in range(0, len(seeds), BATCH)]
    for done, batch in enumerate(batches):
        z = latents_and_labels(fast, batch, label)
        start = layer, fast.run(z, keep=[layer], stop=layer).activations[layer]
        for k, edits in enumerate(todo):
            run = fast.run(z, start=start, edits={layer: edits} if edits else None, keep=later(segmenter, fast, layer))
            labels = label_maps(segmenter, pictures_of(run), run.activations)[:, 0]
            totals[k] += np.bincount(labels.ravel(), minlength=totals.shape[1]) / labels[0].size
            if progress:
                progress((done + (k + 1) / len(todo)) / len(batches))
    shares = 100 * totals / len(seeds)
    change = shares[1:] - shares[0]
    return UnitEffects(change[0], change[1], change[2::2], change[3::2], float(strong[unit]))


def later(segmenter: Segmenter, generator: UnitGenerator, layer: str) -> tuple[str, ...]:
    """The layers that a segmenter takes. Raises ValueError where one lies before the edited layer."""
    names = generator.layer_names
    taken = layers_of(segmenter)
    if any(names.index(name) < names.index(layer) for name in taken):
        raise ValueError(f"this segmenter looks at {taken[0]}, which comes before {layer}: an edit would not reach it")
    return taken
