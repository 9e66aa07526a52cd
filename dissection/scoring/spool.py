"""Groups of arrays on disk that appear whole or not at all, so that a dissection resumes even after `kill -9`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np

from pgan_core.checkpoints.native import write_atomically


class DissectionError(ValueError):
    """A dissection's files can't be read, or don't fit together or the request; the message is one sentence."""


class Spool:
    """Named groups of arrays below one folder. A group is written once and never changed."""

    def __init__(self, folder: Path, plan: dict):
        """Open or create a folder. `plan` says what is computed; DissectionError if the folder has another plan."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plan, indent=1, sort_keys=True)
        path = folder / "plan.json"
        if not path.exists():
            write_atomically(path, text.encode())
        found = path.read_text(encoding="utf-8")
        if found != text:
            raise DissectionError(
                f"{folder} holds an unfinished dissection with other settings{difference(found, plan)}; "
                "use those settings to continue it, or delete the folder."
            )

    def has(self, group: str) -> bool:
        """Whether the group is there, which means complete."""
        return (self.folder / group).is_dir()

    def write(self, group: str, **arrays: np.ndarray) -> None:
        """Write all arrays of a group at once."""
        temporary = self.folder / f".{group}.{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for name, array in arrays.items():
            np.save(temporary / f"{name}.npy", array, allow_pickle=False)
        try:
            os.replace(temporary, self.folder / group)
        except OSError:
            if not self.has(group):
                raise
            shutil.rmtree(temporary)  # another process wrote the same group; by design it holds the same bytes

    def read(self, group: str, name: str, *, mapped: bool = False) -> np.ndarray:
        """One array of a group; `mapped`: left on disk until it is used, with its file open."""
        return np.load(self.folder / group / f"{name}.npy", mmap_mode="r" if mapped else None, allow_pickle=False)

    def read_columns(self, group: str, name: str, columns: range) -> np.ndarray:
        """Some columns (the second axis) of an array of two axes or more; only they are read."""
        return np.array(self.read(group, name, mapped=True)[:, columns.start : columns.stop])

    @staticmethod
    def discard(folder: Path) -> None:
        """Delete the work of a finished run."""
        shutil.rmtree(folder, ignore_errors=True)


class MemorySpool:
    """The same in memory, for a small sample that need not outlive the process."""

    def __init__(self):
        self.groups: dict[str, dict[str, np.ndarray]] = {}

    def has(self, group: str) -> bool:
        return group in self.groups

    def write(self, group: str, **arrays: np.ndarray) -> None:
        self.groups[group] = arrays

    def read(self, group: str, name: str, *, mapped: bool = False) -> np.ndarray:
        return self.groups[group][name]

    def read_columns(self, group: str, name: str, columns: range) -> np.ndarray:
        return self.groups[group][name][:, columns.start : columns.stop]


def difference(found: str, plan: dict) -> str:
    """The names of the settings that differ, in brackets; empty if the file can't be read."""
    try:
        there = json.loads(found)
        keys = sorted(key for key in plan if there.get(key) != plan[key])
    except (ValueError, AttributeError):
        return ""
    return f" ({', '.join(keys)})" if keys else ""
