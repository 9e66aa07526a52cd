"""`python -m dissection edit` and `causes`: apply a file's edits to seeds, and measure what a model's units cause.

python -m dissection edit CHECKPOINT --edit E.json --seeds 0-11 --out FOLDER
python -m dissection causes CHECKPOINT --dissection DIR --out assets/interventions
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from dissection.cli import print_progress
from dissection.effects.causal_results import CausalResults, ContextTable
from dissection.interventions import EditError, from_json
from dissection.result import Dissection
from dissection.scoring.job import latents_and_labels
from dissection.segmenters.registry import SPECS, load_segmenter
from pgan_core.latent_points import seed_list
from pgan_core.models import load_generator
from pgan_core.own_generators import add_generator_options
from pgan_core.pictures import encode_png, to_uint8
from pgan_core.shell import check_folder

MAX_EDIT_FILE = 64 << 20  # bytes
BATCH = 16
DEMONSTRATIONS = ("door", "wall"), ("window", "wall"), ("chimney", "roof")  # what is added, and on what
ERASED = ("foliage",)


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the commands `edit` and `causes`."""
    edit = subparsers.add_parser("edit")
    edit.add_argument("checkpoint", help="a checkpoint of any published format, or a model's name")
    edit.add_argument("--edit", required=True, type=Path, help="edits as the Interventions page saves them")
    edit.add_argument("--seeds", default="0-7", help="such as 0-11 or 3,17 (default 0-7)")
    edit.add_argument(
        "--label", type=int, help="one class for all pictures of a conditional network (default: by seed)"
    )
    edit.add_argument(
        "--out", required=True, type=Path, help="folder for the PNGs, one a seed, with its settings in it"
    )
    edit.add_argument("--before", action="store_true", help="also write the unedited pictures")
    edit.add_argument("--device", default="cpu")
    add_generator_options(edit)
    edit.set_defaults(run=run_edit)
    causes = subparsers.add_parser("causes")
    causes.add_argument("checkpoint")
    causes.add_argument("--dissection", required=True, type=Path, help="folder of the model's dissection")
    causes.add_argument("--segmenter", default="toytown", help=SPECS)
    causes.add_argument("--pictures", type=int, default=300, help="pictures that effects are measured on (default 300)")
    causes.add_argument("--control", type=int, default=24, help="pictures for each set of random units (default 24)")
    causes.add_argument(
        "--label", type=int, help="one class for all pictures of a conditional network (default: by seed)"
    )
    causes.add_argument("--threads", type=int, default=2, help="batches computed at a time (default 2)")
    causes.add_argument("--out", required=True, type=Path, help="folder for causes.json and causes.md")
    add_generator_options(causes)
    causes.set_defaults(run=run_causes)


def run_edit(args: argparse.Namespace) -> int:
    """Writes a PNG for each seed. Returns 1 if an argument or a file is wrong."""
    try:
        check_folder(args.out)
        seeds, generator = seed_list(args.seeds), load_generator(args.checkpoint, args.device, args=args)
        if args.edit.stat().st_size > MAX_EDIT_FILE:
            raise EditError(f"{args.edit} is larger than {MAX_EDIT_FILE >> 20} MiB")
        text = args.edit.read_text(encoding="utf-8")
        edits = from_json(text)
        args.out.mkdir(parents=True, exist_ok=True)
        for first in range(0, len(seeds), BATCH):
            some = seeds[first : first + BATCH]
            z = latents_and_labels(generator, some, args.label)
            with torch.inference_mode():
                kinds = {"": generator.run(z, edits=edits).images}
                if args.before:
                    kinds["-before"] = generator.run(z).images
            for kind, images in kinds.items():
                for seed, picture in zip(some, to_uint8(images), strict=True):
                    made = {"model": Path(args.checkpoint).name, "seed": seed}
                    made |= {} if args.label is None else {"label": args.label}
                    made |= {} if kind else json.loads(text)
                    (args.out / f"{seed:05d}{kind}.png").write_bytes(encode_png(picture, made))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(seeds)} pictures in {args.out}")
    return 0


def run_causes(args: argparse.Namespace) -> int:
    """Measures and writes. Returns 1 if an argument or a file is wrong."""
    from dissection.effects.measure_concepts import Plan, measure_concepts  # it brings scipy with it

    try:
        if args.pictures < 2 or args.control < 2 or args.threads < 1:
            raise ValueError("--pictures and --control are at least 2, and --threads at least 1")
        check_folder(args.out)
        torch.set_num_threads(1)  # batches have threads of their own
        start = Plan().evaluation.start
        sample = range(start, start + args.pictures)
        plan = Plan(evaluation=sample, control=args.control, threads=args.threads, label=args.label)
        generator, dissection = load_generator(args.checkpoint, args=args), Dissection.load(args.dissection)
        segmenter = load_segmenter(args.segmenter, generator, code=True)
        if tuple(segmenter.concepts) != dissection.concepts:
            raise ValueError(f"{args.dissection} was made with other concepts than those of {args.segmenter}")
        results = measure_concepts(generator, dissection, segmenter, plan, print_progress)
        path = results.save(args.out)
        table = markdown(results)
        path.with_suffix(".md").write_text(table, encoding="utf-8")
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{table}\n{path}")
    return 0


def markdown(results: CausalResults) -> str:
    """The results in Markdown: how often demonstrations work, every concept's removal, and where concepts grew."""
    parts = [demonstrations(results), _removals(results), *map(_growth, results.contexts.values())]
    return "\n\n".join(filter(None, parts)) + "\n"


def demonstrations(results: CausalResults) -> str:
    """How often the best-known interventions work with the proposed units, as a list."""
    lines = []
    for concept, ground in DEMONSTRATIONS:
        table = results.contexts.get(concept)
        if table is not None and ground in table.places:
            elsewhere = f", in the sky at {table.grew['sky']:.0%}" if "sky" in table.grew else ""
            lines.append(
                f"- **A {concept} added on a {ground}** grows at {table.grew[ground]:.0%} of {table.places[ground]} "
                f"places of {table.pictures[ground]} seeds{elsewhere} ({len(table.units)} units of {table.layer})."
            )
    for concept in ERASED:
        effect = results.concepts.get(concept)
        if effect is not None and effect.painted:
            lines.append(
                f"- **{concept.capitalize()} painted over** is gone (a tenth left at most) in {effect.gone:.0%} of "
                f"{effect.painted} seeds ({len(effect.units)} units of {effect.layer})."
            )
    return "\n".join(lines)


def _removals(results: CausalResults) -> str:
    rows = [
        "| Concept | Layer | Units by | Before | After | Removed (95%) | Random units remove | Least related |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for name, effect in sorted(results.concepts.items(), key=lambda pair: pair[1].left):
        rows.append(
            f"| {name} | {effect.layer} | {len(effect.units)} by {effect.by} "
            f"| {effect.before:.1f} | {effect.after:.1f} "
            f"| {1 - effect.left:.0%} ({1 - effect.high:.0%} to {1 - effect.low:.0%}) "
            f"| {effect.random_removed:.0%} | {1 - effect.least:.0%} |"
        )
    return "\n".join(rows)


def _growth(table: ContextTable) -> str:
    rows = [
        f"Where **{table.concept}** is inserted ({len(table.units)} units of {table.layer}), it grows on:",
        "",
        f"| Stood there | Places | Seeds | Grew (by {table.threshold} pixels) | Mean gain, pixels |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in sorted(table.places, key=lambda name: -table.gain[name]):
        rows.append(
            f"| {name} | {table.places[name]} | {table.pictures[name]} | {table.grew[name]:.0%} "
            f"| {table.gain[name]:+.1f} |"
        )
    return "\n".join(rows)
