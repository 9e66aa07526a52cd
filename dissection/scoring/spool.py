"""Folders of arrays that appear whole or not at all: what makes a dissection resume after `kill -9`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np


class DissectionError(ValueError):
    """A dissection's files can't be read or do not fit; the message is one sentence."""


class Spool:
    """Named groups of arrays below one folder. A group is written once and never changed."""

    def __init__(self, folder: Path, plan: dict):
        """Open or create. `plan` says what is being computed; a folder with another plan raises DissectionError."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plan, indent=1, sort_keys=True)
        path = folder / "plan.json"
        if not path.exists():
            temporary = folder / f".plan.{os.getpid()}"
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, path)
        found = path.read_text(encoding="utf-8")
        if found != text:
            raise DissectionError(
                f"{folder} holds an unfinished dissection with other settings{difference(found, plan)}; "
                "continue it with those, or remove the folder."
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
        """One array of a group; `mapped`: left on disk until it is used."""
        return np.load(self.folder / group / f"{name}.npy", mmap_mode="r" if mapped else None, allow_pickle=False)

    def read_columns(self, group: str, name: str, columns: range) -> np.ndarray:
        """Some columns (the second axis) of an array of two axes or more; no more than they is read."""
        with open(self.folder / group / f"{name}.npy", "rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            begin, item = file.tell(), dtype.itemsize * int(np.prod(shape[2:]))
            part = np.empty((shape[0], len(columns), *shape[2:]), dtype)
            for row in range(shape[0]):
                file.seek(begin + (row * shape[1] + columns.start) * item)
                part[row] = np.frombuffer(file.read(len(columns) * item), dtype).reshape(part.shape[1:])
        return part

    @staticmethod
    def discard(folder: Path) -> None:
        """Delete the work of a finished run."""
        shutil.rmtree(folder, ignore_errors=True)


class MemorySpool:
    """The same for a small sample that need not outlive the process: groups of arrays in a dictionary."""

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
    """The settings that differ, in words, or nothing if the file can't be read."""
    try:
        there = json.loads(found)
        keys = sorted(key for key in plan if there.get(key) != plan[key])
    except (ValueError, AttributeError):
        return ""
    return f" ({', '.join(keys)})" if keys else ""
