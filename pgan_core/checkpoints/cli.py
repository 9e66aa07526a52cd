"""`python -m pgan_core info FILE` and `convert FILE OUT.safetensors`: what a checkpoint is, and ours made of it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pgan_core.checkpoints.conversion import convert
from pgan_core.checkpoints.loading import load_checkpoint
from pgan_core.checkpoints.reader_options import add_reader_options, said
from pgan_core.models import model_file
from pgan_core.shell import check_file

FILES = "a checkpoint or a model's name such as toytown128, or a generator's and a discriminator's files"


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the commands `info` and `convert`."""
    info = subparsers.add_parser("info")
    info.add_argument("files", nargs="+", metavar="FILE", help=FILES)
    info.add_argument("--json", action="store_true", help="everything, as JSON")
    add_reader_options(info)
    info.set_defaults(run=run_info)
    convert = subparsers.add_parser("convert")
    convert.add_argument("files", nargs="+", metavar="FILE", help=FILES)
    convert.add_argument("out", metavar="OUT.safetensors", help="the file to write")
    add_reader_options(convert, without=["weights"])
    convert.set_defaults(run=run_convert)


def run_info(args: argparse.Namespace) -> int:
    """Prints what the file is. 1 if it cannot be opened."""
    try:
        info = load_checkpoint(source(args), **said(args)).info
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(info, indent=2, default=str) if args.json else summary(info))
    return 0


def run_convert(args: argparse.Namespace) -> int:
    """Writes all networks of the file, raw weights beside the averaged ones. 1 if it cannot be opened or written."""
    try:
        check_file(args.out)
        written = convert(source(args), args.out, **said(args))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{args.out}: {', '.join(written)}")
    return 0


def source(args: argparse.Namespace) -> Path | list[Path]:
    """The file that the arguments name, or a generator's and a discriminator's; models go by their names, too."""
    files = [model_file(name) for name in args.files]
    return files[0] if len(files) == 1 else files


def summary(info: dict) -> str:
    """The facts of `Checkpoint.info` in a few lines for people."""
    sizes = ", ".join(map(str, info["resolutions"]))
    lines = [
        f"format      {info['format']}: {info['layout']} ({info['container']}, {info['bytes']:,} bytes)",
        f"resolution  {info['resolution']} (pictures at {sizes}); stored moment {info['stored_resolution']}, "
        f"alpha {info['alpha']:.3g}",
        f"channels    {', '.join(map(str, info['channels']))} from 4x4 up; {info['image_channels']} in the picture",
        f"latent      {info['latent_dim']}, labels {info['label_dim']}",
        f"weights     {info['weights']}",
        f"parameters  {', '.join(f'{name} {count:,}' for name, count in info['parameters'].items())}",
        f"keys        {len(info['used'])} used, {len(info['unused'])} unused",
    ]
    lines += [f"  unused    {key}" for key in info["unused"]]
    lines += [f"  assumed   {sentence}" for sentence in info["assumed"].values()]
    return "\n".join(lines)
