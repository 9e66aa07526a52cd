"""Heavy work in processes of its own: a few at a time, the others wait in a bounded queue. No Streamlit here.

    queue = Queue(workers=2, waiting=20, kept_bytes=2**28)
    job = queue.submit(key, function, argument, ...)     # function(progress, argument, ...), importable by its name
    job.state, queue.place(job), job.share, job.note     # "waiting", "running", "done", "failed" or "cancelled"
    job.value, job.sentence                              # what came out of it, or one sentence about why nothing did

The same key is the same job, whoever asks for it. A job belongs to nobody's tab: it goes on when the one that started
it is closed, and the next to ask finds it. A process that is killed takes nothing but its own job with it.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
ENDED = ("done", "failed", "cancelled")
THREADS = "1"  # of a worker: the app's own runs need the rest


class QueueFull(Exception):
    """More work is waiting than the queue holds."""


@dataclass(eq=False)
class Job:
    """One piece of work; all fields but the call are the queue's to change."""

    key: Hashable
    call: tuple[Callable, tuple]
    state: str = "waiting"
    share: float = 0.0
    note: str = ""
    value: Any = None
    size: int = 0  # bytes of the value as it came
    sentence: str = ""
    viewers: set[str] = field(default_factory=set)  # who asked for it and did not cancel
    process: subprocess.Popen | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class Queue:
    """Jobs by key, oldest first."""

    def __init__(self, workers: int, waiting: int, kept_bytes: int):
        self.workers, self.waiting, self.kept_bytes = workers, waiting, kept_bytes
        self._jobs: dict[Hashable, Job] = {}
        self._lock = threading.RLock()

    def find(self, key: Hashable) -> Job | None:
        """The job of this key, in whatever state it is."""
        return self._jobs.get(key)

    def submit(self, key: Hashable, function: Callable, *arguments: Any, viewer: str = "") -> Job:
        """The job of this key, begun or put into the queue if there is none. Raises QueueFull."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                if len(self._in("waiting")) >= self.waiting:
                    raise QueueFull(f"{self.waiting} pieces of work are waiting already. Try again in a few minutes.")
                job = self._jobs[key] = Job(key, (function, arguments))
            job.viewers.add(viewer)
            self._begin()
            return job

    def place(self, job: Job) -> int:
        """1 for the next to begin, 2 for the one after it; 0 once it has begun."""
        with self._lock:
            waiting = self._in("waiting")
            return waiting.index(job) + 1 if job in waiting else 0

    def counts(self) -> tuple[int, int, int]:
        """How many jobs run and how many wait, and the bytes of the results that are kept."""
        with self._lock:
            return len(self._in("running")), len(self._in("waiting")), sum(job.size for job in self._jobs.values())

    def cancel(self, job: Job, *viewers: str) -> None:
        """End the job for these viewers (else the nameless one), and for good unless somebody else has asked for it."""
        with self._lock:
            job.viewers.difference_update(viewers or ("",))
            if job.viewers or job.state in ENDED:
                return
            self._end(job, "cancelled", sentence="It was cancelled.")
            if job.process is not None:
                job.process.terminate()
            self._begin()

    def forget(self, job: Job) -> None:
        """Let an ended job go, so that its key can be asked for anew."""
        with self._lock:
            if job.state in ENDED and self._jobs.get(job.key) is job:
                del self._jobs[job.key]

    def clear(self) -> None:
        """Forget every result."""
        for job in list(self._jobs.values()):
            self.forget(job)

    def close(self) -> None:
        """Cancel everything."""
        for job in list(self._jobs.values()):
            job.viewers.clear()
            self.cancel(job)

    def _in(self, state: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.state == state]

    def _begin(self) -> None:
        """Start what waits while there is a free place."""
        with self._lock:
            for job in self._in("waiting")[: max(0, self.workers - len(self._in("running")))]:
                job.state = "running"
                threading.Thread(target=self._work, args=(job,), name="job", daemon=True).start()

    def _work(self, job: Job) -> None:
        """One worker's life, heard to its end."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), THREADS)
        environment = os.environ | threads | {"PYTHONPATH": os.pathsep.join(paths)}
        try:
            call = pickle.dumps(job.call)
            with subprocess.Popen(
                [sys.executable, "-m", "dashboard.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env=environment,
            ) as process:  # fmt: skip
                with self._lock:
                    job.process = process
                    if job.state == "cancelled":
                        process.terminate()
                assert process.stdin and process.stdout  # pipes, as asked for
                self._hear(job, process.stdin, process.stdout, call)
        except Exception as error:
            self._end(job, "failed", sentence=f"The work could not be begun: {error}.")
        self._begin()

    def _hear(self, job: Job, given: IO[bytes], heard: IO[bytes], call: bytes) -> None:
        try:
            given.write(call)
            given.flush()
            while True:
                kind, *rest = pickle.load(heard)
                if kind == "share":
                    job.share, job.note = rest
                elif kind == "done":
                    return self._end(job, "done", value=pickle.loads(rest[0]), size=len(rest[0]))
                else:
                    return self._end(job, "failed", sentence=rest[0])
        except (EOFError, OSError, pickle.UnpicklingError):
            sentence = "The process that did this work was ended from outside, perhaps for want of memory."
            return self._end(job, "failed", sentence=sentence)

    def _end(self, job: Job, state: str, value: Any = None, size: int = 0, sentence: str = "") -> None:
        with self._lock:
            if job.state in ENDED:
                return
            job.state, job.value, job.size, job.sentence = state, value, size, sentence
            job.call = (job.call[0], ())  # its arguments may hold a network
            job.ended.set()
            self._evict()

    def _evict(self) -> None:
        """Let the oldest results go until those that are kept fit."""
        ended = [job for job in self._jobs.values() if job.state in ENDED]
        total = sum(job.size for job in ended)
        for job in ended[:-1]:
            if total <= self.kept_bytes and len(ended) <= 4 * self.waiting:
                return
            total -= job.size
            ended = ended[1:]
            del self._jobs[job.key]
