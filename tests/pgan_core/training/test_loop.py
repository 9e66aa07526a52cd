"""A tiny run end to end: broken off and resumed to the bit, killed at any moment, refused where it must be."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch

from pgan_core import load_checkpoint
from pgan_core.__main__ import main
from pgan_core.growth import make_schedule
from pgan_core.training.data import RealImages
from pgan_core.training.loop import Trainer
from pgan_core.training.losses import LOSSES
from pgan_core.training.settings import Settings, TrainingError, check_same_run
from pgan_core.training.state import load_state
from pgan_core.training.step import update_average

ROOT = Path(__file__).parents[3]


def tiny_settings(**changes):
    schedule = make_schedule(
        16, fade_kimg={4: 0.032}, steady_kimg={4: 0.032}, minibatch={4: 8, 16: 4}, learning_rate={4: 2e-3}
    )
    values = {"feature_maps": (8, 8, 4), "latent_dim": 4, "loss": "logistic", "ema_kimg": 0.05}
    return Settings(schedule, **{**values, **changes})


@pytest.fixture(scope="module")
def reals():
    return RealImages(np.random.default_rng(0).integers(0, 256, (24, 3, 16, 16), dtype=np.uint8))


def make_trainer(out, reals, settings, **options):
    return Trainer(settings, reals, out, **{"log_kimg": 0.016, "probe_kimg": 0.032, "sample_kimg": 0.08, **options})


def tensors_of(out):
    """Every tensor of a run's last snapshot, by its path inside the state."""

    def walk(value, name):
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, dict):
            for key, part in value.items():
                yield from walk(part, f"{name}/{key}")

    return dict(walk(load_state(out / "state.pt"), ""))


def log_of(out):
    records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in record.items() if name != "images_per_second"} for record in records]


def assert_same_run(first, second):
    expected, found = tensors_of(first), tensors_of(second)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert log_of(first) == log_of(second)


@pytest.mark.parametrize("loss", LOSSES)
def test_resumed_run_is_the_unbroken_one_to_the_bit(tmp_path, reals, loss):
    schedule = make_schedule(
        16, fade_kimg={4: 0.032}, steady_kimg={4: 0.032}, minibatch={4: 8}, learning_rate={4: 2e-3}
    )
    settings = replace(tiny_settings(loss=loss), schedule=schedule)
    make_trainer(tmp_path / "whole", reals, settings).train(progress=False)
    for steps in (3, 6, 10):  # in a steady stretch, inside a fade, in the next resolution
        broken = make_trainer(tmp_path / "broken", reals, settings)
        stop = StopAfter(steps)
        assert not broken.train(progress=False, stop=stop)
    assert make_trainer(tmp_path / "broken", reals, settings).train(progress=False)
    assert_same_run(tmp_path / "whole", tmp_path / "broken")


class StopAfter(Event):
    """An event that is set once it has been asked `steps` times."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def is_set(self):
        self.left -= 1
        return self.left < 0


def test_work_after_the_last_snapshot_is_done_again_and_logged_once(tmp_path, reals):
    make_trainer(tmp_path / "whole", reals, tiny_settings()).train(progress=False)
    out = tmp_path / "broken"
    trainer = make_trainer(out, reals, tiny_settings())
    trainer.train(progress=False, stop=StopAfter(7))
    snapshot = (out / "state.pt").read_bytes()
    trainer.train(progress=False, stop=StopAfter(9))
    assert len(log_of(out)) > 3
    (out / "state.pt").write_bytes(snapshot)  # as if it had been killed before the second snapshot
    with open(out / "log.jsonl", "a") as file:
        file.write('{"step": 17, "kim')  # a line torn off by the kill
    make_trainer(out, reals, tiny_settings()).train(progress=False)
    assert_same_run(tmp_path / "whole", out)
    steps = [record["step"] for record in log_of(out)]
    assert steps == sorted(set(steps))


def test_kill_9_then_the_same_command(tmp_path, reals):
    """The real process, killed without warning while it trains, is watched, and writes snapshots all the time."""
    data = tmp_path / "data.npz"
    np.savez(data, images=reals.level(16))
    arguments = "--feature-maps 8,8,4 --latent-dim 4 --loss logistic --fade-kimg 0.12 --steady-kimg 4:0.12"
    arguments += f" --minibatch 4 --learning-rate 0.002 --snapshot-minutes 0.005 --threads {torch.get_num_threads()}"
    train = ["train", "--data", str(data), *arguments.split(), "--out"]
    assert main([*train, str(tmp_path / "whole")]) == 0
    out = tmp_path / "broken"
    command = [sys.executable, "-m", "pgan_core", *train, str(out), "--watch"]
    for stage in ("4x4-end", "8x8-fade"):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 120
            while not (out / "stages" / f"{stage}.safetensors").exists() and time.monotonic() < deadline:
                time.sleep(0.005)
            process.kill()
        assert process.returncode == -signal.SIGKILL
    assert 0 < load_state(out / "state.pt")["images"] < 600
    assert main([*train, str(out)]) == 0
    assert_same_run(tmp_path / "whole", out)


def test_what_a_run_leaves_behind(tmp_path, reals):
    settings = tiny_settings()
    trainer = make_trainer(tmp_path, reals, settings)
    trainer.train(progress=False)
    stages = ["16x16-end", "16x16-fade", "4x4-end", "8x8-end", "8x8-fade"]
    assert sorted(path.stem for path in (tmp_path / "stages").iterdir()) == stages
    assert {*stages, "000000"} <= {path.stem for path in (tmp_path / "samples").iterdir()}
    assert not list(tmp_path.rglob("*.part"))
    halfway = load_checkpoint(tmp_path / "stages" / "8x8-fade.safetensors")
    assert halfway.generator.resolution == 8
    assert halfway.generator.config.stored_alpha == pytest.approx(0.5, abs=0.25)
    last = load_checkpoint(tmp_path / "stages" / "16x16-end.safetensors")
    z = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(last.generator(z), trainer.average(z))
    assert last.info["metadata"]["recipe"] == json.loads(json.dumps(settings.as_dict()))
    raw = load_checkpoint(tmp_path / "stages" / "16x16-end.safetensors", weights="raw")
    assert torch.equal(raw.generator(z), trainer.generator(z))
    images = trainer.average(z)
    assert torch.equal(last.discriminator(images), trainer.discriminator(images))


def test_log_holds_losses_and_the_magnitudes_of_every_layer(tmp_path, reals):
    trainer = make_trainer(tmp_path, reals, tiny_settings())
    trainer.train(progress=False)
    records = log_of(tmp_path)
    assert all({"generator_loss", "discriminator_loss", "alpha", "kimg"} <= record.keys() for record in records)
    last = [record for record in records if "activations" in record][-1]
    assert list(last["activations"]["generator"]) == list(trainer.generator.layer_names)
    assert set(last["activations"]["discriminator"]) == set(trainer.discriminator.layer_names)
    for layers in last["activations"].values():
        assert all(largest >= mean >= 0 for largest, mean in layers.values())


def test_moments_are_reset_at_the_ends_of_fades(tmp_path, reals):
    trainer = make_trainer(tmp_path, reals, tiny_settings())
    first = trainer.learner.optimizers[0].param_groups[0]["params"][0]
    ages = []
    for _ in range(20):
        trainer.train_step()
        ages.append(int(trainer.learner.optimizers[0].state[first]["step"]))
    # fades begin after 32 and 96 images, end at 64 and 128; 8 images a step, 4 from 16x16 on
    assert ages == [1, 2, 3, 4, 5, 1, 2, 3, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 1]


@pytest.mark.parametrize(
    ("images", "half_life"),
    [
        (24, 1.6),  # a twentieth of the 32 images seen after this step
        (88, 4.0),  # as set
        (48, 1.6),  # in the fade: a twentieth of its 32 images
    ],
)
def test_memory_of_the_average(tmp_path, reals, images, half_life):
    trainer = make_trainer(tmp_path, reals, tiny_settings(ema_kimg=0.004))
    before = trainer.average.layers["4x4/conv"].weight.clone()
    with torch.no_grad():
        trainer.generator.layers["4x4/conv"].weight += 1
    moment = trainer.schedule.at(images / 1000)
    update_average(trainer.learner.networks, trainer.settings.average_weight(moment, images))
    moved = trainer.average.layers["4x4/conv"].weight - before
    torch.testing.assert_close(moved, torch.full_like(moved, 1 - 0.5 ** (8 / half_life)))


def test_other_settings_and_other_data_are_refused_in_one_sentence(tmp_path, reals):
    make_trainer(tmp_path, reals, tiny_settings())
    with pytest.raises(TrainingError, match="started with latent_dim = 4, not 8"):
        make_trainer(tmp_path, reals, tiny_settings(latent_dim=8))
    other = RealImages(reals.level(16).numpy()[::-1])
    with pytest.raises(TrainingError, match="other images"):
        make_trainer(tmp_path, other, tiny_settings())
    (tmp_path / "state.pt").write_bytes(b"half a snapsh")
    with pytest.raises(TrainingError, match="not a training snapshot"):
        make_trainer(tmp_path, reals, tiny_settings())


def test_a_run_from_before_a_setting_was_added_has_its_default():
    stored = tiny_settings().as_dict()
    del stored["pixel_norm"], stored["minibatch_stddev"]
    check_same_run(stored, tiny_settings())
    with pytest.raises(TrainingError, match="pixel_norm = after, not off"):
        check_same_run(stored, tiny_settings(pixel_norm="off"))


def test_a_change_of_the_penalty_is_allowed_where_said_and_recorded(tmp_path, reals):
    make_trainer(tmp_path, reals, tiny_settings(r1_gamma=1.0))
    with pytest.raises(TrainingError, match=r"r1_gamma = 1\.0, not 0\.2"):
        make_trainer(tmp_path, reals, tiny_settings(r1_gamma=0.2))
    changed = make_trainer(tmp_path, reals, tiny_settings(r1_gamma=0.2), change=True)
    expected = [{"kimg": 0.0, "r1_gamma": [1.0, 0.2]}]
    assert changed.changes == expected
    changed.save()
    again = make_trainer(tmp_path, reals, tiny_settings(r1_gamma=0.2))  # the same command, no further change
    assert again.changes == expected and json.loads((tmp_path / "run.json").read_text())["changes"] == expected
    with pytest.raises(TrainingError, match="latent_dim = 4, not 8"):  # another network is another run
        make_trainer(tmp_path, reals, tiny_settings(r1_gamma=0.2, latent_dim=8), change=True)


def test_a_longer_end_is_no_other_run(tmp_path, reals):
    settings = tiny_settings()
    make_trainer(tmp_path, reals, settings)
    stages = settings.schedule.stages
    longer = replace(settings.schedule, stages=(*stages[:-1], replace(stages[-1], steady_kimg=1.0)))
    make_trainer(tmp_path, reals, replace(settings, schedule=longer))


@pytest.mark.parametrize("loss", ["logistic", "wgan-gp"])
def test_bfloat16_moves_the_weights_as_float32_does(tmp_path, reals, loss):
    """Emulated where the CPU has no such instructions; a step of it changes nothing but the last digits."""
    scores = {}
    for precision in ("float32", "bfloat16"):
        settings = tiny_settings(loss=loss, precision=precision, channels_last=precision == "bfloat16")
        trainer = make_trainer(tmp_path / precision, reals, settings)
        for _ in range(7):
            trainer.train_step()
        assert all(parameter.dtype == torch.float32 for parameter in trainer.generator.parameters())
        scores[precision] = trainer.learner.means()
    for name, value in scores["float32"].items():
        assert scores["bfloat16"][name] == pytest.approx(value, rel=0.1, abs=0.1), name


def test_a_run_that_diverged_says_so(tmp_path, reals):
    trainer = make_trainer(tmp_path, reals, tiny_settings())
    with torch.no_grad():
        trainer.generator.layers["4x4/conv"].weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="diverged"):
        trainer.train(progress=False)


def test_a_diverged_minibatch_goes_back_to_the_last_good_moment(tmp_path, reals, capsys):
    trainer = make_trainer(tmp_path, reals, tiny_settings())
    broken = []

    def break_once(run, acts):
        if run.step == 6 and not broken:
            broken.append(run.step)
            with torch.no_grad():
                run.generator.layers["4x4/conv"].weight.fill_(float("nan"))

    assert trainer.train(progress=False, watch=break_once)
    assert trainer.learner.is_finite() and trainer.learner.rate_factor == 0.5
    assert "diverged" in capsys.readouterr().out
    (change,) = trainer.changes
    assert change["diverged"] and change["back_by_steps"] > 0
    assert load_checkpoint(tmp_path / "stages" / "16x16-end.safetensors").generator is not None


def test_a_run_is_changed_while_it_goes(tmp_path, reals):
    """Rate, penalty and minibatch from the next step on; a fade held and skipped; all of it recorded."""
    trainer = make_trainer(tmp_path, reals, tiny_settings())
    for _ in range(5):  # into the fade to 8x8
        trainer.train_step()
    trainer.change(learning_rate=5e-4, r1_gamma=0.25)
    moment, acts = trainer.train_step()
    assert trainer.learner.learning_rate(moment) == 5e-4 and float(trainer.learner.gamma) == 0.25
    assert acts.fakes.shape == (8, 3, 8, 8) and acts.batch.reals.shape == acts.fakes.shape
    held = trainer.moment
    trainer.hold(True)
    trainer.train_step()
    assert trainer.moment == held and held.fading
    trainer.hold(False)
    trainer.skip()
    assert not trainer.moment.fading and trainer.moment.resolution == 8
    trainer.change(minibatch=4)
    assert trainer.train_step()[1].fakes.shape == (4, 3, 8, 8)
    assert [sorted(change)[-1] for change in trainer.changes] == [
        "r1_gamma",
        "kimg",
        "released",
        "skipped",
        "minibatch",
    ]
    with pytest.raises(TrainingError, match="cannot change latent_dim"):
        trainer.change(latent_dim=8)
    trainer.save()
    again = Trainer(trainer.settings, reals, tmp_path)
    assert again.changes == trainer.changes and again.moment == trainer.moment


def test_a_stopped_run_leaves_a_stage_of_the_moment(tmp_path, reals):
    trainer = make_trainer(tmp_path, reals, tiny_settings())
    assert not trainer.train(progress=False, stop=StopAfter(5))
    newest = load_checkpoint(tmp_path / "stages" / "newest.safetensors")
    assert newest.generator.resolution == 8 and newest.info["metadata"]["kimg"] == pytest.approx(0.04)
    assert trainer.train(progress=False)
    assert not (tmp_path / "stages" / "newest.safetensors").exists()
