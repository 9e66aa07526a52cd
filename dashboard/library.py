"""Which model files the app offers: those in `assets/`, or in the folders that the environment names.

`PGGAN_LAB_MODELS` lists folders, separated as in PATH; the stages of the app's training runs come after them. A link
can open only files below these folders; any other file has to be uploaded on the Models page.
"""

import functools
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pgan_core import CheckpointError, Generator, load_checkpoint
from pgan_core.checkpoints.native import read_metadata
from pgan_core.models import model_folders as folders
from pgan_core.own_generators import OwnGenerator, declared
from pgan_core.paths import ASSETS  # noqa: F401

log = logging.getLogger(__name__)

EXPECTED = "expected.npz"  # outputs of the published code, beside a checkpoint: see pgan_core/checkpoints/selfcheck.py
SETTLED = 2 * 10**9  # ns: a folder that changed just now may change again within one tick of the file system's clock
PUBLISHED = {".pkl", ".pth", ".pt", ".bin", ".tar", ".model"}  # suffixes of other people's checkpoints


def below(folder: Path, named: str = "") -> Iterator[Path]:
    """Every file below a folder, or only those with one name, in no particular order.

    Folders that vanish meanwhile, such as a running dissection's, are skipped; `Path.rglob` would raise.
    """
    waiting = [str(folder)]
    while waiting:
        parent = waiting.pop()
        folders, names = _entries(parent)
        waiting += (os.path.join(parent, name) for name in folders)
        yield from (Path(parent, name) for name in names if name == named or not named)


def _entries(folder: str) -> tuple[list[str], list[str]]:
    """The names of the folders in a folder, and of its files; listed anew only when an entry came or went."""
    try:
        changed = os.stat(folder).st_mtime_ns
    except OSError:
        return [], []
    settled = time.time_ns() - changed > SETTLED
    return (_list if settled else _list.__wrapped__)(folder, changed)


@functools.lru_cache(maxsize=4096)  # every run of every browser asks for all of them
def _list(folder: str, changed: int) -> tuple[list[str], list[str]]:
    _, folders, names = next(os.walk(folder), (folder, [], []))
    return [name for name in folders if not os.path.islink(os.path.join(folder, name))], names


def models() -> dict[str, Path]:
    """Name -> file of every model offered; the name is the path below its folder, without our own suffix.

    In each folder the model that was trained longest comes first. Files that name another model they are `of`, such as
    its weights before averaging, come last.
    """
    found: dict[str, Path] = {}
    for folder in folders():
        files = [path for path in below(folder) if path.suffix in PUBLISHED or facts(path)]
        for path in sorted(files, key=lambda path: (path.parent, "of" in (facts(path) or {}), -kimg(path), path.name)):
            found.setdefault(path.relative_to(folder).as_posix().removesuffix(".safetensors"), path)
    return {name: own.file for name, own in own_generators().items()} | found | run_models()


def own_generators() -> dict[str, OwnGenerator]:
    """The generators that the server's owner declares (PGGAN_LAB_GENERATORS), by name; none where the file is wrong."""
    try:
        return {name: own for name, own in declared().items() if own.file.is_file()}
    except ValueError as error:
        log.warning("%s", error)
        return {}


def run_folder() -> Path:
    """Where the app's training runs lie: PGGAN_LAB_RUNS, else `runs` in the folder that the app was started in."""
    return Path(os.environ.get("PGGAN_LAB_RUNS") or "runs").absolute()


def run_models() -> dict[str, Path]:
    """Name -> file of the stages of training runs, the newest run's and in it the latest stage first."""
    runs = sorted(run_folder().glob("*/stages"), key=_changed, reverse=True)
    return {
        f"{folder.parent.name}/{path.stem}": path
        for folder in runs
        for path in sorted(folder.glob("*.safetensors"), key=lambda path: (-kimg(path), path.name))
    }


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # it is gone
        return 0


def facts(path: Path) -> dict | None:
    """The metadata of a native checkpoint, read without its weights; None for any other file. Do not change it."""
    if path.suffix != ".safetensors":
        return None
    try:
        return _facts(str(path), path.stat().st_mtime_ns)
    except OSError:  # it is gone
        return None


@functools.lru_cache(maxsize=512)  # Streamlit's caches would copy each result, and every run asks for every file
def _facts(path: str, changed: int) -> dict | None:
    metadata = read_metadata(path)
    return None if metadata is None else {"kimg": 0.0} | metadata


def kimg(path: Path) -> float:
    """The thousand images that a native file's network was trained on; 0 for files that do not say."""
    return float((facts(path) or {}).get("kimg", 0.0))


def files(path: Path) -> list[Path]:
    """The files of a model: one, or those of a folder that belong together."""
    return sorted(p for p in path.iterdir() if p.name != EXPECTED) if path.is_dir() else [path]


def expected(path: Path) -> Path | None:
    """The `expected.npz` beside a model, if there is one."""
    beside = (path if path.is_dir() else path.parent) / EXPECTED
    return beside if beside.is_file() else None


def snapshot(path: str, device: str) -> Generator:
    """The generator in a snapshot. CheckpointError if there is none."""
    generator = load_checkpoint(path, device=device).generator
    if generator is None:
        raise CheckpointError(f"{path} holds no generator")
    return generator


def stages(path: Path) -> list[Path]:
    """The snapshots of a file's training run up to its own moment, oldest first; only the file if there are none.

    They lie beside it or, if the metadata name a `run`, anywhere in the model folders.
    """
    own = facts(path) or {}
    if "stage" not in own:
        return [path]
    run = own.get("run")
    near = (p for folder in folders() for p in below(folder)) if run else path.parent.glob("*.safetensors")
    found = [p for p in {*near, path} if "stage" in (said := facts(p) or {}) and said.get("run") == run]
    return sorted((p for p in found if not run or kimg(p) <= kimg(path)), key=lambda p: (kimg(p), p.name))


def lighter(path: Path) -> Path | None:
    """The last finished stage of a file's run before its own moment, of half the size; None if there is none."""
    earlier = [p for p in stages(path) if kimg(p) < kimg(path) and str((facts(p) or {}).get("stage")).endswith("-end")]
    return earlier[-1] if earlier else None
