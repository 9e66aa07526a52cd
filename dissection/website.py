"""`pggan-lab export MODEL --out site`: the static site of pgan_core.website with what is known of the model's units.

For every concept of a dissection the site gets the units that add and remove it, as the app proposes them, and a wall
of its best units with the pictures that light them most.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dissection.effects.causal_results import FILE as CAUSES
from dissection.effects.causal_results import CausalResults, CausalResultsError
from dissection.effects.proposals import ADD, REMOVE, Proposal, propose
from dissection.output.overlays import lit_region, make_material, palette, resize_pictures
from dissection.result import SETTINGS, Dissection
from dissection.scoring.job import fingerprint
from dissection.scoring.spool import DissectionError
from dissection.world.town import CONCEPTS, PALETTE
from pgan_core import Generator, website
from pgan_core.models import model_folders
from pgan_core.pictures import contact_sheet, encode

UNITS, PICTURES = 12, 3  # of a concept's wall, and of one unit
THUMBNAIL, COLUMNS, GAP = 96, 3, 6  # pixels of a picture, units in a row, pixels between units
STRONG = 0.995  # a level that a unit seldom exceeds, to add it where no level was measured


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the command `export`."""
    parser = website.add_arguments(subparsers)
    parser.add_argument(
        "--dissection",
        type=Path,
        help="folder of a dissection (default: this model's largest in the model folders)",
    )
    parser.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Writes the site; see pgan_core.website.run_export."""
    return website.run_export(args, partial(_units, folder=args.dissection))


def _units(generator: Generator, folder: Path | None) -> tuple[dict, dict[str, bytes]]:
    """Facts and files of the dissection in a folder, or of the one that is found, if there is one."""
    dissection = find_dissection(generator) if folder is None else Dissection.load(folder)
    return ({}, {}) if dissection is None else site_units(generator, dissection, find_causes(generator))


def find_dissection(generator: Generator) -> Dissection | None:
    """The dissection of the most pictures of this very generator below the model folders."""
    found = []
    for path in (path for folder in model_folders() for path in sorted(folder.rglob(SETTINGS))):
        try:
            found.append(Dissection.load(path.parent))
        except DissectionError:
            continue  # another's broken file is not this command's business
    own = fingerprint(generator)
    mine = [dissection for dissection in found if dissection.info.get("weights_sha256") == own]
    return max(mine, key=lambda dissection: dissection.info.get("samples", 0), default=None)


def find_causes(generator: Generator) -> CausalResults | None:
    """The causal results of this very generator below the model folders."""
    own = fingerprint(generator)
    for path in (path for folder in model_folders() for path in sorted(folder.rglob(CAUSES))):
        try:
            causes = CausalResults.load(path)
        except CausalResultsError:
            continue
        if causes.info.get("weights_sha256") == own:
            return causes
    return None


def site_units(
    generator: Generator, dissection: Dissection, causes: CausalResults | None
) -> tuple[dict, dict[str, bytes]]:
    """What the page shows of a dissection: plain values for model.json, and a wall of pictures a concept.

    Raises DissectionError if the dissection is of another network.
    """
    missing = [name for name in dissection.layers if name not in generator.layer_names]
    if missing or any(
        len(layer.scores.thresholds) != generator.layers[name].bias.numel()
        for name, layer in dissection.layers.items()
        if not name.endswith("/dense")
    ):
        raise DissectionError("this dissection is of another network than the one that is exported")
    colours = PALETTE if dissection.concepts == CONCEPTS else palette(len(dissection.concepts))
    best = {number: best_units(dissection, number) for number in range(1, len(dissection.concepts))}
    strips = unit_strips(generator, dissection, [unit for units in best.values() for unit in units])
    concepts, files = [], {}
    for number, units in best.items():
        name = dissection.concepts[number]
        count = sum(
            int((layer.scores.interpretable & (layer.scores.best_concept == number)).sum())
            for layer in dissection.layers.values()
        )
        entry = {"name": name, "colour": "#{:02x}{:02x}{:02x}".format(*map(int, colours[number])), "count": count}
        for verb in (REMOVE, ADD):
            entry[verb] = plain(dissection, proposal(dissection, causes, name, verb), verb)
        if units:
            file = f"units-{number}.webp"
            sheet = contact_sheet(np.stack([strips[unit] for unit in units]), COLUMNS, GAP, 255)
            files[file] = encode(sheet, "WEBP", quality=84)
            entry["wall"] = {
                "file": file,
                "width": sheet.shape[1],
                "columns": min(COLUMNS, len(units)),
                "units": [unit_facts(dissection, *unit) for unit in units],
            }
        concepts.append(entry)
    scores = [layer.scores for layer in dissection.layers.values()]
    facts = {
        "samples": dissection.info["samples"],
        "interpretable": int(sum(score.interpretable.sum() for score in scores)),
        "total": int(sum(score.thresholds.size for score in scores)),
        "level": scores[0].min_iou,
        "named": {name: named(dissection, name) for name in dissection.layers},
        "concepts": sorted(concepts, key=lambda concept: -concept["count"]),
    }
    return {"dissection": facts}, files


def best_units(dissection: Dissection, concept: int) -> list[tuple[str, int]]:
    """Layer and number of the interpretable units that stand for a concept, the best first."""
    rows = [
        (-float(layer.scores.best_iou[unit]), name, int(unit))
        for name, layer in dissection.layers.items()
        for unit in np.flatnonzero(layer.scores.interpretable & (layer.scores.best_concept == concept))
    ]
    return [(name, unit) for _, name, unit in sorted(rows)[:UNITS]]


def unit_strips(generator: Generator, dissection: Dissection, units: list) -> dict[tuple[str, int], np.ndarray]:
    """By unit, its top pictures side by side, dimmed outside its mask: uint8 H x W x 3."""
    strips = {}
    layers = list(dict.fromkeys(name for name, _ in units))
    for name in tqdm(layers, desc="units", leave=False):
        scores, own = dissection.layers[name].scores, [unit for layer, unit in units if layer == name]
        material = make_material(generator, dissection, name, scores.top_images[own, :PICTURES].ravel())
        side = material.pictures.shape[1]
        for unit in own:
            rows = material.rows(scores.top_images[unit, :PICTURES])
            masks = material.values(unit, rows, (side, side)) > scores.thresholds[unit]
            shown = resize_pictures(lit_region(material.pictures[rows], masks), THUMBNAIL)
            strips[name, unit] = np.concatenate(list(shown), axis=1)
    return strips


def unit_facts(dissection: Dissection, name: str, unit: int) -> dict:
    """One unit of a wall as plain values."""
    layer, first = dissection.layers[name], dissection.info.get("seed", 0)
    return {
        "layer": name,
        "unit": unit,
        "iou": round(float(layer.scores.best_iou[unit]), 4),
        "low": round(float(layer.iou_low[unit]), 4),
        "high": round(float(layer.iou_high[unit]), 4),
        "seeds": [int(first + image) for image in layer.scores.top_images[unit, :PICTURES]],
    }


def named(dissection: Dissection, name: str) -> list[str | None]:
    """What each unit of a layer stands for, None where that is not clear."""
    scores = dissection.layers[name].scores
    pairs: Iterator = zip(scores.interpretable, scores.best_concept, strict=True)
    return [dissection.concepts[best] if clear else None for clear, best in pairs]


def proposal(dissection: Dissection, causes: CausalResults | None, concept: str, verb: str) -> Proposal:
    """The units for a concept and a verb: those that were measured, where they are of this dissection."""
    stored = causes.proposal(concept, verb) if causes is not None and causes.is_of(dissection) else None
    return stored or propose(dissection, concept)


def plain(dissection: Dissection, found: Proposal, verb: str) -> dict:
    """A proposal as plain values, with a level for each unit where it is to be added."""
    entry = {"layer": found.layer, "units": list(found.units)}
    if verb == ADD:
        levels = found.levels or [strong_level(dissection, found.layer, unit) for unit in found.units]
        entry["levels"] = [round(float(level), 4) for level in levels]
    return entry


def strong_level(dissection: Dissection, name: str, unit: int) -> float:
    """The level that a unit exceeds in 0.5% of all places, by its histogram."""
    layer = dissection.layers[name]
    share = np.cumsum(layer.histogram[unit]) / max(int(layer.histogram[unit].sum()), 1)
    low, high = layer.histogram_span[unit]
    return float(low + (high - low) * (int(np.searchsorted(share, STRONG)) + 1) / len(share))
