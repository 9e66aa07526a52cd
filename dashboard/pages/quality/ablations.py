"""What is each part of the recipe good for? Stored runs without it beside runs of the full recipe."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import streamlit as st

from dashboard import library, session
from dashboard.language import N_, _, said
from dashboard.pages.quality import figures_ablations as figures
from dashboard.pages.quality.ablation_results import (
    FILE,
    FULL,
    MEASURES,
    REAL,
    RECIPES,
    Results,
    chance_apart,
    read_pictures,
    read_results,
    table,
)
from dashboard.shared.charts import chart
from dashboard.shared.images import image_wall
from dashboard.shared.page import formula_box

MACHINE = N_("{name}, {cores} cores, one thread a run, torch {version}")  # as `benchmarks.ablations` writes it

FOLDER = library.ASSETS / "ablations"
SHOWN = 4  # pictures of each seed
MORE = ("generator_weights", "discriminator_weights", "gap")
LOSSES = {"logistic": N_("logistic loss with R1"), "wgan-gp": "WGAN-GP"}
COMMAND = "assets/ablations/remake.sh"


@dataclass(frozen=True)
class Part:
    """A part of the recipe that was left out: its runs, the curves to look at, and what it is."""

    recipe: str
    panels: tuple[str, ...]  # of MEASURES; "seconds": the distance over processor time
    latex: str
    words: str
    where: str
    seen: str  # what the stored runs show
    folder: str = "."  # of the results, below FOLDER


PIXEL_NORM = Part(
    "no-pixel-norm",
    ("passed_on", "discriminator", "swd"),
    r"b_c = \frac{a_c}{\sqrt{\tfrac{1}{N}\sum_{j=1}^{N} a_j^2 + \epsilon}}",
    N_(
        "After every convolution of the generator the feature vector at each place is scaled to the same length, "
        "so that signals cannot spiral upwards while the two networks compete. The authors write that it changes "
        "little on most datasets, and prevents escalation when needed. Without it the first layer also starts "
        "four times weaker, since its constant relies on the norm. The latent is still normalised here."
    ),
    N_("Karras et al. 2018, section 4.2"),
    N_(
        "Signals do **not escalate** in so short a run: the generator's strongest layer passes on 0.25 at first "
        "and 0.97 at the end (pixel norm makes it 1), and the discriminator's signals are the same with and "
        "without it. At the end the distances lie within the spread of the seeds."
    ),
)
PARTS = {
    N_("Pixel norm"): PIXEL_NORM,
    N_("Pixel norm, with WGAN-GP"): replace(
        PIXEL_NORM,
        panels=("passed_on", "discriminator", "ms_ssim"),
        seen=N_(
            "The **discriminator's signals grow, with pixel norm and without**: 2.7-fold and 2.1-fold between "
            "the last fade and the end. The generator's do not. The budget is too short for this loss: with "
            "every seed the full recipe's own pictures **collapsed** on the way (MS-SSIM 0.64 to 0.72 at 12 "
            "thousand images) and recovered only in part."
        ),
        folder="wgan-gp",
    ),
    N_("Minibatch stddev"): Part(
        "no-minibatch-stddev",
        ("pair_distance", "ms_ssim", "swd"),
        r"s = \frac{1}{CHW} \sum_{c,y,x} \sqrt{\mathrm{Var}_{\text{group}}\,[a_{cyx}] + \epsilon}",
        N_(
            "The discriminator is shown how different the pictures of a batch are: one more feature map, filled "
            "with the number s. A generator whose pictures are too similar gives itself away."
        ),
        N_("Karras et al. 2018, section 3"),
        N_(
            "Without it pictures were **less varied on the way**: at 6, 12, 18 and 24 thousand images, with "
            "every seed. No difference is left at the end."
        ),
    ),
    N_("Growing"): Part(
        "no-growing",
        ("swd", "seconds", "pair_distance"),
        r"x_{2r} = (1 - \alpha)\,\mathrm{up}(\mathrm{rgb}_r) + \alpha\,\mathrm{rgb}_{2r}",
        N_(
            "Training begins at 4×4, where a picture is cheap and simple, and every doubling is faded in. "
            "Without growing, all layers train at full size from the start, for as many images."
        ),
        N_("Karras et al. 2018, section 2"),
        N_(
            "Contrary to the paper, training at 16×16 from the start is **no worse here**, neither after as many "
            "images (distance 40.2 ± 4.8 against 51.0 ± 15.9) nor after as much processor time (44.6 ± 2.8 after "
            "the 93 seconds of a growing run). Between 4×4 and 16×16 there is little to save."
        ),
    ),
}  # fmt: skip


@session.cached(max_entries=4)
def stored(folder: Path, changed: int) -> Results | None:
    """The results of a folder; read again when their file has changed."""
    return read_results(folder)


def draw(model: session.Model, seed: int) -> None:
    """One part left out: what was seen in words, curves, pictures, and all numbers."""
    label = st.segmented_control(
        _("Leave out"),
        list(PARTS),
        default="Pixel norm",
        format_func=_,
        key="quality_ablation",
        bind="query-params",
        required=True,
    )
    part = PARTS[label]
    folder, recipe = FOLDER / part.folder, part.recipe
    file = folder / FILE
    results = stored(folder, file.stat().st_mtime_ns) if file.exists() else None
    if results is None:
        st.info(
            _("There are no such results in {folder}. `{command}` makes them.").format(folder=folder, command=COMMAND)
        )
        return
    st.markdown(_(part.seen))
    chart(figures.curves([panel(results, recipe, measure) for measure in part.panels]), key="quality_ablation_curves")
    pictures(folder, recipe)
    formula_box(part.latex, _(part.words), _(part.where))
    if recipe == "no-pixel-norm":
        layers(results, recipe)
    st.subheader(_("Weights and scores"))
    chart(figures.curves([panel(results, recipe, measure) for measure in MORE]), key="quality_ablation_more")
    st.subheader(_("All numbers"))
    st.markdown(table(results))
    st.caption(setting(results))


def panel(results: Results, recipe: str, measure: str) -> figures.Panel:
    """A measure of both recipes over the images seen, or the distance over processor time."""
    names = (FULL, recipe)
    if measure == "seconds":
        runs = {_(RECIPES[name]): results.over_seconds(name, "swd") for name in names}
        return figures.Panel(_("The same over processor time"), _("seconds"), runs, results.real["swd"])
    about = MEASURES[measure]
    runs = {_(RECIPES[name]): results.curve(name, measure) for name in names}
    name = _(about.name)
    title = name[0].upper() + name[1:] + (f" ({_(about.unit)})" if about.unit else "")
    from_zero = not measure.endswith("_weights")  # they hardly move
    return figures.Panel(title, _("thousand images"), runs, results.real.get(measure), from_zero)


def pictures(folder: Path, recipe: str) -> None:
    """Pictures of the first latents, one row a seed: real ones, the full recipe's, and those without the part."""
    columns = st.columns(3, gap="medium")
    names = {REAL: _("Real pictures"), FULL: _("Full recipe"), recipe: _(RECIPES[recipe]).capitalize()}
    for column, (name, title) in zip(columns, names.items(), strict=True):
        sheet = read_pictures(folder, name)
        if sheet is None:
            continue
        rows = sheet.reshape(-1, SHOWN, *sheet.shape[2:])[:3] if name == REAL else sheet[:, :SHOWN]
        with column:
            st.markdown(f"**{title}**")
            image_wall(np.concatenate(list(rows)), f"quality-ablation-{name}", SHOWN, size=64)
    st.caption(
        _("One row a seed: pictures of the first {shown} latents at the end of each run, not selected.").format(
            shown=SHOWN
        )
    )


def layers(results: Results, recipe: str) -> None:
    """The last signal of every layer of both networks."""
    points = {_("Generator: before pixel norm, and without it"): "generator", _("Discriminator"): "discriminator"}
    networks = {
        title: {_(RECIPES[name]): results.layers(name, point) for name in (FULL, recipe)}
        for title, point in points.items()
    }
    st.subheader(_("Every layer at the end"))
    chart(figures.layer_bars(networks), key="quality_ablation_layers")


def setting(results: Results) -> str:
    """What was trained, measured and left open, in small print."""
    plan, content = SimpleNamespace(**results.plan), results.content
    maps = ", ".join(map(str, plan.feature_maps))
    return _(
        "{kimg:g} thousand Toy Town pictures of {size}×{size}, feature maps {maps}, {loss}, minibatch {minibatch}, "
        "learning rate {rate:g}; {seeds} seeds of each recipe, mean ± sample deviation. Bold (and *with every seed*): "
        "no seed lies within the range of the full recipe's seeds; by chance alone this happens in {chance:.0%} of "
        "such comparisons. Signals: root mean square in the layer where it is largest. MS-SSIM's windows shrink with "
        "such small pictures. {minutes:.0f} minutes of one core ({machine}), {made}. So small and short a training "
        "says little about 1024×1024. `{command}` repeats it."
    ).format(
        kimg=plan.kimg,
        size=plan.resolution,
        maps=maps,
        loss=_(LOSSES[plan.loss]),
        minibatch=plan.minibatch,
        rate=plan.learning_rate,
        seeds=len(plan.seeds),
        chance=chance_apart(len(plan.seeds)),
        minutes=content["train_seconds"] / 60,
        machine=said(content["machine"]),
        made=content["made"],
        command=COMMAND,
    )
