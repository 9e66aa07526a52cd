"""The Models page in a real browser: uploads of eight families, seven bad files, options, download."""

import io
import pickle
import re
import zipfile
from pathlib import Path

import pytest
import torch

from pgan_core import load_checkpoint
from tests.browser.running_app import rest

expect = pytest.importorskip("playwright.sync_api").expect

FIXTURES = Path(__file__).parents[1] / "fixtures/checkpoints"
FAMILIES = {  # what is uploaded together -> the format that the card shows
    ("tf_official_fused/checkpoint.pkl",): "tkarras-tf",
    ("theano_legacy_synth/checkpoint.pkl",): "tkarras-theano",
    ("ganzoo_fade/checkpoint.pth",): "pytorch-gan-zoo",
    ("mmgen/checkpoint.pth",): "mmgeneration",
    ("genforce_converted/checkpoint.pth",): "genforce",
    ("interfacegan_nofused/checkpoint.pth",): "interfacegan-higan",
    ("rosinality_whole_module/checkpoint.model",): "rosinality",
    ("pengge/checkpoint-G.pth", "pengge/checkpoint-D.pth"): "github-pengge",
}


class Command:
    """What a hostile pickle would run: it leaves a canary file."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.canary}",)


def bad_files(canary: Path) -> dict[str, bytes]:
    """Files that are no Progressive GAN, or harm who opens them."""
    resnet, bomb = io.BytesIO(), io.BytesIO()
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.bias": torch.zeros(1000)}, resnet)
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50 * 2**20))
    whole = (FIXTURES / "ganzoo_fade/checkpoint.pth").read_bytes()
    return {
        "empty.pth": b"",
        "notes.pkl": b"just some text\n",
        "cut-off.pth": whole[:100_000],
        "hostile.pkl": pickle.dumps(Command(canary)),
        "resnet.pth": resnet.getvalue(),
        "bomb.pt": bomb.getvalue(),
        "page.pth": b"<!DOCTYPE html><html>download</html>",
    }


def upload(page, files: list) -> None:
    uploader = page.get_by_test_id("stFileUploaderDropzoneInput")
    expect(uploader).to_have_count(1, timeout=60_000)  # the one of the run before has gone
    uploader.set_input_files(files)


def card(page, text: str) -> None:
    """Wait until the card says this."""
    page.get_by_test_id("models-card").get_by_text(text, exact=True).wait_for()


@pytest.fixture
def opened(visit):
    page = visit("models")
    card(page, "pggan-lab")
    return page


def test_every_uploaded_family_is_recognised_and_agrees(opened):
    for files, kind in FAMILIES.items():
        expected = FIXTURES / files[0].partition("/")[0] / "expected.npz"
        together = [FIXTURES / file for file in files] + ([expected] if expected.exists() else [])
        upload(opened, together)
        card(opened, kind)
        opened.get_by_test_id("models-wall").wait_for()
        if expected.exists():
            opened.get_by_text("Agrees with the published code").wait_for()
        assert not opened.get_by_text("Differs from the published code").count()


def test_bad_files_are_one_sentence_and_change_nothing(opened, tmp_path):
    canary = tmp_path / "canary"
    for name, content in bad_files(canary).items():
        upload(opened, [{"name": name, "mimeType": "application/octet-stream", "buffer": content}])
        alert = opened.get_by_test_id("stAlert").filter(has_text=re.compile(rf"{re.escape(name)}: "))
        alert.wait_for()
        sentence = alert.inner_text()
        assert len(sentence) < 300 and "\n" not in sentence.strip(), sentence
        card(opened, "pggan-lab")
    assert not canary.exists()


def test_said_options_and_download(opened, tmp_path):
    upload(opened, [FIXTURES / "genforce_train_tanh_fade" / name for name in ("checkpoint.pth", "expected.npz")])
    opened.get_by_text("Differs from the published code").wait_for()
    rest(opened)  # a rerun replaces the list that is being scrolled to
    output = opened.get_by_role("combobox", name=re.compile("output"))
    output.scroll_into_view_if_needed()
    opened.wait_for_timeout(500)  # a list that is open closes when the page scrolls
    output.click()
    opened.get_by_role("option", name="tanh").click()
    opened.get_by_role("button", name="Apply").click()
    opened.get_by_text("Agrees with the published code").wait_for()
    assert "read=output" in opened.url
    rest(opened)
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Download as safetensors").click()
    path = tmp_path / "converted.safetensors"
    download.value.save_as(path)
    converted = load_checkpoint(path)
    original = load_checkpoint(FIXTURES / "genforce_train_tanh_fade/checkpoint.pth", output="tanh")
    z = torch.randn(2, 20)
    assert torch.equal(converted.generator(z), original.generator(z))


def test_unload_and_remove(opened):
    upload(opened, [FIXTURES / "ganzoo_fade/checkpoint.pth"])
    card(opened, "pytorch-gan-zoo")
    opened.get_by_role("button", name="Unload").click()
    opened.get_by_text("of weights are free").wait_for()
    opened.get_by_role("spinbutton", name="Seed").fill("5")
    opened.get_by_role("spinbutton", name="Seed").press("Enter")
    card(opened, "pytorch-gan-zoo")
    opened.get_by_role("button", name="Remove from the list").click()
    card(opened, "pggan-lab")


def test_uploads_and_joined_models_go_when_their_page_is_closed(visit, server):
    def models() -> list[Path]:
        return [path for path in server.temporary.glob("pggan-lab-uploads-*/*/*/*") if "checkpoint-" in path.name]

    others = models()
    page, stays = visit("models"), visit("models")
    for one in (page, stays):
        card(one, "pggan-lab")
        upload(one, [FIXTURES / "pengge/checkpoint-D.pth"])
        card(one, "github-pengge")
    upload(page, [FIXTURES / "pengge/checkpoint-G.pth"])
    page.get_by_test_id("models-wall").wait_for()
    rest(page)
    page.get_by_role("combobox", name=re.compile("Joined with")).click()
    page.get_by_role("option", name="checkpoint-D.pth", exact=True).click()
    page.wait_for_function("() => location.search.includes('checkpoint-G.pth+%2B+checkpoint-D.pth')")
    assert len({*models()} - {*others}) == 5  # three files and two links to them
    page.close()
    for _ in range(300):  # a condition's wait: the files of the closed page, and of no other, go within seconds
        if len({*models()} - {*others}) <= 1:
            break
        stays.wait_for_timeout(200)
    (left,) = {*models()} - {*others}
    assert left.name == "checkpoint-D.pth"


def test_a_link_opens_a_model_and_the_pages_links_fetch_nothing(visit):
    page = visit("models", scheme="dark", model="second/8x8-end", seed=4)
    card(page, "8 × 8")
    page.get_by_role("link", name="tkarras/progressive_growing_of_gans").wait_for()
    assert page.get_by_role("link", name="LSUN church outdoor 256").get_attribute("href").startswith("https://")
