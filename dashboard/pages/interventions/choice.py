"""Which units are switched, and how: the row of controls above the picture."""

import re
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import N_, _
from dashboard.pages.interventions import pictures, shipped
from dashboard.shared import dissections
from dashboard.shared.controls import BOUND
from dashboard.shared.progress import with_progress
from dissection import Dissection
from dissection.effects.causal_results import CausalResults, made_of
from dissection.effects.proposals import ADD, REMOVE, Chooser, Proposal, propose
from dissection.interventions import Edit, EditError, ablate, copy, insert, scale
from dissection.scoring.progress import Reporter

COPY = N_("Copy")
VERBS = [N_("Remove"), N_("Add"), N_("More"), N_("Less"), COPY]
MORE, LESS = 2.5, 0.4  # factors at full strength
COUNTS = [N_("best"), 1, 2, 5, 10, 20, 30, N_("all")]
SOURCE = "interventions_source"  # how many seeds further the picture is that is copied from
GOOD_TO_START = ("foliage", "tree")  # in nearly every picture, and one sees at once that they are gone
HAND = N_("units by hand")
THREADS = 2


@dataclass(frozen=True)
class Choice:
    """What a stroke does: units of a layer, a verb, a strength; the concept (empty: by hand) and its dissection."""

    layer: str
    units: tuple[int, ...]
    verb: str
    strength: float
    concept: str
    item: dissections.Found | None
    source: int = 0  # the seed of the picture that Copy takes from
    levels: tuple[float, ...] = ()  # what Add sets the units to, as proposed; empty: what they seldom exceed

    @property
    def dissection(self) -> Dissection:
        """The concept's dissection. ValueError for units by hand of a model without one."""
        if self.item is None:
            raise ValueError("this model has no dissection")
        return self.item.dissection

    def edit(self, model: session.Model, region: torch.Tensor | None) -> Edit:
        """The edit in a region H x W, or everywhere."""
        if not self.units:
            raise EditError("no unit is chosen")
        if self.verb == "Remove":
            return ablate(self.units, region, strength=self.strength)
        if self.verb == "Add":
            levels = self.levels
            if not levels:
                levels = pictures.strong_levels(model.identity, self.layer, model)[list(self.units)].tolist()
            return insert(self.units, levels, region, strength=self.strength)
        if self.verb == COPY:
            maps = pictures.kept_at(model.identity, self.layer, (self.source,), model)
            return copy(self.units, maps, region, strength=self.strength)
        return scale(self.units, MORE if self.verb == "More" else LESS, region, strength=self.strength)


def choose(model: session.Model) -> Choice:
    """Draw the controls and read them."""
    found = [item for item in dissections.found(model) if item.own]
    item = found[0] if found else None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        concept = _concept(item, model)
        verb = st.segmented_control(
            _("Verb"), VERBS, default=VERBS[0], format_func=_, required=True, key="interventions_verb", **BOUND,
            help=_(
                "Remove sets the units to 0. Add sets them to the high level that they have where the concept "
                "stands. More and Less multiply them by {more} and {less}. Copy takes their values at the same "
                "place in another picture."
            ).format(more=MORE, less=LESS),
        )  # fmt: skip
        layer, units, levels = _units(item, model, concept, verb)
        strength = st.slider(_("Strength"), 0.1, 1.0, 1.0, 0.1, key="interventions_strength", width=110, **BOUND)
    if len(units) == width_of(model, layer):
        concept = ""  # all units are no concept's
    step = min(max(session.recall(SOURCE, 1), 1), pictures.wall_size(model))
    source = pictures.next_seeds(session.seed(), step)[-1]
    return Choice(layer, units, verb, strength, concept, item, source, levels)


def _concept(item: dissections.Found | None, model: session.Model) -> str:
    """The chosen concept; empty for units by hand."""
    if item is None:
        return ""
    known = shipped.causes(model)
    names = [*sorted(item.dissection.concepts[1:], key=lambda name: -_likely(item, known, name)), HAND]
    first = next((names.index(name) for name in GOOD_TO_START if name in names), 0)
    chosen = st.selectbox(
        _("Concept"), names, index=first, format_func=_, key="interventions_concept", width=145, **BOUND
    )
    return "" if chosen == HAND else chosen


def _likely(item: dissections.Found, known: CausalResults | None, concept: str) -> float:
    """Sorts the concepts: by how much of each its units remove, if that was measured, else by its best unit's IoU."""
    if known is not None:
        return known.removed(concept)
    number = item.dissection.concepts.index(concept)
    return max(float(layer.scores.iou[:, number].max()) for layer in item.dissection.layers.values())


def _units(
    item: dissections.Found | None, model: session.Model, concept: str, verb: str
) -> tuple[str, tuple[int, ...], tuple[float, ...]]:
    """The layer, its units (proposed, or typed by the viewer), and their proposed levels."""
    if item is None or not concept:
        layer = st.selectbox(_("Layer"), model.generator.layer_names, key="interventions_any_layer", width=190, **BOUND)
        text = st.text_input(
            _("Units"), "0", key="interventions_units", width=110, help=_("Such as 3, 17, 20-25"), **BOUND
        )
        return layer, parse_units(text, width_of(model, layer)), ()
    best = proposal(item, model, concept, verb)
    layer = st.selectbox(
        _("Layer (best: {layer})").format(layer=best.layer), [N_("best"), *item.dissection.layers],
        key="interventions_layer", width=185, format_func=_, **BOUND,
    )  # fmt: skip
    count = st.selectbox(
        _("Units (best: {units})").format(units=len(best.units)), COUNTS,
        key="interventions_count", width=125, format_func=lambda n: _(str(n)), **BOUND,
    )  # fmt: skip
    chosen = best.layer if layer == "best" else layer
    if count == "all":
        return chosen, tuple(range(width_of(model, chosen))), ()
    wanted = count if isinstance(count, int) else len(best.units)
    if layer == "best" and wanted <= len(best.units):
        return chosen, best.units[:wanted], best.levels[:wanted]
    return chosen, propose(item.dissection, concept, chosen, wanted).units, ()


def proposal(item: dissections.Found, model: session.Model, concept: str, verb: str = "Remove") -> Proposal:
    """The units for a concept and a verb: those in causes.json, if it is of this model and dissection; else chosen now
    by the same rule; where nothing can be measured, those that detect the concept.
    """
    aim, known = REMOVE if verb in ("Remove", "Less") else ADD, shipped.causes(model)
    stored = known.proposal(concept, aim) if known is not None and known.is_of(item.dissection) else None
    return stored or _chosen(item, model, concept, aim) or propose(item.dissection, concept)


def _chosen(item: dissections.Found, model: session.Model, concept: str, aim: str) -> Proposal | None:
    """The rule's choice, made in seconds and kept; None where the dissection's segmenter is not available."""
    segmenter = dissections.segmenter_of(item, model)
    if segmenter is None:
        return None

    def work(share) -> Proposal | None:
        report = Reporter(lambda progress: share(progress.done / max(progress.total, 1)))
        chooser = Chooser(
            model.generator, item.dissection, segmenter, [concept], label=model.label, threads=THREADS, report=report
        )
        return chooser.propose(concept, aim)

    key = ("interventions proposal", model.identity, repr(made_of(item.dissection)), concept, aim)
    return with_progress(key, work, _("Choosing units"), entries=256, patience=1)


def width_of(model: session.Model, layer: str) -> int:
    """How many units a layer has."""
    return next(spec.out_features for spec in model.generator.specs if spec.name == layer)


def parse_units(text: str, width: int, tell: bool = True) -> tuple[int, ...]:
    """Unit numbers in text such as "3, 17, 20-25"; wrong parts are left out, which the page says if `tell`."""
    units: list[int] = []
    for part in filter(None, re.split(r"[,;\s]+", text)):
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part)
        span = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
        if not match or not len(span) or span[-1] >= width:
            if tell:
                st.caption(
                    _(":material/error: Units are numbered from 0 to {last}; “{part}” is left out.").format(
                        last=width - 1, part=part[:20]
                    )
                )
            continue
        units += span
    return tuple(int(unit) for unit in np.unique(units))
