"""Artifact units: how much each unit of a layer harms the pictures, which to switch off, and what that gains."""

from collections.abc import Iterable

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import Later, _
from dashboard.pages.interventions import measurements
from dashboard.pages.interventions.choice import Choice, parse_units, width_of
from dashboard.pages.interventions.measurements import FIRST_SEED, Sample
from dashboard.shared.images import image_wall
from dashboard.shared.picture_grid import picture_grid
from dashboard.shared.progress import apart, is_known, with_progress
from dissection.effects.artifacts import ArtifactCosts, Comparison, compare_without
from dissection.effects.trial import Trial
from dissection.interventions import ablate
from dissection.output.overlays import OUTLINE, outline, resize_nearest, resize_pictures
from dissection.scoring.tally import resize_maps
from dissection.world.town import CONCEPTS, SIZES, town
from pgan_core.pictures import contact_sheet, to_uint8

PICTURES, SHOWN = 64, 6
WORST, COLUMNS, BEST, SIDE = 20, 4, 3, 96  # units to mark from, in a row, pictures of each, pixels of one
LIT = 0.01  # of a unit's values count as strong


def artifacts_view(model: session.Model, choice: Choice) -> None:
    """Rank, mark, switch off, compare."""
    if "discriminator" not in model.networks:
        st.info(_("The discriminator ranks the units, and this model has none."))
        return
    key = ("artifacts", model.identity, choice.layer)
    st.caption(
        _(
            "How much the discriminator's mean score over {pictures} pictures rises when a unit of {layer} is "
            "off; below 0, the pictures need the unit. The sliced Wasserstein distance normalises each set by "
            "its own colours, so it does not see a shift of colours."
        ).format(pictures=PICTURES, layer=choice.layer)
    )
    wanted = st.session_state.setdefault("interventions_asked", set())
    if is_known(key):  # asked for in another tab
        wanted.add(key)
    if key not in wanted and st.button(_("Rank the units"), key="interventions_rank", icon=":material/play_arrow:"):
        wanted.add(key)
        st.rerun()  # without the button
    if key not in wanted:
        return
    sample = Sample(model.generator, choice.layer, None, PICTURES, model.label)
    costs = apart(key, _("Switching each unit off"), measurements.artifacts, sample, model.discriminator)
    if costs is None:
        return
    key = f"interventions_artifacts_{choice.layer}_{model.name}"
    harmful = [unit for unit in costs.order[:3] if costs.score_gain[unit] > 0] or costs.order[:1]
    units = mark(model, choice.layer, costs, key, listed(harmful))
    if units:
        compare(model, choice, units)


def mark(model: session.Model, layer: str, costs: ArtifactCosts, key: str, first: str) -> tuple[int, ...]:
    """The worst units with their strongest pictures; clicks mark units, which are also listed by number."""
    order = [int(unit) for unit in costs.order[:WORST]]

    def toggle(cell: int) -> None:
        marked = parse_units(st.session_state[key], width_of(model, layer), tell=False)
        st.session_state[key] = listed(sorted({*marked} ^ {order[cell]}))

    words, numbers = st.columns([3, 2], vertical_alignment="bottom")
    words.markdown(
        _(
            "The {order} most harmful units, each with its {best} strongest pictures, outlined where it is "
            "active. **Click those that look like artifacts.**"
        ).format(order=len(order), best=BEST)
    )
    units = parse_units(
        numbers.text_input(_("Units to switch off"), first, key=key, bind="query-params"), width_of(model, layer)
    )
    picture_grid(
        unit_strips(model, layer, tuple(order)), COLUMNS, [_("unit {unit}").format(unit=unit) for unit in order],
        chosen=[order.index(unit) for unit in units if unit in order], label=_("Units to mark"),
        captions=[f"{unit}: {costs.score_gain[unit]:+.3f}" for unit in order], key="interventions_marks",
        on_click=toggle,
    )  # fmt: skip
    return units


def listed(units: Iterable[int]) -> str:
    """Unit numbers as text, as the viewer would type them."""
    return ", ".join(map(str, units))


@session.cached(max_entries=8, spinner=Later("Drawing the units"))
def unit_strips(model: session.Model, layer: str, units: tuple[int, ...]) -> np.ndarray:
    """One picture of all units in rows of COLUMNS: each one's strongest pictures, outlined where it is active."""
    trial = _trial(model, layer)
    pictures, strips = to_uint8(trial.images()), []
    for unit in units:
        maps = trial.activation[:, unit].cpu()
        best = maps.amax(dim=(1, 2)).topk(BEST).indices
        lit = resize_maps(maps[best], pictures.shape[1:3]) > np.quantile(maps.numpy(), 1 - LIT)
        shown = resize_pictures(pictures[best.numpy()], SIDE)
        shown[outline(resize_nearest(lit.numpy(), SIDE))] = OUTLINE
        strips.append(contact_sheet(shown, BEST, gap=1))
    return contact_sheet(np.stack(strips), COLUMNS, gap=4)


def compare(model: session.Model, choice: Choice, units: tuple[int, ...]) -> None:
    """Before and after, in pictures and numbers."""
    is_town = choice.item is not None and choice.item.dissection.concepts == CONCEPTS
    key = ("artifacts without", model.identity, choice.layer, units, is_town)
    work = lambda share: _compare(model, choice.layer, units, is_town)  # noqa: E731
    pictures, change = with_progress(key, work, _("Switching them off"))
    numbers, wall = st.columns([2, 3], gap="medium")
    numbers.markdown(
        _(
            "Without the {units} marked units the discriminator's mean score goes from {score_before:.3f} to "
            "**{score_after:.3f}** (higher means more real)."
        ).format(units=len(units), score_before=change.score_before, score_after=change.score_after)
    )
    if change.floor is not None:
        numbers.markdown(
            _(
                "The sliced Wasserstein distance to {pictures} scenes goes from {distance_before:.1f} to "
                "**{distance_after:.1f}**; between two such sets of scenes it is {floor:.1f}."
            ).format(
                pictures=PICTURES,
                distance_before=change.distance_before,
                distance_after=change.distance_after,
                floor=change.floor,
            )
        )
    with wall:
        image_wall(pictures, key="interventions-artifacts", columns=SHOWN)
        st.caption(_("Above: before. Below: after."))


@st.cache_data(max_entries=4, show_spinner=False)
def scenes(size: int) -> torch.Tensor:
    """Two sets of real pictures, uint8 2 PICTURES x 3 x size x size."""
    return torch.from_numpy(np.concatenate([images for images, _ in town(2 * PICTURES, size, seed=1)]))


def _trial(model: session.Model, layer: str) -> Trial:
    return Trial(model.generator, layer, None, range(FIRST_SEED, FIRST_SEED + PICTURES), label=model.label, threads=2)


def _compare(model: session.Model, layer: str, units: tuple[int, ...], is_town: bool) -> tuple[np.ndarray, Comparison]:
    """The first pictures before, then after, and the numbers of the whole sample."""
    trial, first = _trial(model, layer), slice(0, SHOWN)
    pictures = [to_uint8(trial.images(edits, first)) for edits in ([], [ablate(units)])]
    size, sets = pictures[0].shape[1], ()
    if is_town and size in SIZES:
        sets = scenes(size).split(PICTURES)
    return np.concatenate(pictures), compare_without(trial, model.discriminator, units, *sets)
