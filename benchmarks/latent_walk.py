"""How soon a walk plays and how smoothly its dial turns, measured in a real browser.

    python -m benchmarks --only latent_walk

Seconds from a click on "Roll" to the first frame of 120 on the screen, and frames a second while the scrubber is moved
at every screen refresh. The app runs on as many cores as torch has threads; the browser on the others.
"""

import os
import shutil
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.options import Options, Row, seconds
from tests.browser.running_app import ROOT, Server

WALK = ".lab-walk .lab-wall canvas[data-ready]"
SCRUB = """seconds => new Promise((done) => {
    const range = document.querySelector(".lab-walk .lab-range"), end = Number(range.max), start = performance.now();
    let frames = 0, longest = 0, last = start;
    const step = (now) => {
        longest = Math.max(longest, now - last);
        last = now;
        range.value = end * (0.5 - 0.5 * Math.cos((now - start) / 400));
        range.dispatchEvent(new Event("input"));
        if (++frames && now - start < 1000 * seconds) requestAnimationFrame(step);
        else done([1000 * frames / (now - start), longest]);
    };
    requestAnimationFrame(step);
})"""


def roll(page) -> float:
    """Seconds from the click to the first frame of the new walk."""
    before = page.locator(WALK).get_attribute("data-ready")
    clicked = page.evaluate(
        "() => { [...document.querySelectorAll('button')].find((b) => b.innerText.endsWith('Roll')).click();"
        " return performance.timeOrigin + performance.now(); }"
    )
    page.wait_for_function("([s, old]) => document.querySelector(s).dataset.ready !== old", arg=[WALK, before])
    return (float(page.locator(WALK).get_attribute("data-loaded")) - clicked) / 1000


def play(models: Path, cores: int, rolls: int) -> dict:
    """The numbers, for the first model of a folder."""
    from playwright.sync_api import sync_playwright

    os.environ["OMP_NUM_THREADS"] = str(cores)
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(everything)[:cores])  # the app inherits it
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder), models)
        os.sched_setaffinity(0, everything)
        try:
            server.wait()
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{server.url}/latents?latents_frames=120&latents_beside=Nothing+beside+it")
            page.wait_for_selector(WALK, timeout=120_000)
            page.wait_for_timeout(8000)  # the parts below the walk
            seconds = []
            for _ in range(rolls):
                seconds.append(roll(page))
                page.wait_for_timeout(6000)
            rate, longest = page.evaluate(SCRUB, 4)
            edge = page.locator(WALK).evaluate("canvas => canvas.width")
            browser.close()
        finally:
            server.process.terminate()
            server.process.wait(timeout=20)
    return {
        "cores of the app": cores,
        "seconds from click to playing": [round(s, 2) for s in seconds],
        "median": round(median(seconds), 2),
        "scrubbed frames a second": round(rate, 1),
        "longest frame, ms": round(longest, 1),
        "canvas": edge,
    }


def measure(options: Options) -> dict:
    """The shipped model's walk, the app on as many cores as torch has threads."""
    return play(ROOT / "assets", options.threads, rolls=2)


def rows(found: dict) -> list[Row]:
    """How soon, and how smoothly."""
    frames, longest = found["scrubbed frames a second"], found["longest frame, ms"]
    return [
        Row("Walk of 120 frames: click to the first frame, in a browser", seconds(found["median"])),
        Row("Walk: frames a second while the dial turns", f"{frames:.0f}", f"longest frame {longest:.0f} ms"),
    ]
