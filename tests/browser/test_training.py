"""A real 8x8 run through the page: begun from an upload, paused, stepped, changed, branched, resumed, deleted."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.browser.running_app import rest, serious


@pytest.fixture
def pictures(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(220):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(buffer, "PNG")
            archive.writestr(f"{number}.png", buffer.getvalue())
    return path


def drawn(page, name="average"):
    return int(page.locator(f'canvas[data-sheet="{name}"]').first.get_attribute("data-drawn") or 0)


def now(page, words):
    """Waits for what the head of the first live view says."""
    page.get_by_test_id("training-now").first.filter(has_text=words).wait_for()


def upload(page, path):
    """Gives a file as one's own pictures, at 8x8."""
    page.get_by_text("Your own pictures").click()
    page.get_by_text("Size", exact=True).wait_for()
    rest(page)
    page.get_by_test_id("stButtonGroup").filter(has_text="16").first.get_by_role("radio", name="8", exact=True).click()
    rest(page)
    page.locator('input[type="file"]').set_input_files(str(path))
    return page


def test_a_run_from_its_first_picture_to_its_last(visit, pictures, tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK no zip")
    refused = upload(visit("training"), tmp_path / "bad.zip")
    refused.get_by_text("is not a readable zip file").wait_for()
    page = upload(visit("training"), pictures)
    page.get_by_test_id("training-preview").wait_for()
    page.get_by_role("button", name="Train on them").click()

    page.locator('canvas[data-sheet="average"][data-drawn]').wait_for()
    before = drawn(page)
    page.wait_for_function(f"document.querySelector('canvas[data-sheet=average]').dataset.drawn > {before + 5}")
    page.get_by_role("button", name="Pause").click()
    now(page, "Paused")
    page.get_by_role("button", name="One step").click()
    page.get_by_test_id("training-acts").get_by_text("in four acts").wait_for()
    for act in ("2. Judge", "3. The discriminator learns", "4. The generator learns"):
        page.get_by_role("button", name=act).click()
    page.get_by_text("The same latents now give these pictures").wait_for()
    assert not serious(page)

    page.get_by_text("Change the training").click()
    page.get_by_test_id("stSlider").filter(has_text="Minibatch").get_by_role("slider").press("ArrowLeft")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("Changed: see the marks").wait_for()
    page.get_by_role("button", name="Go on").click()
    now(page, "Training")
    page.get_by_text("Branch off: the same network").click()
    page.get_by_role("button", name="Branch off from now").click()
    page.get_by_text("Without pixel norm", exact=True).wait_for()
    page.wait_for_function("document.querySelectorAll('.lab-training').length === 2")
    for _ in range(2):
        page.get_by_role("button", name="Stop").first.click()
        page.wait_for_timeout(2000)
    now(page, "Stopped")
    page.get_by_role("button", name="Go on").first.click()
    now(page, "Training")
    page.get_by_role("button", name="Stop").first.click()
    now(page, "Stopped")
    rest(page)
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_text("Start one, and watch it learn").wait_for()
