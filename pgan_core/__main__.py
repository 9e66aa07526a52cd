"""`python -m pgan_core COMMAND`: each command's module is imported only when it is asked for."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

# command: the module that has add_arguments(subparsers), which sets `run(args) -> exit code` as a default
COMMANDS = {
    "info": "pgan_core.checkpoints.cli",
    "convert": "pgan_core.checkpoints.cli",
    "sample": "pgan_core.sampling",
    "walk": "pgan_core.sampling",
    "train": "pgan_core.training.cli",
    "evaluate": "pgan_core.metrics.cli",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m pgan_core", description="Progressive GANs from a shell.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = arguments[0] if arguments and arguments[0] in COMMANDS else None
    for module in dict.fromkeys([COMMANDS[asked]] if asked else COMMANDS.values()):
        import_module(module).add_arguments(subparsers)
    args = parser.parse_args(arguments)
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
