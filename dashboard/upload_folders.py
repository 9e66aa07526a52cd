"""Folders for uploads: each is deleted soon after its session ends, and all of them when the server stops.

Streamlit does not tell a script that its page was closed, and keeps the session's state for minutes in case the
connection comes back. So a timer checks whether the session is still connected.
"""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

SECONDS = 3.0  # from one check to the next
PATIENCE = 3  # failed checks in a row before the files go: a connection may break for a moment
STATE = "upload_folder"


def new_folder() -> Path:
    """An empty folder that lives as long as this browser's session."""
    folder = st.session_state.get(STATE)
    if folder is None or not Path(folder.name).exists():
        folder = st.session_state[STATE] = tempfile.TemporaryDirectory(prefix="pggan-lab-")
        context = get_script_run_ctx()
        if context is not None and Runtime.exists():
            watch(folder, lambda: Runtime.instance().is_active_session(context.session_id))
    return Path(tempfile.mkdtemp(dir=folder.name))


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
