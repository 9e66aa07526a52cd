"""Long work on a page: a bar while it runs, its result kept for all browsers, stopped when the viewer moves on."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st


class Results:
    """The latest results by key, at most `max_entries`; a result that two browsers ask for is made once."""

    def __init__(self, max_entries: int):
        self.max_entries = max_entries
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> tuple[bool, Any]:
        """Whether there is a result, and the result."""
        with self._lock:
            if key not in self._values:
                return False, None
            self._values.move_to_end(key)
            return True, self._values[key]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a result; the oldest ones go."""
        with self._lock:
            self._values[key] = value
            self._making.pop(key, None)
            while len(self._values) > self.max_entries:
                self._values.popitem(last=False)

    def making(self, key: Hashable) -> threading.Lock:
        """The lock that whoever makes this result holds."""
        with self._lock:
            return self._making.setdefault(key, threading.Lock())


@st.cache_resource
def _results(max_entries: int = 64) -> Results:
    return Results(max_entries)


class Bar:
    """A progress bar that appears once `patience` seconds have gone by: short work would only make the page jump."""

    def __init__(self, label: str, patience: float):
        self.label, self.due = label, time.monotonic() + patience
        self.bar = None

    def __call__(self, share: float) -> None:
        """Show the share that is done."""
        if self.bar is None and time.monotonic() < self.due:
            return
        self.bar = self.bar or st.progress(0.0, text=self.label)
        self.bar.progress(min(share, 1.0), text=self.label)

    def clear(self) -> None:
        if self.bar is not None:
            self.bar.empty()


def with_progress(
    key: tuple, work: Callable[[Callable[[float], None]], Any], label: str, *, entries: int = 64, patience: float = 0.0
) -> Any:
    """The result of work(progress): a kept one, or made now under a bar with a label.

    `progress` takes the share that is done. When the viewer changes a control or leaves, Streamlit stops the script at
    the next call of it, and nothing is kept. `key` names everything that the result depends on.
    `entries`: how many results are kept; give large ones a small number, for each number has a store of its own.
    `patience`: seconds before the bar appears.
    """
    results = _results(entries)
    there, value = results.get(key)
    if there:
        return value
    bar = Bar(label, patience)
    bar(0.0)
    with results.making(key):
        there, value = results.get(key)  # somebody else may have made it while we waited
        if not there:
            value = work(bar)
            results.put(key, value)
    bar.clear()
    return value
