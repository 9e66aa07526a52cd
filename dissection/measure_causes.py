"""The causal results of a model in one go: for every concept units are chosen, removed, and compared with random ones.

    causes = measure_causes(generator, dissection, segmenter, progress=print)

For each concept the candidates are 20 units of a layer, ordered by IoU or by their first-order effect. Of the sets that
promise most, the one that takes most of the concept and least of everything else on the selection's seeds is judged on
the evaluation's seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dissection.attribution import BATCH, first_order_effects
from dissection.causal import EffectTable, Stage, ablation_curve, effect_table, high_levels, shares
from dissection.causes import Causes, ConceptEffect, ContextTable
from dissection.context import context
from dissection.interventions import ablate
from dissection.job import fingerprint
from dissection.progress import Progress, Reporter
from dissection.proposals import UNITS, Proposal, most, propose
from dissection.result import Dissection
from dissection.segmenters import Segmenter
from pgan_core import Generator

COLLATERAL = 0.5  # weight of what happens to the other concepts when units are chosen
BY_EFFECT = "first-order effect"


@dataclass(frozen=True)
class Plan:
    """How much is measured; seeds of the three samples differ, and none is a dissection's (those begin at 0)."""

    evaluation: range = range(2_000_000, 2_000_500)
    selection: range = range(3_000_000, 3_000_048)
    control: int = 40  # pictures for each set of random or least related units, and for curves
    draws: int = 20
    tried: int = 4  # sets of units for a concept
    counts: tuple[int, ...] = (0, 1, 2, 3, 5, 8, 12, 16, 20, 30)
    contexts: tuple[str, ...] = ("door", "foliage")
    grid: int = 8  # places a side at which a concept is inserted
    context_pictures: int = 16
    insertion_pictures: int = 8  # of the selection, on which the layer for insertions is chosen
    threads: int = 2
    seed: int = 0
    label: int | None = None  # the class of all pictures; by seed if None


def measure_causes(
    generator: Generator,
    dissection: Dissection,
    segmenter: Segmenter,
    plan: Plan | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Causes:
    """Everything of `Causes` for one model; minutes on a CPU. Raises ValueError if the two have no layer in common."""
    plan, report = plan or Plan(), Reporter(progress)
    layers = candidate_layers(generator, dissection)
    orders, predicted = order_units(generator, dissection, segmenter, layers, plan, report)
    proposals = candidates(dissection, orders, predicted, plan.tried)
    chosen = choose_units(generator, segmenter, proposals, plan, report)
    effects, contexts = {}, {}
    with report.phase("effects", len(chosen)) as step:
        for layer in layers:
            mine = [proposal for proposal, _ in chosen.values() if proposal.layer == layer]
            if not mine:
                continue
            stage = Stage(generator, layer, segmenter, plan.evaluation, label=plan.label, threads=plan.threads)
            for proposal in mine:
                number = dissection.concepts.index(proposal.concept)
                by_iou = orders[layer, "IoU"][:, number]
                effects[proposal.concept] = judge(
                    stage, proposal, orders[layer, proposal.by][:, number], by_iou, chosen[proposal.concept][1], plan
                )
                step()
    for concept in (name for name in plan.contexts if name in chosen):
        proposal = choose_insertion(generator, segmenter, dissection, layers, concept, plan)
        stage = Stage(generator, proposal.layer, segmenter, plan.evaluation, label=plan.label, threads=plan.threads)
        contexts[concept] = where_it_grows(stage, proposal, plan)
    info = {
        "weights_sha256": fingerprint(generator),
        "segmenter": dissection.info.get("segmenter"),
        "evaluation": [plan.evaluation.start, plan.evaluation.stop],
        "selection": [plan.selection.start, plan.selection.stop],
        "control": plan.control,
        "draws": plan.draws,
        "layers": layers,
        **({} if plan.label is None else {"label": plan.label}),
    }
    in_order = {name: effects[name] for name in dissection.concepts[1:] if name in effects}
    return Causes(info, in_order, contexts)


def candidate_layers(generator: Generator, dissection: Dissection) -> list[str]:
    """The dissected layers from 8x8 to half the picture's size: before them places blur, after them only colours
    are left to change. All of them where that leaves none.
    """
    sizes = {spec.name: spec.resolution for spec in generator.specs if spec.kind != "rgb"}
    known = [name for name in sizes if name in dissection.layers]
    if not known:
        raise ValueError("this dissection is of layers that the generator has not")
    return [name for name in known if 8 <= sizes[name] <= generator.resolution // 2] or known


def order_units(
    generator, dissection: Dissection, segmenter: Segmenter, layers: Sequence[str], plan: Plan, report: Reporter
) -> tuple[dict[tuple[str, str], np.ndarray], dict[str, np.ndarray]]:
    """All units in order for each concept, U x C, by (layer, rule); and first-order effects U x C by layer.

    Without a segmenter that gives probabilities there is only the order by IoU, and no effects.
    """
    orders, effects = {}, {}
    for layer in layers:
        orders[layer, "IoU"] = np.argsort(-dissection.layers[layer].scores.iou, axis=0, kind="stable")
    if hasattr(segmenter, "probabilities"):
        with report.phase("first-order effects", -(-len(plan.selection) // BATCH)) as step:
            effects = first_order_effects(
                generator,
                layers,
                segmenter,
                plan.selection,
                label=plan.label,
                threads=plan.threads,
                progress=lambda done, total: step(),
            )
        for layer in layers:
            orders[layer, BY_EFFECT] = np.argsort(effects[layer], axis=0, kind="stable")
    return orders, effects


def candidates(dissection: Dissection, orders: dict, effects: dict, tried: int) -> list[Proposal]:
    """For each concept the sets whose first-order effect on it is largest, `tried` of them (all, without effects)."""
    chosen = []
    for number, concept in enumerate(dissection.concepts[1:], start=1):
        sets = []
        for (layer, by), order in orders.items():
            units = tuple(int(unit) for unit in order[: min(UNITS, most(len(order))), number])
            predicted = effects[layer][list(units), number].sum() if effects else 0.0
            sets.append((predicted, Proposal(concept, layer, units, by)))
        sets.sort(key=lambda pair: pair[0])
        chosen += [proposal for _, proposal in sets[: tried if effects else None]]
    return chosen


def choose_units(
    generator, segmenter: Segmenter, proposals: Sequence[Proposal], plan: Plan, report: Reporter
) -> dict[str, tuple[Proposal, float]]:
    """For each concept that occurs the best proposal on the selection's seeds, and the share it leaves there."""
    best: dict[str, tuple[float, Proposal, float]] = {}
    with report.phase("choosing units", len(proposals)) as step:
        for layer in dict.fromkeys(proposal.layer for proposal in proposals):
            stage = Stage(generator, layer, segmenter, plan.selection, label=plan.label, threads=plan.threads)
            before = stage.pixels()
            for proposal in (one for one in proposals if one.layer == layer):
                step()
                number = segmenter.concepts.index(proposal.concept)
                if before[:, number].sum() < len(stage):
                    continue  # less than a pixel a picture says nothing
                left = shares(before, stage.pixels([ablate(proposal.units)]))
                found = cost(left, number, before), proposal, float(left[number])
                best[proposal.concept] = min(best.get(proposal.concept, found), found, key=lambda entry: entry[0])
    return {concept: (proposal, left) for concept, (_, proposal, left) in best.items()}


def cost(left: np.ndarray, concept: int, before: np.ndarray) -> float:
    """How bad a set of units is at removing a concept alone: what is left of it, and what becomes of the others."""
    others = [c for c in range(1, len(left)) if c != concept and before[:, c].sum() >= len(before)]
    collateral = np.mean([min(abs(1 - left[c]), 1.0) for c in others]) if others else 0.0
    return float(left[concept] + COLLATERAL * collateral)


def judge(
    stage: Stage, proposal: Proposal, order: np.ndarray, by_iou: np.ndarray, chosen_left: float, plan: Plan
) -> ConceptEffect:
    """The effect of a proposal on the evaluation's pictures; the last units of by_iou are the least related ones."""
    number = stage.segmenter.concepts.index(proposal.concept)
    least = [int(unit) for unit in by_iou[::-1][: len(proposal.units)]]
    table: EffectTable = effect_table(
        stage, proposal.units, least=least, draws=plan.draws, control=plan.control, seed=plan.seed
    )
    counts = tuple(k for k in plan.counts if k <= len(order))
    curve = ablation_curve(stage.first(plan.control), [int(unit) for unit in order], counts)
    others = {name: float(table.left[c]) for c, name in enumerate(stage.segmenter.concepts) if c not in (0, number)}
    return ConceptEffect(
        proposal.layer,
        proposal.units,
        proposal.by,
        before=float(table.before[number]),
        after=float(table.after[number]),
        left=float(table.left[number]),
        low=float(table.left_low[number]),
        high=float(table.left_high[number]),
        random=tuple(float(value) for value in table.random_left[:, number]),
        least=float(table.least_left[number]),
        others=others,
        counts=counts,
        curve=tuple(float(value) for value in curve[:, number]),
        chosen_left=chosen_left,
    )


def choose_insertion(
    generator, segmenter: Segmenter, dissection: Dissection, layers: Sequence[str], concept: str, plan: Plan
) -> Proposal:
    """The layer at which inserting a concept's units by IoU adds most of it over all places, on the selection's seeds.

    It need not be the layer where their loss removes most.
    """
    number, tried = segmenter.concepts.index(concept), []
    for layer in layers:
        proposal = propose(dissection, concept, layer)
        stage = Stage(generator, layer, segmenter, plan.selection, label=plan.label, threads=plan.threads)
        levels = high_levels(stage)[list(proposal.units)]
        part = stage.first(plan.insertion_pictures)
        found = context(part, proposal.units, levels, number, grid=(plan.grid, plan.grid))
        tried.append((float(np.average(found.gain, weights=found.places)), proposal))
    return max(tried, key=lambda pair: pair[0])[1]


def where_it_grows(stage: Stage, proposal: Proposal, plan: Plan) -> ContextTable:
    """The units that see a concept (by IoU, as in the paper), not those whose loss removes it, are set to their 99.5th
    percentile at every place of a grid; its growth is tallied by what stood there.
    """
    names = stage.segmenter.concepts
    part = stage.first(plan.context_pictures)
    levels = high_levels(stage)[list(proposal.units)]
    found = context(part, proposal.units, levels, names.index(proposal.concept), grid=(plan.grid, plan.grid))
    present = [c for c in range(len(names)) if found.places[c]]
    return ContextTable(
        proposal.concept,
        proposal.layer,
        proposal.units,
        pictures=len(part),
        threshold=found.threshold,
        places={names[c]: int(found.places[c]) for c in present},
        gain={names[c]: float(found.gain[c]) for c in present},
        grew={names[c]: float(found.grew[c]) for c in present},
    )
