"""The frame and the Growth page, run by Streamlit's own test runner."""

import json

import pytest

from dashboard.pages.growth.view import _curves
from pgan_core.growth import official_schedule


def find(block, name: str) -> dict | None:
    """What a block of the page sent to its component of this name in the browser."""
    for child in getattr(block, "children", {}).values():
        proto = getattr(child, "proto", None)
        if getattr(proto, "component_name", "") == name:
            return json.loads(proto.json)
        if (inner := find(child, name)) is not None:
            return inner
    return None


def test_the_page_opens_on_the_longest_trained_model(open_app):
    app = open_app()
    assert not app.exception and not app.error
    assert app.selectbox(key="model").value == "first/16x16-end"
    data = find(app.main, "lab_growth")
    assert data["smooth"] and data["columns"] == 4 and data["start"] == data["points"][-1]["t"]
    assert [tick["label"] for tick in data["ticks"]] == ["4×4", "8×8", "16×16"]
    assert all(sheet.startswith("data:image/webp;base64,") for sheet in data["sheets"])


def test_a_link_restores_model_seed_and_way(open_app):
    app = open_app(model="second/16x16-end", seed="7", growth_way="Snapshots from training", growth_pictures="9")
    assert not app.exception
    assert app.selectbox(key="model").value == "second/16x16-end" and app.number_input(key="seed").value == 7
    data = find(app.main, "lab_growth")
    assert not data["smooth"] and data["columns"] == 3 and len(data["points"]) == 5


def test_model_and_seed_change_the_pictures(open_app):
    sheets = {}
    for model in ("first/16x16-end", "second/16x16-end"):
        for seed in ("0", "40"):
            sheets[model, seed] = tuple(find(open_app(model=model, seed=seed).main, "lab_growth")["sheets"])
    assert len(set(sheets.values())) == 4
    assert tuple(find(open_app(seed="40").main, "lab_growth")["sheets"]) == sheets["first/16x16-end", "40"]


def test_charts_wait_until_they_are_in_view(open_app, monkeypatch):
    with monkeypatch.context() as unseen:
        unseen.setattr("dashboard.shared.later.seen", lambda *_, **__: False)
        waiting = open_app()
    assert not waiting.get("plotly_chart")
    complete = open_app()
    assert not complete.exception and len(complete.get("plotly_chart")) == 2
    assert any("less" in text.value and "times" in text.value for text in complete.markdown)


def test_the_dice_changes_the_seed(open_app):
    app = open_app()
    seeds = [app.button(key="dice").click().run().number_input(key="seed").value for _ in range(4)]
    again = open_app()
    assert len(set(seeds)) == 4  # of this seed, always the same ones
    assert [again.button(key="dice").click().run().number_input(key="seed").value for _ in range(4)] == seeds


def test_a_link_cannot_open_a_file_outside_the_allowed_folders(open_app, tmp_path):
    app = open_app(model=f"../../{tmp_path.name}/x")
    assert not app.exception and app.selectbox(key="model").value == "first/16x16-end"


def test_an_unreadable_checkpoint_is_one_sentence(open_app, tmp_path, monkeypatch):
    app = open_app()
    (tmp_path / "broken.pth").write_bytes(b"not a checkpoint")
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    app.run()
    assert not app.exception and len(app.error) == 1 and "broken.pth" in app.error[0].value


def test_no_model_at_all_is_said(open_app, tmp_path, monkeypatch):
    app = open_app()
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    app.run()
    assert not app.exception and "no model" in app.info[0].value


@pytest.mark.parametrize("preset", ["v2-1gpu", "v1-1gpu"])
def test_schedule_curves_pass_through_the_schedule(preset):
    schedule = official_schedule(preset)
    drawn = _curves(schedule)
    assert drawn["total"] == schedule.total_kimg
    for resolution, fading, start, end in drawn["spans"]:
        moment = schedule.at((start + end) / 2)
        assert (moment.resolution, moment.fading) == (resolution, fading)
    for name, attribute in (
        ("resolution", "resolution"),
        ("minibatch", "minibatch"),
        ("learning rate", "learning_rate"),
    ):
        corners = drawn["curves"][name]
        assert all(value == getattr(schedule.at(kimg), attribute) for kimg, value in corners[1::2])
    assert all(value == pytest.approx(schedule.at(kimg).alpha) for kimg, value in drawn["curves"]["alpha"][3::3])
