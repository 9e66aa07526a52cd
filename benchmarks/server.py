"""The app in a process of its own, with its CPU time and memory."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.options import ROOT


class App:
    """The app in a process of its own on a free port."""

    def __init__(self, folder: Path, models: Sequence[Path] = ()):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        environment = os.environ | {"PGGAN_LAB_MODELS": os.pathsep.join(map(str, models))}
        command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(self.port)]
        self.log = folder / "app.log"
        self.started = time.time()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def wait(self, seconds: float = 120) -> float:
        """Waits until the port answers; returns the seconds since the start. Raises RuntimeError with the log."""
        while time.time() < self.started + seconds:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                return time.time() - self.started
            time.sleep(0.02)
        raise RuntimeError(f"the app did not answer: {self.log.read_text()}")

    def settle(self, seconds: float = 60) -> None:
        """Waits until the process has been idle for a second: then its early imports are done."""
        before, end = -1.0, time.time() + seconds
        while (now := self.status()["cpu_s"]) > before + 0.05 and time.time() < end:
            before = now
            time.sleep(1)

    def status(self) -> dict[str, float]:
        """The process's CPU seconds so far and its resident memory in MiB (Linux's /proc)."""
        proc = Path(f"/proc/{self.process.pid}")
        ticks = proc.joinpath("stat").read_text().rpartition(")")[2].split()
        resident = proc.joinpath("status").read_text().partition("VmRSS:")[2].split()[0]
        return {"cpu_s": sum(map(int, ticks[11:13])) / os.sysconf("SC_CLK_TCK"), "rss_mib": int(resident) / 1024}


@contextlib.contextmanager
def running_app(models: Sequence[Path] = ()) -> Iterator[App]:
    """The app, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="pggan-bench-") as folder:
        app = App(Path(folder), models)
        try:
            yield app
        finally:
            app.process.terminate()
            app.process.wait(timeout=30)
