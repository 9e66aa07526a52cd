"""The proxy of `compose.yaml` before two processes of the app, on this machine; and what the image is made of."""

import asyncio
import contextlib
import http.cookiejar
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from benchmarks.student import Student
from tests.browser.running_app import Server
from tests.small_run import write_run

ROOT = Path(__file__).resolve().parents[1]
needs_caddy = pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed (apt-get install caddy)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def proxy(folder: Path, replicas: list[str], extra: str = ""):
    """Caddy with the configuration that ships; yields its address."""
    folder.mkdir()
    (folder / "extra").mkdir()
    if extra:
        (folder / "extra/some.caddy").write_text(extra)
    port = free_port()
    own = {"SITE": f":{port}", "REPLICAS": " ".join(replicas), "UPLOADS": "1MB", "EXTRA": str(folder / "extra")}
    environment = os.environ | own | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(ROOT / "deploy/Caddyfile")]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: process.poll() is None and answers(url) is not None, (folder / "log").read_text)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def answers(url: str) -> int | None:
    """The status with which an address answers, None where nobody does."""
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def until(condition, explain=str, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, explain()
        time.sleep(0.1)


class Browser:
    """A student with a browser's cookies."""

    def __init__(self, url: str):
        self.url, self.jar = url, http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.opener.open(f"{url}/_stcore/health", timeout=120).read()
        self.student = Student(url, {"Cookie": self.cookies})

    @property
    def cookies(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)

    @property
    def process(self) -> str:
        """What the proxy's cookie says about where this browser belongs."""
        return next(cookie.value for cookie in self.jar if cookie.name == "lab_process")

    def upload(self, size: int) -> int:
        """The status of an upload into this browser's session."""
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(size) + b"\r\n--x--\r\n"
        )
        token = next(cookie.value for cookie in self.jar if cookie.name == "_streamlit_xsrf")
        request = urllib.request.Request(
            f"{self.url}/_stcore/upload_file/{self.student.session}/probe", body, method="PUT",
            headers={"Content-Type": "multipart/form-data; boundary=x", "X-Xsrftoken": token},
        )  # fmt: skip
        try:
            with self.opener.open(request, timeout=120) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code


async def is_connected(browser: Browser) -> bool:
    try:
        await browser.student.change_seed(7)
        return True
    except ConnectionClosed:
        return False


async def lesson(url: str, servers: dict[str, Server]) -> None:
    """Browsers stay with their process; when one is killed, its browsers are served by the other."""
    browsers = [Browser(url) for _ in range(12)]
    homes = {browser.process for browser in browsers}
    assert len(homes) == 2  # by chance all on one side: 1 in 2,048
    chosen = [next(browser for browser in browsers if browser.process == home) for home in sorted(homes)]
    for browser in chosen:
        await browser.student.open("architecture")
        assert await is_connected(browser)
        assert browser.upload(1000) == 204  # another process would not know the session
        assert browser.upload(1_200_000) == 413
    first = next(iter(servers.values()))
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    alive = [await is_connected(browser) for browser in chosen]
    assert sorted(alive) == [False, True]
    lost = chosen[alive.index(False)]
    await lost.student.open("architecture", "seed=7")  # as the browser does by itself, with the same cookie
    assert not lost.student.exceptions
    lost.opener.open(f"{url}/_stcore/health", timeout=120).read()
    assert lost.process == chosen[alive.index(True)].process and lost.upload(1000) == 204
    for browser in chosen:
        assert await is_connected(browser)
        await browser.student.close()


@needs_caddy
def test_browsers_stay_with_their_process_and_come_back_when_it_is_killed(tmp_path):
    write_run(tmp_path / "models", seed=1)
    servers = {}
    try:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            servers[name] = Server(tmp_path / name, tmp_path / "models")
        for server in servers.values():
            server.wait()
        with proxy(tmp_path / "proxy", [server.url.removeprefix("http://") for server in servers.values()]) as url:
            until(lambda: answers(f"{url}/_stcore/health") == 200)
            asyncio.run(lesson(url, servers))
    finally:
        for server in servers.values():
            server.process.kill()
            server.process.wait(timeout=20)


@needs_caddy
def test_a_class_password_keeps_others_out(tmp_path):
    words = ["caddy", "hash-password", "--plaintext", "town"]
    hashed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    example = (ROOT / "deploy/examples/password.caddy").read_text()
    extra = re.sub(r"(?m)^(\tclass ).*$", lambda found: found.group(1) + hashed, example)
    with proxy(tmp_path / "proxy", [f"127.0.0.1:{free_port()}"], extra) as url:
        assert answers(url) == 401
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, url, "class", "town")
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(url, timeout=120)
        assert refused.value.code == 503  # let in: there is only no app behind it here


@needs_caddy
def test_a_classroom_gets_a_certificate_of_its_own(tmp_path):
    extra = (ROOT / "deploy/examples/classroom.caddy").read_text()
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra/classroom.caddy").write_text(extra)
    environment = os.environ | {"SITE": "192.168.1.20", "EXTRA": str(tmp_path / "extra")}
    command = ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(ROOT / "deploy/Caddyfile")]
    adapted = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert '"issuers":[{"module":"internal"}]' in adapted and '"match":[{"host":["192.168.1.20"]}]' in adapted


def test_the_image_takes_torch_of_the_pinned_version_and_runs_as_nobody_special():
    lines = (ROOT / "Dockerfile").read_text()
    assert "ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu" in lines
    pinned = re.findall(r"(?m)^torch==\S+$", (ROOT / "requirements.txt").read_text())
    assert len(pinned) == 1  # what the Dockerfile's grep finds
    assert lines.index("USER lab") < lines.index("HEALTHCHECK") < lines.index('CMD ["/opt')
