"""Long work on a page: a bar while it runs, its result kept for all browsers, stopped when the viewer moves on."""

import functools
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.language import _, said
from dashboard.limits import limits
from dashboard.load import is_connected, load
from dashboard.shared.jobs import ENDED, Job, Queue, QueueFull

LOOK = 0.25  # seconds between two looks at work in another process


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

    def made(self, key: Hashable, work: Callable[[], Any]) -> Any:
        """The kept result, or that of `work`; whoever asks for it meanwhile waits."""
        there, value = self.get(key)
        if there:
            return value
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            there, value = self.get(key)  # somebody else may have made it while we waited
            if not there:
                value = work()
                self.put(key, value)
        return value


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
    value = results.made(key, lambda: work(bar))
    bar.clear()
    return value


# ---- heavy work, apart from the server ---------------------------------------------------------------------------


@functools.cache  # not one of Streamlit's, which are emptied while work goes on
def queue() -> Queue:
    """The one queue of this server."""
    found = limits()
    return Queue(found.workers, found.queue, found.results_mb * 10**6)


def is_known(key: tuple) -> bool:
    """Whether somebody asked for this work, so that a link finds it under way or done."""
    return queue().find(key) is not None


def apart(key: tuple, label: str, function: Callable, *arguments: Any) -> Any | None:
    """The result of function(progress, *arguments), made by a worker's process; None where there is none.

    While it waits or runs, its place in the queue or its progress is shown with a button that cancels it; why there is
    no result is said in one sentence. It goes on when the viewer leaves, and is found again by its key, which names
    everything that the result depends on. Function and arguments must be picklable.
    """
    context, mark = get_script_run_ctx(), hashlib.sha256(repr(key).encode()).hexdigest()[:16]
    viewer = context.session_id if context else ""
    job = queue().find(key)
    left = st.session_state.setdefault("jobs_left", set())  # cancelled here, though others may go on waiting for it
    if job is None or (job.state not in ENDED and viewer not in job.viewers and key not in left):
        try:
            job = queue().submit(key, function, *arguments, viewer=viewer)
        except QueueFull as full:
            st.warning(said(full))
            return None
    if job.state not in ENDED and key not in left:
        with load().aside():
            _wait(job, label, mark, viewer, left)
    if job.state == "done":
        left.discard(key)
        return job.value
    st.warning(said(job.sentence) if job.state in ENDED else _("You cancelled this; it goes on for others."))
    st.button(_("Start again"), key=f"again_{mark}", on_click=_again, args=(job, left), icon=":material/refresh:")
    return None


def _again(job: Job, left: set) -> None:
    left.discard(job.key)
    queue().forget(job)


def _wait(job: Job, label: str, mark: str, viewer: str, left: set) -> None:
    """Show how far a job is until it has ended; Streamlit stops this, not the job, when the viewer moves on."""

    def cancel() -> None:
        left.add(job.key)
        queue().cancel(job, viewer, *(other for other in list(job.viewers) if not is_connected(other)))

    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text=label)
        st.button(_("Cancel"), key=f"cancel_{mark}", on_click=cancel, icon=":material/close:")
    shown = None
    while not job.ended.wait(LOOK):
        number = queue().place(job)
        waits = _("{label}: number {number} in the queue").format(label=label, number=number)
        words = waits if number else f"{label} {job.note and f'({said(job.note)})'}"
        if (words, job.share) != shown:
            shown = words, job.share
            bar.progress(min(job.share, 1.0), text=words)
    place.empty()
