"""The Growth page on published files: every size, the finest only, the middle of a fade, a discriminator alone."""

import shutil
from pathlib import Path

import pytest

from tests.dashboard.pages.growth.test_page import find

PUBLISHED = Path(__file__).resolve().parents[3] / "fixtures" / "checkpoints"


@pytest.mark.parametrize(
    ("folder", "stretches"),
    [
        ("tf_official_fade_lod", None),  # stored in the middle of a fade
        ("gandissect_layer_names", 1),  # holds the finest to-RGB only
        ("mmgen_cond", None),
        ("tf_official_gray_relu", None),
    ],
)
def test_a_published_file_grows(open_app, tmp_path, monkeypatch, folder, stretches):
    app = open_app()
    shutil.copytree(PUBLISHED / folder, tmp_path / folder)
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    app.run()
    assert not app.exception and not app.error
    data = find(app.main, "lab_growth")
    assert len(data["phases"]) == stretches if stretches else len(data["phases"]) > 2
    last = data["points"][-1]
    assert last["t"] == data["phases"][-1]["t1"]
    if folder == "tf_official_fade_lod":
        assert data["phases"][-1]["fading"] and 0 < last["alpha"] < 1


def test_a_discriminator_alone_is_said(open_app, tmp_path, monkeypatch):
    app = open_app()
    shutil.copy(PUBLISHED / "pengge" / "checkpoint-D.pth", tmp_path)
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    app.run()
    assert not app.exception and "needs a generator" in app.info[0].value
