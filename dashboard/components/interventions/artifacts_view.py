"""Artifact units: what each unit of a layer costs, which of them to switch off, and what that gives."""

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.components.images import image_wall
from dashboard.components.interventions.choice import Choice, parse_units, width_of
from dashboard.components.progress import with_progress
from dissection.artifacts import ArtifactCosts, Comparison, artifact_costs, compare_without
from dissection.causal import Stage
from dissection.interventions import ablate
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
            compare(model, choice.layer, units)


def compare(model: session.Model, layer: str, units: tuple[int, ...]) -> None:
    """Before and after, in pictures and numbers."""
    key = ("artifacts without", model.identity, layer, units)
    pictures, change = with_progress(key, lambda share: _compare(model, layer, units), "Switching them off")
    st.markdown(f"The discriminator's mean score goes from {change.score_before:.3f} to **{change.score_after:.3f}**.")
    image_wall(pictures, key="interventions-artifacts", columns=SHOWN)


def _stage(model: session.Model, layer: str) -> Stage:
    return Stage(model.generator, layer, None, range(FIRST_SEED, FIRST_SEED + PICTURES), threads=2)


def _rank(model: session.Model, layer: str, share) -> ArtifactCosts:
    return artifact_costs(_stage(model, layer), model.discriminator, progress=lambda k, n: share(k / n))


def _compare(model: session.Model, layer: str, units: tuple[int, ...]) -> tuple[np.ndarray, Comparison]:
    """The first pictures before, then after, and the numbers of the whole sample."""
    stage, first = _stage(model, layer), slice(0, SHOWN)
    pictures = [to_uint8(stage.images(edits, first)) for edits in ([], [ablate(units)])]
    return np.concatenate(pictures), compare_without(stage, model.discriminator, units)
