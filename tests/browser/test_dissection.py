"""The Dissection page under a real hand: a unit is opened from the wall, its level is moved, an overlay switched."""

import pytest

from dissection import dissect
from dissection.segmenters.registry import load_segmenter
from pgan_core import load_checkpoint

LAYER = "8x8/conv1"


@pytest.fixture(scope="module")
def dissected(server):
    """The dissection of the app's model `first`, where the page finds it."""
    models = server.log_path.parent / "models"
    generator = load_checkpoint(models / "first" / "16x16-end.safetensors").generator
    dissect(generator, [LAYER, "16x16/conv1"], load_segmenter("toytown"), 60).save(models / "first-dissection")
    return {"model": "first/16x16-end", "dissection_layer": LAYER}


def strips(page, testid: str) -> list[str]:
    page.get_by_test_id(testid).first.wait_for()
    return [image.get_attribute("src") for image in page.get_by_test_id(testid).all()]


def changed(page, testid: str, before: list[str]) -> list[str]:
    """The pictures once they differ from `before`."""
    for _ in range(150):
        now = strips(page, testid)
        if now != before:
            return now
        page.wait_for_timeout(200)
    raise AssertionError("the pictures did not change")


def test_from_the_wall_to_a_unit_and_its_level(visit, dissected):
    page = visit("dissection", dissection_view="Units", dissection_least="0", **dissected)
    wall = strips(page, "unit-strip")
    assert len(wall) >= 2
    page.get_by_text("Agreement", exact=True).click()
    changed(page, "unit-strip", wall)
    page.locator('[class*="st-key-dissection_open_"] button').first.click()
    before = strips(page, "dissection-highest")
    live = page.get_by_test_id("dissection-live")
    assert "on the half of the sample that is scored" in live.inner_text()
    page.get_by_role("button", name="1% lit").click()
    live.get_by_text("levels are chosen from").wait_for()
    changed(page, "dissection-highest", before)
    assert "dissection_view=One" in page.url


def test_a_new_dissection_shows_its_progress_and_its_result(visit, dissected):
    page = visit("dissection", dissection_view="New", model="second/16x16-end")
    page.get_by_text("100", exact=True).click()
    page.get_by_role("button", name="Dissect", exact=True).click()
    page.get_by_text("100 pictures from seed 0, segmenter toytown").wait_for()
    assert page.get_by_text("are interpretable, over 2 layers").is_visible()


AT_ONCE = "Object.defineProperty(window, 'labLaterTurn', {get: () => 0, set: () => undefined})"


@pytest.mark.parametrize("is_lost", [False, True])
def test_on_a_tall_screen_every_part_of_a_unit_comes(visit, dissected, is_lost):
    """Several places come into view in one moment; none is lost, for the first unit and for the next.

    is_lost: they tell the server in one message, as with a click, so that it hears one of them, until they ask again.
    """
    page = visit("dissection", dissection_view="One unit", dissection_unit="1", **dissected)
    if is_lost:
        page.evaluate(AT_ONCE)
    page.set_viewport_size({"width": 1280, "height": 3200})
    page.get_by_role("button", name="More about every unit").click()
    parts = [page.locator(f".st-key-dissection_{name} .js-plotly-plot") for name in ("histogram", "ious", "peaks")]
    bands = page.get_by_test_id("dissection-bands")
    for unit in (1, 2):
        page.get_by_text(f"{LAYER}, unit {unit}", exact=False).first.wait_for()
        for part in (*parts, bands):
            part.wait_for()
        assert bands.locator("img").count() == 11
        page.get_by_role("spinbutton", name="Unit").fill(str(unit + 1))
        page.keyboard.press("Enter")
