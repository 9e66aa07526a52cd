"""A checkpoint as the arguments of a shell name it: its files, and what they may leave open."""

from __future__ import annotations

import argparse
from pathlib import Path

from pgan_core.checkpoints.loading import Checkpoint, load_checkpoint
from pgan_core.models import model_file

OPTIONS = ("output", "score", "normalize_latents", "fused", "stddev_group", "alpha")  # as load_checkpoint calls them


def add_file_options(parser: argparse.ArgumentParser, *, alpha: bool = True) -> None:
    """Arguments for what a file may leave open, by the names that load_checkpoint gives them."""
    parser.set_defaults(alpha=None)
    group = parser.add_argument_group("what a file may leave open")
    group.add_argument("--output", choices=("linear", "tanh", "clamp"), help="how the generator ends")
    group.add_argument("--score", choices=("linear", "sigmoid"), help="how the discriminator ends")
    group.add_argument("--normalize-latents", action=argparse.BooleanOptionalAction, help="pixel norm of the latents")
    group.add_argument("--fused", action=argparse.BooleanOptionalAction, help="kernels are stored for fused layers")
    group.add_argument("--stddev-group", type=int, help="samples a minibatch-stddev group, 0 for the whole minibatch")
    if alpha:
        group.add_argument("--alpha", type=float, help="weight of the newer resolution in a fade, 0 to 1")


def open_files(args: argparse.Namespace, weights: str = "ema") -> Checkpoint:
    """The checkpoint that a shell's arguments name. Raises CheckpointError, and ValueError for a bad option."""
    return load_checkpoint(source(args), weights=weights, **said(args))


def source(args: argparse.Namespace) -> Path | list[Path]:
    """One file, or a generator's and a discriminator's; models go by their names, too."""
    files = [model_file(name) for name in args.files]
    return files[0] if len(files) == 1 else files


def said(args: argparse.Namespace) -> dict:
    """What the arguments say about what the file leaves open."""
    return {name: getattr(args, name) for name in OPTIONS}
