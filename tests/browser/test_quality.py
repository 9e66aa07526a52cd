"""The Quality page under a real hand: parts, sources, pictures of one's own, and both themes."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.running_app import rest


def test_distance_floor_and_slice(visit):
    page = visit("quality", quality_count=64)
    page.get_by_text("floor: real against real").wait_for()
    page.get_by_role("button", name="Another direction").scroll_into_view_if_needed()  # what is below waits for it
    page.get_by_test_id("quality-patches-1").wait_for()
    direction = page.get_by_test_id("quality-patches-0")
    first = direction.get_attribute("src")
    page.get_by_role("button", name="Another direction").click()
    changed = "before => document.querySelector('[data-testid=quality-patches-0]').getAttribute('src') !== before"
    page.wait_for_function(changed, arg=first)
    assert "quality_line=1" in page.url


def test_pictures_of_ones_own(visit):
    page = visit("quality", quality_count=64)
    page.get_by_text("floor: real against real").wait_for()
    page.get_by_role("button", name="Bring pictures").click()
    files = []
    for i in range(8):
        buffer = io.BytesIO()
        pixels = np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(buffer, "PNG")
        files.append({"name": f"{i}.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    page.locator("input[type=file]").set_input_files(files[:3])
    page.get_by_text("At least 4 pictures are needed").wait_for()
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_text("as a source").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("combobox", name="Compared with").click()
    page.get_by_role("option", name="Uploaded pictures").click()
    page.get_by_text("Uploaded pictures against Toy Town scenes").wait_for()


def test_the_parts_follow_one_another(visit):
    page = visit("quality", quality_part="Pixel+norm")
    page.get_by_test_id("quality-place").wait_for()
    page.get_by_role("radio", name="Nearest training scenes").click()
    page.get_by_text("python -m pgan_core nearest").wait_for()
    page.get_by_role("radio", name="Minibatch stddev").click()
    page.get_by_test_id("quality-batch").wait_for()
    page.get_by_text("As the batch becomes alike").wait_for()
    assert "quality_part=Minibatch+stddev" in page.url
    page.get_by_role("radio", name="whole minibatch").click()
    page.wait_for_url("**quality_form=whole*")


def test_ablations_show_curves_pictures_and_numbers(visit):
    page = visit("quality", quality_part="Ablations")
    page.get_by_test_id("quality-ablation-no-pixel-norm").wait_for()
    page.get_by_role("radio", name="Growing").click()
    page.get_by_test_id("quality-ablation-no-growing").wait_for()
    assert "quality_ablation=Growing" in page.url
    chart = page.locator(".stPlotlyChart").first.bounding_box()
    assert chart["y"] >= 0 and chart["y"] + chart["height"] <= 720
    page.get_by_text("All numbers").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_bars_stand_above_the_fold(visit, scheme):
    page = visit("quality", scheme=scheme, quality_count=64)
    chart = page.locator(".stPlotlyChart").first
    chart.locator(".barlayer").wait_for()
    box = chart.bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 720


CONTROLS = '[data-testid="stMain"] [role=radiogroup]'
CUT = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth + 4).map(box => box.innerText)"


def cut(boxes, seconds=15):
    """The texts of boxes that stay wider than their place; the style and the fonts of formulas come late."""
    for _ in range(seconds):
        if not (texts := boxes.evaluate_all(CUT)):
            break
        boxes.page.wait_for_timeout(1000)
    return texts


@pytest.mark.parametrize(
    ("address", "query"),
    [("quality", {"quality_part": part}) for part in ("Distance", "Minibatch+stddev", "Pixel+norm", "Ablations")]
    + [("latents", {"latents_view": view}) for view in ("Walk", "Plane")]
    + [("interventions", {}), ("growth", {}), ("initialization", {})],
)
def test_no_formula_or_choice_is_cut_off(visit, address, query):
    page = visit(address, **query)
    formula = page.locator(".katex-display")
    formula.first.wait_for()
    rest(page)
    assert cut(formula) == []
    assert cut(page.locator(CONTROLS)) == []
