"""Artifact units: what each unit of a layer costs, which of them to switch off, and what that gives."""

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.components.images import image_wall
from dashboard.components.interventions.choice import Choice, parse_units, width_of
from dashboard.components.progress import with_progress
from dissection.artifacts import ArtifactCosts, Comparison, artifact_costs, compare_without
from dissection.causal import Stage
from dissection.interventions import ablate
from dissection.town import CONCEPTS, SIZES, town
from pgan_core.pictures import to_uint8

FIRST_SEED, PICTURES, SHOWN = 2_000_000, 64, 6


def artifacts_view(model: session.Model, choice: Choice) -> None:
    """Rank, mark, switch off, compare."""
    if model.discriminator is None:
        st.info("Ranking units by what they cost asks the discriminator, and this model has none.")
        return
    key = ("artifacts", model.identity, choice.layer)
    st.caption(
        f"What the discriminator's mean score over {PICTURES} pictures gains when a unit of {choice.layer} is off. "
        "Each set of the sliced Wasserstein distance is normalised by its own colours, so it does not see their shift."
    )
    wanted = st.session_state.setdefault("interventions_asked", set())
    if key not in wanted and st.button("Rank the units", key="interventions_rank", icon=":material/play_arrow:"):
        wanted.add(key)
    if key not in wanted:
        return
    costs = with_progress(key, lambda share: _rank(model, choice.layer, share), "Switching each unit off")
    left, right = st.columns([2, 3])
    with left:
        rows = [{"unit": int(u), "score gained": float(costs.score_gain[u])} for u in costs.order[:20]]
        st.dataframe(
            rows,
            hide_index=True,
            height=250,
            column_config={"score gained": st.column_config.NumberColumn(format="%+.4f")},
        )
    with right:
        text = st.text_input("Units to switch off", ", ".join(map(str, costs.order[:3])), key="interventions_artifacts")
        units = parse_units(text, width_of(model, choice.layer))
        if units:
            compare(model, choice, units)


def compare(model: session.Model, choice: Choice, units: tuple[int, ...]) -> None:
    """Before and after, in pictures and numbers."""
    is_town = choice.item is not None and choice.item.dissection.concepts == CONCEPTS
    key = ("artifacts without", model.identity, choice.layer, units, is_town)
    work = lambda share: _compare(model, choice.layer, units, is_town)  # noqa: E731
    pictures, change = with_progress(key, work, "Switching them off")
    st.markdown(f"The discriminator's mean score goes from {change.score_before:.3f} to **{change.score_after:.3f}**.")
    if change.floor is not None:
        st.markdown(
            f"The sliced Wasserstein distance to {PICTURES} scenes goes from {change.distance_before:.1f} to "
            f"**{change.distance_after:.1f}**; between two such sets of scenes it is {change.floor:.1f}."
        )
    image_wall(pictures, key="interventions-artifacts", columns=SHOWN)


@st.cache_data(max_entries=4, show_spinner=False)
def scenes(size: int) -> torch.Tensor:
    """Two sets of real pictures, uint8 2 PICTURES x 3 x size x size."""
    return torch.from_numpy(np.concatenate([images for images, _ in town(2 * PICTURES, size, seed=1)]))


def _stage(model: session.Model, layer: str) -> Stage:
    return Stage(model.generator, layer, None, range(FIRST_SEED, FIRST_SEED + PICTURES), threads=2)


def _rank(model: session.Model, layer: str, share) -> ArtifactCosts:
    return artifact_costs(_stage(model, layer), model.discriminator, progress=lambda k, n: share(k / n))


def _compare(model: session.Model, layer: str, units: tuple[int, ...], is_town: bool) -> tuple[np.ndarray, Comparison]:
    """The first pictures before, then after, and the numbers of the whole sample."""
    stage, first = _stage(model, layer), slice(0, SHOWN)
    pictures = [to_uint8(stage.images(edits, first)) for edits in ([], [ablate(units)])]
    size, sets = pictures[0].shape[1], ()
    if is_town and size in SIZES:
        sets = scenes(size).split(PICTURES)
    return np.concatenate(pictures), compare_without(stage, model.discriminator, units, *sets)
