"""What the server pays once, while the first page loads (slow imports, first pictures), and memory given back.

Python lets one thread import a module while others who want it wait. A visitor's script begins with `dashboard.frame`,
the same module that `prepare` begins with, so nobody sees anything half-made.
"""

import contextlib
import ctypes
import gc
import importlib
import logging
import socket
import sys
import threading
import weakref
from collections.abc import AsyncIterator
from typing import TypeVar

import streamlit as st

T = TypeVar("T")
HEAVY = (  # seconds to import; every page but the first needs some of them
    "matplotlib.figure",
    "scipy.cluster.hierarchy",
    "scipy.ndimage",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.decomposition",
    "sklearn.linear_model",
)
ONE_AT_A_TIME = threading.Lock()
SECONDS = 1.0  # until a script that still holds what was unloaded has ended


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
    import_heavy()


def import_heavy() -> None:
    """Import `HEAVY`, or wait for the thread that does.

    Two threads that import parts of scipy and scikit-learn from different ends may see half-made modules.
    """
    with ONE_AT_A_TIME:
        for name in HEAVY:
            importlib.import_module(name)


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


def returned_when_gone(network: T) -> T:
    """The same object; soon after the last reference to it is gone, its memory goes back to the system."""
    weakref.finalize(network, give_back_soon).atexit = False
    return network


def give_back_soon() -> None:
    """`give_back` in a moment, in a thread of its own."""
    timer = threading.Timer(SECONDS, give_back)
    timer.daemon = True
    timer.start()


def give_back() -> None:
    """Collect garbage and hand free memory to the system, where the C library is one that keeps it.

    glibc keeps freed blocks of the size of weights for itself: without `malloc_trim` 370 of the 416 MiB that an
    official 1024 x 1024 generator had taken (weights, their prepared form, a run) stayed with the process.
    """
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # musl has none
        libc.malloc_trim(0)
