"""What units cause: interventions on a layer, and how many segmented pixels of each concept they change.

    trial = Trial(generator, "8x8/conv1", segmenter, seeds=range(500))
    table = effect_table(trial, units)                # pixels before and after, beside as many random units
    curve = ablation_curve(trial, order)              # pixels left after 0, 1, ... 30 units
    matrix = average_causal_effect(trial, high_levels(trial))         # each unit by itself

`unit_search` finds the best set of units, `context` where they work, `artifacts` those that do harm. A Trial computes
the layer's activations once and keeps them; an intervention recomputes only the layers after it. Judge units on other
seeds than those that they were chosen on.
Section 3.2 and appendix of Bau et al. 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from scipy.cluster.hierarchy import leaves_list, linkage
from torch import Tensor

from dissection.interventions import Edit, ablate, insert
from dissection.scoring.job import latents_and_labels, pictures_of, prepared
from dissection.scoring.segmenter import layers_of, segment
from dissection.scoring.tally import resampled_sums
from dissection.segmenters import Segmenter
from pgan_core.adapters import UnitGenerator
from pgan_core.generator import Run
from pgan_core.progress import Progress

BATCH = 32  # pictures at a time, so that their maps stay in a CPU's cache
RANDOM_DRAWS = 20  # sets of random units that a chosen set is compared with
CURVE_UNITS = 30


class Trial:
    """A generator, a layer, a segmenter and a sample of pictures, on which interventions are measured.

    generator: as it was given; gradients flow through it.  fast: its form for inference.  activation: N x U x h x w,
    the sample's at the layer, before edits.
    """

    def __init__(
        self,
        generator: UnitGenerator,
        layer: str,
        segmenter: Segmenter | None,
        seeds: Sequence[int],
        *,
        label: int | None = None,
        threads: int = 1,
    ):
        """segmenter: None where nothing is segmented.  seeds: one picture each.  label: one class for all; with None
        each seed has its own.

        threads: how many batches are computed at a time, each by one thread. On few, busy cores this is much faster
        than torch's threads, which wait for one another (0: leave it to torch).

        Raises ValueError for a layer that the generator does not have, and for no seeds.
        """
        if layer not in generator.layer_names:
            raise ValueError(f"the generator has no layer {layer}; it has {', '.join(generator.layer_names)}")
        self.generator, self.layer, self.threads = generator, layer, threads
        self._segmenter = segmenter
        self.fast = prepared(generator)
        self.seeds = list(seeds)
        self.z = latents_and_labels(generator, self.seeds, label)
        self.activation = torch.cat(self.each_batch(lambda batch: self._walk(batch, stop=layer).activations[layer]))
        self._unedited: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.z)

    @property
    def segmenter(self) -> Segmenter:
        """Raises ValueError for a trial that was made without one."""
        if self._segmenter is None:
            raise ValueError("this trial has no segmenter")
        return self._segmenter

    @property
    def units(self) -> int:
        return self.activation.shape[1]

    @property
    def concepts(self) -> int:
        return len(self.segmenter.concepts)

    @property
    def mean(self) -> np.ndarray:
        """Each unit's mean activation over the sample, U."""
        return self.activation.mean(dim=(0, 2, 3)).cpu().numpy()

    def at(self, pictures: Sequence[int] | np.ndarray) -> Trial:
        """The same trial on some pictures of its sample, given by their places in it, which may repeat."""
        part, index = copy(self), torch.as_tensor(pictures, dtype=torch.long)
        part.seeds = [self.seeds[i] for i in index.tolist()]
        part.z, part.activation = self.z[index], self.activation[index]
        part._unedited = None if self._unedited is None else self._unedited[index.numpy()]
        return part

    def first(self, count: int) -> Trial:
        """The same trial on the first ``count`` pictures of its sample; nothing is computed again."""
        return self.at(range(min(count, len(self))))

    def batches(self) -> list[slice]:
        return [slice(first, min(first + BATCH, len(self))) for first in range(0, len(self), BATCH)]

    @torch.no_grad()
    def images(self, edits: Sequence[Edit] = (), batch: slice = slice(None)) -> Tensor:
        """The pictures after edits of the layer, in [-1, 1]; only the layers after it are computed."""
        start = self.layer, self.activation[batch]
        return pictures_of(self._walk(batch, start=start, edits={self.layer: list(edits)}))

    def label_maps(self, edits: Sequence[Edit] = (), batch: slice = slice(None)) -> Tensor:
        """Label maps of the pictures after edits, int N x H x W (or N x M x H x W)."""
        if not (layers := layers_of(self.segmenter)):
            return self.segmenter(self.images(edits, batch))
        # A whole walk: the segmenter may ask for a layer before the edited one.
        run = self._walk(batch, edits={self.layer: list(edits)}, keep=layers)
        return segment(self.segmenter, pictures_of(run), run.activations)

    def pixels(self, edits: Sequence[Edit] = ()) -> np.ndarray:
        """Segmented pixels of every picture and concept after edits, int64 N x C (column 0: no label)."""
        if edits:
            return self._pixels(edits)
        if self._unedited is None:
            self._unedited = self._pixels(())
        return self._unedited

    def _pixels(self, edits: Sequence[Edit]) -> np.ndarray:
        return np.concatenate(self.each_batch(lambda batch: count_pixels(self.label_maps(edits, batch), self.concepts)))

    @torch.no_grad()
    def _walk(self, batch: slice, **arguments) -> Run:
        return self.fast.run(self.z[batch], **arguments)

    def each_batch(self, work: Callable[[slice], object], progress: Progress | None = None) -> list:
        """The results of every batch, in order."""
        batches = self.batches()
        if not self.threads:
            return list(_told(map(work, batches), len(batches), progress))
        with ThreadPoolExecutor(self.threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(_told(pool.map(work, batches), len(batches), progress))


def _told(results: Iterable, total: int, progress: Progress | None) -> Iterator:
    """The same results; progress is told of each when it is there."""
    for done, result in enumerate(results, start=1):
        if progress:
            progress(done / total)
        yield result


def count_pixels(labels: Tensor, concepts: int) -> np.ndarray:
    """Pixels of each concept in label maps N x H x W (or N x M x H x W), int64 N x concepts."""
    flat = labels.flatten(1).long()
    shifted = flat + concepts * torch.arange(len(flat), device=flat.device)[:, None]
    return torch.bincount(shifted.flatten(), minlength=concepts * len(flat)).reshape(-1, concepts).cpu().numpy()


# ---- effects of one intervention ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class EffectTable:
    """Pixels of every concept before and after an intervention, beside the same on units that were not chosen.

    Shares say how much of a concept's pixels is left (1: nothing changed), with a 95% bootstrap interval over pictures;
    NaN where the concept does not occur. C concepts, column 0 unused.
    """

    before: np.ndarray  # C: mean pixels a picture
    after: np.ndarray  # C
    left: np.ndarray  # C: after / before
    left_low: np.ndarray  # C
    left_high: np.ndarray  # C
    random_left: np.ndarray  # draws x C: for as many random units of similar mean activation
    least_left: np.ndarray | None  # C: for as many of the least related units


def effect_table(
    trial: Trial,
    units: Sequence[int],
    *,
    least: Sequence[int] | None = None,
    edit: Callable[[Sequence[int]], Edit] = ablate,
    draws: int = RANDOM_DRAWS,
    control: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> EffectTable:
    """What an edit of ``units`` changes, beside ``draws`` sets of random units and the ``least`` related ones.

    edit: makes the edit from units; by default they are switched off.  control: how many pictures of the sample the
    random sets and the least related units are measured on; None: all.
    """
    before, after = trial.pixels(), trial.pixels([edit(units)])
    part = trial.first(control or len(trial))
    random = []
    for draw, others in enumerate(matched_units(trial.mean, units, draws, seed)):
        random.append(shares(before[: len(part)], part.pixels([edit(others)])))
        if progress:
            progress((draw + 1) / draws)
    low, high = bootstrap_shares(before, after, seed=seed)
    return EffectTable(
        before=before.mean(0),
        after=after.mean(0),
        left=shares(before, after),
        left_low=low,
        left_high=high,
        random_left=np.array(random).reshape(-1, trial.concepts),
        least_left=None if least is None else shares(before[: len(part)], part.pixels([edit(least)])),
    )


def matched_units(mean: np.ndarray, units: Sequence[int], draws: int, seed: int) -> list[list[int]]:
    """Sets of as many other units: for each unit one is drawn from the few that are nearest in mean activation."""
    rng = np.random.default_rng(seed)
    others = np.setdiff1d(np.arange(len(mean)), units)
    if len(others) < len(units):
        raise ValueError(f"{len(units)} of {len(mean)} units are chosen; too few are left to compare them with")
    nearest = max(8, len(others) // 8)
    sets = []
    for _ in range(draws):
        free, drawn = set(others.tolist()), []
        for unit in rng.permutation(np.asarray(units, dtype=int)):
            candidates = sorted(free, key=lambda other, unit=unit: abs(mean[other] - mean[unit]))[:nearest]
            drawn.append(int(rng.choice(candidates)))
            free.remove(drawn[-1])
        sets.append(drawn)
    return sets


def shares(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The share of each concept's pixels that is left over the whole sample (N x C to C); NaN where there were none."""
    total = before.sum(0).astype(float)
    return np.divide(after.sum(0), total, out=np.full(len(total), np.nan), where=total > 0)


def bootstrap_shares(
    before: np.ndarray, after: np.ndarray, *, resamples: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The 95% interval of `shares` over resampled pictures, (low, high), C each."""
    both = resampled_sums(np.hstack([before, after]), resamples, np.random.default_rng(seed))
    base, changed = np.hsplit(both, 2)
    resampled = np.divide(changed, base, out=np.full(base.shape, np.nan), where=base > 0)
    known = np.isfinite(resampled).any(0)
    low, high = np.full(base.shape[1], np.nan), np.full(base.shape[1], np.nan)
    low[known], high[known] = np.nanpercentile(resampled[:, known], [2.5, 97.5], axis=0)
    return low, high


def ablation_curve(
    trial: Trial, order: Sequence[int], counts: Sequence[int] = range(CURVE_UNITS + 1), progress: Progress | None = None
) -> np.ndarray:
    """The share of each concept's pixels that is left without the first k units of ``order``, for K counts: K x C."""
    before, curve = trial.pixels(), []
    for step, k in enumerate(counts, start=1):
        curve.append(shares(before, trial.pixels([ablate(order[:k])]) if k else before))
        if progress:
            progress(step / len(counts))
    return np.array(curve)


# ---- each unit by itself -----------------------------------------------------------------------------------------


def average_causal_effect(trial: Trial, high: Tensor, *, progress: Progress | None = None) -> np.ndarray:
    """Average causal effect: each concept's mean pixels with a unit inserted everywhere, less those without it, U x C.

    high: the level at which each unit is inserted, U.
    """
    effects = np.zeros((trial.units, trial.concepts))
    for unit in range(trial.units):
        inserted, ablated = trial.pixels([insert([unit], float(high[unit]))]), trial.pixels([ablate([unit])])
        effects[unit] = (inserted - ablated).mean(0)
        if progress:
            progress((unit + 1) / trial.units)
    return effects


def clustered(matrix: np.ndarray) -> np.ndarray:
    """The rows of a matrix in an order that puts similar ones side by side (average linkage by correlation)."""
    if len(matrix) < 3:
        return np.arange(len(matrix))
    flat = matrix - matrix.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-12
    return leaves_list(linkage(flat, "average", optimal_ordering=len(flat) <= 256))


def high_levels(trial: Trial, quantile: float = 0.995) -> Tensor:
    """Each unit's ``quantile`` over all places of the sample, U."""
    values = trial.activation.transpose(0, 1).flatten(1).double().cpu().numpy()
    return torch.from_numpy(np.quantile(values, quantile, axis=1, method="hazen")).float()


def levels_at_concept(trial: Trial, concept: int) -> Tensor:
    """Each unit's mean activation where the concept is (the paper's insertion value), U; 0 if it never occurs."""
    total, cells = torch.zeros(trial.units, device=trial.activation.device), 0.0
    for batch in trial.batches():
        maps = trial.label_maps(batch=batch)
        maps = maps[:, None] if maps.dim() == 3 else maps
        there = (maps == concept).any(dim=1, keepdim=True).to(total)
        here = torch.nn.functional.adaptive_avg_pool2d(there, (trial.activation.shape[2], trial.activation.shape[3]))
        total += (trial.activation[batch] * here).sum(dim=(0, 2, 3))
        cells += float(here.sum())
    return total / cells if cells else total
