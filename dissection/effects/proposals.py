"""Which units an intervention on a concept takes, one proposal for each verb.

    found = propose(dissection, "foliage")                          # at once: those that see it (IoU)
    chooser = Chooser(generator, dissection, segmenter, ["door"])
    chooser.propose("door", ADD).edit(region)                       # measured: those that make it

`Chooser` is the one rule. `python -m dissection causes` stores what it says in causes.json; the Interventions page
takes that, or asks the rule itself where nothing is stored. No effect is measured on its seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from dissection.effects.attribution import BATCH, first_order_effects
from dissection.effects.context import balanced, growth, stood_at, threshold
from dissection.effects.trial import Trial, shares
from dissection.interventions import Edit, ablate, insert
from dissection.result import Dissection
from dissection.scoring.progress import Reporter
from dissection.segmenters import Segmenter
from pgan_core import Generator

UNITS = 20  # of a proposal, as in the paper
ADDED = 32  # of one by contrast, half of the layer at most: more of them make more of the concept
REMOVE, ADD = "remove", "add"
BY_EFFECT, BY_CONTRAST = "first-order effect", "contrast"
SELECTION = range(3_000_000, 3_000_048)  # seeds on which units are chosen
PIXELS = len(SELECTION) * 128**2  # of all pictures that a choice looks at: fewer where they are larger
TRIED = 4  # sets of units that are measured before one is chosen to remove a concept
COLLATERAL = 0.5  # weight of what happens to the other concepts then
SIEVE, JUDGED = 2, 8  # places of each kind at which every set is inserted to add a concept, and the best FINALISTS
FINALISTS = 3
FEW = 6  # places of a kind below which it does not count


@dataclass(frozen=True)
class Proposal:
    """Units of a layer for a concept, the first the most related, and by what they were ordered.

    levels: what each is set to, to add the concept; none to remove it.
    """

    concept: str
    layer: str
    units: tuple[int, ...]
    by: str = "IoU"
    levels: tuple[float, ...] = ()

    def edit(self, region: torch.Tensor | None = None, *, strength: float = 1.0) -> Edit:
        """What it does in a region H x W (or N x H x W), or everywhere."""
        if self.levels:
            return insert(self.units, list(self.levels), region, strength=strength)
        return ablate(self.units, region, strength=strength)


def propose(
    dissection: Dissection, concept: str, layer: str | None = None, count: int = UNITS, by: str = "IoU"
) -> Proposal:
    """The ``count`` units most related to a concept, by "IoU" or "IQR"; without a layer in the one where they are so.

    At most a quarter of the layer.  Raises ValueError for a concept or a layer that the dissection has not.
    """
    if concept not in dissection.concepts[1:]:
        raise ValueError(f"this dissection has no concept {concept}")
    if layer is not None and layer not in dissection.layers:
        raise ValueError(f"this dissection has no layer {layer}, it has {', '.join(dissection.layers)}")
    if layer is None:
        layer = max(dissection.layers, key=lambda name: np.sort(related(dissection, concept, name, by))[-count:].mean())
    order = np.argsort(-related(dissection, concept, layer, by), kind="stable")
    return Proposal(concept, layer, tuple(int(unit) for unit in order[: min(count, most(len(order)))]), by)


def most(units: int) -> int:
    """How many of a layer's units are proposed at most: a quarter, so that others are left to compare them with."""
    return max(1, units // 4)


def related(dissection: Dissection, concept: str, layer: str, by: str = "IoU") -> np.ndarray:
    """How much each unit of a layer has to do with a concept, U."""
    scores = dissection.layers[layer].scores
    return {"IoU": scores.iou, "IQR": scores.iqr}[by][:, dissection.concepts.index(concept)]


def candidate_layers(generator: Generator, dissection: Dissection) -> list[str]:
    """The dissected layers from 8x8 to half the picture's size: before them places blur, after them only colours
    are left to change. All of them where that leaves none.
    """
    sizes = {spec.name: spec.resolution for spec in generator.specs if spec.kind != "rgb"}
    known = [name for name in sizes if name in dissection.layers]
    if not known:
        raise ValueError("this dissection is of layers that the generator has not")
    return [name for name in known if 8 <= sizes[name] <= generator.resolution // 2] or known


class Chooser:
    """Chooses the units for each verb by what they do to the pictures of `SELECTION`.

    To remove: sets of 20 units of every layer, ordered by IoU or by their first-order effect. Of the sets that promise
    most, the one that takes most of the concept and least of everything else. To add: sets ordered by IoU or by
    contrast (how far a unit's mean where the concept stands is from its mean, in standard deviations), each unit set a
    standard deviation beyond its mean where the concept stands, inserted at places where different things stand: first
    at a few; of the best, the one that makes the concept grow most often where it grows best.
    """

    def __init__(
        self,
        generator: Generator,
        dissection: Dissection,
        segmenter: Segmenter,
        concepts: Sequence[str] | None = None,
        *,
        seeds: Sequence[int] = SELECTION,
        label: int | None = None,
        threads: int = 1,
        report: Reporter | None = None,
    ):
        """concepts: those that it will be asked for (all).  label: the class of all; by seed if None.

        Raises ValueError if the two have no layer in common.
        """
        self.dissection, self.segmenter, self.report = dissection, segmenter, report or Reporter()
        self.generator, self.label, self.threads = generator, label, threads
        self.concepts = tuple(concepts or dissection.concepts[1:])
        self.layers = candidate_layers(generator, dissection)
        self.seeds = list(seeds)[: max(8, PIXELS // generator.resolution**2)]
        self._stages: dict[str, Trial] = {}
        self._effects: dict[str, np.ndarray] | None = None
        first = self.stage(self.layers[0])
        self.maps = torch.cat([first.label_maps(batch=batch).to(torch.uint8) for batch in first.batches()])
        self.before, self.stood = first.pixels(), stood_at(first)

    def stage(self, layer: str) -> Trial:
        """The selection's pictures at a layer."""
        if layer not in self._stages:
            self._stages[layer] = Trial(
                self.generator, layer, self.segmenter, self.seeds, label=self.label, threads=self.threads
            )
        return self._stages[layer]

    @property
    def effects(self) -> dict[str, np.ndarray]:
        """First-order effects U x C by layer; none for a segmenter that gives no probabilities."""
        if self._effects is None:
            self._effects = {}
            if hasattr(self.segmenter, "probabilities"):
                numbers = [self.dissection.concepts.index(name) for name in self.concepts]
                with self.report.phase("first-order effects", -(-len(self.seeds) // BATCH)) as step:
                    self._effects = first_order_effects(
                        self.generator, self.layers, self.segmenter, self.seeds, concepts=numbers, label=self.label,
                        threads=self.threads, progress=lambda done, total: step(),
                    )  # fmt: skip
        return self._effects

    def order(self, concept: str, layer: str, by: str) -> np.ndarray:
        """All units of a layer, those first that have most to do with a concept."""
        if by == BY_EFFECT:
            return np.argsort(self.effects[layer][:, self.dissection.concepts.index(concept)], kind="stable")
        return np.argsort(-related(self.dissection, concept, layer, by), kind="stable")

    def propose(self, concept: str, verb: str) -> Proposal | None:
        """The units for a verb, REMOVE or ADD; None where the concept does not occur (a pixel a picture)."""
        number = self.dissection.concepts.index(concept)
        if self.before[:, number].sum() < len(self.seeds):
            return None
        return self._to_remove(concept, number) if verb == REMOVE else self._to_add(concept, number)

    def _to_remove(self, concept: str, number: int) -> Proposal:
        sets = []
        for by in ("IoU", BY_EFFECT) if self.effects else ("IoU",):
            for layer in self.layers:
                units = self._first(concept, layer, by)
                promised = self.effects[layer][list(units), number].sum() if self.effects else 0.0
                sets.append((promised, Proposal(concept, layer, units, by)))
        sets.sort(key=lambda pair: pair[0])
        tried = [proposal for _, proposal in sets[: TRIED if self.effects else None]]
        return min(tried, key=lambda one: cost(self.left(one), number, self.before))

    def _to_add(self, concept: str, number: int) -> Proposal:
        sets = []
        for layer in self.layers:
            contrast, levels = self.contrast(number, layer)
            strongest = np.argsort(-np.abs(contrast), kind="stable")
            by_contrast = tuple(int(unit) for unit in strongest[: min(ADDED, max(1, len(strongest) // 2))])
            for by, units in (("IoU", self._first(concept, layer, "IoU")), (BY_CONTRAST, by_contrast)):
                sets.append(Proposal(concept, layer, units, by, tuple(levels[list(units)].tolist())))
        for count, kept in ((SIEVE, FINALISTS), (JUDGED, 1)):
            sets.sort(key=lambda one, count=count: self.worth(one, number, count), reverse=True)
            sets = sets[:kept]
        return sets[0]

    def contrast(self, number: int, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """Each unit's mean where a concept stands less its mean, in standard deviations; and the level to add it, U."""
        stage = self.stage(layer)
        maps = self.maps[:, None] if self.maps.dim() == 3 else self.maps
        there = (maps == number).any(dim=1, keepdim=True).float()
        weight = adaptive_avg_pool2d(there, stage.activation.shape[2:]).square().double()  # mostly of cells it fills
        values = stage.activation.double().cpu()
        mean = (values * weight).sum(dim=(0, 2, 3)) / weight.sum()
        spread = ((values - mean[:, None, None]).square() * weight).sum(dim=(0, 2, 3)) / weight.sum()
        everywhere, deviation = values.mean(dim=(0, 2, 3)), values.std(dim=(0, 2, 3))
        contrast = (mean - everywhere) / deviation.clamp(min=1e-12)
        return contrast.numpy(), (mean + contrast.sign() * spread.sqrt()).numpy()

    def _first(self, concept: str, layer: str, by: str) -> tuple[int, ...]:
        order = self.order(concept, layer, by)
        return tuple(int(unit) for unit in order[: min(UNITS, most(len(order)))])

    def left(self, proposal: Proposal) -> np.ndarray:
        """The share of every concept's pixels that is left after it everywhere, C."""
        return shares(self.before, self.stage(proposal.layer).pixels([proposal.edit()]))

    def worth(self, proposal: Proposal, number: int, count: int) -> tuple[float, float]:
        """How often it makes the concept grow, and by how many pixels, where it does so best.

        At ``count`` of the places where one thing stands, for each that has some.
        """
        places = balanced(self.stood, count, seed=count)
        change = growth(self.stage(proposal.layer), proposal.edit, number, places)
        kinds, enough = self.stood[tuple(places.T)], threshold(self.generator.resolution)
        least = min(FEW, count)
        found = [
            (float((change[kinds == kind] >= enough).mean()), float(change[kinds == kind].mean()))
            for kind in np.unique(kinds)
            if kind != number and (kinds == kind).sum() >= least
        ]
        return max(found, default=(0.0, 0.0))


def cost(left: np.ndarray, concept: int, before: np.ndarray) -> float:
    """How bad a set of units is at removing a concept alone: what is left of it, and what becomes of the others."""
    others = [c for c in range(1, len(left)) if c != concept and before[:, c].sum() >= len(before)]
    collateral = np.mean([min(abs(1 - left[c]), 1.0) for c in others]) if others else 0.0
    return float(left[concept] + COLLATERAL * collateral)
