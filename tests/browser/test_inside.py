"""Architecture, Activations and Initialization under a real hand: every control is moved once, blocks and maps clicked.

That no page shows an exception, none is in the server's log and nothing is fetched from outside, `visit` checks.
"""

import pytest

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
SEGMENTS = "[data-testid='stButtonGroup'] button"


def idle(page) -> None:
    """Until the script has run through and no placeholder of a chart is left."""
    page.wait_for_timeout(250)
    page.wait_for_selector(IDLE)
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")


def keyed(page, key: str):
    return page.locator(f".st-key-{key}")


def press(page, key: str, segment: int = 1) -> None:
    """Press one segment of a control (counted from 0; -1 is the last)."""
    keyed(page, key).locator(SEGMENTS).nth(segment).click()
    idle(page)


def flip(page, key: str) -> None:
    """A toggle."""
    keyed(page, key).locator("label").first.click()
    idle(page)


def slide(page, key: str) -> None:
    """A slider by one step to the left."""
    keyed(page, key).get_by_role("slider").press("ArrowLeft")
    idle(page)


def pick(page, key: str, option: str) -> None:
    """An option of a list."""
    keyed(page, key).get_by_role("combobox").click()
    page.get_by_role("option", name=option, exact=True).click()
    idle(page)


def open_page(visit, name: str, **query):
    page = visit(name, **query)
    page.wait_for_selector(".lab-question")
    idle(page)
    return page


def test_architecture(visit):
    page = open_page(visit, "architecture")
    pick(page, "architecture_layer", "16x16/rgb")
    page.get_by_test_id("stMain").filter(has_text="3 × 8 × 1 × 1").wait_for()
    press(page, "architecture_resolution")
    flip(page, "architecture_fade")
    press(page, "architecture_network")
    keyed(page, "architecture_chart").filter(has_text="Image").wait_for()


def test_a_network_of_ones_own_is_drawn_as_one_types(visit):
    page = open_page(visit, "architecture", architecture_network="Your+network")
    area, rows = page.locator(".lab-net textarea"), page.locator(".lab-net-rows")
    area.fill("input 32x32x3\nconv 8 3x3 gated")
    rows.get_by_text("Gated conv 3×3").wait_for()
    area.press("Control+End")
    area.press_sequentially("\ncov 5\npool 2x")
    rows.get_by_text("8×16×16").wait_for()
    assert 'found "cov"' in rows.inner_text()
    assert page.locator(".lab-net-wide g[data-line]").count() == 3
    page.locator(".lab-net-wide g[data-line='2']").click()
    assert area.evaluate("a => a.value.slice(a.selectionStart, a.selectionEnd)") == "conv 8 3x3 gated"
    idle(page)
    page.reload()
    rows.get_by_text("8×16×16").wait_for()
    assert area.input_value() == "input 32x32x3\nconv 8 3x3 gated\ncov 5\npool 2x"
    with page.expect_download() as download:
        keyed(page, "architecture_yours_network-svg").get_by_role("button").click()
    with open(download.value.path(), "rb") as file:
        assert b"Gated conv" in file.read()
    keyed(page, "architecture_text_reset").get_by_role("button").first.click()
    page.wait_for_function("() => document.querySelector('.lab-net textarea').value.includes('Karras')")
    page.wait_for_function("() => !location.search.includes('architecture_text')")


def test_a_click_on_a_block_shows_its_weights(visit):
    page = open_page(visit, "architecture")
    blocks = keyed(page, "architecture_chart").locator(".barlayer .point")
    assert blocks.count() > 15
    before = page.get_by_test_id("stMain").inner_text()
    blocks.first.click(force=True)
    page.wait_for_function("text => document.querySelector('[data-testid=stMain]').innerText !== text", arg=before)
    idle(page)
    assert "architecture_layer" in page.url


@pytest.mark.parametrize("ending, start", [("svg", b"<?xml"), ("pdf", b"%PDF"), ("tex", b"\\begin{tabular}")])
def test_the_figure_and_the_table_can_be_saved(visit, ending, start):
    page = open_page(visit, "architecture")
    with page.expect_download() as download:
        keyed(page, f"architecture_generator-{ending}").get_by_role("button").click()
    with open(download.value.path(), "rb") as file:
        assert file.read().startswith(start)


def test_activations(visit):
    page = open_page(visit, "activations")
    press(page, "activations_norm")
    keyed(page, "activations_ridges").filter(has_text="Pixel norm off").wait_for()
    press(page, "activations_ridge", 0)
    press(page, "activations_axis", -1)
    press(page, "activations_file")
    flip(page, "activations_equalized")
    press(page, "activations_count", 0)
    press(page, "activations_view")
    slide(page, "activations_layer")
    press(page, "activations_network")
    press(page, "activations_view", -1)


def test_the_channel_browser(visit):
    page = open_page(visit, "activations", activations_view="Feature+maps", activations_count=4)
    press(page, "activations_order")
    press(page, "activations_scale")
    pick(page, "activations_shown", "96")
    unit = page.get_by_role("spinbutton", name="Unit")
    first = unit.input_value()
    grid = page.locator(".lab-picture-grid img")
    box = grid.bounding_box()
    grid.click(position={"x": box["width"] * 0.4, "y": box["height"] * 0.5})
    page.wait_for_function("first => document.querySelector('input[aria-label=Unit]').value !== first", arg=first)
    idle(page)
    picture = page.get_by_role("spinbutton", name="Picture")
    picture.fill("3")
    picture.press("Enter")
    idle(page)
    pick(page, "activations_point_generator", "8x8/conv0:norm")
    page.get_by_test_id("stMain").get_by_text("8x8/conv0:norm, ").wait_for()
    keyed(page, "activations_meaning").get_by_role("button").click()
    page.wait_for_url("**/dissection?*dissection_view=One*")  # this model has no dissection: no layer stays in the link
    idle(page)


def test_activations_can_be_saved(visit):
    page = open_page(visit, "activations")
    for key in ("activations_table_file_activations-csv", "activations_npz_activations-npz"):
        with page.expect_download() as download:
            keyed(page, key).get_by_role("button").click()
        assert download.value.suggested_filename in ("activations.csv", "activations.npz")


def test_initialization(visit):
    page = open_page(visit, "initialization")
    keyed(page, "initialization_preset_4").get_by_role("button").click()
    idle(page)
    slide(page, "initialization_depth")
    slide(page, "initialization_width")
    press(page, "initialization_nonlinearity", 0)
    press(page, "initialization_what")
    std = page.get_by_role("spinbutton", name="Own std. dev.")
    std.fill("0.05")
    std.press("Enter")
    idle(page)
    page.wait_for_function("() => document.body.innerText.includes('N(0, 0.05²)')")
    slide(page, "initialization_resolution")
    press(page, "initialization_norm")


def test_training_can_be_stopped_and_keeps_what_it_reached(visit):
    page = open_page(visit, "initialization")
    slide(page, "initialization_rate")
    keyed(page, "initialization_count").get_by_role("slider").press("End")
    idle(page)
    for _ in range(6):  # on a busy machine the training may be over before the click arrives
        keyed(page, "initialization_train").get_by_role("button").click()
        reached = page.get_by_test_id("stProgress")
        reached.wait_for()
        keyed(page, "initialization_stop").get_by_role("button").dispatch_event("click")
        idle(page)
        if (steps := int(reached.inner_text().split()[1])) < 500:
            break
    assert 0 < steps < 500
    keyed(page, "initialization_speed_chart").filter(has_text="Weight-normalized").wait_for()
