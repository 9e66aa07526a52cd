"""The Training page without a browser: what it offers, and that a link opens a run."""

import json
import shutil

import pytest

from dashboard.pages.training import runs
from tests.small_run import write_run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PGGAN_LAB_RUNS", str(tmp_path))
    return tmp_path


@pytest.fixture
def ended(folder):
    watch = folder / "mine" / "watch"
    watch.mkdir(parents=True)
    (watch / "frame.json").write_text(json.dumps({"state": "stopped", "sentence": "", "loss": "logistic"}))
    (watch / "about.json").write_text(json.dumps({"title": "Clouds *and* suns", "key": "secret"}))
    return runs.find("mine")


def labels(app):
    return [button.label for button in app.button]


def test_the_first_screen_offers_presets_and_the_runs_that_there_are(open_app, ended):
    app = open_app("training")
    assert not app.exception
    assert "Toy Town, 16×16, two minutes" in labels(app) and r"Clouds \*and\* suns" in labels(app)


def test_a_preset_begins_a_run_and_shows_it(open_app, folder, monkeypatch):
    launched = []
    monkeypatch.setattr(runs, "_launch", launched.append)
    app = open_app("training")
    app.button(key="training_start_toy16").click().run()
    assert [run.title for run in launched] == ["Toy Town, 16×16, two minutes"] and not app.exception
    assert app.query_params["training_run"] == launched[0].name
    assert app.query_params["training_key"] == launched[0].about["key"]


def test_who_opens_the_link_may_watch_and_not_change(open_app, ended):
    watcher = open_app("training", training_run="mine")
    assert "Delete" not in labels(watcher) and not watcher.exception
    owner = open_app("training", training_run="mine", training_key="secret")
    owner.button(key="training_delete_mine").click().run()
    assert runs.runs() == [] and not owner.exception


def test_who_deletes_a_branch_is_back_at_its_run(open_app, ended):
    branch = ended.folder.parent / "branch" / "watch"
    shutil.copytree(ended.watch, branch)
    runs.find("branch").note(branch_of="mine", without="pixel norm")
    app = open_app("training", training_run="mine", training_key="secret")
    app.button(key="training_delete_branch").click().run()
    assert not branch.exists() and app.query_params["training_run"] == "mine" and not app.exception


@pytest.mark.parametrize("button, question", [("growth", "grow?"), ("inside", "flows through the layers?")])
def test_a_runs_network_opens_on_other_pages(open_app, ended, button, question):
    newest = write_run(ended.folder / "stages")[-1]
    app = open_app("training", training_run="mine")
    app.button(key=f"training_{button}_mine").click().run()
    assert not app.exception and app.session_state["model"] == f"mine/{newest.stem}"
    assert any(question in html.proto.body for html in app.get("html"))


def test_a_run_begun_after_a_link_to_another_is_no_fault_of_the_link(open_app, ended, monkeypatch):
    monkeypatch.setattr(runs, "_launch", lambda run: None)
    app = open_app("training", training_run="mine", training_key="secret")
    app.switch_page("pages/growth/page.py").run()
    app.switch_page("pages/training/page.py").run()
    app.button(key="training_back").click().run()
    app.button(key="training_start_toy16").click().run()
    assert not app.exception and not app.warning


def test_a_link_to_a_run_that_is_gone_says_so(open_app, folder):
    app = open_app("training", training_run="gone")
    assert "There is no run gone" in app.warning[0].value and not app.exception
