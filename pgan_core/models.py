"""Models by name, as the app and the shell offer them: toytown128, or toytown128/32x32-end for a stage of its run."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgan_core.own_generators import OwnGenerator, declared, own_generator
from pgan_core.paths import ASSETS

if TYPE_CHECKING:
    from pgan_core.generator import Generator

SUFFIX, LAST = ".safetensors", "final"  # of our files; a run's last file, which goes by the name of its folder


def model_folders() -> list[Path]:
    """The folders of models: those that PGGAN_LAB_MODELS names, separated as in PATH, else `assets/`."""
    named = os.environ.get("PGGAN_LAB_MODELS", "")
    return [Path(part).resolve() for part in named.split(os.pathsep) if part] or [ASSETS]


def model_file(name: str | Path) -> Path:
    """The file at that path, or the file of the model of that name.

    Raises ValueError, which lists the models that are there, if there is neither.
    """
    if Path(name).exists():
        return Path(name)
    if (own := declared().get(str(name))) is not None:
        return own.file
    for folder in model_folders():
        for ending in ("", SUFFIX, f"/{LAST}{SUFFIX}"):
            if (found := folder / f"{name}{ending}").is_file():
                return found
    offered = ", ".join([*model_names(), *declared()]) or f"none in {', '.join(map(str, model_folders()))}"
    raise ValueError(f"There is no file {name} and no model of that name; the models here: {offered}.")


def source_name(name: str | Path) -> str:
    """What a record calls a model: its file's name, or the name under which a server declares it."""
    return str(name) if not Path(name).exists() and str(name) in declared() else model_file(name).name


def model_names() -> list[str]:
    """The names of our own checkpoints below the model folders, sorted."""
    from pgan_core.checkpoints.native import read_metadata  # imports torch, which the list of commands does without

    names = {
        path.relative_to(folder).with_suffix("").as_posix().removesuffix(f"/{LAST}")
        for folder in model_folders()
        for path in folder.rglob(f"*{SUFFIX}")
        if read_metadata(path) is not None
    }
    return sorted(names)


def own_of(name: str | Path, args: argparse.Namespace | None = None) -> OwnGenerator | None:
    """The generator of one's own that a shell's arguments or the server's list name; None for a checkpoint."""
    if args is not None and (own := own_generator(args, name)) is not None:
        return replace(own, file=model_file(name))
    return None if Path(name).exists() else declared().get(str(name))


def load_generator(
    name: str | Path, device: str = "cpu", weights: str = "ema", args: argparse.Namespace | None = None
) -> "Generator":
    """The generator of a file or of a model by its name. Raises ValueError if it has none.

    args: a shell's arguments, which may name a generator of one's own (`pgan_core.own_generators`).
    """
    from pgan_core.checkpoints.loading import load_checkpoint

    if (own := own_of(name, args)) is not None:
        return own.load(device)
    generator = load_checkpoint(model_file(name), device=device, weights=weights).generator
    if generator is None:
        raise ValueError(f"{name} has no generator.")
    return generator
