"""`python -m dissection run`, `report` and `show`: make a dissection, write it as a page, read it in a shell.

python -m dissection run CHECKPOINT --layers 8x8/conv1 16x16/conv1 --samples 10000 --out DIR
torchrun --nproc-per-node 2 -m dissection run CHECKPOINT --all-layers --out DIR     # the same bytes
python -m dissection run WEIGHTS --generator module:factory --latent-dim 100 --segmenter clusters:8 --all-layers ...
python -m dissection report DIR --checkpoint CHECKPOINT
python -m dissection show DIR --layer 8x8/conv1 --unit 17
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as distributed

from dissection.dissect import dissect
from dissection.result import ARRAYS, SETTINGS, Dissection, LayerDissection
from dissection.scoring.progress import Cancelled, PhaseReport
from dissection.scoring.spool import Spool
from dissection.segmenters.registry import SPECS, load_segmenter
from pgan_core.models import load_generator, source_name
from pgan_core.own_generators import add_generator_options
from pgan_core.shell import check_folder

WORK = "unfinished"  # below the output folder


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the commands `run`, `report` and `show`."""
    run = subparsers.add_parser("run")
    run.add_argument("checkpoint", help="a checkpoint of any published format, or a model's name")
    which = run.add_mutually_exclusive_group(required=True)
    which.add_argument("--layers", nargs="+", metavar="LAYER", help="layers such as 8x8/conv1")
    which.add_argument("--all-layers", action="store_true", help="every layer but to-RGB")
    run.add_argument("--segmenter", default="toytown", help=SPECS)
    run.add_argument("--download", action="store_true", help="fetch the model of hf:NAME from the Hugging Face hub")
    run.add_argument("--samples", type=int, default=10_000, help="pictures (default 10000)")
    run.add_argument("--seed", type=int, default=0, help="seed of the first picture; picture i has seed + i")
    run.add_argument("--label", type=int, help="one class for all pictures of a conditional network (default: by seed)")
    run.add_argument("--threshold", default="iqr", help="iqr (default), a fraction such as 0.01, gandissect or dissect")
    run.add_argument("--batch", type=int, help="pictures at a time; the result depends on it in its last digits")
    run.add_argument("--threads", type=int, help="threads of a process; the result depends on it in its last digits")
    run.add_argument("--device", default="cpu")
    run.add_argument("--weights", choices=("ema", "raw"), default="ema", help="averaged or raw weights")
    add_generator_options(run)
    run.add_argument(
        "--out", required=True, type=Path, help="folder for the dissection; an unfinished one there is continued"
    )
    run.set_defaults(run=run_run)
    report = subparsers.add_parser("report")
    report.add_argument("folder", type=Path)
    report.add_argument("--checkpoint", help="the dissected network, for pictures in the report")
    report.add_argument("--pictures", type=int, default=5, help="top pictures of each unit (default 5)")
    add_generator_options(report)
    report.set_defaults(run=run_report)
    show = subparsers.add_parser("show")
    show.add_argument("folder", type=Path)
    show.add_argument("--layer", help="the layer of --unit; not needed where there is only one")
    show.add_argument("--unit", type=int)
    show.set_defaults(run=run_show)


def run_run(args: argparse.Namespace) -> int:
    """Dissects. Returns 1 if an argument or a file is wrong, 130 if stopped (the same command then goes on)."""
    stopped = []
    signal.signal(signal.SIGINT, lambda *_: stopped.append(True))
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group("gloo")
    first = not distributed.is_initialized() or distributed.get_rank() == 0
    try:
        dissection = run_dissection(args, print_progress if first else None, lambda: bool(stopped))
        if first:
            dissection.save(args.out)
            Spool.discard(args.out / WORK)
            print(f"\r{summary(dissection)}\n{args.out / ARRAYS}\n{args.out / SETTINGS}")
    except Cancelled as error:
        print(f"\n{error} The same command continues from there.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"\n{error}" if first else error, file=sys.stderr)
        return 1
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
    return 0


def run_dissection(args: argparse.Namespace, progress, cancelled) -> Dissection:
    """The dissection that `run`'s arguments describe. Raises ValueError or OSError in one sentence."""
    if args.threads:
        torch.set_num_threads(args.threads)
    check_folder(args.out)
    generator = load_generator(args.checkpoint, args.device, args.weights, args)
    return dissect(
        generator,
        "all" if args.all_layers else args.layers,
        load_segmenter(args.segmenter, generator, code=True, download=args.download),
        args.samples,
        seed=args.seed,
        label=args.label,
        threshold=parse_threshold(args.threshold),
        batch=args.batch,
        source=source_name(args.checkpoint),
        work=args.out / WORK,
        progress=progress,
        cancelled=cancelled,
    )


def parse_threshold(text: str) -> str | float:
    """A rule's name or a fraction; ValueError for anything else."""
    if text in ("iqr", "gandissect", "dissect"):
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--threshold is iqr, gandissect, dissect or a fraction, not {text}.") from None


def print_progress(report: PhaseReport) -> None:
    """In a terminal one line that is overwritten; elsewhere a line for each tenth of a phase."""
    if sys.stdout.isatty():
        print(f"\r{report}".ljust(60), end="", flush=True)
    elif report.done * 10 // max(report.total, 1) != (report.done - 1) * 10 // max(report.total, 1):
        print(report, flush=True)


def summary(dissection: Dissection) -> str:
    """A line a layer: its units, how many are interpretable, and their concepts."""
    lines = []
    for name, layer in dissection.layers.items():
        counts = layer.concept_counts(len(dissection.concepts))
        found = [f"{dissection.concepts[c]} {counts[c]}" for c in counts.argsort()[::-1] if counts[c]]
        units = len(layer.scores.thresholds)
        lines.append(f"{name:14} {counts.sum():4} of {units:4} units interpretable  {', '.join(found)}")
    return "\n".join(lines)


def run_report(args: argparse.Namespace) -> int:
    """Writes the report beside the dissection. Returns 1 if a file is wrong."""
    from dissection.output.report import write_report  # it brings picture encoders with it

    try:
        dissection = Dissection.load(args.folder)
        check_folder(args.folder)
        generator = load_generator(args.checkpoint, args=args) if args.checkpoint else None
        for path in write_report(dissection, args.folder, generator, pictures=args.pictures):
            print(path)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Prints a dissection or one unit. Returns 1 if it can't be read or has no such layer or unit."""
    try:
        dissection = Dissection.load(args.folder)
        if args.unit is None:
            print(summary(dissection))
        else:
            print(unit_text(dissection, *chosen_layer(dissection, args.layer), args.unit))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def chosen_layer(dissection: Dissection, name: str | None) -> tuple[str, LayerDissection]:
    """The layer of that name, or the only one; ValueError if there is none."""
    names = list(dissection.layers)
    if name is None and len(names) == 1:
        name = names[0]
    if name not in dissection.layers:
        asked = "Name a layer with --layer" if name is None else f"There is no layer {name}"
        raise ValueError(f"{asked}; this dissection has {', '.join(names)}.")
    return name, dissection.layers[name]


def unit_text(dissection: Dissection, name: str, layer: LayerDissection, unit: int) -> str:
    """Everything about one unit, in lines; ValueError if the layer has no such unit."""
    scores = layer.scores
    if not 0 <= unit < len(scores.thresholds):
        raise ValueError(f"{name} has units 0 to {len(scores.thresholds) - 1}, not {unit}.")
    best = scores.best_concept[unit]
    lines = [
        f"{name}, unit {unit}: {dissection.concepts[best]}"
        + ("" if scores.interpretable[unit] else " (not interpretable)"),
        f"IoU {scores.best_iou[unit]:.3f} (95% {layer.iou_low[unit]:.3f} to {layer.iou_high[unit]:.3f}), "
        f"IQR {scores.best_iqr[unit]:.3f}, level {scores.thresholds[unit]:.4g}",
        f"mean {layer.mean[unit]:.4g}, stddev {layer.std[unit]:.4g}, "
        f"{100 * layer.off[unit]:.1f}% of its values are 0 or less",
        "seeds of its top pictures: "
        + " ".join(str(dissection.info.get("seed", 0) + image) for image in scores.top_images[unit]),
    ]
    for concept in scores.iou[unit].argsort()[::-1][:5]:
        if scores.iou[unit, concept] > 0:
            share = scores.label_pixels[concept] / max(scores.pixels[concept], 1)
            lines.append(
                f"  {dissection.concepts[concept]:16} IoU {scores.iou[unit, concept]:.3f}  IQR "
                f"{scores.iqr[unit, concept]:.3f}  covers {100 * share:.1f}% of the pixels"
            )
    return "\n".join(lines)
