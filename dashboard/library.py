"""Which model files the app offers: those in `assets/`, or in the folders that the environment names.

`PGGAN_LAB_MODELS` is a list of folders, separated as PATH is. Only files below these folders can be opened by a
link; a file from elsewhere has to be uploaded on the Models page.
"""

import os
import re
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"
EXPECTED = "expected.npz"  # what a published network gave, beside its file: see pgan_core/checkpoints/selfcheck.py
SUFFIXES = {".safetensors", ".pkl", ".pth", ".pt", ".bin", ".tar", ".model", ".npz"}


def folders() -> list[Path]:
    """The allowed model folders, in the order of their wishes."""
    named = os.environ.get("PGGAN_LAB_MODELS", "")
    return [Path(part).resolve() for part in named.split(os.pathsep) if part] or [ASSETS]


def models() -> dict[str, Path]:
    """Name -> file of every model offered; the name is the path below its folder, without a native suffix.

    The largest, latest model of each folder comes first: `64x64` before `64x64-fade` before `32x32`.
    """
    found: dict[str, Path] = {}
    for folder in folders():
        files = [path for path in folder.rglob("*") if path.suffix in SUFFIXES and is_model(path)]
        for path in sorted(files, key=lambda path: (path.parent, [-n for n in _age(path)], path.name)):
            found.setdefault(path.relative_to(folder).as_posix().removesuffix(".safetensors"), path)
    return found


def is_model(path: Path) -> bool:
    """Whether a file may be a generator: dissections and segmenters keep their own folders in `assets/`."""
    foreign = {"dissection", "dissections", "segmenters"} & {part.lower() for part in path.parts}
    return path.name != EXPECTED and not foreign


def files(path: Path) -> list[Path]:
    """The files of a model: one, or those of a folder that belong together."""
    return sorted(p for p in path.iterdir() if p.name != EXPECTED) if path.is_dir() else [path]


def expected(path: Path) -> Path | None:
    """The `expected.npz` beside a model, if there is one."""
    beside = (path if path.is_dir() else path.parent) / EXPECTED
    return beside if beside.is_file() else None


def stages(path: Path) -> list[Path]:
    """The snapshots of the run that a native file belongs to, oldest first: its neighbours in its folder."""
    if path.suffix != ".safetensors":
        return [path]
    return sorted(path.parent.glob("*.safetensors"), key=_age)


def _age(path: Path) -> tuple[int, int]:
    """Place of a stage in its run by its name: resolution, then the middle of the fade before the end."""
    resolution = re.search(r"(\d+)x\d+", path.stem) or re.search(r"(\d+)", path.stem)
    return (int(resolution.group(1)) if resolution else 0, 0 if "fade" in path.stem else 1)
