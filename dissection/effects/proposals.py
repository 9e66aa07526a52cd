"""Which units an intervention on a concept uses: a proposal for each verb.

    found = propose(dissection, "foliage")                          # at once: those that see it (IoU)
    chooser = Chooser(generator, dissection, segmenter, ["door"])
    chooser.propose("door", ADD).edit(region)                       # measured: those that make it

`Chooser` is the one rule. `python -m dissection causes` stores its choices in causes.json; the Interventions page uses
those, or asks the rule where nothing is stored. No effect is measured on the rule's seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d, max_pool2d

from dissection.effects.attribution import BATCH, first_order_effects
from dissection.effects.context import balanced, growth, stood_in, threshold
from dissection.effects.trial import Trial, count_pixels, shares
from dissection.interventions import Edit, ablate, insert
from dissection.result import Dissection
from dissection.scoring.progress import Reporter
from dissection.segmenters import Segmenter
from pgan_core.adapters import UnitGenerator

UNITS = 20  # in a proposal, as in the paper
ADDED = 32, 64  # units in a proposal by contrast, at most half of the layer: more units make more of the concept
DEVIATIONS = 1, 2  # how far a unit is set beyond its mean where the concept stands, in standard deviations
REMOVE, ADD = "remove", "add"
BY_EFFECT, BY_CONTRAST = "first-order effect", "contrast"
SELECTION = range(3_000_000, 3_000_048)  # seeds on which units are chosen
PIXELS = len(SELECTION) * 128**2  # of all pictures that a choice looks at: fewer where they are larger
TOLD = 8  # pictures that are segmented between two reports
TRIED = 6  # sets of units that are measured before one is chosen to remove a concept
COLLATERAL = 0.5  # weight of what that does to the other concepts
SIEVE, JUDGED = 6, 30  # places of each kind at which every set is inserted to add a concept, and the best FINALISTS
FINALISTS = 4
BESIDE = 0.1  # share of what lies around a concept from which a kind of place counts


@dataclass(frozen=True)
class Proposal:
    """Units of a layer for a concept, the most related first.

    by: how they were ordered.  levels: what each is set to, to add the concept; none to remove it.
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
    """The ``count`` units most related to a concept by "IoU" or "IQR", at most a quarter of the layer.

    layer: None for the one whose units are most related.  Raises ValueError for a concept or a layer that the
    dissection does not have.
    """
    if concept not in dissection.concepts[1:]:
        raise ValueError(f"this dissection has no concept {concept}")
    if layer is not None and layer not in dissection.layers:
        raise ValueError(f"this dissection has no layer {layer}; it has {', '.join(dissection.layers)}")
    if layer is None:
        layer = max(dissection.layers, key=lambda name: np.sort(related(dissection, concept, name, by))[-count:].mean())
    order = np.argsort(-related(dissection, concept, layer, by), kind="stable")
    return Proposal(concept, layer, tuple(int(unit) for unit in order[: min(count, most(len(order)))]), by)


def most(units: int) -> int:
    """The most units of a layer that are proposed: a quarter, so that others are left to compare them with."""
    return max(1, units // 4)


def related(dissection: Dissection, concept: str, layer: str, by: str = "IoU") -> np.ndarray:
    """How related each unit of a layer is to a concept, U."""
    scores = dissection.layers[layer].scores
    return {"IoU": scores.iou, "IQR": scores.iqr}[by][:, dissection.concepts.index(concept)]


def candidate_layers(generator: UnitGenerator, dissection: Dissection) -> list[str]:
    """The dissected layers from 8x8 to half the picture's size: earlier ones blur places, later ones change little but
    colours. All dissected layers where that leaves none.
    """
    sizes = {spec.name: spec.resolution for spec in generator.specs if spec.kind != "rgb"}
    known = [name for name in sizes if name in dissection.layers]
    if not known:
        raise ValueError("the generator has none of the layers of this dissection")
    return [name for name in known if 8 <= sizes[name] <= generator.resolution // 2] or known


class Chooser:
    """Chooses the units for each verb by what they do to the pictures of `SELECTION`.

    To remove: sets of units of every layer, ordered by IoU or by their first-order effect, 20 of them or a quarter of
    the layer. Of the sets that promise most, the one that takes most of the concept and least of everything else.

    To add: sets of units of every layer, ordered by IoU or by contrast (how far a unit's mean where the concept stands
    is from its mean, in standard deviations). Each unit is set one or two standard deviations beyond its mean where the
    concept stands. The sets are inserted on what lies around the concept in the pictures (doors on walls, chimneys on
    roofs and in the sky): first at a few places, the best at more. The one that makes it grow most often is taken.
    """

    def __init__(
        self,
        generator: UnitGenerator,
        dissection: Dissection,
        segmenter: Segmenter,
        concepts: Sequence[str] | None = None,
        *,
        seeds: Sequence[int] = SELECTION,
        label: int | None = None,
        threads: int = 1,
        report: Reporter | None = None,
    ):
        """concepts: those that it will be asked for (None: all).  label: one class for all; with None each seed has its
        own.

        Raises ValueError if the generator and the dissection have no layer in common.
        """
        self.dissection, self.segmenter, self.report = dissection, segmenter, report or Reporter()
        self.generator, self.label, self.threads = generator, label, threads
        self.concepts = tuple(concepts or dissection.concepts[1:])
        self.layers = candidate_layers(generator, dissection)
        self.seeds = list(seeds)[: max(8, PIXELS // generator.resolution**2)]
        self._trials: dict[str, Trial] = {}
        self._effects: dict[str, np.ndarray] | None = None
        first = self.trial(self.layers[0])
        parts = [slice(start, start + TOLD) for start in range(0, len(first), TOLD)]
        self.maps = torch.cat(self._told("pictures", parts, lambda part: first.label_maps(batch=part).to(torch.uint8)))
        self.before, self.stood = count_pixels(self.maps, first.concepts), stood_in(self.maps, first.concepts)

    def trial(self, layer: str) -> Trial:
        """The selection's pictures at a layer."""
        if layer not in self._trials:
            self._trials[layer] = Trial(
                self.generator, layer, self.segmenter, self.seeds, label=self.label, threads=self.threads
            )
        return self._trials[layer]

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
                        threads=self.threads, progress=lambda share: step(),
                    )  # fmt: skip
        return self._effects

    def order(self, concept: str, layer: str, by: str) -> np.ndarray:
        """All units of a layer, those most related to a concept first."""
        if by == BY_EFFECT:
            return np.argsort(self.effects[layer][:, self.dissection.concepts.index(concept)], kind="stable")
        return np.argsort(-related(self.dissection, concept, layer, by), kind="stable")

    def propose(self, concept: str, verb: str) -> Proposal | None:
        """The units for a verb, REMOVE or ADD; None where the concept has less than a pixel a picture."""
        number = self.dissection.concepts.index(concept)
        if self.before[:, number].sum() < len(self.seeds):
            return None
        return self._to_remove(concept, number) if verb == REMOVE else self._to_add(concept, number)

    def _to_remove(self, concept: str, number: int) -> Proposal:
        sets: dict[Proposal, float] = {}
        for by in ("IoU", BY_EFFECT) if self.effects else ("IoU",):
            for layer in self.layers:
                order = self.order(concept, layer, by)
                for count in sorted({min(UNITS, most(len(order))), most(len(order))}):
                    units = tuple(int(unit) for unit in order[:count])
                    promised = self.effects[layer][list(units), number].sum() if self.effects else 0.0
                    sets[Proposal(concept, layer, units, by)] = float(promised)
        tried = sorted(sets, key=lambda one: sets[one])[: TRIED if self.effects else None]
        costs = self._told("sets of units", tried, lambda one: cost(self.left(one), number, self.before))
        return tried[costs.index(min(costs))]

    def _to_add(self, concept: str, number: int) -> Proposal:
        sets = [one for layer in self.layers for one in self._insertions(concept, number, layer)]
        for count, kept in ((SIEVE, FINALISTS), (JUDGED, 1)):
            worths = self._told("sets of units", sets, lambda one, count=count: self.worth(one, number, count))
            order = sorted(range(len(sets)), key=worths.__getitem__, reverse=True)
            sets = [sets[place] for place in order[:kept]]
        return sets[0]

    def _told(self, phase: str, items: Sequence, work: Callable) -> list:
        """work(item) of all, in order; each is a step of a reported phase."""
        found = []
        with self.report.phase(phase, len(items)) as step:
            for item in items:
                found.append(work(item))
                step()
        return found

    def _insertions(self, concept: str, number: int, layer: str) -> list[Proposal]:
        contrast, mean, deviation = self.contrast(number, layer)
        strongest = np.argsort(-np.abs(contrast), kind="stable")
        related = self.order(concept, layer, "IoU")
        counts = sorted({min(count, max(1, len(strongest) // 2)) for count in ADDED})
        chosen = [("IoU", related[: min(UNITS, most(len(related)))])]
        chosen += [(BY_CONTRAST, strongest[:count]) for count in counts]
        return [
            Proposal(
                concept, layer, tuple(units.tolist()), by,
                tuple((mean + times * np.sign(contrast) * deviation)[units].tolist()),
            )
            for by, units in chosen for times in DEVIATIONS
        ]  # fmt: skip

    def contrast(self, number: int, layer: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each unit's mean where a concept stands less its mean anywhere, in standard deviations; and the mean and the
        standard deviation where it stands, each U.
        """
        trial = self.trial(layer)
        maps = self.maps[:, None] if self.maps.dim() == 3 else self.maps
        there = (maps == number).any(dim=1, keepdim=True).float()
        weight = (
            adaptive_avg_pool2d(there, (trial.activation.shape[2], trial.activation.shape[3])).square().double()
        )  # mostly of cells it fills
        values = trial.activation.double().cpu()
        mean = (values * weight).sum(dim=(0, 2, 3)) / weight.sum()
        variance = ((values - mean[:, None, None]).square() * weight).sum(dim=(0, 2, 3)) / weight.sum()
        everywhere, deviation = values.mean(dim=(0, 2, 3)), values.std(dim=(0, 2, 3))
        contrast = (mean - everywhere) / deviation.clamp(min=1e-12)
        return contrast.numpy(), mean.numpy(), variance.sqrt().numpy()

    def left(self, proposal: Proposal) -> np.ndarray:
        """The share of each concept's pixels that is left after the proposal is applied everywhere, C."""
        return shares(self.before, self.trial(proposal.layer).pixels([proposal.edit()]))

    def surroundings(self, number: int) -> np.ndarray:
        """The share of each concept in what lies around a concept in the pictures, C; 0 below `BESIDE`."""
        maps = self.maps if self.maps.dim() == 3 else self.maps[:, 0]
        reach = max(1, self.generator.resolution // 64)
        there = (maps == number).float()[:, None]
        around = (max_pool2d(there, 2 * reach + 1, stride=1, padding=reach) > there)[:, 0]
        counts = np.bincount(maps[around].numpy(), minlength=len(self.dissection.concepts)).astype(float)
        share = counts / max(counts.sum(), 1)
        share[share < BESIDE] = 0
        return share / max(share.sum(), 1e-12)

    def worth(self, proposal: Proposal, number: int, count: int) -> tuple[float, float]:
        """How often it makes the concept grow, and by how many pixels, at places of its surroundings.

        At ``count`` places of each kind at most, weighted as they surround it.
        """
        weights = self.surroundings(number)
        places = balanced(np.where(weights[self.stood] > 0, self.stood, -1), count, seed=count)
        places = places[weights[self.stood[tuple(places.T)]] > 0]
        if not len(places):
            return 0.0, 0.0
        change = growth(self.trial(proposal.layer), proposal.edit, number, places)
        kinds, enough = self.stood[tuple(places.T)], threshold(self.generator.resolution)
        weight = weights[kinds] / np.bincount(kinds, minlength=len(weights))[kinds]
        weight /= weight.sum()
        return float(weight @ (change >= enough)), float(weight @ change)


def cost(left: np.ndarray, concept: int, before: np.ndarray) -> float:
    """How badly a set of units removes a concept alone: what is left of it, and how much the others change."""
    others = [c for c in range(1, len(left)) if c != concept and before[:, c].sum() >= len(before)]
    collateral = np.mean([min(abs(1 - left[c]), 1.0) for c in others]) if others else 0.0
    return float(left[concept] + COLLATERAL * collateral)
