"""How busy the server is: the runs of pages that are under way in all browsers together."""

import contextlib
import functools
import os
import threading
import time
from collections.abc import Iterator

RUNS_A_CORE = 2  # under way at once: more than these wait for each other so long that one sees it
CALM = 120.0  # seconds without such a crowd after which the server counts as free again


class Load:
    """Counts runs; full while more are under way than cores can serve, and for a while after that."""

    def __init__(self, cores: int):
        self.most = RUNS_A_CORE * cores
        self._running, self._crowded, self._lock = 0, -CALM, threading.Lock()

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """Around one run of a page."""
        with self._lock:
            self._running += 1
            if self._running > self.most:
                self._crowded = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    @property
    def is_full(self) -> bool:
        """Whether to put off what nobody waits for, and to make large pictures smaller."""
        return time.monotonic() - self._crowded < CALM


@functools.cache
def load() -> Load:
    """The one count of this server."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Load(cores)
