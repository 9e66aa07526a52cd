"""The app's pictures drawn by the visitor's browser are those that the server draws."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from dashboard.shared.link_text import pack
from dissection.interventions import ablate, copy, insert, scale, to_json
from tests.browser.test_interventions import draw

CLOSE = 3  # of 255; the browser's weights are float16


def edits() -> str:
    """One of each verb, in regions and everywhere, one over another, as a link carries them."""
    half = torch.zeros(16, 16)
    half[:, :9] = 1
    maps = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 8, 8)).astype(np.float32))
    return pack(
        to_json(
            {
                "4x4/conv": [insert([0, 1], [2.0, -1.0], strength=0.5), scale([0, 3], 2.0)],
                "8x8/conv0": [ablate([0, 1, 2], half), scale([1, 2, 3], 2.5, half, strength=0.6), scale([4], 0.4)],
                "8x8/conv1": [copy([0, 1, 2, 3], maps, half), insert([3], 1.5, half, strength=0.7)],
            }
        )
    )


def canvas(page, selector: str) -> np.ndarray:
    """The pixels of a canvas, H x W x 3."""
    address = page.locator(selector).first.evaluate("canvas => canvas.toDataURL()")
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
    return np.asarray(picture.convert("RGB"), int)


@pytest.fixture
def painted(visit):
    """painted("browser") opens the same edits drawn by whom it is told."""

    def painted(drawn_by: str):
        page = visit("interventions", drawn_by=drawn_by, interventions_edits=edits())
        page.wait_for_selector(".lab-paint[data-steps='7']")
        return page

    return painted


def test_edits_are_the_servers(painted):
    server, browser = painted("server"), painted("browser")
    assert "Drawn in this browser" in browser.locator(".lab-paint .lab-drawn-here").inner_text()
    assert not server.locator(".lab-paint .lab-drawn-here").count()
    plain, edited = canvas(server, ".lab-before"), canvas(server, ".lab-canvas")
    assert np.abs(canvas(browser, ".lab-before") - plain).max() <= CLOSE
    assert np.abs(canvas(browser, ".lab-canvas") - edited).max() <= CLOSE
    assert np.abs(canvas(server, ".lab-change")).max() > 10 * CLOSE  # the edits are seen
    browser.wait_for_selector(".lab-picture-grid img[src^='data:']")  # the wall

    draw(browser)
    browser.wait_for_selector(".lab-paint[data-steps='8'][data-busy='false']")
    browser.get_by_role("button", name="Undo").click()
    browser.wait_for_selector(".lab-paint[data-steps='7'][data-busy='false']")
    assert np.abs(canvas(browser, ".lab-canvas") - edited).max() <= CLOSE


def test_walks_directions_and_the_plane(visit):
    by = {}
    for drawn_by in ("server", "browser"):
        page = visit("latents", drawn_by=drawn_by, latents_frames=9, latents_at=2, latents_loop="false")
        page.wait_for_selector(".lab-walk canvas[data-ready$='/9']")
        if drawn_by == "browser":
            page.get_by_text("Drawn in this browser").wait_for()
        shown = [canvas(page, ".lab-walk .lab-wall canvas"), canvas(page, ".lab-walk .lab-beside canvas")]
        for view, selector in (("Directions", ".lab-now"), ("Plane", ".lab-plane canvas")):
            page.get_by_role("radio", name=view).click()
            page.wait_for_selector(f".lab-{view.lower()}[data-ready], .lab-{view.lower()} [data-ready]")
            shown.append(canvas(page, selector))
        by[drawn_by] = shown
    for server, browser in zip(by["server"], by["browser"], strict=True):
        assert np.abs(server - browser).mean() < CLOSE  # the server's sheets are lossy


def test_a_browser_that_cannot_draw_leaves_it_to_the_server(chromium, server):
    context = chromium.new_context()
    page = context.new_page()
    page.route("**/engine/of/**", lambda route: route.abort())
    page.goto(f"{server.url}/interventions?drawn_by=browser&seed=0")
    page.wait_for_selector(".lab-paint[data-version]", timeout=90_000)
    page.get_by_test_id("stSidebar").get_by_text("This browser cannot draw").wait_for()
    assert not page.locator(".lab-drawn-here").count()
    context.close()
