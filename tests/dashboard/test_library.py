"""Which files the app offers, and in which order."""

import os
import shutil

import numpy as np
from safetensors.numpy import save_file

from dashboard import library
from pgan_core import load_checkpoint
from pgan_core.checkpoints.native import save_checkpoint


def test_models_are_the_checkpoints_of_the_allowed_folders(model_folder, tmp_path, monkeypatch):
    save_file({"a": np.zeros(3)}, tmp_path / "segmenter.safetensors", metadata={"format": "something else"})
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    (tmp_path / "official.pkl").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("nothing")
    monkeypatch.setenv("PGGAN_LAB_MODELS", f"{model_folder / 'first'}:{tmp_path}")
    names = list(library.models())
    assert names == ["16x16-end", "16x16-fade", "8x8-end", "8x8-fade", "4x4-end", "official.pkl"]


def test_a_folder_that_vanishes_on_the_way_is_passed_over(tmp_path, monkeypatch):
    for name in ("gone", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "official.pkl").write_bytes(b"")
    scandir = os.scandir

    def vanished(path="."):
        if os.fspath(path).endswith("gone"):
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanished)
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    assert list(library.models()) == ["kept/official.pkl"]
    assert list(library.below(tmp_path, "no such name")) == []
    assert library.facts(tmp_path / "gone" / "final.safetensors") is None


def test_stages_are_the_runs_snapshots_oldest_first(model_folder):
    path = model_folder / "first" / "16x16-end.safetensors"
    assert [p.stem for p in library.stages(path)] == ["4x4-end", "8x8-fade", "8x8-end", "16x16-fade", "16x16-end"]


def test_a_foreign_file_is_its_own_only_stage(tmp_path):
    path = tmp_path / "official.pkl"
    path.write_bytes(b"")
    assert library.stages(path) == [path]


def test_without_a_named_folder_the_assets_are_offered(monkeypatch):
    monkeypatch.delenv("PGGAN_LAB_MODELS", raising=False)
    assert library.folders() == [library.ASSETS]


def test_weights_before_averaging_come_after_the_models(model_folder, tmp_path, monkeypatch):
    part = load_checkpoint(model_folder / "first" / "16x16-end.safetensors")
    save_checkpoint(tmp_path / "raw.safetensors", part.generator, metadata={"kimg": 9e9, "of": "final.safetensors"})
    shutil.copy(model_folder / "first" / "4x4-end.safetensors", tmp_path / "final.safetensors")
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    assert list(library.models()) == ["final", "raw"]
    assert library.stages(tmp_path / "raw.safetensors") == [tmp_path / "raw.safetensors"]


def test_a_folder_is_listed_anew_only_when_an_entry_came_or_went(tmp_path, monkeypatch):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "first.pth").write_bytes(b"")
    long_ago = 10**18
    for folder in (inner, tmp_path):
        os.utime(folder, ns=(long_ago, long_ago))
    assert {path.name for path in library.below(tmp_path)} == {"first.pth"}
    walk, walked = os.walk, []
    monkeypatch.setattr(os, "walk", lambda folder: walked.append(folder) or walk(folder))
    assert {path.name for path in library.below(tmp_path)} == {"first.pth"} and not walked
    (inner / "second.pth").write_bytes(b"")  # changes the folder's time
    assert {path.name for path in library.below(tmp_path)} == {"first.pth", "second.pth"} and walked == [str(inner)]


def test_the_lighter_model_is_the_last_finished_stage_before(model_folder, monkeypatch):
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(model_folder))
    run = model_folder / "first"
    assert library.lighter(run / "16x16-end.safetensors").name == "8x8-end.safetensors"
    assert library.lighter(run / "4x4-end.safetensors") is None
