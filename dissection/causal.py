"""What units cause: effects of switching them, counted in the segmented pixels of the pictures that follow.

    stage = Stage(generator, "8x8/conv1", segmenter, seeds=range(500))
    table = effect_table(stage, units, mean_activation)              # pixels before and after, beside random units
    curve = ablation_curve(stage, order)                             # pixels left after 0, 1, ... 30 units
    where = context(stage, units, high_levels, concept)              # what grew, by what stood there before

A Stage keeps the layer's activations of its sample once; every intervention recomputes only the layers after it. The
sample that units were chosen on should not be the one that they are judged on: give other seeds.
Section 3.2 and appendix of Bau et al. 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dissection.interventions import Edit, ablate, insert
from dissection.segmenters import Segmenter
from pgan_core import Generator
from pgan_core.latents import latents_from_seeds

BATCH = 32  # pictures at a time: their maps stay in a CPU's cache
RANDOM_DRAWS = 20  # sets of random units that a chosen set is compared with
CURVE_UNITS = 30

Progress = Callable[[int, int], None]  # (done, in all)


class Stage:
    """A generator, a layer, a segmenter and a sample of pictures, on which interventions are measured."""

    def __init__(
        self,
        generator: Generator,
        layer: str,
        segmenter: Segmenter,
        seeds: Sequence[int],
        labels: Tensor | None = None,
    ):
        """seeds: one picture each. Raises ValueError for a layer that the generator has not, and for no seeds."""
        if layer not in generator.layer_names:
            raise ValueError(f"the generator has no layer {layer}, it has {', '.join(generator.layer_names)}")
        self.generator, self.layer, self.segmenter = generator, layer, segmenter
        self.z = latents_from_seeds(seeds, generator.config.latent_dim).to(generator.device)
        self.labels = labels
        with torch.no_grad():
            walks = [self._walk(batch, stop=layer) for batch in self.batches()]
        self.activation = torch.cat([walk.activations[layer] for walk in walks])  # N x U x h x w

    def __len__(self) -> int:
        return len(self.z)

    @property
    def units(self) -> int:
        return self.activation.shape[1]

    def batches(self) -> Iterator[slice]:
        for first in range(0, len(self), BATCH):
            yield slice(first, first + BATCH)

    def _walk(self, batch: slice, **arguments):
        labels = None if self.labels is None else self.labels[batch]
        return self.generator.run(self.z[batch], labels=labels, **arguments)

    @torch.no_grad()
    def images(self, edits: Sequence[Edit] = (), batch: slice = slice(None)) -> Tensor:
        """The pictures after edits of the layer; only what follows it is computed."""
        return self._walk(batch, start=(self.layer, self.activation[batch]), edits={self.layer: list(edits)}).images

    def pixels(self, edits: Sequence[Edit] = ()) -> np.ndarray:
        """Segmented pixels of every picture and concept after edits, int64 N x C (column 0: no label)."""
        return np.concatenate([count_pixels(self.label_maps(edits, batch), self.concepts) for batch in self.batches()])

    def label_maps(self, edits: Sequence[Edit] = (), batch: slice = slice(None)) -> Tensor:
        return self.segmenter(self.images(edits, batch))

    @property
    def concepts(self) -> int:
        return len(self.segmenter.concepts)


def count_pixels(labels: Tensor, concepts: int) -> np.ndarray:
    """Pixels of each concept in label maps N x H x W (or N x M x H x W), int64 N x concepts."""
    flat = labels.flatten(1).long()
    shifted = flat + concepts * torch.arange(len(flat), device=flat.device)[:, None]
    return torch.bincount(shifted.flatten(), minlength=concepts * len(flat)).reshape(-1, concepts).cpu().numpy()


# ---- effects of one intervention ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class EffectTable:
    """Pixels of every concept before and after an intervention, beside the same on units that were not chosen.

    Shares are of the concept's pixels before that are left (1: nothing happened), with a 95% bootstrap interval over
    pictures; NaN where the concept does not occur. C concepts, column 0 unused.
    """

    before: np.ndarray  # C: mean pixels a picture
    after: np.ndarray  # C
    left: np.ndarray  # C: after / before
    left_low: np.ndarray  # C
    left_high: np.ndarray  # C
    random_left: np.ndarray  # draws x C: the same number of random units, matched in mean activation
    least_left: np.ndarray | None  # C: the same number of the least related units


def effect_table(
    stage: Stage,
    units: Sequence[int],
    *,
    least: Sequence[int] | None = None,
    edit: Callable[[Sequence[int]], Edit] = ablate,
    draws: int = RANDOM_DRAWS,
    seed: int = 0,
    progress: Progress | None = None,
) -> EffectTable:
    """What an edit of ``units`` changes, beside ``draws`` sets of random units and the ``least`` related ones.

    edit makes the edit from units; by default they are switched off.
    """
    before, after = stage.pixels(), stage.pixels([edit(units)])
    mean = stage.activation.mean(dim=(0, 2, 3)).cpu().numpy()
    random = []
    for draw, others in enumerate(matched_units(mean, units, draws, seed)):
        random.append(shares(before, stage.pixels([edit(others)])))
        if progress:
            progress(draw + 1, draws)
    low, high = bootstrap_shares(before, after, seed=seed)
    return EffectTable(
        before=before.mean(0),
        after=after.mean(0),
        left=shares(before, after),
        left_low=low,
        left_high=high,
        random_left=np.array(random).reshape(-1, stage.concepts),
        least_left=None if least is None else shares(before, stage.pixels([edit(least)])),
    )


def matched_units(mean: np.ndarray, units: Sequence[int], draws: int, seed: int) -> list[list[int]]:
    """Sets of other units, as many and alike in mean activation: each is drawn from the nearest few of its partner."""
    rng = np.random.default_rng(seed)
    others = np.setdiff1d(np.arange(len(mean)), units)
    if len(others) < len(units):
        raise ValueError(f"{len(units)} of {len(mean)} units are chosen: too few are left to compare them with")
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
    """What share of each concept's pixels is left, over the whole sample (N x C to C); NaN where there were none."""
    total = before.sum(0).astype(float)
    return np.divide(after.sum(0), total, out=np.full(len(total), np.nan), where=total > 0)


def bootstrap_shares(
    before: np.ndarray, after: np.ndarray, *, resamples: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The 95% interval of `shares` over resampled pictures, (low, high), C each."""
    rng = np.random.default_rng(seed)
    n = len(before)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)
    base, changed = weights @ before, weights @ after
    resampled = np.divide(changed, base, out=np.full(base.shape, np.nan), where=base > 0)
    known = np.isfinite(resampled).any(0)
    low, high = np.full(base.shape[1], np.nan), np.full(base.shape[1], np.nan)
    low[known], high[known] = np.nanpercentile(resampled[:, known], [2.5, 97.5], axis=0)
    return low, high


def ablation_curve(
    stage: Stage, order: Sequence[int], *, most: int = CURVE_UNITS, progress: Progress | None = None
) -> np.ndarray:
    """The share of every concept's pixels left with the first 0, 1, ... ``most`` units of ``order`` off, K x C."""
    before = stage.pixels()
    most = min(most, len(order))
    curve = [shares(before, before)]
    for k in range(1, most + 1):
        curve.append(shares(before, stage.pixels([ablate(order[:k])])))
        if progress:
            progress(k, most)
    return np.array(curve)


# ---- each unit by itself -----------------------------------------------------------------------------------------


def average_causal_effect(stage: Stage, high: Tensor, *, progress: Progress | None = None) -> np.ndarray:
    """Each unit's mean change of every concept's pixels between inserted everywhere and ablated, U x C.

    high: the level at which each unit is inserted (U).
    """
    effects = np.zeros((stage.units, stage.concepts))
    for unit in range(stage.units):
        inserted, ablated = stage.pixels([insert([unit], float(high[unit]))]), stage.pixels([ablate([unit])])
        effects[unit] = (inserted - ablated).mean(0)
        if progress:
            progress(unit + 1, stage.units)
    return effects


def high_levels(stage: Stage, quantile: float = 0.995) -> Tensor:
    """The level that each unit exceeds in 1 - ``quantile`` of the sample's places, U."""
    values = stage.activation.transpose(0, 1).flatten(1).double().cpu().numpy()
    return torch.from_numpy(np.quantile(values, quantile, axis=1, method="hazen")).float()


def levels_at_concept(stage: Stage, concept: int) -> Tensor:
    """Each unit's mean activation where the concept stands (the paper's insertion value), U; 0 if it never does."""
    total, cells = torch.zeros(stage.units, device=stage.activation.device), 0.0
    for batch in stage.batches():
        maps = stage.label_maps(batch=batch)
        maps = maps[:, None] if maps.dim() == 3 else maps
        there = (maps == concept).any(dim=1, keepdim=True).float().to(total)
        here = torch.nn.functional.adaptive_avg_pool2d(there, stage.activation.shape[2:])
        total += (stage.activation[batch] * here).sum(dim=(0, 2, 3))
        cells += float(here.sum())
    return total / cells if cells else total


# ---- the best set of units ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Search:
    """A finished search: alpha U, how strongly each unit takes part, units by it, and the loss of every step."""

    alpha: np.ndarray
    order: np.ndarray  # all units, strongest first
    losses: np.ndarray


def search_units(
    stage: Stage,
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

    loss = probability of the concept left where the units are ablated - probability gained where they are inserted, at
    random places, + decay * sum(alpha^2). alpha starts at IoU / max IoU and is clamped after every step. iou: U, of the
    concept. The segmenter must have ``probabilities``. The insertion's effect is read where it was inserted (the
    published code reads it at the ablation's place).
    """
    if not hasattr(stage.segmenter, "probabilities"):
        raise ValueError("the search follows gradients, and this segmenter gives label maps without probabilities")
    values = levels_at_concept(stage, concept)
    start = torch.as_tensor(np.asarray(iou) / max(float(np.max(iou)), 1e-8), dtype=torch.float32)
    alpha = start.clamp(0, 1).to(stage.activation.device).requires_grad_(True)
    optimizer = torch.optim.Adam([alpha], lr=learning_rate)
    rng, losses = torch.Generator().manual_seed(seed), []
    steps = epochs * -(-len(stage) // batch)
    for _ in range(epochs):
        for chosen in torch.randperm(len(stage), generator=rng).split(batch):
            loss = _search_loss(stage, concept, alpha, values, chosen, rng) + decay * alpha.square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                alpha.clamp_(0, 1)
            losses.append(float(loss.detach()))
            if progress:
                progress(len(losses), steps)
    final = alpha.detach().cpu().numpy()
    return Search(final, np.argsort(-final, kind="stable"), np.array(losses))


def _search_loss(
    stage: Stage, concept: int, alpha: Tensor, values: Tensor, chosen: Tensor, rng: torch.Generator
) -> Tensor:
    x = stage.activation[chosen]
    place = _random_places(len(chosen), x.shape[2:], rng).to(x)  # N x 1 x h x w
    a = alpha[:, None, None] * place

    def probability_there(edited: Tensor) -> Tensor:
        labels = None if stage.labels is None else stage.labels[chosen]
        images = stage.generator.run(stage.z[chosen], labels=labels, start=(stage.layer, edited)).images
        probability = stage.segmenter.probabilities(images)[:, concept]
        where = torch.nn.functional.interpolate(place, probability.shape[-2:])[:, 0]
        return (probability * where).sum() / where.sum()

    left = probability_there(x * (1 - a))
    gained = probability_there(x * (1 - a) + values[:, None, None] * a)
    return left - gained


def _random_places(n: int, size: tuple[int, int], rng: torch.Generator) -> Tensor:
    """A random block of a quarter of the map's sides for each picture, N x 1 x h x w of 0 and 1."""
    h, w = size
    side_y, side_x = max(1, h // 4), max(1, w // 4)
    y = torch.randint(h - side_y + 1, (n, 1, 1, 1), generator=rng)
    x = torch.randint(w - side_x + 1, (n, 1, 1, 1), generator=rng)
    rows, columns = torch.arange(h).view(1, 1, h, 1), torch.arange(w).view(1, 1, 1, w)
    return ((rows >= y) & (rows < y + side_y) & (columns >= x) & (columns < x + side_x)).float()


# ---- context -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Context:
    """What inserting a concept does, by what stood at the place before. C concepts."""

    places: np.ndarray  # C: insertions made at places of this concept
    gain: np.ndarray  # C: mean growth of the inserted concept there, in pixels of a picture
    grew: np.ndarray  # C: share of the insertions after which it grew by at least `threshold` pixels
    threshold: int


def context(
    stage: Stage,
    units: Sequence[int],
    levels: Tensor,
    concept: int,
    *,
    stride: int = 1,
    threshold: int = 4,
    progress: Progress | None = None,
) -> Context:
    """Insert a concept's units at one cell after another and tally what grew by what stood there (figure 10).

    levels: the value of each of ``units``.  stride: every how many cells.  What stood at a cell is the label that
    covers most of it.  (Do doors appear on walls, and not in the sky?)
    """
    h, w = stage.activation.shape[2:]
    cells = [(y, x) for y in range(0, h, stride) for x in range(0, w, stride)]
    places, gain, grew = (np.zeros(stage.concepts) for _ in range(3))
    for done, batch in enumerate(stage.batches(), start=1):
        maps = stage.label_maps(batch=batch)
        maps = maps[:, 0] if maps.dim() == 4 else maps
        before = count_pixels(maps, stage.concepts)[:, concept]
        for y, x in cells:
            stood = majority(maps, (h, w), (y, x), stage.concepts)
            region = torch.zeros(h, w)
            region[y, x] = 1
            after = count_pixels(stage.label_maps([insert(units, levels, region)], batch), stage.concepts)[:, concept]
            np.add.at(places, stood, 1)
            np.add.at(gain, stood, after - before)
            np.add.at(grew, stood, after - before >= threshold)
        if progress:
            progress(done, -(-len(stage) // BATCH))
    seen = np.maximum(places, 1)
    return Context(places.astype(int), gain / seen, grew / seen, threshold)


def majority(maps: Tensor, grid: tuple[int, int], cell: tuple[int, int], concepts: int) -> np.ndarray:
    """The label that covers most of a cell of a grid over label maps N x H x W, N."""
    height, width = maps.shape[1] // grid[0], maps.shape[2] // grid[1]
    y, x = cell[0] * height, cell[1] * width
    return count_pixels(maps[:, y : y + max(height, 1), x : x + max(width, 1)], concepts).argmax(1)
