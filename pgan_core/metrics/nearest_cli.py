"""`python -m pgan_core nearest`: are generated pictures copies of training scenes?"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pgan_core.metrics.evaluate import progress_bar
from pgan_core.metrics.nearest import UNFINISHED, Neighbours, moved, search
from pgan_core.metrics.nearest_files import beside, sentence, write
from pgan_core.metrics.picture_sets import generated_pictures, some_pictures
from pgan_core.models import load_generator, model_file, own_of
from pgan_core.own_generators import OwnGenerator, add_generator_options
from pgan_core.picture_data import PictureSource, StoredPictures
from pgan_core.shell import check_folder

GENERATED, HELD_OUT, COPIES = "generated", "held out", "copies moved by a pixel"
_COPIES = 4  # generated pictures for each moved copy


def add_arguments(
    subparsers: argparse._SubParsersAction,
    open_training: Callable[[str, int], PictureSource] = StoredPictures,
    real: str = "the training set: an .npz with `images`, or a folder of pictures",
) -> None:
    """Adds `nearest` to the commands of `python -m pgan_core`, or to others that know more training sets.

    open_training: opens the set that --real names, at a size in pixels; real: the help text of --real.
    """
    parser = subparsers.add_parser(
        "nearest",
        description="Finds the training pictures nearest to generated ones, by their pixels and by their layout, and "
        "compares the distances with those of held-out real pictures, which no network can have copied, and of "
        "training pictures moved by one pixel, which are copies. Writes a folder that the app shows.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="any published layout, or a model's name")
    parser.add_argument("--real", required=True, help=real)
    parser.add_argument("--held-out", type=Path, help="pictures never trained on: an .npz or a folder")
    parser.add_argument("--count", type=int, default=16, help="generated pictures to show with their neighbours")
    parser.add_argument("--neighbours", type=int, default=3, help="of each picture, by each measure")
    parser.add_argument("--control", type=int, default=1024, help="pictures of each kind whose distances are compared")
    parser.add_argument("--seed", type=int, default=0, help="of the latents and of the choice of real pictures")
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether training showed mirrored pictures, too",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for the result, and for resuming; NAME.nearest beside the checkpoint if not given",
    )
    parser.add_argument("--device", default="cpu", help="of the generator")
    add_generator_options(parser, weights=True)
    parser.set_defaults(run=run, open_training=open_training)


def run(args: argparse.Namespace) -> int:
    """Finds, writes and prints the finding; bad input is one sentence on standard error."""
    try:
        path = model_file(args.checkpoint)
        out = args.out or beside(path)
        check_folder(out)
        result, rows = find_nearest(
            path,
            args.real,
            args.held_out,
            count=args.count,
            neighbours=args.neighbours,
            control=args.control,
            seed=args.seed,
            mirror=args.mirror,
            device=args.device,
            open_training=args.open_training,
            kept=out / UNFINISHED,
            own=own_of(args.checkpoint, args),
        )
        write(out, result, rows)
        (out / UNFINISHED).unlink(missing_ok=True)
    except (ValueError, OSError) as error:  # CheckpointError and DataError are ValueErrors
        print(error, file=sys.stderr)
        return 1
    print(sentence(result))
    return 0


def find_nearest(
    path: Path,
    real: str,
    held_out: Path | None = None,
    *,
    kept: Path,
    count: int = 16,
    neighbours: int = 3,
    control: int = 1024,
    seed: int = 0,
    mirror: bool = True,
    device: str = "cpu",
    open_training: Callable[[str, int], PictureSource] = StoredPictures,
    own: OwnGenerator | None = None,
) -> tuple[dict, np.ndarray]:
    """What `nearest_files.write` stores: plain values, and count rows of pictures (see `_rows`).

    kept: see `nearest.search`; real and open_training: see `add_arguments`; own: whose weights the file holds.
    Progress bars go to standard error. Raises ValueError or OSError for files that hold no pictures or network.
    """
    if min(count, neighbours) < 1 or control < _COPIES:
        raise ValueError(f"--count and --neighbours are 1 or more, --control {_COPIES} or more.")
    start = time.monotonic()
    generator = own.load(device) if own else load_generator(path, device)
    training = open_training(real, generator.resolution)
    with progress_bar("generating") as progress:
        sets = {GENERATED: generated_pictures(generator.prepared(), max(count, control), seed=seed, progress=progress)}
    if held_out:
        sets[HELD_OUT] = some_pictures(StoredPictures(held_out, generator.resolution), control, seed)
    sets[COPIES] = moved(some_pictures(training, control // _COPIES, seed))
    with progress_bar("searching") as progress:
        every = search(
            np.concatenate(list(sets.values())),
            training,
            kept,
            name=real,
            k=neighbours,
            mirror=mirror,
            progress=progress,
        )
    found = {measure: _by_set(near, sets) for measure, near in every.items()}
    return {
        "checkpoint": str(path),
        "real": real,
        "real_count": len(training),
        "held_out": str(held_out) if held_out else None,
        "resolution": generator.resolution,
        "seed": seed,
        "mirror": mirror,
        "measures": {
            measure: {
                "neighbours": _neighbour_rows(by_set[GENERATED], count),
                "nearest": {name: _sorted_nearest(near, control) for name, near in by_set.items()},
            }
            for measure, by_set in found.items()
        },
        "seconds": round(time.monotonic() - start, 1),
    }, _rows(sets[GENERATED][:count], training, [by_set[GENERATED] for by_set in found.values()])


def _by_set(near: Neighbours, sets: dict[str, np.ndarray]) -> dict[str, Neighbours]:
    """Set -> its neighbours, of queries that are the sets one after another."""
    ends = np.cumsum([len(pictures) for pictures in sets.values()])[:-1]
    arrays = (np.split(array, ends) for array in (near.indices, near.mirrored, near.distances))
    return {name: Neighbours(*part) for name, *part in zip(sets, *arrays, strict=True)}


def _neighbour_rows(near: Neighbours, count: int) -> list[list[dict]]:
    arrays = (near.indices, near.mirrored, near.distances)
    rows = zip(*(array[:count].tolist() for array in arrays), strict=True)
    return [
        [{"scene": i, "mirrored": m, "distance": round(d, 2)} for i, m, d in zip(*row, strict=True)] for row in rows
    ]


def _sorted_nearest(near: Neighbours, count: int) -> list[float]:
    return [round(distance, 2) for distance in np.sort(near.distances[:count, 0]).tolist()]


def _rows(generated: np.ndarray, training: PictureSource, found: list[Neighbours]) -> np.ndarray:
    """Each generated picture with its neighbours by each measure, as they match: count x (1 + k + k) x R x R x 3."""
    indices, mirrored = (
        np.concatenate([getattr(near, name)[: len(generated)] for near in found], axis=1)
        for name in ("indices", "mirrored")
    )
    scenes = training.at(indices.ravel()).reshape(*indices.shape, *generated.shape[1:])
    scenes = np.where(mirrored[..., None, None, None], scenes[..., ::-1], scenes)
    return np.concatenate([generated[:, None], scenes], axis=1).transpose(0, 1, 3, 4, 2)
