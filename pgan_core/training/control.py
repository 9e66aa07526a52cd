"""How a run that is watched and whoever watches it talk: through files in the run's folder, in `watch`.

The run writes `frame.json`, `history.jsonl`, `moments.jsonl` with the folder `moments`, and `acts.json`
(`pgan_core.training.watch`); it obeys the lines that are appended to `control.jsonl`, and holds `lock` while it lives.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .settings import TrainingError

try:
    import fcntl
except ImportError:  # Windows: a run that has said nothing for a while counts as ended
    fcntl = None

FOLDER = "watch"
COMMANDS = ("pause", "go", "step", "change", "skip", "hold", "release", "moment", "stop")
SILENT = 20.0  # seconds


@contextmanager
def alive(folder: Path) -> Iterator[None]:
    """Says, for as long as it lasts and this process lives, that a process trains in the run's folder.

    Raises TrainingError where another one does.
    """
    watch = folder / FOLDER
    watch.mkdir(parents=True, exist_ok=True)
    with open(watch / "lock", "w") as lock:
        if fcntl:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise TrainingError(f"Another process trains in {folder}.") from error
        yield


def is_alive(folder: Path) -> bool:
    """Whether a process trains there; one that was killed does not."""
    watch = folder / FOLDER
    try:
        if fcntl is None:
            return time.time() - (watch / "frame.json").stat().st_mtime < SILENT
        with open(watch / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def send(folder: Path, command: str, **values) -> None:
    """A command of COMMANDS to the run that trains in a folder; one that nobody reads is without effect."""
    if command not in COMMANDS:
        raise ValueError(f"A command is one of {', '.join(COMMANDS)}, not {command}.")
    with open(folder / FOLDER / "control.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({"command": command, "time": time.time(), **values}) + "\n")


class Commands:
    """What has been sent since a moment, each command once."""

    def __init__(self, folder: Path, since: float):
        """since: in seconds since 1970; what is older was meant for an earlier process."""
        self.path, self.since, self._read = folder / FOLDER / "control.jsonl", since, 0

    def new(self) -> list[dict]:
        try:
            size = os.stat(self.path).st_size
        except OSError:
            return []
        if size == self._read:
            return []
        with open(self.path, "rb") as file:
            file.seek(self._read)
            lines = file.read().split(b"\n")[:-1]  # a last line without its end is still being written
        self._read += sum(len(line) + 1 for line in lines)
        found = [json.loads(line) for line in lines]
        return [command for command in found if command["time"] >= self.since]
