"""The README's screenshots, made anew with the shipped model: `python -m tests.browser.screenshots`."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.running_app import ROOT, Server, rest, watched_pages

FOLDER = ROOT / "assets/screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def switch_off(page: Page) -> None:
    """Draw over the picture with the concept's units switched off."""
    picture = page.locator("canvas.lab-canvas").first
    box = picture.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 0.6 * box["height"])
    page.mouse.down()
    for row in (0.6, 0.7, 0.8):
        page.mouse.move(box["x"] + box["width"] - 4, box["y"] + row * box["height"], steps=8)
        page.mouse.move(box["x"] + 4, box["y"] + (row + 0.05) * box["height"], steps=8)
    page.mouse.up()
    page.mouse.move(5, 5)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with Server(Path(folder), models=ROOT / "assets") as server, watched_pages(browser, server) as visit:
            for name, path, scheme, act in (
                ("growth-light", "growth", "light", None),
                ("growth-dark", "growth", "dark", None),
                ("latents", "latents", "light", None),
                ("dissection", "dissection", "light", None),
                ("interventions", "interventions", "light", switch_off),
            ):
                page = visit(path, scheme=scheme)
                page.wait_for_timeout(5000)  # the script's first run has begun
                rest(page)
                if act:
                    act(page)
                    rest(page)
                page.screenshot(path=FOLDER / f"{name}.png")
                print(FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
