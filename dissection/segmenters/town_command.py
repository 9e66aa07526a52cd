"""What the commands share that look at a generator's pictures of Toy Town: arguments, checks, and what they load."""

import argparse

from dissection.segmenters.toytown import ToyTownSegmenter, load_toytown
from pgan_core import Generator
from pgan_core.models import load_generator
from pgan_core.shell import check_file, one_sentence


def begin(
    parser: argparse.ArgumentParser, arguments: list[str] | None, count: int
) -> tuple[argparse.Namespace, Generator, ToyTownSegmenter]:
    """Adds `checkpoint` and `--count` to a command that has `--out`; loads the prepared generator and the segmenter.

    Bad input ends the process with one sentence.
    """
    parser.add_argument("checkpoint", help="a checkpoint, or a model's name")
    parser.add_argument("--count", type=int, default=count, help=f"pictures of each kind (default {count})")
    args = parser.parse_args(arguments)
    if args.count < 1:
        parser.error(f"at least one picture is needed, not {args.count}")
    with one_sentence():
        if args.out:
            check_file(args.out)
        return args, load_generator(args.checkpoint).prepared(), load_toytown()
