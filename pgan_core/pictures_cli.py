"""`python -m pgan_core sample FILE --seeds 0-63 --out grid.png` and `walk FILE --points 0,5,17 --out walk.mp4`."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pgan_core.checkpoints.loading import load_checkpoint
from pgan_core.checkpoints.reader_options import add_reader_options, said
from pgan_core.generator import Generator
from pgan_core.latent_points import from_file, latent_text, seed_list
from pgan_core.latents import METHODS, classes_from_seeds, inputs_from_seeds, truncate
from pgan_core.models import model_file, own_of
from pgan_core.own_generators import add_generator_options
from pgan_core.pictures import contact_sheet, encode_png, enlarge
from pgan_core.progress import Progress
from pgan_core.shell import check_file, check_folder
from pgan_core.walk_recipe import SUFFIXES, WalkRecipe, walk_file
from pgan_core.walks import check_frames, estimate, render


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the commands `sample` and `walk`."""
    sample = subparsers.add_parser(
        "sample", formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Write the pictures of seeds as single files or as one grid. The settings stand in each PNG.",
    )  # fmt: skip
    _model_arguments(sample)
    sample.add_argument("--seeds", default="0-63", help="0-63 or 5,9,20-23")
    sample.add_argument("--latents", type=Path, help="pictures of the latents in this .npz or .json, not of seeds")
    sample.add_argument("--out", required=True, type=Path, help="a folder for single pictures, or one GRID.png")
    sample.add_argument("--columns", type=int, help="of the grid; about as many as rows if not given")
    sample.set_defaults(run=run_sample)

    walk = subparsers.add_parser(
        "walk", formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Write a walk through key points, a smooth random walk, or a circle around a point. A point is a "
        "seed (17), its third neighbour (17~3), a sum (3-7+12) or a place in the plane of seeds (@2.5:0.5).",
    )  # fmt: skip
    _model_arguments(walk)
    way = walk.add_mutually_exclusive_group()
    way.add_argument("--points", default="0,1,2,3", help="key points, with commas")
    way.add_argument("--seeds", help="key points that are seeds: 0-3 or 5,9,20-23")
    way.add_argument("--latents", type=Path, help="key points from an .npz or .json")
    way.add_argument("--random", type=int, metavar="SEED", help="a Gaussian-smoothed random walk")
    way.add_argument("--circle", metavar="POINT", help="around a point")
    walk.add_argument("--frames", type=int, default=120)
    walk.add_argument("--fps", type=float, default=30)
    walk.add_argument("--method", choices=METHODS, default="slerp")
    walk.add_argument("--closed", action=argparse.BooleanOptionalAction, default=True, help="back to the first point")
    walk.add_argument("--smoothing", type=float, default=30, help="of a random walk, in frames")
    walk.add_argument("--angle", type=float, default=0.5, help="of a circle, in radians from its centre")
    walk.add_argument("--size", type=int, default=256, help="films are enlarged to this many pixels at least")
    walk.add_argument("--columns", type=int, default=0, help="of a .png with all frames; 0: a strip of 12")
    walk.add_argument("--out", required=True, nargs="+", help=f"one file or several: {', '.join(SUFFIXES)}")
    walk.set_defaults(run=run_walk)


def _model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs=1, metavar="FILE", help="a checkpoint of any published layout, or a name: toytown128"
    )
    parser.add_argument("--resolution", type=int, help="of the pictures; the stored moment at full size if not given")
    parser.add_argument("--alpha", dest="fade", type=float, help="weight of the newer resolution, 0 to 1")
    parser.add_argument("--truncation", type=float, default=1.0, metavar="PSI", help="latents times this number")
    parser.add_argument(
        "--label", type=int, help="class of all pictures of a conditional network; by seed if not given"
    )
    parser.add_argument("--device", default="cpu")
    add_reader_options(parser, without=["alpha"])
    add_generator_options(parser, output=False)


def _open(args: argparse.Namespace) -> tuple[Generator, dict]:
    """The prepared generator and what a file's settings say about it. ValueError for what does not fit."""
    options = said(args)
    is_own = (args.generator, args.latent_dim, args.label_dim) != (None, None, None)  # --output alone is the reader's
    if (own := own_of(args.files[0], args if is_own else None)) is not None:
        if others := options.keys() - {"weights", "output"}:
            raise ValueError(f"--{min(others).replace('_', '-')} is for checkpoints, not for a generator of your own")
        checkpoint = own.checkpoint()
    else:
        checkpoint = load_checkpoint(model_file(args.files[0]), **options)
    if checkpoint.generator is None:
        raise ValueError(f"{args.files[0]}: there is no generator in this file")
    generator = checkpoint.generator.to(_device(args.device)).prepared()
    fade: float | None = args.fade
    resolution, alpha = generator.moment(args.resolution, fade)
    classes = generator.config.label_dim
    classes_from_seeds([0], classes, args.label)  # or one sentence about the label
    settings = {
        "model": Path(args.files[0]).name,
        "format": checkpoint.format,
        "weights": options.get("weights", "ema"),
    }
    label = "by seed" if args.label is None else args.label
    settings |= {"resolution": resolution, "alpha": alpha, **({"label": label} if classes else {})}
    return generator, settings


def _device(name: str) -> torch.device:
    """A device that is there. Raises ValueError for another."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for CUDA
        raise ValueError(f"the device {name!r} cannot be used: {str(error).splitlines()[0]}") from error


def _pictures(generator: Generator, z: Tensor, labels: Tensor | None, args: argparse.Namespace) -> np.ndarray:
    """Pictures uint8 under a progress bar; without a resolution at full size, as `generator(z)` gives them."""
    fade: float | None = args.fade
    resolution, alpha = generator.moment(args.resolution, fade)
    check_frames(len(z), resolution)
    with tqdm(total=len(z), unit="picture") as bar:
        pictures = render(
            generator, z, labels, resolution=resolution, alpha=alpha, progress=_report(bar, len(z))
        )  # fmt: skip
    return enlarge(pictures, generator.resolution) if args.resolution is None else pictures


def _report(bar: tqdm, total: int) -> Progress:
    return lambda share: bar.update(round(share * total) - bar.n)


def _one_sentence(command: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], int]:
    """A command whose bad input ends with one sentence and exit code 1."""

    def run(args: argparse.Namespace) -> int:
        try:
            command(args)
        except (ValueError, OSError) as error:  # CheckpointError is a ValueError
            print(error, file=sys.stderr)
            return 1
        return 0

    return run


@_one_sentence
def run_sample(args: argparse.Namespace) -> None:
    """Writes single pictures or a grid."""
    if args.columns is not None and args.columns < 1:
        raise ValueError(f"a grid has at least one column, not {args.columns}")
    is_grid = args.out.suffix.lower() == ".png"
    (check_file if is_grid else check_folder)(args.out)
    seeds = None if args.latents else seed_list(args.seeds)
    generator, settings = _open(args)
    if seeds is None:
        z = from_file(args.latents.read_bytes(), args.latents.name, generator.config.latent_dim)
        labels = classes_from_seeds([0] * len(z), generator.config.label_dim, args.label)
        names, settings["latents"] = [f"latent{i:04d}" for i in range(len(z))], args.latents.name
    else:
        z, labels = inputs_from_seeds(generator, seeds, args.label)
        names, settings["seeds"] = [f"seed{seed:04d}" for seed in seeds], args.seeds
    settings["truncation"] = args.truncation
    pictures = _pictures(generator, truncate(z, args.truncation), labels, args)
    if is_grid:
        columns = args.columns or int(np.ceil(len(pictures) ** 0.5))
        args.out.write_bytes(encode_png(contact_sheet(pictures, columns), settings))
        print(f"{args.out}: {len(pictures)} pictures of {pictures.shape[1]}x{pictures.shape[2]}")
        return
    args.out.mkdir(parents=True, exist_ok=True)
    for name, picture in zip(names, pictures, strict=True):
        (args.out / f"{name}.png").write_bytes(encode_png(picture, {**settings, "picture": name}))
    print(f"{args.out}: {len(pictures)} pictures of {pictures.shape[1]}x{pictures.shape[2]}")


@_one_sentence
def run_walk(args: argparse.Namespace) -> None:
    """Says what the walk will take, then makes it and writes it in each form that is asked for."""
    for name in args.out:
        if Path(name).suffix.lower() not in SUFFIXES:
            raise ValueError(f"a walk is written as {', '.join(SUFFIXES)}, not as {name!r}")
        check_file(name)
    generator, settings = _open(args)
    recipe = _recipe(args, generator.config.latent_dim)
    cost = estimate(generator, recipe.frames, resolution=settings["resolution"], alpha=settings["alpha"])
    print(
        f"{cost.frames:,} frames: about {cost.seconds:,.1f} s, {cost.bytes / 1e6:,.1f} MB of pictures", file=sys.stderr
    )
    check_frames(recipe.frames, settings["resolution"])
    z = recipe.latents(generator.config.latent_dim)
    frames = _pictures(generator, z, recipe.classes(generator.config.label_dim, args.label), args)
    for name in args.out:
        data = walk_file(
            name, frames, z, recipe.settings(**settings), fps=args.fps, size=args.size, columns=args.columns
        )  # fmt: skip
        Path(name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes")


def _recipe(args: argparse.Namespace, latent_dim: int) -> WalkRecipe:
    """The walk that the arguments describe."""
    recipe = WalkRecipe(
        frames=args.frames, closed=args.closed, method=args.method, smoothing=args.smoothing, angle=args.angle,
        truncation=args.truncation, points=tuple(args.points.split(",")),
    )  # fmt: skip
    if args.seeds:
        return replace(recipe, points=tuple(map(str, seed_list(args.seeds))))
    if args.latents:
        z = from_file(args.latents.read_bytes(), args.latents.name, latent_dim)
        return replace(recipe, points=tuple(latent_text(row) for row in z))
    if args.random is not None:
        return replace(recipe, kind="random", seed=args.random)
    if args.circle is not None:
        return replace(recipe, kind="circle", points=(args.circle,))
    return recipe
