"""What a concept's units cause, over many pictures: taken from stored results, or measured now under a bar."""

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.pages.interventions import figures, measurements, shipped
from dashboard.pages.interventions.artifacts_view import artifacts_view
from dashboard.pages.interventions.choice import Choice, width_of
from dashboard.pages.interventions.measurements import EPOCHS, Sample
from dashboard.shared import dissections
from dashboard.shared.charts import chart
from dashboard.shared.progress import apart, is_known
from dissection.effects.causal_results import ConceptEffect, ContextTable
from dissection.effects.proposals import related
from dissection.effects.trial import clustered

ORDERS = (N_("by {order}"), N_("random"))  # of `curve`, as they are shown; `measurements.curves` adds the second
VIEWS = [N_("Effect"), N_("Curve"), N_("Each unit"), N_("Search"), N_("Context"), N_("Artifacts")]


def causal_view(model: session.Model, choice: Choice) -> None:
    """One chart of the chosen units, after a row of controls."""
    st.subheader(_("Over many pictures"))
    view = st.segmented_control(
        _("Causes"), VIEWS, default=VIEWS[0], format_func=_, required=True,
        key="interventions_view", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    segmenter = choice.item and dissections.segmenter_of(choice.item, model)
    if view == "Artifacts":
        artifacts_view(model, choice)
    elif 2 * len(choice.units) > width_of(model, choice.layer):
        st.info(
            _("These are more than half of the units of {layer}; too few are left for a random comparison.").format(
                layer=choice.layer
            )
        )
    elif segmenter is None or not choice.concept:
        st.info(_("Choose a concept above. It needs a dissection whose segmenter is available here."))
    else:
        draw = {
            "Effect": effect, "Curve": curve, "Each unit": each_unit, "Search": search, "Context": places,
        }[view]  # fmt: skip
        draw(model, choice, segmenter)


def measured(model: session.Model, choice: Choice) -> tuple[ConceptEffect | None, int]:
    """The stored result for exactly these units, if there is one, and over how many pictures it was measured."""
    known = shipped.causes(model)
    found = known.concepts.get(choice.concept) if known is not None else None
    if known is None or found is None or (found.layer, found.units) != (choice.layer, choice.units):
        return None, 0
    first, end = known.info["evaluation"]
    return found, end - first


def sample_of(model: session.Model, choice: Choice, segmenter, pictures: int) -> Sample:
    """The sample that effects are measured on."""
    return Sample(model.generator, choice.layer, segmenter, pictures, model.label)


def asked(name: str, model: session.Model, choice: Choice, default: int) -> tuple[tuple | None, int]:
    """A row of two controls: the key of a long measurement once it was asked for, and its number of pictures."""
    wanted = st.session_state.setdefault("interventions_asked", set())
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        pictures = st.select_slider(
            _("Pictures"),
            [24, 50, 100, 200, 500],
            default,
            key="interventions_pictures",
            width=260,
            bind="query-params",
        )
        key = ("interventions", name, model.identity, choice.layer, choice.units, choice.concept, pictures)
        key = (*key, choice.item.key if choice.item else "")
        if is_known(key):  # asked for in another tab
            wanted.add(key)
        if key not in wanted and st.button(_("Measure"), key=f"interventions_go_{name}", icon=":material/play_arrow:"):
            wanted.add(key)
            st.rerun()  # without the button
    return (key if key in wanted else None), pictures


def effect(model: session.Model, choice: Choice, segmenter) -> None:
    """The change in every concept's pixels when the units are off, beside that for random units."""
    names, concept = segmenter.concepts[1:], choice.concept
    found, pictures = measured(model, choice)
    if found is not None:
        removed, control = 1 - found.left, found.random_removed
        change = np.array([(found.left if name == concept else found.others[name]) - 1 for name in names])
        low, high = np.full((2, len(names)), np.nan)
        here = names.index(concept)
        low[here], high[here] = found.low - 1, found.high - 1
        random = np.full((len(found.random), len(names)), np.nan)
        random[:, here] = np.array(found.random) - 1
    else:
        key, pictures = asked("effect", model, choice, 50)
        if key is None:
            return
        sample = sample_of(model, choice, segmenter, pictures)
        table = apart(key, _("Switching units off"), measurements.effect, sample, choice.units)
        if table is None:
            return
        change, random = table[0], table[3]
        low, high = table[1], table[2]
        here = names.index(concept)
        removed, control = -change[here], -np.nanmedian(random[:, here])
    controlled = (
        _("removes {control:.0%}").format(control=control)
        if control >= 0
        else _("adds {control:.0%}").format(control=-control)
    )
    st.markdown(
        _(
            "Switching off these {units} units of {layer} removes **{removed:.0%}** of the {concept}, over "
            "{pictures} pictures that were not used to choose them. Switching off as many random units with the "
            "same mean activation {controlled}."
        ).format(
            units=len(choice.units),
            layer=choice.layer,
            removed=removed,
            concept=_(choice.concept),
            pictures=pictures,
            controlled=controlled,
        )
    )
    shown = figures.effects(dissections.words(names), change, low, high, random, _(concept))
    chart(shown, key="interventions_effect", download="png")


def curve(model: session.Model, choice: Choice, segmenter) -> None:
    """How much of the concept is left with 0 to 30 units off, by order: the stored one, and others on demand."""
    found, lines = measured(model, choice)[0], {}
    is_stored = found is not None and bool(found.counts)
    if found is not None and is_stored:
        lines[f"by {found.by}"] = (found.counts, found.curve)
        st.caption(
            _("How much {concept} is left as more units are switched off. Measure compares other orders.").format(
                concept=_(choice.concept)
            )
        )
    key, pictures = asked("curve", model, choice, 50)
    if key is not None:
        orders = {} if is_stored else {N_("the chosen units"): np.array(choice.units)}
        for by in ("IoU", "IQR"):
            values = related(choice.dissection, choice.concept, choice.layer, by)
            orders[f"by {by}"] = np.argsort(-values, kind="stable")
        sample, concept = sample_of(model, choice, segmenter, pictures), segmenter.concepts.index(choice.concept)
        lines |= apart(key, _("Switching units off"), measurements.curves, sample, concept, orders) or {}
    if lines:
        chart(
            figures.curve({said(name): line for name, line in lines.items()}), key="interventions_curve", download="png"
        )


def each_unit(model: session.Model, choice: Choice, segmenter) -> None:
    """Every unit's causal effect on every concept, clustered."""
    st.caption(_("A concept's pixels with the unit inserted everywhere at a high level, minus those with it ablated."))
    key, pictures = asked("units", model, Choice(choice.layer, (), "", 1, "", None), 24)
    if key is None:
        return

    sample = sample_of(model, choice, segmenter, pictures)
    values = apart(key, _("Inserting and ablating each unit"), measurements.each_unit, sample)
    if values is None:
        return
    order = clustered(values)
    names = segmenter.concepts[1:]
    chart(
        figures.matrix(values[order], order.tolist(), dissections.words(names)),
        key="interventions_matrix",
        download="png",
    )


def search(model: session.Model, choice: Choice, segmenter) -> None:
    """The best set of units by gradient descent, compared with the current one."""
    if not hasattr(segmenter, "probabilities"):
        st.info(_("The search needs gradients, and this segmenter has none."))
        return
    st.caption(
        _(
            "Gradient descent finds each unit's share α in [0, 1], over {epochs} epochs. It is tested on other "
            "pictures than those it learns from."
        ).format(epochs=EPOCHS)
    )
    key, pictures = asked("search", model, choice, 50)
    if key is None:
        return

    iou, concept = related(choice.dissection, choice.concept, choice.layer), segmenter.concepts.index(choice.concept)
    sample = sample_of(model, choice, segmenter, pictures)
    done = apart(key, _("Searching"), measurements.search, sample, concept, iou, choice.units)
    if done is None:
        return
    found, rows = done
    interval = _("{removed:.0%} ({least:.0%} to {most:.0%})")
    texts = [interval.format(removed=1 - left, least=1 - high, most=1 - low) for left, low, high in rows]
    st.markdown(
        _("The search's first 20 units remove **{found}**, the current {units} units {current}.").format(
            found=texts[0], units=len(choice.units), current=texts[1]
        )
    )
    st.code(", ".join(map(str, found.order[:20])), language=None)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        chart(figures.alphas(found.alpha, choice.units), key="interventions_alphas")
    with right:
        chart(figures.losses(found.losses, EPOCHS), key="interventions_losses")


def places(model: session.Model, choice: Choice, segmenter) -> None:
    """Where the concept grows when it is inserted, by what stood there."""
    known = shipped.causes(model)
    table = known.contexts.get(choice.concept) if known is not None else None
    if table is not None and (table.layer, table.units) == (choice.layer, choice.units):
        show_context(table)
        return
    key, pictures = asked("context", model, choice, 24)
    if key is None:
        return

    sample = sample_of(model, choice, segmenter, pictures)
    found = apart(
        key, _("Inserting place by place"), measurements.context, sample, choice.concept, choice.units,
        tuple(choice.levels),
    )  # fmt: skip
    if found is not None:
        show_context(found)


def show_context(table: ContextTable) -> None:
    """A context table as a chart with its caption."""
    names = list(table.places)
    st.caption(
        _(
            "{units} units of {layer} are set high at {values} places, one at a time. The bars show how much "
            "{concept} this adds, by what stood there before; above them, how often it grew by {threshold} "
            "pixels or more. Pale bars stand for fewer than {few_places} places, too few to tell."
        ).format(
            units=len(table.units),
            layer=table.layer,
            values=sum(table.places.values()),
            concept=_(table.concept),
            threshold=table.threshold,
            few_places=figures.FEW_PLACES,
        )
    )
    gain, grew = ([column[name] for name in names] for column in (table.gain, table.grew))
    counts = [table.places[name] for name in names]
    bars = figures.context_bars(dissections.words(names), gain, counts, grew, _(table.concept))
    chart(bars, key="interventions_context", download="png")
