"""Training runs in one folder: begun, gone on with, branched, named, deleted. No Streamlit.

A run is a folder that `python -m pgan_core train --watch` writes; one that was begun in a shell is like any other. What
the page knows beyond that stands in its `watch/about.json`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import secrets
import shutil
import threading
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.language import N_
from dashboard.library import run_folder
from dashboard.limits import limits
from dashboard.pages.training.ready import spare
from pgan_core.files import write_atomically
from pgan_core.training.branches import branch
from pgan_core.training.control import is_alive

AT_WORK = ("starting", "running", "paused")
START_SECONDS = 120.0  # that a run may take to say something before it counts as ended
SNAPSHOT_MINUTES = "0.25"
NAME = re.compile(r"\w[\w. +-]*")
UNKEPT = 12  # newest runs that stay without being kept
KILLED = N_("The process that trained was ended from outside. Nothing before its last snapshot is lost.")


class RunError(ValueError):
    """What cannot be done with a run; one sentence says why."""


@dataclass(frozen=True)
class Run:
    """One run; equal runs have the same folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def watch(self) -> Path:
        return self.folder / "watch"

    @property
    def about(self) -> dict:
        """title, key (that lets a browser change the run), branch_of, without, kept, arguments; {} of a shell's run."""
        return _read(self.watch / "about.json")

    @property
    def title(self) -> str:
        return self.about.get("title", self.name)

    def note(self, **values) -> None:
        self.watch.mkdir(parents=True, exist_ok=True)
        write_atomically(self.watch / "about.json", json.dumps({**self.about, **values}, indent=1).encode())

    @property
    def launched(self) -> dict:
        """time, pid and exit code (None while it runs) of the process that this page began; {} of a shell's run."""
        return _read(self.watch / "launched.json")

    def status(self) -> tuple[str, str]:
        """starting, running, paused, finished, stopped, failed or killed, and one sentence where it says more."""
        frame, launched = self.frame(), self.launched
        fresh = bool(frame) and _changed(self.watch / "frame.json") >= launched.get("time", 0.0)
        if is_alive(self.folder):
            return (frame["state"], frame["sentence"]) if fresh else ("starting", "")
        ended = launched.get("code") is not None
        if launched and not fresh and not ended and time.time() - launched["time"] < START_SECONDS:
            return "starting", ""
        if fresh and frame["state"] in ("finished", "stopped", "failed"):
            return frame["state"], frame["sentence"]
        if (launched.get("code") or 0) > 0:
            return "failed", self.last_words()
        return "killed", KILLED

    @property
    def at_work(self) -> bool:
        return self.status()[0] in AT_WORK

    def frame(self) -> dict:
        """The newest frame; {} before there is one."""
        return _read(self.watch / "frame.json")

    def last_words(self) -> str:
        """The sentence with which the command refused, out of what it printed."""
        try:
            lines = (self.folder / "output.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        said = [line for line in lines if line.startswith("pgan_core train: ")]
        return (
            said[-1].partition(": ")[2]
            if said
            else N_("The training ended with an error; output.txt in its folder tells.")
        )

    def moments(self) -> list[dict]:
        """The film strip, oldest first: name, kimg, resolution, alpha, step."""
        return [json.loads(line) for line in self._moments()]

    def picture(self) -> bytes | None:
        """The newest moment's pictures as a PNG; None before there is one."""
        lines = self._moments()
        try:
            return (self.watch / "moments" / f"{json.loads(lines[-1])['name']}.png").read_bytes() if lines else None
        except OSError:
            return None

    def _moments(self) -> list[str]:
        try:
            return (self.watch / "moments.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        except OSError:
            return []


def runs() -> list[Run]:
    """Every run that can be watched, the newest first."""
    try:
        found = [path.parent for path in run_folder().glob("*/watch") if path.is_dir()]
    except OSError:
        return []
    return [Run(folder) for folder in sorted(found, key=_changed, reverse=True)]


def find(name: str) -> Run | None:
    """The run of that name, which is a folder's and no path."""
    folder = run_folder() / name
    return Run(folder) if NAME.fullmatch(name) and (folder / "watch").is_dir() else None


def expect() -> None:
    """Loads what a run needs ahead of time, where there is room for one."""
    if sum(run.at_work for run in runs()) < limits().trainings:
        spare().prepare()


def start(title: str, arguments: Sequence[str], prepare=None) -> Run:
    """Begins a run of `train` with these arguments. prepare(folder): writes what it needs first, gives more arguments.

    Raises RunError where as many runs train as may, and what `prepare` raises.
    """
    _check_room()
    run = Run(_free_folder(title))
    run.folder.mkdir(parents=True)
    try:
        more = prepare(run.folder) if prepare else []
    except ValueError:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    run.note(title=title, key=secrets.token_urlsafe(9), began=time.time(), arguments=[*arguments, *more])
    _launch(run)
    _tidy(run)
    return run


def go_on(run: Run) -> None:
    """Trains on from the last snapshot. Raises RunError."""
    if run.at_work:
        return
    _check_room()
    _launch(run)


def branch_off(run: Run, moment: str, without: str | None) -> Run:
    """A new run that goes on from a moment of another one, and trains beside it. Raises RunError, TrainingError."""
    _check_room()
    words = f"without {without}" if without else "branch"
    made = Run(_free_folder(f"{run.name} {words}"))
    branch(run.watch / "moments" / f"{moment}.pt", made.folder, without)
    about = run.about
    made.note(
        title=f"{run.title}, {words}", key=about.get("key", secrets.token_urlsafe(9)), began=time.time(), arguments=[],
        branch_of=run.name, without=without or "",
    )  # fmt: skip
    _launch(made)
    return made


def rename(run: Run, title: str) -> None:
    """Another title; the folder stays."""
    title = " ".join(title.split())[:60]
    if not title:
        raise RunError("A name has at least one letter.")
    run.note(title=title, kept=True)


def delete(run: Run) -> None:
    """Removes a run and all its files. Raises RunError while it trains."""
    if run.at_work:
        raise RunError("Stop the run first.")
    shutil.rmtree(run.folder, ignore_errors=True)


def archive(run: Run) -> bytes:
    """The whole run as a zip, from which the shell goes on; without the snapshots of its film strip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(run.folder.rglob("*")):
            if path.is_file() and not (path.parent.name == "moments" and path.suffix == ".pt"):
                file.write(path, f"{run.name}/{path.relative_to(run.folder).as_posix()}")
    return buffer.getvalue()


def newest_stage(run: Run) -> Path | None:
    """The stage file of a run that was written last."""
    return max((run.folder / "stages").glob("*.safetensors"), key=_changed, default=None)


def _check_room() -> None:
    busy = sum(run.at_work for run in runs())
    if busy >= limits().trainings:
        raise RunError(f"{busy} runs are training on this server, and that is as many as may. Watch one, or try later.")


def _free_folder(title: str) -> Path:
    stem = re.sub(r"[^a-z0-9]+", "-", title.casefold().replace("×", "x")).strip("-")[:70] or "run"
    number = 1
    while (folder := run_folder() / f"{stem}-{number}").exists():
        number += 1
    return folder


def _launch(run: Run) -> None:
    (run.watch / "control.jsonl").unlink(missing_ok=True)  # what an earlier process was told
    arguments = [
        "train", "--out", str(run.folder), "--watch", "--leash", str(os.getpid()),
        "--snapshot-minutes", SNAPSHOT_MINUTES, *run.about.get("arguments", []),
    ]  # fmt: skip
    process = spare().begin(arguments, run.folder / "output.txt")
    launched = {"time": time.time(), "pid": process.pid, "code": None}
    path = run.watch / "launched.json"
    path.write_text(json.dumps(launched))

    def wait() -> None:
        code = process.wait()
        if run.watch.exists() and _read(path).get("time") == launched["time"]:
            with contextlib.suppress(OSError):  # on a full disk the run counts as ended from outside
                write_atomically(path, json.dumps({**launched, "code": code}).encode())

    threading.Thread(target=wait, name="training", daemon=True).start()


def _tidy(new: Run) -> None:
    """Removes the oldest runs that nobody keeps; those of a shell are not the page's to remove."""
    unkept = [run for run in runs() if run.about and not run.about.get("kept") and run != new]
    for run in unkept[UNKEPT:]:
        if not run.at_work:
            shutil.rmtree(run.folder, ignore_errors=True)


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
