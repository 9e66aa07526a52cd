"""`python -m pgan_core evaluate`: how far a checkpoint's pictures are from real ones, and how varied they are."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from pgan_core.metrics.picture_sets import generated_pictures, some_pictures
from pgan_core.metrics.registry import METRICS, Sets, measure, to_json
from pgan_core.metrics.stored import beside, sha256_of
from pgan_core.models import model_file
from pgan_core.picture_data import StoredPictures
from pgan_core.progress import Progress
from pgan_core.shell import check_file


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds `evaluate` to the commands of `python -m pgan_core`."""
    titles = ", ".join(metric.title for metric in METRICS.values())
    parser = subparsers.add_parser(
        "evaluate",
        description=f"Compares generated pictures with as many real ones: {titles}. Other real pictures give the noise "
        "floor of a distance. JSON on standard output.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="any published layout, or a model's name")
    parser.add_argument(
        "--real", required=True, type=Path, help="an .npz with `images`, uint8 N x 3 x R x R, or a folder of pictures"
    )
    parser.add_argument(
        "--count", type=int, default=16384, help="pictures in a set; as many other real ones give the floor"
    )
    parser.add_argument("--seed", type=int, default=0, help="of latents, choice of real pictures, and patches")
    parser.add_argument(
        "--label", type=int, help="class of all pictures of a conditional network; by seed if not given"
    )
    parser.add_argument("--out", type=Path, help="write the JSON here as well")
    parser.add_argument("--beside", action="store_true", help="store it as NAME.quality.json, which the app shows")
    parser.add_argument("--device", default="cpu")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measures and prints one result, or a list of several; a bad checkpoint gets one sentence, the others go on."""
    results = []
    for name in args.checkpoints:
        try:
            path = model_file(name)
            for out in filter(None, (args.out, args.beside and beside(path))):
                check_file(out)
            if args.count < 2:
                raise ValueError(f"At least 2 pictures are needed, got --count {args.count}.")
            results.append(evaluate(path, args.real, args.count, args.seed, args.device, args.label))
            if args.beside:
                beside(path).write_text(json.dumps(results[-1], indent=2) + "\n")
        except (ValueError, OSError) as error:  # CheckpointError and DataError are ValueErrors
            print(error, file=sys.stderr)
    if results:
        text = json.dumps(results if len(args.checkpoints) > 1 else results[0], indent=2)
        print(text)
        if args.out:
            args.out.write_text(text + "\n")
    return 0 if len(results) == len(args.checkpoints) else 1


def evaluate(
    path: Path, real: Path, count: int = 16384, seed: int = 0, device: str = "cpu", label: int | None = None
) -> dict:
    """Every registered metric of a checkpoint as a plain dict; progress bars go to standard error.

    Needs 2 * count real pictures; where there are fewer, half of them are compared, and a message says so.
    """
    from pgan_core.checkpoints import load_checkpoint

    start = time.monotonic()
    generator = load_checkpoint(path, device=device).generator
    if generator is None:
        raise ValueError(f"{path} has no generator to draw pictures from.")
    generator = generator.prepared()
    reals = some_pictures(StoredPictures(real, generator.resolution), 2 * count, seed)
    if len(reals) < 2 * count:
        print(
            f"{real} holds {len(reals)} pictures: {len(reals) // 2} to compare with, as many for the floor.",
            file=sys.stderr,
        )
        count = len(reals) // 2
    with progress_bar("generating") as progress:
        fakes = generated_pictures(generator, count, seed=seed, label=label, progress=progress)
    with progress_bar("comparing") as progress:
        found = measure(Sets(reals[:count], fakes, reals[count : 2 * count], seed, device, progress))
    return {
        "checkpoint": str(path),
        "sha256": sha256_of(path),
        "real": str(real),
        "resolution": generator.resolution,
        "count": count,
        "seed": seed,
        **({} if label is None else {"label": label}),
        **to_json(found),
        "seconds": round(time.monotonic() - start, 1),
    }


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A progress bar on standard error that takes the share done."""
    with tqdm(total=100, desc=label, unit="%", bar_format="{l_bar}{bar}| {elapsed}<{remaining}") as bar:
        yield lambda share: bar.update(100 * share - bar.n)
