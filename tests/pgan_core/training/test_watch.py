"""A watched run is the run itself to the bit; it obeys what it is told, and says how it ended."""

import json
import threading
import time
from functools import partial
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pgan_core.growth import make_schedule
from pgan_core.training import control, watch
from pgan_core.training.beside import Beside
from pgan_core.training.branches import IDEAS, branch
from pgan_core.training.data import RealImages
from pgan_core.training.loop import Trainer
from pgan_core.training.settings import Settings, TrainingError
from pgan_core.training.state import load_state
from pgan_core.training.time_plan import TimePlan
from pgan_core.training.watch import Watcher, watched


@pytest.fixture(scope="module")
def reals():
    return RealImages(np.random.default_rng(0).integers(0, 256, (24, 3, 8, 8), dtype=np.uint8))


def trainer_in(out, reals, steady=0.064):
    schedule = make_schedule(
        8, fade_kimg={4: 0.064}, steady_kimg={4: 0.032, 8: steady}, minibatch={4: 8}, learning_rate={4: 2e-3}
    )
    return Trainer(Settings(schedule, (8, 6), latent_dim=4, loss="logistic", ema_kimg=0.05), reals, out)


def train_watched(trainer):
    stop = Event()
    with watched(trainer, stop) as watcher:
        trainer.train(progress=False, stop=stop, watch=watcher)
    return watcher


def read(out, name):
    return json.loads((out / "watch" / name).read_text())


def lines(out, name):
    return [json.loads(line) for line in (out / "watch" / name).read_text().splitlines()]


def test_a_watched_run_has_the_weights_of_one_that_nobody_watches(tmp_path, reals):
    trainer_in(tmp_path / "alone", reals).train(progress=False)
    train_watched(trainer_in(tmp_path / "watched", reals))
    alone, seen = (load_state(tmp_path / name / "state.pt") for name in ("alone", "watched"))
    for role in ("generator", "discriminator", "average"):
        assert all(torch.equal(alone[role][name], seen[role][name]) for name in alone[role])
    frame = read(tmp_path / "watched", "frame.json")
    assert (
        frame["state"] == "finished" and frame["kimg"] == 0.16 and set(frame["pictures"]) == {"average", "raw", "reals"}
    )
    records = lines(tmp_path / "watched", "history.jsonl")
    assert records and set(records[-1]["signals"]) == {"generator", "discriminator"}
    assert not control.is_alive(tmp_path / "watched")


COSTS = {"frame": 0.05, "record": 0.08, "moment": 0.3}  # seconds that writing one takes in `writing`


@pytest.fixture
def writing(tmp_path, reals, monkeypatch):
    """What a watcher writes in some seconds of a clock that steps and writing move: how often, and the time it took."""

    def in_seconds(seconds, of_step, plan=None, images=8000):
        clock = SimpleNamespace(now=0.0, time=time.time, monotonic=lambda: clock.now)
        monkeypatch.setattr(watch, "time", clock)
        trainer = trainer_in(tmp_path / "run", reals, steady=1e6)
        trainer.time_plan = plan
        trainer.train_step()
        watcher = Watcher(trainer, Event())
        watcher.beside = None  # everything is written between steps, as on a machine of one core
        counts = dict.fromkeys(COSTS, 0)

        def write(name, real):
            counts[name] += 1
            if counts[name] < 3:  # the rest is the same again
                real()
            clock.now += COSTS[name]

        for name in COSTS:
            monkeypatch.setattr(watcher, f"write_{name}", partial(write, name, getattr(watcher, f"write_{name}")))
        trained = 0.0
        while clock.now < seconds:
            clock.now += of_step
            trained += of_step
            trainer.images += images
            watcher._write_what_is_due()
        return counts, clock.now - trained

    return in_seconds


def test_writing_leaves_most_of_the_time_to_training(writing):
    counts, spent = writing(200.0, of_step=0.1, plan=TimePlan(1000.0), images=500_000)
    assert counts["frame"] > 100 and counts["record"] > 40 and counts["moment"] > 10
    assert spent < 200 / 8


def test_a_long_run_has_no_more_records_than_a_short_one(writing):
    counts, _ = writing(3600.0, of_step=1.0, plan=TimePlan(36_000.0))
    assert 40 <= counts["record"] <= 60, "a tenth of the run, a tenth of its 500 records"


def test_a_run_without_a_plan_spaces_its_records_by_its_speed(writing):
    """8,000 images a second of a run of 1,000,000,000 images."""
    counts, _ = writing(12_500.0, of_step=1.0)
    assert 30 <= counts["record"] <= 70


def test_what_is_done_beside_a_run_is_one_thing_at_a_time_and_rests(reals):
    going, beside, done = Event(), Beside(rest=1000), []

    def work():
        going.wait(60)
        done.append(True)

    assert beside.is_free
    beside.begin(work)
    assert not beside.is_free and not done
    going.set()
    beside.wait()
    assert done and not beside.is_free, "it rests"
    beside.begin(partial(json.loads, "no JSON"))
    with pytest.raises(ValueError):
        beside.wait()


def test_reals_of_small_minibatches_fill_the_wall(tmp_path, reals):
    trainer = trainer_in(tmp_path, reals, steady=1e6)
    watcher = Watcher(trainer, Event())
    shown = [len(watcher.reals)]
    for _ in range(3):
        acts = trainer.train_step()[1]
        watcher(trainer, acts)
        shown.append(len(watcher.reals))
        assert torch.equal(watcher.reals[:8], acts.batch.reals)
    assert shown == [0, 8, 16, 16]
    watcher.end("stopped")
    assert "reals" in read(tmp_path, "frame.json")["pictures"]


def test_scores_of_minibatches_beyond_what_is_kept_are_shown(tmp_path, reals):
    schedule = make_schedule(8, fade_kimg={4: 1}, steady_kimg={4: 1}, minibatch={4: 512}, learning_rate={4: 2e-3})
    trainer = Trainer(Settings(schedule, (8, 6), latent_dim=4, loss="logistic"), reals, tmp_path)
    watcher = Watcher(trainer, Event())
    watcher(trainer, trainer.train_step()[1])
    watcher.end("stopped")
    assert [len(scores) for scores in read(tmp_path, "frame.json")["scores"]] == [256, 256]


def test_it_pauses_steps_changes_holds_and_stops_when_it_is_told_to(tmp_path, reals):
    out, stop = tmp_path / "run", Event()
    trainer = trainer_in(out, reals, steady=1e6)
    found = []

    def work():
        with watched(trainer, stop) as watcher:
            trainer.train(progress=False, stop=stop, watch=watcher)

    def until(condition):
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        until(lambda: trainer.step > 3 and control.is_alive(out))
        control.send(out, "pause")
        until(lambda: read(out, "frame.json")["state"] == "paused")
        at = trainer.step
        time.sleep(0.2)
        assert trainer.step == at, "a paused run stands still"
        control.send(out, "step")
        until(lambda: (out / "watch" / "acts.json").exists())
        found = read(out, "acts.json")
        assert found["step"] == at + 1 == trainer.step
        control.send(out, "change", values={"learning_rate": 0.5, "r1_gamma": 3.0})
        control.send(out, "change", values={"minibatch": 7})
        until(lambda: "groups" in read(out, "frame.json")["sentence"])
        control.send(out, "hold")
        control.send(out, "go")
        until(lambda: trainer.step > at + 20)
        images = trainer.images
        until(lambda: trainer.step > at + 40)
        assert trainer.images == images, "a held run does not grow"
    finally:
        control.send(out, "stop")
        thread.join(60)
    assert read(out, "frame.json")["state"] == "stopped"
    assert trainer.settings.r1_gamma == 3.0 and trainer.moment.learning_rate == 0.5 and trainer.moment.minibatch == 8
    assert {"r1_gamma", "held"} <= {name for change in trainer.changes for name in change}
    assert all(share > 0 for _, share in found["moved"]["generator"].values() if share is not None)
    assert len(found["real_scores"]) == len(found["fake_scores"]) == found["count"] == 8


@pytest.mark.parametrize("idea", IDEAS)
def test_a_branch_goes_on_from_a_moment_without_one_idea(tmp_path, reals, idea):
    train_watched(trainer_in(tmp_path / "run", reals))
    moment = lines(tmp_path / "run", "moments.jsonl")[0]
    branch(tmp_path / "run" / "watch" / "moments" / f"{moment['name']}.pt", tmp_path / "branch", idea)
    settings = Settings.from_dict(load_state(tmp_path / "branch" / "state.pt")["settings"])
    trainer = Trainer(settings, reals, tmp_path / "branch")
    assert trainer.step == moment["step"]
    if idea == "pixel norm":
        assert trainer.generator.config.pixel_norm == trainer.average.config.pixel_norm == "off"
    elif idea == "minibatch stddev":
        assert trainer.discriminator.config.stddev is None
    else:
        assert {layer.c for layer in trainer.generator.layers.values()} == {1.0}
    assert trainer.train(progress=False) and trainer.learner.is_finite()
    assert {"branched": f"without {idea}", "kimg": moment["kimg"]} in trainer.changes


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    with control.alive(tmp_path):
        assert control.is_alive(tmp_path)
        with pytest.raises(TrainingError, match="Another process"), control.alive(tmp_path):
            pass
    assert not control.is_alive(tmp_path)


def test_commands_are_read_once_whole_and_not_from_before(tmp_path):
    (tmp_path / "watch").mkdir()
    control.send(tmp_path, "stop")
    commands = control.Commands(tmp_path, since=time.time())
    control.send(tmp_path, "pause")
    assert [command["command"] for command in commands.new()] == ["pause"]
    with open(tmp_path / "watch" / "control.jsonl", "a") as file:
        file.write('{"command": "go", ')
        file.flush()
        assert commands.new() == []
        file.write(f'"time": {time.time()}}}\n')
    assert [command["command"] for command in commands.new()] == ["go"]
    with pytest.raises(ValueError, match="A command is one of"):
        control.send(tmp_path, "explode")
