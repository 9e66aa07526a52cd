"""Whole dissections: the same scores as on arrays, resumed, split over processes, saved, read back, refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from dissection import Dissection, DissectionError, dissect, score_units
from dissection.__main__ import main
from dissection.result import ARRAYS, SETTINGS
from dissection.scoring.job import make_batch, make_job
from dissection.scoring.progress import Cancelled
from dissection.scoring.spool import MemorySpool, Spool
from pgan_core import Generator, GeneratorConfig
from pgan_core.checkpoints.native import save_checkpoint

ROOT = Path(__file__).parents[2]
LAYERS = ["8x8/conv1", "16x16/conv0"]


class Brightness:
    """Dark, middling and bright parts of a picture, and its left half in a second map."""

    concepts = ("-", "dark", "middling", "bright", "left")
    categories = (0, 0, 0, 0, 1)
    name = "brightness"

    def __init__(self):
        self.accuracy = {"dark": 0.9}

    def __call__(self, images):
        value = images.mean(dim=1)
        tone = 1 + (value > -0.3).long() + (value > 0.3).long()
        left = torch.zeros_like(tone)
        left[:, :, :8] = 4
        return torch.stack([tone, left], dim=1)


def brightness():
    return Brightness()


@pytest.fixture(scope="module")
def generator():
    return Generator(GeneratorConfig(resolution=16, channels=(12, 10, 9), latent_dim=8), seed=3)


@pytest.fixture(scope="module")
def whole(generator):
    return dissect(generator, LAYERS, Brightness(), 60, seed=5, batch=7, source="tiny")


@pytest.mark.parametrize("threshold", ["iqr", 0.05, "gandissect", "dissect"])
def test_equals_score_units_on_the_same_arrays(generator, threshold):
    result = dissect(generator, LAYERS, Brightness(), 30, seed=5, batch=7, threshold=threshold, top=6)
    job = make_job(generator, LAYERS, Brightness(), 30, 5, threshold, 30)
    maps, labels = make_batch(job, range(30))
    release = threshold if threshold in ("gandissect", "dissect") else None
    for name, values in zip(LAYERS, maps, strict=True):
        want = score_units(
            values,
            labels,
            5,
            release=release,
            top_fraction=threshold if isinstance(threshold, float) else None,
            categories=Brightness.categories if release else None,
            top=6,
        )
        got = result.layers[name].scores
        np.testing.assert_array_equal(got.best_concept, want.best_concept)
        np.testing.assert_array_equal(got.top_images, want.top_images)
        np.testing.assert_array_equal(got.label_pixels, want.label_pixels)
        np.testing.assert_allclose(got.thresholds, want.thresholds, rtol=1e-5, atol=1e-6)
        assert np.abs(got.intersections - want.intersections).max() <= 2  # pixels within rounding of the level
        np.testing.assert_allclose(got.iou, want.iou, atol=1e-3)
        assert (got.min_iou, got.min_iqr) == (want.min_iou, want.min_iqr)
        flat = values.double().transpose(0, 1).flatten(1)
        np.testing.assert_allclose(result.layers[name].mean, flat.mean(1), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(result.layers[name].std, flat.std(1, correction=0), rtol=1e-5)
        np.testing.assert_allclose(result.layers[name].off, (flat <= 0).double().mean(1))


def test_intervals_hold_the_iou_and_curves_their_thresholds(whole):
    for layer in whole.layers.values():
        found = layer.scores.best_concept > 0
        assert (layer.iou_low <= layer.scores.best_iou + 1e-12)[found].all()
        assert (layer.iou_high >= layer.scores.best_iou - 1e-12)[found].all()
        assert (layer.iou_high > layer.iou_low)[found].any()
        assert np.isin(layer.scores.thresholds, layer.levels).all()
        assert layer.histogram.sum(axis=1).tolist() == [layer.level_pixels] * len(layer.mean)
        iou = layer.unit_level_iou(3)
        assert iou.shape == (layer.levels.shape[1], 5)
        assert 0 < iou.max() <= 1
        assert (layer.scores.iou <= layer.ceiling() + 1e-12).all()


def test_the_record_names_what_made_it(whole):
    info = whole.info
    assert (info["samples"], info["seed"], info["rule"], info["segmenter"]) == (60, 5, "iqr", "brightness")
    assert (info["level_images"], info["score_images"]) == ([0, 30], [30, 60])
    assert len(info["weights_sha256"]) == 64
    assert info["segmenter_iou"] == {"dark": 0.9}
    assert info["label_size"] == [16, 16]


def test_oracle_layers_reach_iou_one(generator):
    """A segmenter that labels where one unit is above a level: that unit then has this concept, IoU 1."""

    class Oracle:
        concepts = ("-", "unit 4")
        layers = ("16x16/conv0",)

        def __call__(self, images, activations):
            return (activations["16x16/conv0"][:, 4] > 0.25).long()

    scores = dissect(generator, "16x16/conv0", Oracle(), 200).layers["16x16/conv0"].scores
    assert scores.best_concept[4] == 1
    assert scores.best_iou[4] > 0.97  # the level is the border of a bin or of a fraction beside 0.25
    assert scores.best_iou.argmax() == 4


def test_shuffled_labels_leave_no_unit_interpretable(generator):
    class Shuffled(Brightness):
        def __call__(self, images):
            labels = super().__call__(images)[:, 0]
            order = torch.randperm(labels[0].numel(), generator=torch.Generator().manual_seed(int(labels.sum())))
            return labels.flatten(1)[:, order].view_as(labels)

    result = dissect(generator, "all", Shuffled(), 100, batch=1)
    assert not any(layer.scores.interpretable.any() for layer in result.layers.values())


def files(folder):
    return [(folder / name).read_bytes() for name in (ARRAYS, SETTINGS)]


def test_a_cancelled_run_goes_on_to_the_same_bytes(generator, whole, tmp_path):
    whole.save(tmp_path / "whole")
    for stop_after in (2, 6, 8, 10):  # in the sample, in the levels, in the scores
        steps = []
        with pytest.raises(Cancelled):
            dissect(
                generator,
                LAYERS,
                Brightness(),
                60,
                seed=5,
                batch=7,
                source="tiny",
                work=tmp_path / "work",
                progress=steps.append,
                cancelled=lambda steps=steps, n=stop_after: sum(s.done > 0 for s in steps) >= n,
            )
    again = dissect(generator, LAYERS, Brightness(), 60, seed=5, batch=7, source="tiny", work=tmp_path / "work")
    again.save(tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "whole")


def test_work_of_another_run_is_not_continued(generator, tmp_path):
    dissect(generator, LAYERS, Brightness(), 4, work=tmp_path)
    with pytest.raises(DissectionError, match=r"other settings \(layers, seed\)"):
        dissect(generator, LAYERS[:1], Brightness(), 4, seed=1, work=tmp_path)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_many_batches_need_few_open_files(generator, tmp_path):
    """Systems often allow a process 1,024 files; large pictures come in batches of one."""
    count = lambda *_: counts.append(len(os.listdir("/proc/self/fd")))  # noqa: E731
    counts = []
    count()
    dissect(generator, LAYERS[:1], Brightness(), 80, batch=1, work=tmp_path, progress=count)
    assert max(counts) < counts[0] + 20


def test_progress_counts_every_phase_to_its_end(generator):
    reports = []
    dissect(generator, LAYERS, Brightness(), 20, batch=5, progress=reports.append)
    assert [r.phase for r in reports if r.done == r.total] == ["pictures", "levels", "scores"]
    assert all(r.seconds_left is not None for r in reports if r.done)


# ---- the shell ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(generator, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_checkpoint(path, generator)
    return path


def arguments(checkpoint, out, samples=60):
    return [
        *("run", str(checkpoint), "--layers", *LAYERS, "--segmenter", f"{__name__}:brightness"),
        *("--samples", str(samples), "--batch", "7", "--seed", "5", "--threads", "1", "--out", str(out)),
    ]


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def test_two_processes_and_a_killed_run_give_the_same_bytes(checkpoint, tmp_path):
    module = [sys.executable, "-m", "dissection"]
    spec = "tests.dissection.test_dissect:brightness"
    command = [part if "brightness" not in part else spec for part in arguments(checkpoint, "OUT", samples=700)]

    def start(*before, out):
        line = [*before, *(part.replace("OUT", str(tmp_path / out)) for part in command)]
        return subprocess.Popen(line, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    one = start(*module, out="one")
    two = start(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *module[1:], out="two")
    killed = start(*module, out="killed")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and killed.poll() is None:
        if list((tmp_path / "killed").glob("unfinished/sample-0001*")):
            killed.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / ARRAYS).exists()
    resumed = start(*module, out="killed")
    for process in (one, two, resumed):
        text = process.communicate(timeout=240)[0].decode()
        assert process.returncode == 0, text
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert files(tmp_path / "killed") == files(tmp_path / "one")
    assert not (tmp_path / "one" / "unfinished").exists()


def test_show_prints_the_layers_and_a_unit(whole, tmp_path, capsys):
    whole.save(tmp_path)
    assert main(["show", str(tmp_path)]) == 0
    assert "10 units interpretable" in capsys.readouterr().out
    assert main(["show", str(tmp_path), "--layer", "8x8/conv1", "--unit", "3"]) == 0
    text = capsys.readouterr().out
    scores = whole.layers["8x8/conv1"].scores
    assert whole.concepts[scores.best_concept[3]] in text
    assert f"IoU {scores.best_iou[3]:.3f}" in text


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["show", "{out}", "--unit", "3"], "Name a layer"),
        (["show", "{out}", "--unit", "99", "--layer", "8x8/conv1"], "units 0 to 9"),
        (["show", "{out}/nothing"], "is not a dissection"),
        (["run", "{checkpoint}", "--layers", "9x9/conv", "--out", "{out}/x"], "no layer 9x9/conv"),
        (["run", "{checkpoint}", "--all-layers", "--samples", "0", "--out", "{out}/x"], "needs 2 pictures"),
        (["run", "{checkpoint}", "--all-layers", "--threshold", "much", "--out", "{out}/x"], "--threshold is"),
        (["run", "{checkpoint}", "--all-layers", "--segmenter", "towns", "--out", "{out}/x"], "no segmenter 'towns'"),
        (["run", "{checkpoint}", "--all-layers", "--segmenter", "no:way", "--out", "{out}/x"], "cannot be imported"),
        (["run", "{out}/none.safetensors", "--all-layers", "--out", "{out}/x"], "none.safetensors"),
    ],
)
def test_bad_shell_arguments_are_refused_in_one_sentence(command, words, whole, checkpoint, tmp_path, capsys):
    whole.save(tmp_path)
    assert main([part.format(out=tmp_path, checkpoint=checkpoint) for part in command]) == 1
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error


# ---- files --------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_are_equal(whole, tmp_path):
    whole.save(tmp_path)
    back = Dissection.load(tmp_path)
    assert (back.concepts, back.info) == (whole.concepts, whole.info)
    for name, layer in whole.layers.items():
        for field, value in vars(layer).items():
            if field != "scores":
                np.testing.assert_array_equal(getattr(back.layers[name], field), value)
        for field, value in vars(layer.scores).items():
            np.testing.assert_array_equal(getattr(back.layers[name].scores, field), value)


def test_concepts_can_be_renamed(whole):
    assert whole.renamed({"dark": "night", "left": ""}).concepts == ("-", "night", "middling", "bright", "left")


def change_settings(folder, change):
    path = folder / SETTINGS
    settings = json.loads(path.read_text())
    change(settings)
    path.write_text(json.dumps(settings))


def change_array(folder, name, value):
    arrays = dict(np.load(folder / ARRAYS))
    arrays[name] = value
    np.savez(folder / ARRAYS, **arrays)


class Malice:
    def __reduce__(self):
        return (os.system, ("touch /tmp/dissection_was_here",))


HOSTILE = {
    "no arrays": lambda f: (f / ARRAYS).unlink(),
    "no settings": lambda f: (f / SETTINGS).unlink(),
    "not JSON": lambda f: (f / SETTINGS).write_text("{"),
    "JSON of another kind": lambda f: (f / SETTINGS).write_text("[1, 2]"),
    "not UTF-8": lambda f: (f / SETTINGS).write_bytes(b"\xff\xfe\x00"),
    "another format": lambda f: change_settings(f, lambda s: s.update(format="netdissect")),
    "one concept less": lambda f: change_settings(f, lambda s: s["concepts"].pop()),
    "a layer too many": lambda f: change_settings(f, lambda s: s["layers"].append(s["layers"][0])),
    "a layer without a name": lambda f: change_settings(f, lambda s: s["layers"][0].pop("name")),
    "info of another kind": lambda f: change_settings(f, lambda s: s.update(info=3)),
    "truncated": lambda f: (f / ARRAYS).write_bytes((f / ARRAYS).read_bytes()[:500]),
    "not a zip": lambda f: (f / ARRAYS).write_bytes(b"PK\x03\x04 nothing"),
    "a byte changed": lambda f: (f / ARRAYS).write_bytes(
        (data := (f / ARRAYS).read_bytes())[:2000] + bytes([data[2000] ^ 255]) + data[2001:]
    ),
    "pickled": lambda f: change_array(f, "0/iou", np.array([Malice()], dtype=object)),
    "another shape": lambda f: change_array(f, "0/iou", np.zeros((3, 3))),
    "another kind": lambda f: change_array(f, "0/best_concept", np.zeros(10)),
    "a concept out of range": lambda f: change_array(f, "0/best_concept", np.full(10, 77)),
    "not finite": lambda f: change_array(f, "0/mean", np.full(10, np.nan)),
    "one array more": lambda f: change_array(f, "0/more", np.zeros(3)),
    "an array without axes": lambda f: change_array(f, "0/levels", np.float32(1)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_broken_and_hostile_files_are_one_sentence(kind, whole, tmp_path):
    whole.save(tmp_path)
    HOSTILE[kind](tmp_path)
    with pytest.raises(DissectionError) as error:
        Dissection.load(tmp_path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    assert not Path("/tmp/dissection_was_here").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"samples": 1}, "needs 2 pictures"),
        ({"samples": 0, "threshold": 0.1}, "needs 1 pictures"),
        ({"layers": []}, "No layer is named"),
        ({"layers": "16x16/rgb"}, "no layer 16x16/rgb"),
        ({"threshold": "median"}, "release"),
        ({"threshold": 2.0}, "top_fraction"),
        ({"seed": -1}, "Seeds run"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(generator, change, words):
    layers = change.pop("layers", LAYERS)
    samples = change.pop("samples", 10)
    with pytest.raises(ValueError, match=words):
        dissect(generator, layers, Brightness(), samples, **change)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda images: torch.full((len(images), 4, 4), 9), "the label 9"),
        (lambda images: torch.full((len(images), 4, 4), -1), "the label -1"),
        (lambda images: torch.zeros(len(images), 4, 4), "whole numbers"),
        (lambda images: torch.zeros(1, 4, 4, dtype=torch.long), "whole numbers"),
    ],
)
def test_a_segmenter_that_breaks_its_promise_is_named(generator, answer, words):
    class Broken:
        concepts = ("-", "a")

        def __call__(self, images):
            return answer(images)

    with pytest.raises(ValueError, match=words):
        dissect(generator, LAYERS, Broken(), 10)


def test_both_spools_give_back_what_was_written(tmp_path):
    array = np.random.default_rng(0).normal(size=(3, 5, 2, 2)).astype(np.float32)
    for spool in (MemorySpool(), Spool(tmp_path, {})):
        spool.write("a", x=array)
        assert spool.has("a")
        assert not spool.has("b")
        np.testing.assert_array_equal(spool.read("a", "x"), array)
        np.testing.assert_array_equal(spool.read_columns("a", "x", range(1, 4)), array[:, 1:4])


def test_units_are_taken_in_blocks_that_fit_the_memory(generator, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys.modules["dissection.dissect"], "BLOCK_BYTES", 30 * 64 * 4 * 3
    )  # three units of the 8x8 layer
    result = dissect(generator, LAYERS, Brightness(), 60, seed=5, batch=7, source="tiny", work=tmp_path / "work")
    assert (tmp_path / "work" / "levels-0-00003-00006").is_dir()
    assert (tmp_path / "work" / "levels-1-00003-00004").is_dir()
    result.save(tmp_path / "blocks")
    whole.save(tmp_path / "whole")
    assert files(tmp_path / "blocks") == files(tmp_path / "whole")
