"""The exported site in Chromium, computed by WebAssembly: milliseconds of a picture, a stroke and a frame of scrubbing.

With the headers that let a page use threads, and without, as plain file servers send it.
"""

import functools
import http.server
import shutil
import statistics
import tempfile
import threading
from pathlib import Path
from typing import ClassVar

from benchmarks.options import Options, Row
from dissection.website import find_causes, find_dissection, site_units
from pgan_core import load_checkpoint
from pgan_core.paths import ASSETS
from pgan_core.website import write_site

MODELS = ("toytown128", "toytown64")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
ROUNDS = 15
ISOLATING = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}

PICTURES = """async (rounds) => {
  const times = [];
  for (let seed = 0; seed < rounds; seed++) {
    const begin = performance.now();
    await lab.engine.pictures([seed], {}, "benchmark");
    times.push(performance.now() - begin);
  }
  return times;
}"""
STROKES = """async (rounds) => {
  const {room} = lab, times = [], side = 64, mask = btoa(String.fromCharCode(...new Uint8Array(512).fill(15)));
  for (let i = 0; i < rounds; i++) {
    const before = room.number, begin = performance.now();
    room.acted({kind: "draw", side, mask});
    while (room.number === before) await new Promise((next) => setTimeout(next, 1));
    times.push(performance.now() - begin);
  }
  return times;
}"""
SCRUBBING = """async (rounds) => {
  const {player} = document.querySelector(".lab-growth").view, end = player.data.points.at(-1).t, times = [];
  for (let i = 0; i < 4 * rounds; i++) {
    await new Promise(requestAnimationFrame);
    const begin = performance.now();
    player.show((end * i) / (4 * rounds));
    times.push(performance.now() - begin);
  }
  return times;
}"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files without a log, with the headers that its subclass names."""

    headers_sent: ClassVar[dict[str, str]] = {}

    def end_headers(self):
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_):
        pass


class Isolating(Handler):
    headers_sent = ISOLATING


def measure(options: Options) -> dict:
    """Medians in milliseconds by model and kind of server."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser_path:
        raise RuntimeError("there is no chromium or google-chrome on the PATH")
    found = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        for name in MODELS:
            site = Path(folder) / name
            generator = load_checkpoint(ASSETS / name / "final.safetensors").generator
            dissection = find_dissection(generator)
            extra = ({}, {}) if dissection is None else site_units(generator, dissection, find_causes(generator))
            write_site(generator, site, name=name, facts=extra[0], files=extra[1])
            for kind, handler in (("plain", Handler), ("isolated", Isolating)):
                found[f"{name}, {kind}"] = _visit(browser, site, handler)
        browser.close()
    return found


def _visit(browser, site: Path, handler: type[Handler]) -> dict[str, float]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce").new_page()
    page.set_default_timeout(300_000)
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}/#grow?backend=wasm")
        page.wait_for_selector("html[data-ready]")
        page.wait_for_function("document.querySelector('.lab-component').dataset.size == lab.facts.resolution")
        page.wait_for_function("document.querySelector('.lab-wall canvas').dataset.ready")
        numbers = {"scrubbing": page.evaluate(SCRUBBING, ROUNDS), "picture": page.evaluate(PICTURES, ROUNDS)}
        page.evaluate("lab.go('paint')")
        page.wait_for_function("lab.room.after && lab.room.wall.children.length === 6")
        numbers["stroke"] = page.evaluate(STROKES, ROUNDS)
        return {what: statistics.median(times) for what, times in numbers.items()} | {
            "threads": page.evaluate("lab.engine.threads")
        }
    finally:
        page.context.close()
        server.shutdown()


def rows(found: dict) -> list[Row]:
    """A row for each model and kind of server."""
    return [
        Row(
            f"Exported page, {kind}, {numbers['threads']} thread{'s' * (numbers['threads'] > 1)}: "
            "ms of a picture, a stroke, a frame of scrubbing",
            f"{numbers['picture']:.0f}, {numbers['stroke']:.0f}, {numbers['scrubbing']:.1f}",
        )
        for kind, numbers in found.items()
    ]
