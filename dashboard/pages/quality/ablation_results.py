"""The stored results of the ablations: every curve of every seed. `benchmarks.ablations` makes and writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dashboard.language import N_, _

FULL = "full"
RECIPES = {  # recipe -> its name on the page
    FULL: N_("full recipe"),
    "no-pixel-norm": N_("without pixel norm"),
    "no-minibatch-stddev": N_("without minibatch stddev"),
    "no-growing": N_("without growing"),
}
FORMAT = "pggan-lab-ablations/1"
FILE = "ablations.json"
REAL = "real"  # of the sheet of real pictures
SHOWN = 12  # pictures that are stored of each run, of the first latents
COLUMNS = ("swd", "pair_distance", "ms_ssim", "passed_on", "discriminator")  # of the table


@dataclass(frozen=True)
class Measure:
    """How one number of a run is named and read."""

    name: str
    unit: str
    explanation: str
    lower_is_better: bool | None = None


MEASURES = {
    "swd": Measure(
        N_("sliced Wasserstein distance"), "× 1000", N_(
            "of the averaged generator's pictures from as many held-out real ones"
        ),
        lower_is_better=True,
    ),
    "pair_distance": Measure(
        N_("distance of random pairs"), N_("levels of 255"),
        N_("root mean square over the pixels of two generated pictures, mean over pairs: larger is more varied"),
    ),
    "ms_ssim": Measure(N_("MS-SSIM of random pairs"), "", N_("of generated pictures: lower is more varied")),
    "generator": Measure(
        N_("generator's signal"), "RMS", N_(
            "root mean square of the activations, of the layer where it is largest: after the non-linearity, before "
            "pixel norm; 64 fixed latents"
        )
    ),
    "passed_on": Measure(
        N_("generator's signal, passed on"), "RMS", N_(
            "root mean square of the activations, of the layer where it is largest: as the next layer gets it; pixel "
            "norm makes it 1"
        )
    ),
    "discriminator": Measure(
        N_("discriminator's signal"), "RMS",
        N_(
            "root mean square of the activations, of the layer where it is largest: after the non-linearity, without "
            "the score; 64 fixed real pictures"
        ),
    ),
    "generator_weights": Measure(
        N_("generator's weights"), "RMS", N_(
            "stored weights of the layers that have grown; N(0, 1) before training"
        )
    ),
    "discriminator_weights": Measure(
        N_("discriminator's weights"), "RMS", N_(
            "stored weights of the layers that have grown; N(0, 1) before training"
        )
    ),
    "gap": Measure(
        N_("real score − generated score"), "", N_(
            "mean since the last probe; WGAN-GP's estimate of the Wasserstein distance"
        )
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Results:
    """The content of a results file. Curves are lists of (kimg, values), one for each seed."""

    content: dict

    @property
    def plan(self) -> dict:
        """The budget that all runs shared: `benchmarks.ablations.plan.Plan` as lists, numbers and strings."""
        return self.content["plan"]

    @property
    def real(self) -> dict[str, float]:
        """The measures of quality for held-out real pictures; "swd" between two sets of them is the noise floor."""
        return self.content["real"]

    def curve(self, recipe: str, measure: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """A measure over the images seen, in thousands, at the moments when it was measured."""
        return [_curve(records, measure) for records in self._runs(recipe)]

    def over_seconds(self, recipe: str, measure: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """As `curve`, over the processor seconds of training so far."""
        found = []
        for records, (kimg, values) in zip(self._runs(recipe), self.curve(recipe, measure), strict=True):
            seconds = np.cumsum([record.get("train_seconds", 0.0) for record in records])
            found.append((seconds[np.isin([record["kimg"] for record in records], kimg)], values))
        return found

    def final(self, recipe: str, measure: str) -> np.ndarray:
        """The last value of each seed; NaN for a run that broke down before its end."""
        return np.array([
            np.nan if diverged(records) else _curve(records, measure)[1][-1] for records in self._runs(recipe)
        ])  # fmt: skip

    def layers(self, recipe: str, point: str) -> dict[str, np.ndarray]:
        """The last signal of every layer ("generator", "passed_on" or "discriminator"): layer to values by seed."""
        last = [records[-1]["signals"][point] for records in self._runs(recipe) if not diverged(records)]
        return {layer: np.array([signals[layer] for signals in last]) for layer in (last[0] if last else ())}

    def seconds(self, recipe: str) -> np.ndarray:
        """Processor seconds of training alone, by seed."""
        return np.array([sum(r.get("train_seconds", 0) for r in records) for records in self._runs(recipe)])

    def diverged(self, recipe: str) -> int:
        """How many runs broke down: their loss became NaN or infinite."""
        return sum(map(diverged, self._runs(recipe)))

    def _runs(self, recipe: str) -> list[list[dict]]:
        return [run["records"] for run in self.content["runs"][recipe]]


def diverged(records: list[dict]) -> bool:
    return "diverged" in records[-1]


def _curve(records: list[dict], measure: str) -> tuple[np.ndarray, np.ndarray]:
    points = [(r["kimg"], value) for r in records if (value := value_of(r, measure)) is not None]
    kimg, values = zip(*points, strict=True) if points else ((), ())
    return np.array(kimg, float), np.array(values, float)


def value_of(record: Mapping, measure: str) -> float | None:
    """One of MEASURES out of a record; None where it was not measured at that moment."""
    if measure in ("generator", "passed_on", "discriminator"):
        signals = record.get("signals")
        return max(signals[measure].values()) if signals else None
    if measure.endswith("_weights"):
        weights = record.get("weights")
        return weights[measure.removesuffix("_weights")] if weights else None
    if measure == "gap":
        losses = record.get("losses")
        return losses["real_score"] - losses["fake_score"] if losses else None
    return record.get("quality", {}).get(measure)


def mean_curve(runs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The mean (x, y) of several seeds' curves, without the shorter ones of runs that broke down."""
    longest = max(len(x) for x, _ in runs)
    whole = [run for run in runs if len(run[0]) == longest]
    return np.mean([x for x, _ in whole], axis=0), np.mean([y for _, y in whole], axis=0)


def separated(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the two ranges do not overlap; `chance_apart` says how often that is chance."""
    if np.isnan(a).any() or np.isnan(b).any():
        return False
    return bool(a.max() < b.min() or b.max() < a.min())


def chance_apart(seeds: int) -> float:
    """The probability that two sets of so many equal runs do not overlap: 2 of all ways to share out the ranks."""
    return 2 / math.comb(2 * seeds, seeds)


def mean_and_spread(values: np.ndarray) -> str:
    """`12.3 ± 0.4`: mean and sample standard deviation over seeds; the mean alone of one seed."""
    if broken := int(np.isnan(values).sum()):
        return _("{broken} of {runs} broke down").format(broken=broken, runs=len(values))
    mean, spread = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    digits = 0 if abs(mean) >= 100 else 1 if abs(mean) >= 10 else 2
    return f"{mean:.{digits}f}" + (f" ± {spread:.{digits}f}" if len(values) > 1 else "")


def table(results: Results) -> str:
    """The last values as Markdown, a row a recipe and one for real pictures; bold: `separated` from the full recipe."""
    names = [_(MEASURES[measure].name) for measure in COLUMNS]
    lines = [
        f"| {_('Recipe')} | " + " | ".join(name[0].upper() + name[1:] for name in names) + f" | {_('Seconds a run')} |",
        "|---|" + "--:|" * (len(COLUMNS) + 1),
    ]
    for recipe in results.plan["recipes"]:
        cells = [_cell(results, recipe, measure) for measure in COLUMNS]
        lines.append(f"| {_(RECIPES[recipe])} | {' | '.join(cells)} | {results.seconds(recipe).mean():.0f} |")
    real = [f"{results.real[measure]:.3g}" if measure in results.real else "" for measure in COLUMNS]
    return "\n".join([*lines, f"| {_('real pictures')} | {' | '.join(real)} | |"])


def _cell(results: Results, recipe: str, measure: str) -> str:
    text, values = mean_and_spread(results.final(recipe, measure)), results.final(recipe, measure)
    return f"**{text}**" if separated(values, results.final(FULL, measure)) else text


def read_results(folder: Path) -> Results | None:
    """What `benchmarks.ablations` wrote; None where there is no such file, or another one."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        whole = content["format"] == FORMAT and list(content["runs"]) == content["plan"]["recipes"]
        return Results(content) if whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_sheet(path: Path) -> np.ndarray:
    """Pictures of a sheet that has SHOWN square ones in every row, uint8 N x R x R x 3."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    size = pixels.shape[1] // SHOWN
    cut = pixels.reshape(-1, size, SHOWN, size, 3)
    return cut.swapaxes(1, 2).reshape(-1, size, size, 3)


def read_pictures(folder: Path, name: str) -> np.ndarray | None:
    """The pictures of a recipe (or REAL), uint8 rows x 12 x R x R x 3, a row a seed; None where there are none."""
    path = folder / f"{name}.png"
    if not path.exists():
        return None
    pictures = read_sheet(path)
    return pictures.reshape(-1, SHOWN, *pictures.shape[1:])
