"""The causal results of a model in one go: for each concept, units are chosen, removed, and compared with random ones.

    results = measure_concepts(generator, dissection, segmenter, progress=print)

`proposals.Chooser` chooses for each verb, on seeds of its own; the chosen units are judged on other seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dissection.effects.causal_results import CausalResults, ConceptEffect, ContextTable, made_of
from dissection.effects.context import balanced, context, stood_at, threshold
from dissection.effects.proposals import ADD, REMOVE, SELECTION, Chooser, Proposal
from dissection.effects.trial import EffectTable, Trial, ablation_curve, count_pixels, effect_table
from dissection.result import Dissection
from dissection.scoring.job import fingerprint
from dissection.scoring.progress import PhaseReport, Reporter
from dissection.segmenters import Segmenter
from pgan_core.adapters import UnitGenerator
from pgan_core.progress import Progress

GONE = 0.1  # a concept of which no more than this share is left is gone


@dataclass(frozen=True)
class Plan:
    """How much is measured, and on which seeds: two samples apart, neither a dissection's (those begin at 0)."""

    evaluation: range = range(2_000_000, 2_000_300)
    selection: range = SELECTION
    control: int = 24  # pictures for each set of random units, for the least related units, and for curves
    draws: int = 20
    counts: tuple[int, ...] = (0, 1, 2, 3, 5, 8, 12, 16, 20, 30)
    contexts: tuple[str, ...] = ("door", "window", "chimney", "foliage")
    places: int = 60  # at which a concept is inserted, for each concept that stands there
    painted: int = 60  # pictures in which a concept is painted over, at most
    threads: int = 2
    seed: int = 0
    label: int | None = None  # one class for all pictures; with None each seed has its own


def measure_concepts(
    generator: UnitGenerator,
    dissection: Dissection,
    segmenter: Segmenter,
    plan: Plan | None = None,
    progress: Callable[[PhaseReport], None] | None = None,
) -> CausalResults:
    """The causal results of one model; it takes minutes on a CPU.

    Raises ValueError if the generator and the dissection have no layer in common.
    """
    plan, report = plan or Plan(), Reporter(progress)
    names = dissection.concepts[1:]
    chooser = Chooser(
        generator, dissection, segmenter, seeds=plan.selection, label=plan.label, threads=plan.threads, report=report
    )
    removed, added, effects, contexts = {}, {}, {}, {}
    with report.phase("choosing units", 2 * len(names)) as step:
        for chosen, verb in ((removed, REMOVE), (added, ADD)):
            for name in names:
                if (proposal := chooser.propose(name, verb)) is not None:
                    chosen[name] = proposal
                step()
    stood = None
    shown = {name: added[name] for name in plan.contexts if name in added}
    with report.phase("effects", len(removed) + len(shown)) as step:
        for layer in chooser.layers:
            here = [one for one in removed.values() if one.layer == layer]
            there = [one for one in shown.values() if one.layer == layer]
            if not here and not there:
                continue
            trial = Trial(generator, layer, segmenter, plan.evaluation, label=plan.label, threads=plan.threads)
            for proposal in here:
                effects[proposal.concept] = judge(trial, proposal, chooser, plan)
                step()
            for proposal in there:
                stood = stood_at(trial) if stood is None else stood  # the same pictures at every layer
                places = balanced(stood, plan.places, plan.seed)
                contexts[proposal.concept] = where_it_grows(trial, proposal, stood, places)
                step()
    info = {
        "weights_sha256": fingerprint(generator),
        "dissection": made_of(dissection),
        "segmenter": dissection.info.get("segmenter"),
        "evaluation": [plan.evaluation.start, plan.evaluation.stop],
        "selection": [chooser.seeds[0], chooser.seeds[-1] + 1],
        "control": plan.control,
        "draws": plan.draws,
        **({} if plan.label is None else {"label": plan.label}),
        "layers": chooser.layers,
        "size": generator.resolution,
    }
    in_order = {name: effects[name] for name in names if name in effects}
    return CausalResults(info, in_order, {name: contexts[name] for name in plan.contexts if name in contexts}, added)


def judge(trial: Trial, proposal: Proposal, chooser: Chooser, plan: Plan) -> ConceptEffect:
    """The effect of a proposal on the trial's pictures; the least related units are the last ones by IoU."""
    number = trial.segmenter.concepts.index(proposal.concept)
    by_iou, order = (chooser.order(proposal.concept, trial.layer, by) for by in ("IoU", proposal.by))
    least = [int(unit) for unit in by_iou[::-1][: len(proposal.units)]]
    table: EffectTable = effect_table(
        trial, proposal.units, least=least, draws=plan.draws, control=plan.control, seed=plan.seed
    )
    counts = tuple(k for k in plan.counts if k <= len(order))
    curve = ablation_curve(trial.first(plan.control), [int(unit) for unit in order], counts)
    others = {name: float(table.left[c]) for c, name in enumerate(trial.segmenter.concepts) if c not in (0, number)}
    painted, gone = painted_over(trial, proposal, plan)
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
        least=float("nan") if table.least_left is None else float(table.least_left[number]),
        others=others,
        counts=counts,
        curve=tuple(float(value) for value in curve[:, number]),
        chosen_left=float(chooser.left(proposal)[number]),
        painted=painted,
        gone=gone,
    )


def painted_over(trial: Trial, proposal: Proposal, plan: Plan) -> tuple[int, float]:
    """In how many pictures a concept's own pixels were painted over, and the share in which it was then gone."""
    number, before = trial.segmenter.concepts.index(proposal.concept), trial.pixels()
    holding = np.flatnonzero(before[:, number] >= threshold(trial.generator.resolution))[: plan.painted]
    if not len(holding):
        return 0, float("nan")
    part = trial.at(holding)

    def after(batch: slice) -> np.ndarray:
        maps = part.label_maps(batch=batch)
        there = (maps == number).float()
        region = there.amax(dim=1) if maps.dim() == 4 else there
        return count_pixels(part.label_maps([proposal.edit(region)], batch), part.concepts)[:, number]

    left = np.concatenate(part.each_batch(after)) / before[holding, number]
    return len(holding), float((left <= GONE).mean())


def where_it_grows(
    trial: Trial,
    proposal: Proposal,
    stood: np.ndarray,
    places: np.ndarray | None = None,
    progress: Progress | None = None,
) -> ContextTable:
    """How a proposal's concept grows when it is inserted, by what stood there (N x h x w; see `context`).

    places: P x (picture, row, column); None: all.
    """
    names = trial.segmenter.concepts
    found = context(trial, proposal.edit, names.index(proposal.concept), stood, places, progress=progress)
    present = [c for c in range(len(names)) if found.places[c]]
    columns = (
        {names[c]: column[c].item() for c in present}
        for column in (found.places, found.pictures, found.gain, found.grew)
    )
    grown = threshold(trial.generator.resolution)
    return ContextTable(proposal.concept, proposal.layer, proposal.units, grown, *columns)
