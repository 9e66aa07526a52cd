"""`python -m dissection COMMAND`: each command's module is imported only when it is asked for."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

# command: the module that has add_arguments(subparsers), which sets `run(args) -> exit code` as a default
COMMANDS = {
    "run": "dissection.cli",
    "report": "dissection.cli",
    "show": "dissection.cli",
    "edit": "dissection.interventions_cli",
    "causes": "dissection.interventions_cli",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m dissection", description="GAN dissection from a shell.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = arguments[0] if arguments and arguments[0] in COMMANDS else None
    for module in dict.fromkeys([COMMANDS[asked]] if asked else COMMANDS.values()):
        import_module(module).add_arguments(subparsers)
    args = parser.parse_args(arguments)
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
