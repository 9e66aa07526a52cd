"""Training processes that have loaded torch before they are needed: loading takes longer than all else before a run's
first picture.

`python -m dashboard.pages.training.ready` reads one line of JSON, {"output": a file for what is printed, "arguments":
those of `python -m pgan_core`}, and becomes that command. It ends without one when the server lets go of it or is gone.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
UNUSED_SECONDS = 600.0  # that a process waits for a command


class Spare:
    """At most one process that waits, and a new one for whoever comes when there is none."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waiting: subprocess.Popen | None = None

    def prepare(self) -> None:
        """Lets a process wait from now on, for so long."""
        with self._lock:
            if self._waiting is None or self._waiting.poll() is not None:
                self._waiting = _spawn()
                timer = threading.Timer(UNUSED_SECONDS, self._let_go, (self._waiting,))
                timer.daemon = True
                timer.start()

    def begin(self, arguments: Sequence[str], output: Path) -> subprocess.Popen:
        """The process that runs `python -m pgan_core` with these arguments."""
        with self._lock:
            process, self._waiting = self._waiting, None
        if process is None or process.poll() is not None:
            process = _spawn()
        assert process.stdin  # a pipe, as asked for
        process.stdin.write(json.dumps({"output": str(output), "arguments": list(arguments)}).encode() + b"\n")
        process.stdin.close()
        return process

    def _let_go(self, process: subprocess.Popen) -> None:
        with self._lock:
            if self._waiting is not process:
                return
            self._waiting = None
        assert process.stdin  # a pipe, as asked for
        process.stdin.close()
        process.wait()


@functools.cache
def spare() -> Spare:
    """This server's."""
    return Spare()


def _spawn() -> subprocess.Popen:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "dashboard.pages.training.ready"], stdin=subprocess.PIPE, start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip


def main() -> int:
    _load()
    line = sys.stdin.readline()
    if not line:
        return 0
    command = json.loads(line)
    with open(command["output"], "ab") as output, open(os.devnull, "rb") as nothing:
        for number, file in enumerate((nothing, output, output)):
            os.dup2(file.fileno(), number)
    from pgan_core.__main__ import main as run

    return run(command["arguments"])


def _load() -> None:
    """Everything that a run imports; the first optimizer brings torch's compiler, as slow to load as torch itself."""
    import torch

    import pgan_core.training.cli
    import pgan_core.training.loop
    import pgan_core.training.scenes
    import pgan_core.training.time_plan
    import pgan_core.training.watch  # noqa: F401

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])


if __name__ == "__main__":
    sys.exit(main())
