"""A real Chromium against a running app, on small random models. Without a browser these tests are skipped."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.small_run import write_run

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """A headless browser for all tests."""
    found = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no chromium or google-chrome on the PATH")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


class Server:
    """The running app: its address and what it wrote to its log."""

    def __init__(self, folder: Path):
        self.log_path = folder / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://localhost:{port}"
        command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
        environment = os.environ | {"PGGAN_LAB_MODELS": str(folder / "models"), "OMP_NUM_THREADS": "2"}
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def wait(self, seconds: float = 60) -> None:
        """Until the app answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"the app did not answer: {self.log()}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")


@pytest.fixture(scope="session")
def server(tmp_path_factory, chromium):
    """The app on a free port, offering the runs `first` and `second` of tests.small_run."""
    folder = tmp_path_factory.mktemp("app")
    write_run(folder / "models" / "first", seed=1)
    write_run(folder / "models" / "second", seed=2)
    running = Server(folder)
    try:
        running.wait()
        yield running
    finally:
        running.process.terminate()
        running.process.wait(timeout=20)


@pytest.fixture
def visit(chromium, server):
    """visit("growth", seed=3, scheme="dark") opens a page at 1280x720 and returns it.

    Afterwards the test fails if a page raised a JavaScript error, asked an outside host for anything, or showed an
    exception, or if the server logged one.
    """
    contexts, faults = [], []
    already = len(server.log())

    def watch(request):
        if not request.url.startswith((server.url, "data:", "blob:")):
            faults.append(f"fetched from outside: {request.url[:200]}")

    def open_page(path: str = "", scheme: str = "light", **query):
        context = chromium.new_context(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", watch)
        page.on("pageerror", lambda error: faults.append(f"JavaScript error: {error}"))
        address = "&".join(f"{name}={value}" for name, value in query.items())
        page.goto(f"{server.url}/{path}?{address}")
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            faults += [f"exception shown: {text}" for text in page.get_by_test_id("stException").all_inner_texts()]
        context.close()
    written = server.log()[already:]
    if "Traceback" in written or "Exception" in written:
        faults.append(f"the server logged an exception:\n{written[-3000:]}")
    assert not faults, "\n".join(faults)
