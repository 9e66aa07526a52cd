"""The app as people meet it: from `streamlit run` to the first picture, from a seed to its picture, and memory.

    python -m benchmarks --only app

Starts the app and looks at it in a real Chromium or Chrome (on the PATH), 1280 x 720. A picture counts when it is
decoded and the next frame has begun; the time of a seed runs from the key press to that moment.
"""

import contextlib
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.options import ROOT, Options, Row, seconds
from benchmarks.server import App, running_app
from pgan_core import Generator, GeneratorConfig
from pgan_core.checkpoints.native import save_checkpoint

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 60_000  # ms

# page -> its address, and its first generated pictures (charts come later)
PAGES = {
    "growth": ("", '[data-testid="growth-wall"] canvas'),
    "latents": ("latents", '[data-testid="latent-points"] .lab-thumb'),
    "models": ("models", 'img[data-testid="models-wall"]'),
    "activations": ("activations?activations_view=Feature+maps", '[data-testid="picture-grid"] img'),
    "initialization": ("initialization", '[data-testid="initialization-pictures"] img'),
    "interventions": ("interventions", '[data-testid="paint"] canvas'),
}

BELOW = ("initialization",)  # its pictures lie below the first screen and wait there: the window is as tall as the page

# lab.look(selector): a text that differs when the pictures do, or null while one of them is not there or not decoded.
# lab.changed(selector, before): the time in ms of the first frame after the pictures became others, all decoded.
WATCH = """
window.lab = {
  small: new OffscreenCanvas(12, 12).getContext("2d", {willReadFrequently: true}),
  pixels(element) {
    lab.small.drawImage(element, 0, 0, 12, 12);
    const data = lab.small.getImageData(0, 0, 12, 12).data;
    return new Set(data).size > 8 ? data.join() : null;  // a blank canvas has no picture yet
  },
  background(element) {
    const image = getComputedStyle(element).backgroundImage;
    return image.startsWith("url(") ? image : null;
  },
  look(selector) {
    const found = [...document.querySelectorAll(selector)];
    const drawn = found.map((element) =>
      element.tagName === "CANVAS" ? (element.width && element.height ? lab.pixels(element) : null)
      : lab.background(element) ?? (element.complete && element.naturalWidth ? element.src : null));
    const known = drawn.filter((one) => one !== null);
    return known.length && (known.length === drawn.length || found[0].tagName === "CANVAS") ? known.join("|") : null;
  },
  changed(selector, before) {
    const end = performance.now() + PATIENCE;
    return new Promise((resolve, reject) => {
      const step = () => {
        if (performance.now() > end) return reject(new Error(`no other picture at ${selector}`));
        const now = lab.look(selector);
        if (now === null || now === before) return setTimeout(step, 10);  // every frame would cost what is measured
        const images = [...document.querySelectorAll(selector)].map((element) => lab.background(element)
          ? Object.assign(new Image(), {src: lab.background(element).slice(5, -2)}) : element);
        Promise.all(images.map((image) => image.decode?.())).then(() =>
          requestAnimationFrame(() => resolve({at: performance.now(), clock: Date.now()})));
      };
      step();
    });
  },
};
addEventListener("keydown", (event) => { if (event.key === "Enter") window.labPressed = performance.now(); }, true);
""".replace("PATIENCE", str(PATIENCE))


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A real browser without a window. Raises RuntimeError where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if not path:
        raise RuntimeError("there is no chromium or google-chrome on the PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@contextlib.contextmanager
def fresh_page(chromium: Browser) -> Iterator[Page]:
    """A page of a browser with an empty cache."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def rest(page: Page) -> None:
    """Waits until the page's script has been still for a second."""
    still = page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')
    for _ in range(120):
        still.wait_for()
        page.wait_for_timeout(1000)
        if still.count():
            return


def first_picture(page: Page, app: App, name: str = "growth") -> tuple[float, float]:
    """Opens a page; when its first generated picture is painted: (ms from the navigation, wall clock in s)."""
    address, selector = PAGES[name]
    if name in BELOW:
        page.set_viewport_size({"width": 1280, "height": 3000})
    page.goto(f"{app.url}/{address}", wait_until="commit")
    painted = page.evaluate("selector => lab.changed(selector, null)", selector)
    return painted["at"], painted["clock"] / 1000


def seed_changes(page: Page, app: App, name: str, count: int) -> list[float]:
    """Milliseconds from the Enter key to the changed picture, `count` times, on a page that has come to rest."""
    first_picture(page, app, name)
    rest(page)
    seed, selector, taken = page.get_by_role("spinbutton", name="Seed"), PAGES[name][1], []
    for i in range(count + 1):
        before = page.evaluate("selector => lab.look(selector)", selector)
        page.evaluate("([s, before]) => { window.labSeen = lab.changed(s, before); }", [selector, before])
        seed.fill(str(1000 + 100 * i))
        seed.press("Enter")
        taken.append(page.evaluate("async () => (await window.labSeen).at - window.labPressed"))
        rest(page)
    return taken[1:]  # the first one warms up


def starts(chromium: Browser, openings: int) -> dict:
    """From the process's start to the port and to the first picture, with its CPU time; then fresh pages."""
    with running_app() as app, fresh_page(chromium) as page:
        answers = app.wait()
        _, clock = first_picture(page, app)
        found = {"port_s": answers, "start_s": clock - app.started, "start_cpu_s": app.status()["cpu_s"]}
        rest(page)
        app.settle()
        found["model_rss_mib"] = app.status()["rss_mib"]
        taken = []
        for _ in range(openings):
            with fresh_page(chromium) as other:
                taken.append(first_picture(other, app)[0] / 1000)
                rest(other)
    return found | {"open_s": taken, "open_median_s": statistics.median(taken)}


def seeds(chromium: Browser, changes: int) -> dict:
    """Page -> median, worst and all times in ms from a seed to its picture."""
    found = {}
    with running_app() as app:
        app.wait()
        app.settle()
        for name in PAGES:
            with fresh_page(chromium) as page:
                taken = seed_changes(page, app, name, changes)
            found[name] = {"median_ms": statistics.median(taken), "worst_ms": max(taken), "all_ms": taken}
    return found


def memory(chromium: Browser) -> dict:
    """Resident MiB: at rest, with the shipped model, with an official 1024 x 1024 network, after unloading."""
    with tempfile.TemporaryDirectory(prefix="pggan-bench-") as folder:
        save_checkpoint(Path(folder, "official.safetensors"), generator=Generator(GeneratorConfig()))
        with running_app([ROOT / "assets", Path(folder)]) as app, fresh_page(chromium) as page:
            app.wait()
            app.settle()
            found = {"idle": app.status()["rss_mib"]}
            page.goto(f"{app.url}/models")
            page.get_by_test_id("models-card").wait_for()
            rest(page)
            found["shipped"] = app.status()["rss_mib"]
            page.get_by_role("combobox", name="Model", exact=True).click()
            page.get_by_role("option", name="official", exact=True).click()
            page.get_by_test_id("models-card").filter(has_text="1024 × 1024").wait_for()
            page.get_by_text("Spread between pictures").wait_for()
            rest(page)
            found["official"] = app.status()["rss_mib"]
            page.get_by_role("button", name="Unload").click()
            page.get_by_text("is unloaded").wait_for()
            rest(page)
            found["unloaded"] = app.status()["rss_mib"]
    return found


def measure(options: Options) -> dict:
    """A few openings and changes: enough for medians. Raises RuntimeError where there is no browser."""
    with browser() as chromium:
        return {"starts": starts(chromium, 3), "seeds": seeds(chromium, 3), "rss_mib": memory(chromium)}


def rows(found: dict) -> list[Row]:
    """Start, opening, seeds by page, memory."""
    start, memory = found["starts"], found["rss_mib"]
    pages = ", ".join(f"{name} {taken['median_ms']:.0f}" for name, taken in found["seeds"].items())
    return [
        Row("App: `streamlit run` to the first picture", seconds(start["start_s"])),
        Row("App: opening the page to the first picture", seconds(start["open_median_s"])),
        Row("App: seed to picture, median in ms", pages),
        Row("App: resident memory in MiB", ", ".join(f"{name} {value:.0f}" for name, value in memory.items())),
    ]
