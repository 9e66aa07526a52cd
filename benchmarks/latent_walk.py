"""How soon a walk plays and how smoothly its dial turns, in a real browser.

    python -m benchmarks --only latent_walk

Seconds from a click on "Roll" to the first frame of 120 on the screen, and frames a second while the dial is moved at
every screen refresh.
"""

from statistics import median

from playwright.sync_api import Page

from benchmarks.app import browser, fresh_page
from benchmarks.options import ROOT, Options, Row, seconds
from benchmarks.server import running_app

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


def roll(page: Page) -> float:
    """Seconds from the click to the first frame of the new walk."""
    before = page.locator(WALK).get_attribute("data-ready")
    clicked = page.evaluate(
        "() => { [...document.querySelectorAll('button')].find((b) => b.innerText.endsWith('Roll')).click();"
        " return performance.timeOrigin + performance.now(); }"
    )
    page.wait_for_function("([s, old]) => document.querySelector(s).dataset.ready !== old", arg=[WALK, before])
    return (page.locator(WALK).evaluate("canvas => Number(canvas.dataset.loaded)") - clicked) / 1000


def measure(options: Options) -> dict:
    """Two rolls and one scrub of the shipped model's walk."""
    with running_app([ROOT / "assets"]) as app, browser() as chromium, fresh_page(chromium) as page:
        app.wait()
        page.goto(f"{app.url}/latents?latents_frames=120&latents_beside=Nothing+beside+it")
        page.wait_for_selector(WALK)
        rolls = []
        for _ in range(2):
            page.wait_for_timeout(8000)  # the parts below the walk are drawn
            rolls.append(roll(page))
        rate, longest = page.evaluate(SCRUB, 4)
    return {"rolls_s": rolls, "median": median(rolls), "scrubbed frames a second": rate, "longest frame, ms": longest}


def rows(found: dict) -> list[Row]:
    """How soon, and how smoothly."""
    frames, longest = found["scrubbed frames a second"], found["longest frame, ms"]
    return [
        Row("Walk of 120 frames: click to the first frame, in a browser", seconds(found["median"])),
        Row("Walk: frames a second while the dial turns", f"{frames:.0f}", f"longest frame {longest:.0f} ms"),
    ]
