"""Folders for uploads: each is deleted soon after its session ends, and all of them when the server stops.

Streamlit does not tell a script that its page was closed, and keeps the session's state for minutes in case the
connection comes back. So a timer checks whether the session is still connected.
"""

import functools
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import library
from dashboard.limits import limits
from dashboard.load import is_connected

SECONDS = 3.0  # from one check to the next
PATIENCE = 10  # failed checks in a row before the files go: a classroom's network may be away for half a minute
STATE = "upload_folder"


def new_folder() -> Path:
    """An empty folder that lives as long as this browser's session."""
    folder = st.session_state.get(STATE)
    if folder is None or not Path(folder.name).exists():
        folder = st.session_state[STATE] = tempfile.TemporaryDirectory(dir=root().name)
        context = get_script_run_ctx()
        if context is not None and Runtime.exists():
            watch(folder, lambda: is_connected(context.session_id))
    return Path(tempfile.mkdtemp(dir=folder.name))


@functools.cache
def root() -> tempfile.TemporaryDirectory:
    """What holds the folders of all browsers."""
    return tempfile.TemporaryDirectory(prefix="pggan-lab-uploads-")


def own() -> Path | None:
    """The folder of this browser's uploads, if it has any."""
    folder = st.session_state.get(STATE)
    return Path(folder.name) if folder is not None and Path(folder.name).exists() else None


def used(folder: Path | None) -> int:
    """The bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in library.below(folder) if path.exists()) if folder else 0


def make_room(size: int) -> None:
    """Delete the oldest uploads, first this browser's, then all browsers', until so many bytes more are within limits.

    Raises ValueError where they never would be.
    """
    each, together = limits().uploads_mb_each * 10**6, limits().uploads_mb * 10**6
    if size > min(each, together):
        raise ValueError(f"These files are {size / 1e6:,.0f} MB; up to {min(each, together) / 1e6:,.0f} MB are kept.")
    if (mine := own()) is not None:
        delete_oldest(mine.glob("*"), used(mine) + size - each)
    delete_oldest(Path(root().name).glob("*/*"), used(Path(root().name)) + size - together)


def delete_oldest(uploads: Iterable[Path], excess: int) -> None:
    """Delete folders, the oldest first, until the excess of bytes is gone."""
    for folder in sorted(uploads, key=lambda folder: folder.stat().st_mtime_ns):
        if excess <= 0:
            return
        excess -= used(folder)
        shutil.rmtree(folder, ignore_errors=True)


def watch(folder: tempfile.TemporaryDirectory, is_connected: Callable[[], bool], missed: int = 0) -> None:
    """Delete the folder once `is_connected` has said no at PATIENCE checks in a row."""

    def look() -> None:
        if is_connected():
            watch(folder, is_connected)
        elif missed + 1 < PATIENCE:
            watch(folder, is_connected, missed + 1)
        else:
            folder.cleanup()

    timer = threading.Timer(SECONDS, look)
    timer.daemon = True
    timer.start()
