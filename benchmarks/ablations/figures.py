"""The results as pictures for a text (matplotlib): curves of every seed, and samples beside each other."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dashboard.pages.quality.ablation_results import MEASURES, REAL, RECIPES, Results, mean_curve, read_pictures

COLOURS = {"full": "#2f7dd1", "no-pixel-norm": "#e07b1a", "no-minibatch-stddev": "#2a9d6f", "no-growing": "#b4529b"}
STYLE: dict = {  # matplotlib's rc
    "font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
    "axes.titlesize": 8.5, "legend.frameon": False, "svg.fonttype": "none",
}  # fmt: skip
CURVES = ("swd", "pair_distance", "passed_on", "discriminator")


def write_figures(results: Results, out: Path) -> None:
    """`curves.png` and `samples.png` beside the results."""
    with matplotlib.rc_context(STYLE):
        options = {"dpi": 130, "bbox_inches": "tight", "metadata": {"Software": None}}
        curves(results).savefig(out / "curves.png", **options)
        samples(out, results.plan["recipes"]).savefig(out / "samples.png", **options)


def curves(results: Results) -> Figure:
    """Four panels over the images seen: each seed a thin line, the mean of the seeds a thick one."""
    figure = Figure(figsize=(7.4, 4.6), layout="constrained")
    for axes, measure in zip(figure.subplots(2, 2).flat, CURVES, strict=True):
        for recipe in results.plan["recipes"]:
            runs = results.curve(recipe, measure)
            for kimg, values in runs:
                axes.plot(kimg, values, color=COLOURS[recipe], linewidth=0.8, alpha=0.45)
            axes.plot(*mean_curve(runs), color=COLOURS[recipe], linewidth=2, label=RECIPES[recipe])
        if measure in results.real:
            label = "real (noise floor)" if measure == "swd" else "real"
            axes.axhline(results.real[measure], color="#8b95a1", linestyle=":", linewidth=1.5, label=label)
        about = MEASURES[measure]
        axes.set(title=about.name[0].upper() + about.name[1:], ylabel=about.unit, xlabel="thousand images")
        if measure != "swd":
            axes.set_ylim(bottom=0)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return figure


def samples(out: Path, recipes: tuple[str, ...]) -> Figure:
    """One block of pictures a recipe, a row a seed, and real ones; the first latents of each, not chosen."""
    blocks = {"real": read_pictures(out, REAL)} | {RECIPES[name]: read_pictures(out, name) for name in recipes}
    blocks = {name: pictures for name, pictures in blocks.items() if pictures is not None}
    figure = Figure(figsize=(7.4, 0.42 * sum(map(len, blocks.values()))), layout="constrained")
    grid = figure.subplots(len(blocks), 1, height_ratios=[len(rows) for rows in blocks.values()])
    for axes, (name, rows) in zip(np.atleast_1d(grid), blocks.items(), strict=True):
        axes.imshow(np.concatenate([np.concatenate(list(row), axis=1) for row in rows]), interpolation="nearest")
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
    return figure
