"""What the server pays once, beside the first visitor's loading of the page: imports that take seconds, first pictures.

Python lets one thread import a module while others who want it wait. A visitor's script begins with `dashboard.frame`,
the same module that `prepare` begins with, so nobody sees anything half-made.
"""

import contextlib
import importlib
import logging
import socket
import threading
from collections.abc import AsyncIterator

import streamlit as st


@contextlib.asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Begins to prepare when the server starts, which then answers at once."""
    threading.Thread(target=prepare, name="warm", daemon=True).start()
    print(f"\n  PGGAN Lab: {addresses()}\n", flush=True)
    yield


def prepare() -> None:
    """Import what pages need, read the first model and draw what the first page shows of it."""
    # the spinners of cached functions have nobody here to turn for, which Streamlit would put into the log
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    importlib.import_module("dashboard.frame")
    first_page = importlib.import_module("dashboard.pages.growth.runs")
    first_page.prepare()
    importlib.import_module("dashboard.heavy")


def addresses() -> str:
    """Where the app is found: on this machine and, where it listens to others, in its network.

    Streamlit's own line (switched off in `.streamlit/config.toml`) asks an outside host for this machine's address.
    """
    port = st.get_option("server.port")
    found = [f"http://localhost:{port}"]
    if st.get_option("server.address") in (None, "0.0.0.0", "::"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the system only chooses the way that it would take
            found.append(f"in this network http://{probe.getsockname()[0]}:{port}")
    return ", ".join(found)
