"""Commands of a shell: `python -m PACKAGE COMMAND`, each command's module imported only when it is asked for."""

import argparse
import sys
from collections.abc import Mapping
from importlib import import_module


def run_command(prog: str, description: str, commands: Mapping[str, str], arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    commands: name to the module that has ``add_arguments(subparsers)``, which sets ``run(args) -> exit code`` as a
    default. arguments: by default the process's own.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog=prog, description=description)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = arguments[0] if arguments and arguments[0] in commands else None
    for module in dict.fromkeys([commands[asked]] if asked else commands.values()):
        import_module(module).add_arguments(subparsers)
    args = parser.parse_args(arguments)
    return args.run(args)
