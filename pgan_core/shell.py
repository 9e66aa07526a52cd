"""Commands of a shell: each one's module is imported only when it is asked for, and the list of them needs none.

What commands share: models by name (`model_file`), places to write that are checked before the work (`check_file`,
`check_folder`), and bad input that ends with one sentence (`one_sentence`).
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from safetensors import SafetensorError, safe_open

from pgan_core.paths import ASSETS

SUFFIX, LAST = ".safetensors", "final"  # of our files; the name of a run's last one, which its folder stands for

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


# ---- models by name ----------------------------------------------------------------------------------------------


def model_folders() -> list[Path]:
    """The folders of models: those that PGGAN_LAB_MODELS names, separated as PATH is, else `assets/`."""
    named = os.environ.get("PGGAN_LAB_MODELS", "")
    return [Path(part).resolve() for part in named.split(os.pathsep) if part] or [ASSETS]


def model_file(name: str | Path) -> Path:
    """The file of that path, or of a model by its name as the app offers it: toytown128, toytown128/32x32-end.

    Raises ValueError, which names what is offered, where there is neither.
    """
    if Path(name).exists():
        return Path(name)
    for folder in model_folders():
        for ending in ("", SUFFIX, f"/{LAST}{SUFFIX}"):
            if (found := folder / f"{name}{ending}").is_file():
                return found
    offered = ", ".join(model_names()) or f"none in {', '.join(map(str, model_folders()))}"
    raise ValueError(f"There is no file {name} and no model of that name; the models here: {offered}.")


def model_names() -> list[str]:
    """The names of our own checkpoints below the model folders; a run's last one goes by its folder's name."""
    names = [
        path.relative_to(folder).with_suffix("").as_posix().removesuffix(f"/{LAST}")
        for folder in model_folders()
        for path in sorted(folder.rglob(f"*{SUFFIX}"))
        if _is_checkpoint(path)
    ]
    return list(dict.fromkeys(sorted(names)))


def _is_checkpoint(path: Path) -> bool:
    from pgan_core.checkpoints.native import FORMAT  # brings torch, which a wrong argument need not wait for

    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


# ---- places to write ---------------------------------------------------------------------------------------------


def check_file(path: str | Path) -> None:
    """Raises ValueError, one sentence, where no file can be written at the path: called before the work is done."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; a file is written here.")
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
