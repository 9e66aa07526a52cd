"""What the runs gave, as one file: every curve of every seed, the plan, the machine; and their pictures."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from benchmarks.ablations.measures import variation
from benchmarks.ablations.plan import Plan
from benchmarks.ablations.runs import folder_of, records_of, sheet_of
from dashboard.pages.quality.ablation_results import FILE, FORMAT, FULL, MEASURES, REAL, SHOWN, Results, read_sheet
from pgan_core.files import write_atomically
from pgan_core.machine import processor
from pgan_core.metrics import sliced_wasserstein
from pgan_core.pictures import contact_sheet, encode
from pgan_core.training.data import RealImages
from pgan_core.training.loop import LICENCE


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
    return f"{processor()}, {os.cpu_count()} cores, one thread a run, torch {torch.__version__}"


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
