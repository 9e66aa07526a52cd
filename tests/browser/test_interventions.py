"""The Interventions page under a real hand: brush, box, lasso, everywhere, undo and redo, the wall, the link."""

import re

import pytest

from tests.browser.running_app import rest

PICTURE = "canvas.lab-canvas"
DRAWN = [(0.1, 0.1), (0.6, 0.3), (0.8, 0.8)]


@pytest.fixture
def page(visit):
    opened = visit("interventions", interventions_units="0-7", interventions_any_layer="8x8/conv1")
    opened.wait_for_selector(".lab-paint[data-version]")
    return opened


def state(page, name: str = "version") -> str:
    return page.locator(".lab-paint").get_attribute(f"data-{name}")


def after(page, do) -> None:
    """Do something and wait until the painting shows what came of it."""
    before = state(page)
    do()
    page.wait_for_function("v => document.querySelector('.lab-paint').dataset.version !== v", arg=before)


def pixels(page) -> str:
    return page.locator(PICTURE).evaluate("canvas => canvas.toDataURL()")


def draw(page) -> None:
    """Move the mouse over the picture with the button down."""
    box = page.locator(PICTURE).bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in DRAWN]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def press(page, name: str):
    page.locator(".lab-paint").get_by_role("button", name=name, exact=True).click()


def test_a_stroke_changes_the_picture_and_can_be_undone(page):
    first = pixels(page)
    after(page, lambda: draw(page))
    changed = pixels(page)
    assert changed != first and state(page, "steps") == "1"
    after(page, lambda: press(page, "Undo"))
    assert pixels(page) == first
    after(page, lambda: page.keyboard.press("Control+y"))
    assert pixels(page) == changed
    page.locator(".lab-split").fill("100")
    assert pixels(page) != changed  # before lies over it
    after(page, lambda: press(page, "Reset"))
    assert state(page, "steps") == "0"


def test_units_are_copied_from_the_picture_that_is_clicked(visit):
    page = visit(
        "interventions", interventions_units="0-7", interventions_any_layer="8x8/conv1", interventions_verb="Copy"
    )
    page.get_by_text("seed 1, copied from").wait_for()
    rest(page)
    sources = page.get_by_test_id("picture-grid").locator("img")
    box = sources.bounding_box()
    sources.click(position={"x": box["width"] * 4.5 / 12, "y": box["height"] / 2})
    page.get_by_text("seed 5, copied from").wait_for()
    assert "interventions_source=5" in page.url
    rest(page)  # the new source's run has sent its painting, too
    before = pixels(page)
    after(page, lambda: press(page, "Everywhere"))
    assert pixels(page) != before
    page.get_by_text(re.compile("copy .*everywhere")).first.wait_for()  # its words depend on what other tests dissected


def test_artifact_units_are_marked_by_a_click_on_their_pictures(visit):
    page = visit(
        "interventions", interventions_units="1", interventions_any_layer="8x8/conv1", interventions_view="Artifacts"
    )
    page.get_by_role("button", name="Rank the units").click()
    text = page.get_by_label("Units to switch off")
    text.wait_for()
    first = text.input_value().split(", ")
    grid = page.get_by_test_id("picture-grid").locator("img")
    grid.wait_for()
    assert page.get_by_test_id("picture-grid").locator("i").count() == len(first)
    rest(page)
    for marked in (len(first) + 1, len(first)):  # the fourth unit of the first row, marked and let go again
        box = grid.bounding_box()
        grid.click(position={"x": box["width"] * 0.9, "y": 10})
        count = "n => document.querySelectorAll('.lab-picture-grid i').length === n"
        page.wait_for_function(count, arg=marked)
        assert len(text.input_value().split(", ")) == marked and {*first} <= {*text.input_value().split(", ")}
    text.fill("2")
    text.press("Enter")
    page.get_by_text("Without the 1 marked units").wait_for()


def test_every_tool_and_the_link(page, visit):
    for tool in ("Box", "Lasso"):
        press(page, tool)
        after(page, lambda: draw(page))
    wall = page.get_by_test_id("interventions-wall")
    wall.wait_for()
    before = wall.get_attribute("src")
    after(page, lambda: press(page, "Everywhere"))
    page.wait_for_function("old => document.querySelector('[data-testid=interventions-wall]').src !== old", arg=before)
    assert state(page, "steps") == "3"
    page.wait_for_function("() => location.search.includes('interventions_edits')")
    shown, address = pixels(page), page.url
    page.goto(address)
    page.wait_for_selector(".lab-paint[data-steps='3']")
    assert pixels(page) == shown
