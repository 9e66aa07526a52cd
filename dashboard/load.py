"""How busy the server is, and the order in which it serves the runs of pages and of their parts in all browsers.

Few runs are under way at a time. Thirty at once would take turns every few milliseconds, and nobody's would end.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import ParamSpec

import torch
from streamlit.runtime import Runtime

P = ParamSpec("P")
CROWD = 2  # runs a core, under way or waiting: with more than these one waits so long that one sees it
CALM = 120.0  # seconds without such a crowd after which the server counts as free again


class Load:
    """As many runs at a time as there are cores; those who came first go first.

    Full while many wait, and for a while after that. Each run then keeps to one core, which makes more of all of them.
    A thread's run inside another one is part of it.
    """

    def __init__(self, cores: int):
        self.most, self.threads = CROWD * cores, torch.get_num_threads()
        self._places = threading.Semaphore(cores)
        self._here: set[int] = set()  # threads that run or wait
        self._crowded, self._lock = -CALM, threading.Lock()

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """Around one run of a page or of a part: waits for its turn."""
        thread = threading.get_ident()
        if thread in self._here:
            yield
            return
        with self._lock:
            self._here.add(thread)
            if len(self._here) > self.most:
                self._crowded = monotonic()
        try:
            with self._places:
                torch.set_num_threads(1 if self.is_full else self.threads)  # for this thread
                yield
        finally:
            with self._lock:
                self._here.discard(thread)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Around a run's wait for something else than this server's cores: another may run meanwhile."""
        if threading.get_ident() not in self._here:
            yield
            return
        self._places.release()
        try:
            yield
        finally:
            self._places.acquire()

    @property
    def is_full(self) -> bool:
        """Whether to put off what nobody waits for, and to make large pictures smaller."""
        return monotonic() - self._crowded < CALM


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
