"""What the runs gave, as one file: every curve of every seed, the plan, the machine; read again for page and tables."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from benchmarks.ablations.measures import variation
from benchmarks.ablations.plan import FULL, Plan
from benchmarks.ablations.runs import SHOWN, folder_of, read_sheet, records_of, sheet_of
from pgan_core.checkpoints.native import write_atomically
from pgan_core.metrics import sliced_wasserstein
from pgan_core.pictures import contact_sheet, encode
from pgan_core.training.data import RealImages
from pgan_core.training.loop import LICENCE

FORMAT = "pggan-lab-ablations/1"
FILE = "ablations.json"
REAL = "real"  # of the sheet of real pictures


@dataclass(frozen=True)
class Measure:
    """One number of a run at a moment, and how it is called."""

    name: str
    unit: str
    explanation: str
    lower_is_better: bool | None = None


STRONGEST = "root mean square of the activations, of the layer where it is largest"
MEASURES = {
    "swd": Measure(
        "sliced Wasserstein distance", "× 1000", "of the averaged generator's pictures from as many held-out real ones",
        lower_is_better=True,
    ),
    "pair_distance": Measure(
        "distance of random pairs", "levels of 255",
        "root mean square over the pixels of two generated pictures, mean over pairs: larger is more varied",
    ),
    "ms_ssim": Measure("MS-SSIM of random pairs", "", "of generated pictures: lower is more varied"),
    "generator": Measure(
        "generator's signal", "RMS", f"{STRONGEST}: after the non-linearity, before pixel norm; 64 fixed latents"
    ),
    "passed_on": Measure(
        "generator's signal, passed on", "RMS", f"{STRONGEST}: as the next layer gets it; pixel norm makes it 1"
    ),
    "discriminator": Measure(
        "discriminator's signal", "RMS",
        f"{STRONGEST}: after the non-linearity, without the score; 64 fixed real pictures",
    ),
    "generator_weights": Measure(
        "generator's weights", "RMS", "stored weights of the layers that have grown; N(0, 1) before training"
    ),
    "discriminator_weights": Measure(
        "discriminator's weights", "RMS", "stored weights of the layers that have grown; N(0, 1) before training"
    ),
    "gap": Measure(
        "real score − generated score", "", "mean since the last probe; WGAN-GP's estimate of the Wasserstein distance"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Results:
    """The content of a results file. Curves are lists of (kimg, values), one for each seed."""

    content: dict

    @property
    def plan(self) -> Plan:
        return Plan.from_dict(self.content["plan"])

    @property
    def real(self) -> dict[str, float]:
        """The measures of quality for held-out real pictures; "swd" between two sets of them is the noise floor."""
        return self.content["real"]

    def curve(self, recipe: str, measure: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """A measure over the images seen, in thousands; a run has no value where it was not measured."""
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
        """How many runs broke down: their loss was no longer a number."""
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
    """The mean (x, y) of several seeds' curves, without runs that broke down and are shorter than the others."""
    longest = max(len(x) for x, _ in runs)
    whole = [run for run in runs if len(run[0]) == longest]
    return np.mean([x for x, _ in whole], axis=0), np.mean([y for _, y in whole], axis=0)


def separated(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether all of one lie apart from all of the other; how often by chance says `chance_apart`."""
    if np.isnan(a).any() or np.isnan(b).any():
        return False
    return bool(a.max() < b.min() or b.max() < a.min())


def chance_apart(seeds: int) -> float:
    """How likely two sets of so many equal runs each lie wholly apart: 2 of all ways to share out the ranks."""
    return 2 / math.comb(2 * seeds, seeds)


def collect(plan: Plan, reals: RealImages, held: np.ndarray, runs: Path, note: str) -> dict:
    """Everything that a results file holds, numbers cut to four digits. All runs must be finished."""
    halves = held[: plan.pictures], held[plan.pictures :]
    records = {recipe: [records_of(folder_of(runs, recipe, seed)) for seed in plan.seeds] for recipe in plan.recipes}
    spent = [record.get("train_seconds", 0) for found in records.values() for run in found for record in run]
    return {
        "format": FORMAT,
        "made": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "train_seconds": round(sum(spent)),
        "plan": plan.as_dict(),
        "recipe": plan.settings(FULL, plan.seeds[0]).as_dict(),
        "data": {"note": note, "fingerprint": reals.fingerprint(), "images": len(reals), "held_out": len(held)},
        "licence": LICENCE,
        "measured": {name: f"{measure.name}: {measure.explanation}" for name, measure in MEASURES.items()},
        "real": _short({"swd": sliced_wasserstein(*halves)["average"], **variation(halves[1])}),
        "runs": {
            recipe: [{"seed": seed, "records": _short(run)} for seed, run in zip(plan.seeds, found, strict=True)]
            for recipe, found in records.items()
        },
    }


def machine() -> str:
    """Processor, threads and torch's version, in words."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, one thread a run, torch {torch.__version__}"


def _short(value):
    """Every float in a tree cut to four significant digits."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _short(part) for name, part in value.items()}
    return [_short(part) for part in value] if isinstance(value, list) else value


def write_results(plan: Plan, reals: RealImages, held: np.ndarray, runs: Path, out: Path, note: str) -> Results:
    """The results file and the sheets of pictures (a row a seed), into the folder `out`."""
    content = collect(plan, reals, held, runs, note)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, separators=(",", ":")).replace('{"step"', '\n{"step"')  # a line a record, for diffs
    write_atomically(out / FILE, (text + "\n").encode())
    write_atomically(out / f"{REAL}.png", sheet_of(held[:SHOWN]))
    for recipe in plan.recipes:
        sheets = [folder_of(runs, recipe, seed) / "samples.png" for seed in plan.seeds]
        rows = [read_sheet(path) for path in sheets if path.exists()]  # a run that broke down has none
        if rows:
            write_atomically(out / f"{recipe}.png", encode(contact_sheet(np.concatenate(rows), SHOWN)))
    return Results(content)


def read_results(folder: Path) -> Results | None:
    """What `write_results` wrote; None where there is no such file, or another one."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        whole = content["format"] == FORMAT and tuple(content["runs"]) == Results(content).plan.recipes
        return Results(content) if whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_pictures(folder: Path, name: str) -> np.ndarray | None:
    """The pictures of a recipe (or REAL), uint8 rows x 12 x R x R x 3, a row a seed; None where there are none."""
    path = folder / f"{name}.png"
    if not path.exists():
        return None
    pictures = read_sheet(path)
    return pictures.reshape(-1, SHOWN, *pictures.shape[1:])
