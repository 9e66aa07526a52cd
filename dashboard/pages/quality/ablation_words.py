"""What was seen, in a table and in sentences that follow from the numbers."""

from __future__ import annotations

import numpy as np

from benchmarks.ablations.plan import FULL, RECIPES
from dashboard.pages.quality.ablation_results import MEASURES, Results, mean_curve, separated

COLUMNS = ("swd", "pair_distance", "ms_ssim", "passed_on", "discriminator")
COLLAPSED = 0.5  # MS-SSIM between random pairs, mean over seeds
ESCALATED = 2.0  # times what it was when the last fade ended: signals that are still running away


def mean_and_spread(values: np.ndarray) -> str:
    """`12.3 ± 0.4`: mean and sample standard deviation over seeds; the mean alone of one seed."""
    if broken := int(np.isnan(values).sum()):
        return f"{broken} of {len(values)} broke down"
    mean, spread = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    digits = 0 if abs(mean) >= 100 else 1 if abs(mean) >= 10 else 2
    return f"{mean:.{digits}f}" + (f" ± {spread:.{digits}f}" if len(values) > 1 else "")


def table(results: Results) -> str:
    """The last values as markdown, a row a recipe and one for real pictures; bold: all seeds apart from the full's."""
    names = [MEASURES[measure].name for measure in COLUMNS]
    lines = [
        "| Recipe | " + " | ".join(name[0].upper() + name[1:] for name in names) + " | Seconds a run |",
        "|---|" + "--:|" * (len(COLUMNS) + 1),
    ]
    for recipe in results.plan.recipes:
        cells = [_cell(results, recipe, measure) for measure in COLUMNS]
        lines.append(f"| {RECIPES[recipe]} | {' | '.join(cells)} | {results.seconds(recipe).mean():.0f} |")
    real = [f"{results.real[measure]:.3g}" if measure in results.real else "" for measure in COLUMNS]
    return "\n".join([*lines, f"| real pictures | {' | '.join(real)} | |"])


def _cell(results: Results, recipe: str, measure: str) -> str:
    text, values = mean_and_spread(results.final(recipe, measure)), results.final(recipe, measure)
    return f"**{text}**" if separated(values, results.final(FULL, measure)) else text


def lesson(results: Results, recipe: str) -> str:
    """Two or three sentences (markdown) on what leaving out one part did, null results said as such."""
    if broken := results.diverged(recipe):
        return f"{broken} of {len(results.plan.seeds)} runs broke down: their loss was no longer a number."
    sentences = {
        "no-pixel-norm": [_escalation(results, recipe), _quality(results, recipe)],
        "no-minibatch-stddev": [_variation(results, recipe), _quality(results, recipe)],
        "no-growing": [_quality(results, recipe), _late(results), _cost(results, recipe)],
    }
    return " ".join([*sentences[recipe], *_collapse(results)])


def _collapse(results: Results) -> list[str]:
    """A warning where the recipe that all others are compared with failed on the way itself; empty otherwise."""
    _, similar = mean_curve(results.curve(FULL, "ms_ssim"))
    if similar.max() < COLLAPSED:
        return []
    return [
        f"Mind that with this loss and budget the full recipe's own pictures **collapse** on the way (MS-SSIM of "
        f"random pairs up to {similar.max():.2f}; real: {results.real['ms_ssim']:.2f})."
    ]


def _quality(results: Results, recipe: str) -> str:
    """The distance beside the full recipe's, and whether the seeds tell them apart."""
    here, full = results.final(recipe, "swd"), results.final(FULL, "swd")
    numbers = f"{mean_and_spread(here)} against {mean_and_spread(full)}"
    seen = f"is **{'larger' if here.mean() > full.mean() else 'smaller'}** at the end"
    if not separated(here, full):
        seen = "does **not differ** at the end beyond the spread of the seeds"
    return f"The distance {seen}: {numbers}." + _on_the_way(results, recipe, "swd", "larger", "smaller")


def _variation(results: Results, recipe: str) -> str:
    """Distances of pairs beside the full recipe's, and the other measure of variation."""
    here, full = results.final(recipe, "pair_distance"), results.final(FULL, "pair_distance")
    seen = f"is **{'higher' if here.mean() > full.mean() else 'lower'}** at the end"
    if not separated(here, full):
        seen = "does **not differ** at the end beyond the spread of the seeds"
    like, like_full = (mean_and_spread(results.final(name, "ms_ssim")) for name in (recipe, FULL))
    return (
        f"Variation {seen}: random pairs lie {mean_and_spread(here)} apart against {mean_and_spread(full)} (real: "
        f"{results.real['pair_distance']:.1f}), MS-SSIM is {like} against {like_full} (real: "
        f"{results.real['ms_ssim']:.2f})." + _on_the_way(results, recipe, "pair_distance", "higher", "lower")
    )


def moments_apart(results: Results, recipe: str, measure: str) -> tuple[list[float], list[float]]:
    """The moments, in thousand images, at which all seeds lie above all of the full recipe's, and below them."""
    kimg = min((x for name in (recipe, FULL) for x, _ in results.curve(name, measure)), key=len)
    here, full = (np.array([y[: len(kimg)] for _, y in results.curve(name, measure)]).T for name in (recipe, FULL))
    moments = list(zip(kimg.tolist(), here, full, strict=True))
    above = [k for k, a, b in moments if separated(a, b) and a.mean() > b.mean()]
    return above, [k for k, a, b in moments if separated(a, b) and a.mean() < b.mean()]


def _on_the_way(results: Results, recipe: str, measure: str, more: str, less: str) -> str:
    """A sentence on moments before the end at which all seeds lay apart; empty where there are none."""
    above, below = ([k for k in found if k < results.plan.kimg] for found in moments_apart(results, recipe, measure))
    found = [f"{word} at {_list(moments)}" for word, moments in ((more, above), (less, below)) if moments]
    return f" On the way it was {' and '.join(found)} thousand images, with every seed." if found else ""


def _list(numbers: list[float]) -> str:
    """`6, 12 and 18`."""
    *most, last = (f"{number:.0f}" for number in numbers)
    return f"{', '.join(most)} and {last}" if most else last


def growth_since_fades(results: Results, recipe: str, measure: str) -> float:
    """How many times larger a signal is at the end than when the last fade ended, mean over seeds."""
    last = results.plan.schedule().stages[-1]
    begun = results.plan.kimg - last.steady_kimg
    ratios = [
        values[-1] / values[np.searchsorted(kimg, begun - 1e-9)] for kimg, values in results.curve(recipe, measure)
    ]
    return float(np.mean(ratios))


def _escalation(results: Results, recipe: str) -> str:
    """Whether signals run away without pixel norm, in both networks, beside the full recipe."""
    made = growth_since_fades(results, recipe, "passed_on")
    judged = {name: growth_since_fades(results, name, "discriminator") for name in (recipe, FULL)}
    running = ["in the generator"] if made > ESCALATED else []
    if judged[recipe] > ESCALATED:
        running.append("in the discriminator" + (", as with pixel norm" if judged[FULL] > ESCALATED else ""))
    seen = f"**do escalate** ({' and '.join(running)})" if running else "do **not escalate** in so short a run"
    untrained = float(np.mean([values[0] for _, values in results.curve(recipe, "passed_on")]))
    here, full = (
        f"{mean_and_spread(results.final(name, 'discriminator'))} ({times:.2f} times)" for name, times in judged.items()
    )
    return (
        f"Signals {seen}: what the generator's strongest layer passes on goes from {untrained:.2f} to "
        f"{mean_and_spread(results.final(recipe, 'passed_on'))}, {made:.2f} times what it was when the last fade ended "
        f"(pixel norm: 1); the discriminator's ends at {here} against {full}."
    )


def _late(results: Results) -> str:
    """Why a run that grows is behind at first."""
    size = f"{results.plan.resolution}×{results.plan.resolution}"
    return f"(The growing run shows {size} only after {results.plan.schedule().starts()[-1]:.0f} thousand images.)"


def _cost(results: Results, recipe: str) -> str:
    """What the same number of pictures costs, and how far the full recipe's processor time would have led."""
    budget = results.seconds(FULL).mean()
    then = np.array([np.interp(budget, seconds, values) for seconds, values in results.over_seconds(recipe, "swd")])
    return (
        f"The same number of pictures takes {results.seconds(recipe).mean() / budget:.1f} times the processor time; "
        f"in the full recipe's {budget:.0f} seconds it comes to {mean_and_spread(then)}."
    )
