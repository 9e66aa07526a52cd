"""Commands of a shell: each one's module is imported only when it is asked for, and the list of them needs none.

What commands share: places to write that are checked before the work (`check_file`, `check_folder`), and bad input
that ends with one sentence (`one_sentence`). Models by name are in `pgan_core.models`.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

HELP = ("-h", "--help")


@dataclass(frozen=True)
class Command:
    """module: has ``add_arguments(subparsers)``, which sets ``run(args) -> exit code``, or ``main(arguments, prog)``.

    summary: one line for the list of commands. own: what the module calls it, where that is another name.
    """

    module: str
    summary: str
    own: str = ""


def listing(prog: str, description: str, commands: Mapping[str, Command]) -> str:
    """What ``--help`` prints: every command with its line."""
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {command.summary}" for name, command in commands.items()]
    return "\n".join(
        [f"usage: {prog} [COMMAND ...]", "", description, "", *lines, "", f"{prog} COMMAND --help says more."]
    )


def run_command(
    prog: str, description: str, commands: Mapping[str, Command], arguments: list[str] | None = None
) -> int:
    """Runs one command and returns its exit code; 2 if there is none of that name.

    arguments: by default the process's own.
    """
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or HELP[:1]
    if name in HELP:
        print(listing(prog, description, commands))
        return 0
    if name not in commands:
        print(f"There is no command {name}; `{prog} --help` lists them.", file=sys.stderr)
        return 2
    command = commands[name]
    module = import_module(command.module)
    if not hasattr(module, "add_arguments"):
        return module.main(rest, f"{prog} {name}") or 0
    return _parse(module, command, command.own or name, f"{prog} {name}", rest)


def _parse(module, command: Command, own: str, prog: str, arguments: list[str]) -> int:
    subparsers = argparse.ArgumentParser().add_subparsers()
    module.add_arguments(subparsers)
    parser = subparsers.choices[own]
    parser.prog = prog
    parser.description = parser.description or f"{command.summary[0].upper()}{command.summary[1:]}."
    args = parser.parse_args(arguments)
    return args.run(args)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Bad input ends the process with exit code 1 and one sentence on standard error."""
    try:
        yield
    except (ValueError, OSError) as error:  # CheckpointError and DataError are ValueErrors
        sys.exit(str(error))


# ---- places to write ---------------------------------------------------------------------------------------------


def check_file(path: str | Path) -> None:
    """Raises ValueError, one sentence, where no file can be written at the path: called before the work is done."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file.")
    if not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {path.parent}.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"{path} cannot be written: permission denied.")


def check_folder(path: str | Path) -> None:
    """The same for a folder that is made, with those above it, where it is not there yet."""
    there = next(parent for parent in (Path(path).absolute(), *Path(path).absolute().parents) if parent.exists())
    if not there.is_dir():
        raise ValueError(f"{path} cannot be a folder: {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"Nothing can be written to {path}: permission denied for {there}.")
