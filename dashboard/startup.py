"""What the server does once, while the first page loads: slow imports, first pictures. And freeing of memory.

Python lets one thread import a module while others wait for it. A visitor's script and `prepare` begin with the same
module, `dashboard.frame`, so no thread sees one half-imported.
"""

import contextlib
import ctypes
import gc
import importlib
import logging
import pkgutil
import socket
import sys
import threading
import weakref
from collections.abc import AsyncIterator
from typing import TypeVar

import streamlit as st

T = TypeVar("T")
HEAVY = (  # slow to import; every page but the first needs some of them
    "matplotlib.figure",
    "scipy.cluster.hierarchy",
    "scipy.ndimage",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.decomposition",
    "sklearn.linear_model",
)
ONE_AT_A_TIME = threading.Lock()
SECONDS = 1.0  # by then a script that still held what was unloaded has ended


@contextlib.asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Start `prepare` in the background when the server starts, so that it answers at once."""
    threading.Thread(target=prepare, name="warm", daemon=True).start()
    print(f"\n  PGGAN Lab: {addresses()}\n", flush=True)
    yield


def prepare() -> None:
    """Import what pages need, read the first model and draw the first page's pictures of it."""
    # the spinners of cached functions have no page here, and Streamlit would warn of that in the log
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    importlib.import_module("dashboard.frame")
    first_page = importlib.import_module("dashboard.pages.growth.runs")
    first_page.prepare()
    import_heavy()
    import_pages()
    gc.collect()
    gc.freeze()  # a collection would each time walk all that torch and plotly made


def import_heavy() -> None:
    """Import `HEAVY`, or wait for the thread that does.

    Two threads that import parts of scipy and scikit-learn in different orders may see half-imported modules.
    """
    with ONE_AT_A_TIME:
        for name in HEAVY:
            importlib.import_module(name)


def import_pages() -> None:
    """Import what pages are made of, so that it is there, and frozen, before a class comes."""
    package = importlib.import_module("dashboard.pages")
    for module in pkgutil.walk_packages(package.__path__, "dashboard.pages."):
        if not module.name.endswith(".page"):  # the script itself, which Streamlit runs
            importlib.import_module(module.name)


def addresses() -> str:
    """The app's addresses: on this machine and, if it listens to others, in its network.

    Streamlit's own line (switched off in `.streamlit/config.toml`) asks an outside host for this machine's address.
    """
    port = st.get_option("server.port")
    found = [f"http://localhost:{port}"]
    if st.get_option("server.address") in (None, "0.0.0.0", "::"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the system only chooses the route
            found.append(f"in this network: http://{probe.getsockname()[0]}:{port}")
    return ", ".join(found)


def returned_when_gone(network: T) -> T:
    """The same object; soon after its last reference is gone, its memory goes back to the system."""
    weakref.finalize(network, give_back_soon).atexit = False
    return network


def give_back_soon() -> None:
    """Call `give_back` in a moment, in another thread."""
    timer = threading.Timer(SECONDS, give_back)
    timer.daemon = True
    timer.start()


def give_back() -> None:
    """Collect garbage and return free memory to the system, where the C library holds on to it.

    glibc keeps freed blocks as large as weights: without `malloc_trim`, 370 of the 416 MiB that an official 1024 x 1024
    generator had taken (weights, their prepared form, a run) stayed with the process.
    """
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # musl has none
        libc.malloc_trim(0)
