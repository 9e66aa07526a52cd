"""The Latents page under a real hand: the walk plays and is scrubbed in the browser, points and sliders are moved."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.running_app import watched_pages

PLAY = """async address => {
    const video = Object.assign(document.createElement("video"), {src: address, muted: true});
    await new Promise((done, failed) => { video.oncanplay = done; video.onerror = () => failed(video.error); });
    await video.play();
    return [video.videoWidth, video.duration];
}"""
WALK = ".lab-walk .lab-wall canvas[data-ready]"


@pytest.fixture(scope="module")
def page(chromium, server):
    """One page for the tests that only play its walk."""
    with watched_pages(chromium, server) as open_page:
        opened = open_page("latents", latents_frames=60)
        opened.wait_for_selector(WALK)
        yield opened


def picture(page, selector: str = WALK) -> np.ndarray:
    png = page.locator(selector).evaluate("canvas => canvas.toDataURL('image/png').split(',')[1]")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")).astype(int)


def identity(page) -> str:
    return page.locator(WALK).get_attribute("data-ready")


def another_walk(page, before: str) -> str:
    """Wait for the next walk."""
    page.wait_for_function("([s, old]) => document.querySelector(s)?.dataset.ready !== old", arg=[WALK, before])
    return identity(page)


def scrub(page, t: float) -> None:
    page.locator(".lab-walk .lab-range").evaluate(
        "(range, t) => { range.value = t; range.dispatchEvent(new Event('input')); }", t
    )


def frame(page) -> float:
    return float(page.locator(".lab-walk .lab-range").input_value())


def pause(page) -> None:
    if page.locator(".lab-walk .lab-play").get_attribute("aria-label") == "Pause":
        page.locator(".lab-walk .lab-play").click()
    page.wait_for_selector(".lab-walk .lab-play[aria-label=Play]")


def falls(page, least: float, most: float) -> None:
    """Wait until the dial has gone back by so many frames between two looks."""
    page.wait_for_function(
        """([least, most]) => {
            const now = Number(document.querySelector('.lab-walk .lab-range').value), fall = window.before - now;
            window.before = now;
            return fall >= least && fall <= most;
        }""",
        arg=[least, most],
    )


def test_the_walk_plays_by_itself_and_stops_at_a_click(page):
    first = frame(page)
    page.wait_for_function(f"document.querySelector('.lab-walk .lab-range').value != {first}")
    pause(page)
    still = frame(page)
    page.evaluate("() => new Promise(done => setTimeout(done, 200))")  # a dozen frames of the browser
    assert frame(page) == still


def test_every_place_of_the_dial_is_its_own_picture_and_half_ways_are_blends(page):
    pause(page)
    shown = {}
    for t in (10, 10.5, 11, 40):
        scrub(page, t)
        shown[t] = picture(page)
    assert np.abs(shown[40] - shown[10]).mean() > 2
    assert np.abs(shown[10.5] - (shown[10] + shown[11]) / 2).max() <= 2
    readout = page.locator(".lab-walk .lab-readout").inner_text()
    assert readout == "frame 40 of 60"


def test_slerp_and_lerp_move_in_step(page):
    pause(page)
    scrub(page, 0)
    both = [picture(page, f".lab-walk figure:nth-child({i}) canvas") for i in (1, 2)]
    assert np.abs(both[0] - both[1]).mean() < 2  # a key point is the same on both ways
    scrub(page, 15 / 2)
    assert page.locator(".lab-curves svg").count() == 2
    marks = {line.get_attribute("x1") for line in page.locator(".lab-curves line.now").all()}
    assert len(marks) == 1


def test_the_keyboard_moves_frame_by_frame(page):
    pause(page)
    scrub(page, 20)
    page.locator(".lab-walk .lab-range").focus()
    page.keyboard.press("ArrowRight")
    assert frame(page) == 21
    page.keyboard.press("End")
    assert frame(page) == 59


@pytest.mark.parametrize("mode", ["loop", "ping-pong", "once"])
def test_what_happens_at_the_end(page, mode):
    pause(page)
    page.locator(".lab-mode").select_option(mode)
    page.locator(".lab-speed").select_option("2")
    scrub(page, 57)
    page.locator(".lab-walk .lab-play").click()
    if mode == "once":
        page.wait_for_selector(".lab-walk .lab-play[aria-label=Play]")
        assert frame(page) == 59
        return
    falls(page, *((30, 59) if mode == "loop" else (0.01, 29)))  # from its end to its beginning, or the way it came
    pause(page)


def test_points_are_rolled_pinned_swapped_moved_and_removed(visit):
    page = visit("latents", latents_frames=12, latents_points="1,2,3")
    page.wait_for_selector(WALK)
    now = identity(page)

    def names() -> list[str]:
        return page.locator(".lab-point small").all_inner_texts()

    page.get_by_label("Move right: seed 1", exact=True).click()
    now = another_walk(page, now)
    assert names() == ["seed 2", "seed 1", "seed 3"]
    page.locator(".lab-thumb").nth(0).drag_to(page.locator(".lab-thumb").nth(2))
    now = another_walk(page, now)
    assert names() == ["seed 3", "seed 1", "seed 2"]
    page.get_by_label("Keep when all are rolled: seed 1", exact=True).click()
    page.wait_for_selector("[aria-pressed=true][aria-label$=': seed 1']")
    page.get_by_role("button", name="Roll", exact=True).click()
    now = another_walk(page, now)
    assert names()[1] == "seed 1" and names()[0] != "seed 3"
    page.get_by_label("Remove: seed 1", exact=True).click()
    now = another_walk(page, now)
    assert len(names()) == 2
    page.locator(".lab-add").click()
    another_walk(page, now)
    assert len(names()) == 3
    again = visit("latents", **dict(part.split("=", 1) for part in page.url.partition("?")[2].split("&")))
    again.wait_for_selector(WALK)
    assert again.locator(".lab-point small").all_inner_texts() == names()


def test_a_candidate_takes_the_place_of_the_chosen_point(visit):
    page = visit("latents", latents_frames=12, latents_points="1,2", latents_chosen=1)
    page.wait_for_selector(WALK)
    now = identity(page)
    page.get_by_test_id("stPopover").get_by_text("Pick", exact=True).click()
    wall = page.get_by_test_id("picture-grid").locator("img")
    box = wall.bounding_box()
    wall.click(position={"x": box["width"] * 1.5 / 6, "y": box["height"] / 8})
    another_walk(page, now)
    assert page.locator(".lab-point small").all_inner_texts() == ["seed 1", "seed 1001"]


def test_a_slider_moves_the_picture_before_the_server_answers_and_the_strips_after(visit):
    page = visit("latents", latents_view="Directions", latents_source="SeFa")
    ready = "[data-testid=directions][data-ready]"
    page.wait_for_selector(ready)
    before, old = picture(page, ".lab-now"), page.locator(ready).get_attribute("data-ready")
    slider = page.locator(".lab-slider input").nth(1)
    slider.evaluate("range => { range.value = 2.5; range.dispatchEvent(new Event('input')); }")
    assert np.abs(picture(page, ".lab-now") - before).mean() > 1
    assert np.abs(picture(page, ".lab-difference") - 128).max() > 10
    held = picture(page, ".lab-now")
    slider.evaluate("range => range.dispatchEvent(new Event('change'))")
    page.wait_for_function("([s, old]) => document.querySelector(s).dataset.ready !== old", arg=[ready, old])
    assert np.abs(picture(page, ".lab-now") - held).mean() < 2  # the server's picture is what the hand saw
    assert "latents_sigmas=0%2C2.5" in page.url


def test_the_plane_follows_the_pointer_and_draws_its_next_map(visit):
    page = visit("latents", latents_view="Plane")
    pad = page.locator(".lab-pad[data-ready]")
    pad.wait_for()
    before, old, box = picture(page, ".lab-plane canvas"), pad.get_attribute("data-ready"), pad.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + box["height"] / 2)
    assert np.abs(picture(page, ".lab-plane canvas") - before).mean() > 2
    page.mouse.up()
    page.wait_for_function("old => document.querySelector('.lab-pad').dataset.ready !== old", arg=old)
    assert "latents_x=" in page.url


def test_an_exported_film_plays_and_both_themes_are_whole(visit):
    page = visit("latents", scheme="dark", latents_frames=24)
    page.wait_for_selector(WALK)
    for name, label in (("walk.mp4", "MP4"), ("walk.webm", "WebM")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label, exact=True).click()
        data = base64.b64encode(waiting.value.path().read_bytes()).decode()
        found = page.evaluate(
            PLAY,
            f"data:video/{name[5:]};base64,{data}",
        )
        assert found[0] == 256
    with page.expect_download() as waiting:
        page.get_by_role("button", name="GIF", exact=True).click()
    with Image.open(waiting.value.path()) as gif:
        assert gif.n_frames == 24 and gif.info["loop"] == 0
