"""The app as a process of its own, and pages of a browser that are watched for faults."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AXE = (
    Path(__file__).with_name("axe") / "axe.min.js"
)  # by Deque Systems (MPL 2.0, its licence beside it), for these tests only
NOT_OURS = {  # rule -> what Streamlit draws so, and no option of it changes
    "list": '[data-testid="stSidebarNav"]',  # its sections are <div> between the list and its items
    "listitem": '[data-testid="stSidebarNav"]',
    "nested-interactive": '[data-testid="stExpander"] summary',  # it makes its headers focusable twice
}
SERIOUS = """async ([notOurs, only]) => {
  const transitions = document.getAnimations().filter((each) => each instanceof CSSTransition);
  await Promise.all(transitions.map(({finished}) => finished.catch(() => {})));
  const {violations} = await axe.run(document, {resultTypes: ["violations"], ...(only ? {runOnly: only} : {})});
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({target, html}) => [id, target.join(" "), html.slice(0, 200)]))
    .filter(([id, target]) => !(id in notOurs) || !document.querySelector(target).closest(notOurs[id]));
}"""


class Server:
    """The running app: its address and what it wrote to its log; as a context it answers, and ends with it."""

    def __init__(self, folder: Path, models: Path):
        self.log_path = folder / "server.log"
        self.temporary = folder / "temporary"  # where uploads lie
        self.temporary.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://localhost:{port}"
        command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
        own = {
            "PGGAN_LAB_RUNS": str(folder / "runs"),
            "PGGAN_LAB_MODELS": str(models),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(self.temporary),
        }
        environment = os.environ | own
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def wait(self, seconds: float = 120) -> None:
        """Until the app answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"the app did not answer: {self.log()}")

    def __enter__(self) -> "Server":
        try:
            self.wait()
        except BaseException:
            self.process.terminate()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")


def rest(page) -> None:
    """Wait until the page's script has been still for a second, so that a click meets the page it was meant for."""
    still = page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')
    for _ in range(60):
        still.wait_for()
        page.wait_for_timeout(1000)
        if still.count():
            return


def serious(page, only: list[str] | None = None) -> list:
    """What axe-core finds serious on a page (of these rules only): rule, place and HTML of each."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    return page.evaluate(SERIOUS, [NOT_OURS, only])


@contextlib.contextmanager
def watched_pages(chromium, server: Server) -> Iterator[Callable]:
    """Gives open_page("growth", seed=3, scheme="dark"): a page of the app at 1280x720.

    At the end it fails if a page raised a JavaScript error, asked an outside host for anything or showed an exception,
    or if the server logged one.
    """
    contexts, faults, already = [], [], len(server.log())

    def watch(request):
        if not request.url.startswith((server.url, "data:", "blob:")):
            faults.append(f"fetched from outside: {request.url[:200]}")

    def open_page(path: str = "", scheme: str = "light", **query):
        context = chromium.new_context(viewport={"width": 1280, "height": 720}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.on("request", watch)
        page.on("pageerror", lambda error: faults.append(f"JavaScript error: {error.stack}"))
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
