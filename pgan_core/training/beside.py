"""A thread beside a run, for what somebody watches and the run itself does without."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Beside:
    """One piece of work at a time, and `rest` times as long as it took nothing: the run keeps the machine."""

    def __init__(self, rest: float):
        self._rest, self._until = rest, 0.0
        self._thread = ThreadPoolExecutor(1, "beside the run")
        self._at_work: Future | None = None

    @property
    def is_free(self) -> bool:
        return (self._at_work is None or self._at_work.done()) and time.monotonic() >= self._until

    def begin(self, work: Callable[[], None]) -> None:
        """Does it in the thread, after what is at work there."""
        self.wait()
        self._at_work = self._thread.submit(self._do, work)

    def wait(self) -> None:
        """Until nothing is at work; raises what that raised."""
        if self._at_work is not None:
            self._at_work.result()

    def _do(self, work: Callable[[], None]) -> None:
        begun = time.monotonic()
        work()
        now = time.monotonic()
        self._until = now + self._rest * (now - begun)
