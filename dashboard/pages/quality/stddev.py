"""What does the discriminator see of a batch that lacks variation?"""

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import N_, Later, _, said
from dashboard.pages.quality import figures_variation as figures
from dashboard.pages.quality.stddev_steps import minibatch_discrimination, more_alike, stddev_input, stddev_steps
from dashboard.shared.charts import chart
from dashboard.shared.images import image_wall
from dashboard.shared.page import formula_box
from pgan_core.latents import classes_from_seeds, following_seeds
from pgan_core.pictures import to_uint8

SIMILARITIES = [round(0.1 * i, 1) for i in range(11)]
FORMS = {N_("groups of 4"): 4, N_("whole minibatch"): None}
EQUATION = r"s_{c,x,y} = \sqrt{\mathrm{Var}_{i \in \mathrm{group}}\,(f_{i,c,x,y})}, \quad m = \overline{s_{c,x,y}}"
WORDS = N_(
    "The stddev of every feature at every place over the group is averaged to one number m, which is tiled "
    "to one more feature map before the last layers. If all pictures of a batch look alike, m is near 0, and "
    "the discriminator can tell the batch from a real one. There is nothing to learn and nothing to tune."
)
WHERE = N_("Karras et al. 2018, section 3. The official code takes groups of 4, the paper's text the whole minibatch.")


def draw(model: session.Model, seed: int) -> None:
    """A batch made more and more alike; the layer step by step, and minibatch discrimination beside it."""
    if "discriminator" not in model.networks or model.discriminator.config.stddev is None:
        st.info(_("{name} has no discriminator with a minibatch-stddev layer.").format(name=model.name))
        return
    alike, batch, form = controls()
    try:
        steps, pictures = opened(model, seed, batch, alike, FORMS[form])
        curves, top = over_similarity(model, seed, batch)
    except ValueError as error:
        st.error(_("This discriminator cannot judge these pictures: {error}").format(error=said(error)))
        return
    groups = len(steps.average)
    captions = [
        f"D: {score:+.2f}" + (", " + _("group {number}").format(number=g + 1) if groups > 1 else "")
        for score, g in zip(steps.scores, steps.group, strict=True)
    ]
    image_wall(pictures, "quality-batch", 8, captions, size=64)
    group = 0
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if groups > 1:
            st.markdown(_("Group"), width="content")
            group = st.segmented_control(
                _("Group"), range(groups), default=0, format_func=lambda g: f"{g + 1}", key=f"quality_group_{groups}",
                required=True, label_visibility="collapsed", bind="query-params",
            )  # fmt: skip
        st.markdown(
            _(
                "Average over all features and places: **{average:.3f}** (mean score of the batch: **{score:+.2f}**)."
            ).format(average=steps.average[group], score=steps.scores.mean())
        )
    member = int(np.argmax(steps.group == group))
    chart(figures.stddev_maps(steps.stddev[group], steps.extra_map[member], top), key="quality_stddev")
    left, right = st.columns([1.9, 1], gap="medium")
    with left:
        st.subheader(_("As the batch becomes alike"))
        named = {_(form): curve for form, curve in curves.items()}
        chart(figures.alike_curves(SIMILARITIES, named, alike), key="quality_alike")
    with right:
        st.subheader(_("Minibatch discrimination"))
        others, matrix = discrimination(model, seed, batch, alike)
        chart(figures.closeness(matrix), key="quality_closeness")
    st.markdown(
        _(
            "Salimans et al. (2016, section 3.2) compare **every pair**: c(i, j) = exp(−|Mᵢ − Mⱼ|₁) with learned "
            "projections M (here random). Each picture gets the sum over the others: {others:.2f} on average "
            "now, at most {most}. It sees which pictures resemble each other; minibatch stddev gives one number "
            "and needs no weights."
        ).format(others=others.mean(), most=batch - 1)
    )
    formula_box(EQUATION, _(WORDS), _(WHERE))


def controls() -> tuple[float, int, str]:
    """How alike the pictures are, how many, and how they are grouped."""
    slide, number, kind = st.columns([2, 1, 1.3], vertical_alignment="bottom", gap="medium")
    alike = slide.slider(
        _("How alike the pictures are"), 0, 100, 0, 10, format="%d%%", key="quality_alike_share", bind="query-params"
    )
    with number:
        batch = st.segmented_control(
            _("Batch"), [4, 8, 16], default=8, key="quality_batch", bind="query-params", required=True
        )
    with kind:
        form = st.segmented_control(
            _("Stddev over"),
            list(FORMS),
            default="groups of 4",
            format_func=_,
            key="quality_form",
            bind="query-params",
            required=True,
        )
    return alike / 100, batch, form


def batch_of(model: session.Model, seed: int, count: int, alike: float) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Pictures of `count` seeds whose latents were moved towards the first, and labels for a conditional model."""
    z, labels = session.inputs(model, seed, count)
    return session.prepared(model)(more_alike(z, alike), labels=labels), labels


@session.cached(max_entries=64)
def opened(model: session.Model, seed: int, count: int, alike: float, group_size: int | None):
    """The layer's steps on a batch, and the batch as pictures."""
    with torch.inference_mode():
        images, labels = batch_of(model, seed, count, alike)
        if labels is None and (classes := model.discriminator.config.projection):
            # only the discriminator needs classes
            labels = classes_from_seeds(following_seeds(seed, count), classes)
        return stddev_steps(model.discriminator, images, group_size, labels), to_uint8(images)


@session.cached(max_entries=16, spinner=Later("Making the batch more and more alike"))
def over_similarity(model: session.Model, seed: int, count: int) -> tuple[dict, float]:
    """Average stddev and mean score of both forms over SIMILARITIES, and the top of a common colour scale."""
    curves = {}
    for name, size in FORMS.items():
        found = [opened(model, seed, count, alike, size)[0] for alike in SIMILARITIES]
        curves[name] = {
            "average": np.array([steps.average.mean() for steps in found]),
            "score": np.array([steps.scores.mean() for steps in found]),
        }
    start, _ = opened(model, seed, count, 0.0, FORMS["whole minibatch"])
    return curves, float(np.quantile(start.stddev, 0.98))


@session.cached(max_entries=64)
def discrimination(model: session.Model, seed: int, count: int, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """Minibatch discrimination on the features before the stddev layer, scaled by those of the batch as drawn."""
    with torch.inference_mode():
        features, usual = (
            stddev_input(model.discriminator, batch_of(model, seed, count, share)[0]).flatten(1)
            for share in (alike, 0.0)
        )
        return minibatch_discrimination(features / usual.std(dim=0).mean().clamp_min(1e-8))
