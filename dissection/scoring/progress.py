"""Progress of work in phases, the time that is left, and a way to stop it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Cancelled(Exception):
    """The work was stopped from outside; finished parts stay where they were written."""


@dataclass(frozen=True)
class PhaseReport:
    """`done` of `total` steps of a phase, and the seconds that are left of it (None: not known yet)."""

    phase: str
    done: int
    total: int
    seconds_left: float | None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", {self.seconds_left:.0f} s left"
        return f"{self.phase}: {self.done} of {self.total}{left}"


class Reporter:
    """Reports each step to one callback, and asks another whether to stop."""

    def __init__(
        self,
        progress: Callable[[PhaseReport], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ):
        self.progress = progress or (lambda report: None)
        self.cancelled = cancelled or (lambda: False)

    @contextmanager
    def phase(self, name: str, total: int) -> Iterator[Callable[[], None]]:
        """A phase of `total` steps; call what it yields after each step. That call raises Cancelled to stop."""
        begin, done = time.monotonic(), 0
        self.progress(PhaseReport(name, 0, total, None))

        def step() -> None:
            nonlocal done
            done += 1
            rate = (time.monotonic() - begin) / done
            self.progress(PhaseReport(name, done, total, rate * (total - done)))
            if self.cancelled():
                raise Cancelled(f"Stopped in {name}, after {done} of {total}.")

        yield step
