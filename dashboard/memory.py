"""Memory of networks that nobody uses any more goes back to the system.

glibc keeps freed blocks of the size of weights for itself: without `malloc_trim` 370 of the 416 MiB that an official
1024 x 1024 generator had taken (weights, their prepared form, a run) stayed with the process after it was unloaded.
"""

import ctypes
import gc
import sys
import threading
import weakref
from typing import TypeVar

T = TypeVar("T")
SECONDS = 1.0  # until a script that still holds what was unloaded has ended


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
    """Collect garbage and hand free memory to the system, where the C library is one that keeps it."""
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # musl has none
        libc.malloc_trim(0)
