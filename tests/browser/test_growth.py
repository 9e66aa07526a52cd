"""The Growth page under a real hand: other models and seeds give other pixels, the scrubber moves by itself."""

import base64
import io
import itertools

import numpy as np
import pytest
from PIL import Image

from tests.browser.running_app import rest, watched_pages

READY = '[data-testid="growth-wall"] canvas[data-ready="true"]'


@pytest.fixture(scope="module")
def page(chromium, server):
    """One page for the tests that only move its scrubber."""
    with watched_pages(chromium, server) as open_page:
        opened = open_page()
        opened.wait_for_selector(READY)
        yield opened


def wall(page) -> np.ndarray:
    """The pixels of the wall as the canvas holds them."""
    page.wait_for_selector(READY)
    png = page.locator(READY).evaluate("canvas => canvas.toDataURL('image/png').split(',')[1]")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")).astype(int)


def different(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape != b.shape or np.abs(a - b).mean() > 2


def settled(page, before: np.ndarray, seconds: float = 30) -> np.ndarray:
    """The wall once it differs from `before`."""
    for _ in range(int(seconds * 5)):
        now = wall(page)
        if different(now, before):
            return now
        page.wait_for_timeout(200)
    raise AssertionError("the wall did not change")


def moment(page) -> str:
    return page.get_by_test_id("growth-moment").inner_text()


def place(page) -> float:
    return float(page.locator(".lab-growth .lab-range").input_value())


def move(page, t: float) -> None:
    """Move the scrubber and let go."""
    page.locator(".lab-growth .lab-range").evaluate(
        "(range, t) => { range.value = t; range.dispatchEvent(new Event('input'));"
        " range.dispatchEvent(new Event('change')); }",
        t,
    )


def let_go(page, t: float) -> None:
    """Move the scrubber and wait until the server knows."""
    move(page, t)
    at = "new URL(location.href).searchParams.get('growth_at')"  # absent at the end, where the page opens
    page.wait_for_function(f"t => {at} === null ? t >= 3.5 : Math.abs({at} - t) < 0.01", arg=t)
    rest(page)


def test_another_seed_and_another_checkpoint_give_other_pixels(visit):
    page = visit(seed=0)
    first = wall(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("40")
    seed.press("Enter")
    second = settled(page, first)
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="second/16x16-end", exact=True).click()
    third = settled(page, second)
    assert different(third, first)
    assert "seed=40" in page.url and "second" in page.url


def test_a_link_restores_the_view(visit):
    page = visit(seed=40, growth_at=1.0, growth_pictures=9)
    page.wait_for_selector(READY)
    assert moment(page) == "fading in 8 × 8, α = 0.50"
    assert page.get_by_role("spinbutton", name="Seed").input_value() == "40"


def test_small_pictures_arrive_enlarged_by_nearest_neighbour(page):
    move(page, 0)
    pixels = wall(page)
    tile = pixels.shape[0] // 4
    block = tile // 4  # one pixel of a 4x4 picture
    inside = pixels[block + 4 : 2 * block - 4, block + 4 : 2 * block - 4]
    assert np.ptp(inside, axis=(0, 1)).max() <= 6  # flat, but for what the compression leaves
    assert np.ptp(pixels[:tile, :tile], axis=(0, 1)).max() > 30


def test_the_scrubber_blends_from_the_old_branch_to_the_new(page):
    walls = {}
    for t in (0.5, 1.0, 1.5):
        move(page, t)
        walls[t] = wall(page)
    blend = (walls[0.5] + walls[1.5]) / 2
    assert different(walls[0.5], walls[1.5])
    clipped = (walls[0.5] < 3) | (walls[0.5] > 252) | (walls[1.5] < 3) | (walls[1.5] > 252)
    assert np.abs(walls[1.0] - blend)[~clipped].mean() < 3


def test_figure_2_shows_the_branches_with_their_weights(page):
    move(page, 0.75)
    figure = page.get_by_test_id("figure2")
    assert set(figure.locator('[data-number="new"]').all_text_contents()) == {"0.25"}
    assert set(figure.locator('[data-number="old"]').all_text_contents()) == {"0.75"}
    addresses = figure.locator("image").evaluate_all("images => images.map(i => i.getAttribute('href'))")
    assert len(addresses) == len(set(addresses)) == 3
    move(page, 0.25)
    assert figure.locator("[data-number]").count() == 0
    assert figure.locator("image").count() == 1


def test_a_click_on_a_picture_brings_it_into_the_figure(page):
    move(page, 3.5)
    blend = page.locator('[data-testid="figure2"] .lab-blend-picture')
    before = blend.get_attribute("href")
    page.locator(READY).click(position={"x": 250, "y": 250})
    assert blend.get_attribute("href") != before


def test_the_schedules_marker_follows(page):
    ours = page.get_by_test_id("schedules").locator("svg").first
    ours.wait_for()
    move(page, 1.0)
    assert ours.locator(".lab-kimg").text_content() == "4"  # 3 kimg at 4x4, then half of a fade of 2
    move(page, 3.5)
    assert ours.locator(".lab-kimg").text_content() == "13"
    assert ours.locator('.lab-value[data-name="minibatch"]').text_content() == "8"


def test_keys_move_the_scrubber(page):
    page.locator("body").press("Home")
    assert moment(page) == "training at 4 × 4"
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    assert moment(page) == "training at 8 × 8"


def test_play_moves_in_the_browser_and_pause_stops(page):
    move(page, 0)
    page.evaluate("window.moved = 0; document.addEventListener('lab-moment', () => window.moved++)")
    page.locator(".lab-growth").evaluate("root => { root.view.player.data.seconds = 60; }")  # on any machine
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("window.moved > 5 && document.querySelector('.lab-growth .lab-range').value > 0.05")
    page.get_by_role("button", name="Pause").click()
    t = place(page)
    page.wait_for_timeout(300)
    assert place(page) == pytest.approx(t) and t < 3.5


def test_the_place_on_the_scrubber_goes_into_the_address(page):
    let_go(page, 1.25)
    assert "growth_at=1.25" in page.url
    let_go(page, 3.5)
    assert "growth_at" not in page.url  # the end is where the page opens


@pytest.mark.parametrize(("name", "magic"), [("png", b"\x89PNG"), ("gif", b"GIF89a"), ("mp4", b"ftyp")])
def test_exports_are_files_of_their_kind(page, name, magic):
    let_go(page, 0.6 if place(page) > 1 else 1.2)
    with page.expect_download() as download:
        page.get_by_role("button", name=name.upper()).click()
    assert download.value.suggested_filename == f"growth.{name}"
    assert magic in download.value.path().read_bytes()[:16]


def test_snapshots_are_shown_at_their_own_moment(visit):
    page = visit(growth_way="Snapshots+from+training", growth_at=1.1)
    page.wait_for_selector(READY)
    assert "α = 0.50" in moment(page) and "snapshot after 4" in moment(page)


def background(page) -> str:
    return page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")


def test_both_themes_show_wall_figure_and_scrubber_above_the_fold(page, visit):
    dark = visit(scheme="dark")
    dark.wait_for_selector(READY)
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    for shown in (page, dark):
        for part in ('[data-testid="growth-wall"]', ".lab-range", '[data-testid="figure2"]'):
            box = shown.locator(part).bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 720
    assert (background(page), background(dark)) == ("rgb(255, 255, 255)", "rgb(18, 23, 29)")


LABELS = """() => [...document.querySelectorAll(".lab-ticks span")].filter(label => label.style.visibility !== "hidden")
    .map(label => label.getBoundingClientRect()).map(({left, right}) => [left, right])"""


def test_on_a_phone_the_scrubber_has_its_length_and_nothing_lies_upon_another(visit):
    page = visit()
    page.wait_for_selector(READY)
    page.set_viewport_size({"width": 400, "height": 860})
    page.reload()
    page.wait_for_selector(READY)
    title, button = page.locator(".lab-question h1"), page.get_by_test_id("stExpandSidebarButton")
    button.wait_for()
    wall, scrubber = (page.locator(f".lab-growth {part}").bounding_box() for part in (".lab-wall", ".lab-range"))
    assert title.bounding_box()["y"] >= button.bounding_box()["y"] + button.bounding_box()["height"]
    assert scrubber["width"] > 300 and scrubber["y"] >= wall["y"] + wall["height"]
    sizes = [{"t": i, "label": f"{4 << i}×{4 << i}"} for i in range(9)]  # up to 1024×1024
    page.locator(".lab-growth").evaluate("(root, sizes) => root.view.player.ticks(sizes, 8)", sizes)
    shown = page.evaluate(LABELS)
    assert len(shown) >= 5 and all(left > end for (_, end), (left, _) in itertools.pairwise(shown))
