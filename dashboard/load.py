"""How busy the server is: the runs of pages and of their parts that are under way in all browsers together."""

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec

from streamlit.runtime import Runtime

P = ParamSpec("P")
RUNS_A_CORE = 2  # under way at once: more than these wait for each other so long that one sees it
CALM = 120.0  # seconds without such a crowd after which the server counts as free again


class Load:
    """Counts runs; full while more are under way than cores can serve, and for a while after that.

    A thread's run inside another one is part of it.
    """

    def __init__(self, cores: int):
        self.most = RUNS_A_CORE * cores
        self._running: set[int] = set()  # threads
        self._crowded, self._lock = -CALM, threading.Lock()

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """Around one run of a page or of a part."""
        thread = threading.get_ident()
        with self._lock:
            is_inside = thread in self._running
            self._running.add(thread)
            if len(self._running) > self.most:
                self._crowded = time.monotonic()
        try:
            yield
        finally:
            if not is_inside:
                with self._lock:
                    self._running.discard(thread)

    @property
    def is_full(self) -> bool:
        """Whether to put off what nobody waits for, and to make large pictures smaller."""
        return time.monotonic() - self._crowded < CALM


@functools.cache
def load() -> Load:
    """The one count of this server."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Load(cores)


def counted(part: Callable[P, None]) -> Callable[P, None]:
    """A part of a page that runs by itself (`st.fragment`), counted like a page."""

    @functools.wraps(part)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        with load().run():
            part(*arguments, **named)

    return run


def is_connected(session: str) -> bool:
    """Whether a browser's session has its connection."""
    return Runtime.exists() and Runtime.instance().is_active_session(session)
