"""The exported site, from a plain file server and with the network cut off: every control, and pictures as torch's."""

import dataclasses
import functools
import http.server
import json
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from dissection import Dissection
from dissection.interventions import insert
from dissection.website import site_units
from pgan_core import load_checkpoint
from pgan_core.latents import inputs_from_seeds, slerp
from pgan_core.paths import ASSETS
from pgan_core.pictures import to_uint8
from pgan_core.website import write_site

LAYERS = ("8x8/conv1", "16x16/conv1")  # of the dissection that the site gets: enough for doors and trees
BOUND = 0.02  # of a float of a picture; weights are float16, black to white is 2


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def generator():
    return load_checkpoint(ASSETS / "toytown64/final.safetensors").generator


@pytest.fixture(scope="module")
def site(generator, tmp_path_factory):
    """The address of the site of the 64x64 model."""
    folder = tmp_path_factory.mktemp("site")
    whole = Dissection.load(ASSETS / "dissection-stages/64x64-end")
    dissection = dataclasses.replace(whole, layers={name: whole.layers[name] for name in LAYERS})
    facts, files = site_units(generator, dissection, None)
    write_site(generator, folder, name="toytown64", facts=facts, files=files)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture
def visit(chromium, site):
    """visit("paint?seed=3") opens a room. What asks another host for anything, or raises, fails the test."""
    contexts, faults = [], []

    def guard(route):
        if route.request.url.startswith((site, "data:", "blob:")):
            return route.continue_()
        faults.append(f"fetched from outside: {route.request.url[:200]}")
        return route.abort()

    def visit(room: str, width: int = 1280, locale: str = "en-US"):
        size = {"width": width, "height": 720}
        context = chromium.new_context(viewport=size, locale=locale, reduced_motion="reduce")
        contexts.append(context)
        context.route("**/*", guard)
        page = context.new_page()
        page.set_default_timeout(240_000)
        page.on("pageerror", lambda error: faults.append(f"JavaScript error: {error}"))
        page.goto(f"{site}#{room}")
        page.wait_for_selector("html[data-ready]")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


def ask(page, script: str, argument=None) -> torch.Tensor:
    """What a script of the page gives as {data, dims}."""
    found = page.evaluate(
        f"async (given) => {{const v = await ({script})(given); return [[...v.data], v.dims];}}", argument
    )
    return torch.tensor(found[0]).reshape(found[1])


@torch.inference_mode()
def test_pictures_activations_and_edits_are_torchs(visit, generator):
    page = visit("grow")
    z, _ = inputs_from_seeds(generator, [0, 7, 123456])
    latents = page.evaluate("[0, 7, 123456].map((seed) => [...lab.engine.latent(seed)])")
    np.testing.assert_allclose(latents, z.numpy(), atol=1e-6)

    run = "(o) => lab.engine.pictures([0, 7, 123456], o, 'test').then((v) => v[o.want[0]])"
    for resolution, alpha in ((64, 1.0), (32, 0.3), (4, 1.0)):
        got = ask(page, run, {"resolution": resolution, "alpha": alpha, "want": ["images"]})
        assert (got - generator(z, resolution=resolution, alpha=alpha)).abs().max() < BOUND
    kept = ask(page, run, {"want": ["8x8/conv1"]})
    expected = generator.run(z, keep=["8x8/conv1"]).activations["8x8/conv1"]
    assert (kept - expected).abs().max() < BOUND * expected.abs().max()

    assert page.evaluate("lab.engine.deviation") < 0.01  # what the page itself found before it began


def test_growing(visit, generator):
    page = visit("grow?t=3.00")
    ready = "document.querySelector('.lab-component').dataset.size === '64'"
    page.wait_for_function(ready)
    moment = page.get_by_test_id("growth-moment")
    page.wait_for_function("document.querySelector('.lab-readout').textContent !== ''")
    assert "16 × 16" in moment.inner_text() or "8 × 8" in moment.inner_text()

    slider = page.get_by_label("Moment of growth")
    slider.fill("2.25")
    assert "fading in 16 × 16, α = 0.25" in moment.inner_text()
    assert "t=2.25" in page.url
    slider.press("End")
    assert "training at 64 × 64" in moment.inner_text()
    columns = page.evaluate("document.querySelector('.lab-growth').view.data.columns")
    with torch.inference_mode():
        expected = to_uint8(generator(inputs_from_seeds(generator, range(2))[0]))
    page.wait_for_function("document.querySelector('.lab-wall canvas').dataset.ready")
    for number in range(2):  # what is on the canvas
        got = page.evaluate(
            """([number, columns, side]) => {
              const {player} = document.querySelector('.lab-growth').view, canvas = document.createElement('canvas');
              const last = player.images[player.data.points.at(-1).sheet], context = canvas.getContext('2d');
              canvas.width = canvas.height = side;
              context.drawImage(last, (number % columns) * side, 0, side, side, 0, 0, side, side);
              return [...context.getImageData(0, 0, side, side).data];}""",
            [number, columns, 64],
        )
        shown = np.array(got, int).reshape(64, 64, 4)[..., :3]
        assert np.abs(shown - expected[number]).max() <= 2
    picture = page.locator(".lab-blend-picture")
    before = picture.get_attribute("href")
    page.locator(".lab-wall canvas").click(position={"x": 200, "y": 200})
    assert picture.get_attribute("href") != before
    page.get_by_label("Play").click()
    page.wait_for_function("document.querySelector('.lab-growth').view.player.playing")
    page.get_by_label("Pause").click()
    page.get_by_label("The next seed").click()
    page.wait_for_function("document.querySelector('.lab-growth').view.data.identity === '1/64'")
    assert "seed=1" in page.url


def test_walking(visit, generator):
    page = visit("walk?stops=2")
    whole = "document.querySelector('.lab-walk').parentElement.dataset.frames === '25'"
    page.wait_for_function(whole)
    middle = ask(
        page,
        """() => {
          const {images, data} = document.querySelector('.lab-walk').walk, {edge, columns} = data.tracks[0];
          const left = (12 % columns) * edge, top = Math.floor(12 / columns) * edge;
          const pixels = images[0].getContext('2d').getImageData(left, top, edge, edge);
          return {data: pixels.data, dims: [edge, edge, 4]};}""",
    )
    ends, _ = inputs_from_seeds(generator, [0, 1])
    with torch.inference_mode():
        expected = to_uint8(generator(slerp(ends[0], ends[1], 0.5)[None]))[0]
    assert np.abs(middle[..., :3].numpy() - expected).max() <= 2
    page.get_by_role("button", name="side by side").click()
    page.wait_for_function("document.querySelector('.lab-walk').walk.data.tracks.length === 2")
    assert page.locator(".lab-beside canvas").is_visible() and "way=both" in page.url
    page.get_by_label("Place on the walk").fill("6")
    assert page.locator(".lab-walk .lab-readout").inner_text() == "frame 6 of 25" and "t=6.0" in page.url
    page.get_by_label("Speed").select_option("2")
    page.get_by_label("At the end").select_option("once")
    page.get_by_label("Play").click()
    page.wait_for_function("document.querySelector('.lab-walk').walk.t === 24")
    page.get_by_label("Through seeds").fill("3")
    page.get_by_label("Through seeds").press("Enter")
    page.wait_for_function("document.querySelector('.lab-walk').walk.data.frames === 49")


def test_looking_inside(visit):
    page = visit("inside")
    shown = page.get_by_test_id("inside-picture")
    page.wait_for_selector("[data-shown]")
    told = page.locator(".lab-told-unit")
    page.get_by_role("button", name="16x16/conv1").click()
    for layer in ("4x4/dense", "64x64/conv1"):
        page.get_by_role("button", name=layer).hover()  # under the mouse is enough
        page.wait_for_selector(f"[data-shown$='{layer}']")
        assert layer in page.get_by_test_id("histogram").inner_text()
    shown.hover()  # the layer that was clicked comes back
    page.wait_for_selector("[data-shown$='16x16/conv1']")
    bars = page.locator("[data-testid=histogram] svg").inner_html()
    page.get_by_label("Towards the next seed").fill("0.5")
    page.wait_for_selector("[data-shown='0/0.5/16x16/conv1']")
    assert page.locator("[data-testid=histogram] svg").inner_html() != bars
    shown.hover(position={"x": 40, "y": 40})
    assert told.inner_text().startswith("Strongest here")
    maps = page.get_by_test_id("maps")
    maps.hover(position={"x": 20, "y": 20})
    assert "in this picture" in told.inner_text()
    maps.click(position={"x": 20, "y": 20})
    unit = page.evaluate("lab.room.unit")
    assert f"unit={unit}" in page.url
    page.get_by_role("button", name="by number").click()
    assert page.evaluate("lab.room.places[5]") == 5
    page.reload()  # the link restores the view
    page.wait_for_selector("[data-shown='0/0.5/16x16/conv1']")
    assert page.evaluate("[lab.room.unit, lab.room.order]") == [unit, "number"]


def test_painting(visit, generator):
    page = visit("paint?seed=2")
    canvas = page.locator(".lab-canvas")
    page.wait_for_function("document.querySelector('.lab-paint').dataset.version")
    page.get_by_role("button", name="foliage").click()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Box").click()
    before = page.evaluate("lab.room.after")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_function("(before) => lab.room.after !== before && lab.room.strokes.length === 1", arg=before)
    page.wait_for_function("document.querySelector('.lab-paint').dataset.steps === '1'")

    stroke = page.evaluate("lab.room.strokes[0]")
    side = int(len(stroke["cells"]) ** 0.5)
    region = torch.tensor(stroke["cells"], dtype=torch.float32).reshape(side, side)
    assert 0 < region.sum() < region.numel()
    edit = insert(stroke["units"], stroke["levels"], region)
    z, _ = inputs_from_seeds(generator, [2])
    with torch.inference_mode():
        expected = to_uint8(generator.run(z, edits={stroke["layer"]: [edit]}).images)[0]
    assert np.abs(picture(page, "after") - expected).max() <= 2
    assert len(stroke["units"]) == page.get_by_test_id("units-used").locator("a").count()

    link, after = page.url, page.evaluate("lab.room.after")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("(before) => lab.room.after === before", arg=before)
    page.get_by_role("button", name="Redo").click()
    page.wait_for_function("(after) => lab.room.after === after", arg=after)
    page.get_by_label("Compare before and after").fill("50")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Everywhere").click()
    page.wait_for_function(
        "lab.room.strokes.length === 2 && document.querySelector('.lab-paint').dataset.steps === '2'"
    )
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("(before) => lab.room.after === before", arg=before)

    page.get_by_role("button", name="units by hand").click()
    page.get_by_label("Units", exact=True).fill("3, 5-6, 9999")
    page.get_by_label("Units", exact=True).press("Enter")
    assert page.get_by_test_id("units-used").locator("a").all_inner_texts() == ["3", "5", "6"]
    page.goto("about:blank")
    page.goto(link)  # the strokes are in the link
    page.wait_for_function("(after) => window.lab?.room?.after === after", arg=after)


def picture(page, which: str) -> np.ndarray:
    """A picture of the paint room as an array."""
    pixels = page.evaluate(
        """async (which) => {
          const image = Object.assign(new Image(), {src: lab.room[which]}), canvas = document.createElement('canvas');
          await image.decode();
          Object.assign(canvas, {width: image.width, height: image.height}).getContext('2d').drawImage(image, 0, 0);
          return [...canvas.getContext('2d').getImageData(0, 0, image.width, image.height).data];}""",
        which,
    )
    side = int((len(pixels) / 4) ** 0.5)
    return np.array(pixels, int).reshape(side, side, 4)[..., :3]


def test_units_and_two_languages_on_a_phone(visit, site):
    page = visit("units", width=400, locale="zh-CN")
    assert page.locator("h1").inner_text() == "每个单元代表什么？"
    page.get_by_role("button", name="树叶").click()
    page.wait_for_function("document.querySelector('.lab-picture-grid img').complete")
    assert "concept=foliage" in page.url
    page.get_by_test_id("picture-grid").locator("img").click(position={"x": 30, "y": 10})
    assert "IoU" in page.get_by_test_id("unit-detail").inner_text() and "number=0" in page.url
    page.get_by_role("button", name="关闭它").click()
    page.wait_for_function("document.querySelector('.lab-paint')?.dataset.version")
    assert "verb=remove" in page.url and page.get_by_role("button", name="画笔").is_visible()
    for room in ("grow", "walk", "inside", "paint", "units"):
        page.evaluate("(room) => lab.go(room)", room)
        page.wait_for_timeout(1500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, room
        words = page.locator("body").inner_text().replace("PGGAN Lab", "").replace("English", "")
        left = [
            line for line in words.splitlines() if len([w for w in line.split() if w.isascii() and w.isalpha()]) > 2
        ]
        assert not left, left
    page.get_by_label("Language").select_option("en")
    assert page.locator("h1").inner_text() == "What does each unit stand for?" and "language=en" in page.url


def test_the_site_holds_what_it_says(site, tmp_path, generator):
    written = write_site(generator, tmp_path, name="bare")
    facts = json.loads((tmp_path / "model.json").read_text())
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()}
    assert facts["network"]["bytes"] == (tmp_path / "generator.onnx").stat().st_size
    assert Image.open(tmp_path / "card.jpg").size == (1024, 512)
    assert "dissection" not in facts  # a checkpoint without one has no room for units
