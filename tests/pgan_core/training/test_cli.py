"""The `train` command: what its arguments mean, and one sentence for what it refuses."""

import errno
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors import safe_open

from pgan_core import Generator, GeneratorConfig, load_checkpoint
from pgan_core.__main__ import main
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.growth import official_schedule
from pgan_core.paths import ASSETS
from pgan_core.training import cli, loop, time_plan
from pgan_core.training.cli import bounds, by_resolution, cooldown, course, has_bfloat16, penalty_weight


def test_values_by_resolution():
    assert by_resolution("64") == {4: 64}
    assert by_resolution("4:64,32:32") == {4: 64, 32: 32}


def test_values_that_move_over_a_stage():
    assert course("32:1.5-0.7,64:3-1") == ((32, 1.5, 0.7), (64, 3.0, 1.0))
    assert course("2") == ((4, 2.0, 2.0),) and course("1e-3-1e-4") == ((4, 1e-3, 1e-4),)
    assert penalty_weight("0.5") == 0.5 and penalty_weight("3-1") == ((4, 3.0, 1.0),)
    assert cooldown("0.3") == ((4, 0.3, 0.1),) and cooldown("4:0.3-0.3,128:0.45-0.05")[1] == (128, 0.45, 0.05)
    assert bounds("0.25-0.5") == (0.25, 0.5)
    for wrong in ("three", "4:x", "1-2-x"):
        with pytest.raises(ValueError):
            course(wrong)


def test_the_recipe_of_the_shipped_model_is_one_word(monkeypatch):
    """What its metadata says, where one word can: the run itself had no planned schedule."""
    settings = settings_of(monkeypatch, ["--recipe", "gpu", "--no-mirror"], resolution=128)
    with safe_open(ASSETS / "toytown128" / "final.safetensors", "numpy") as file:
        shipped = json.loads(file.metadata()["metadata"])["recipe"]
    names = ("feature_maps", "discriminator_maps", "latent_dim", "loss", "r1_every", "ema_kimg", "mirror", "fused_down")
    plain = settings.as_dict()
    assert {name: plain[name] for name in names} == {name: shipped[name] for name in names}
    rates = {(stage["minibatch"], stage["learning_rate"]) for stage in (*plain["schedule"], *shipped["schedule"])}
    assert rates == {(64, 0.0015)}


def write_noise(path, count=16, size=8):
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (count, 3, size, size), dtype=np.uint8))
    return str(path)


TINY = "--feature-maps 8,4 --latent-dim 4 --fade-kimg 0.032 --steady-kimg 0.032 --minibatch 8 --learning-rate 0.002"


def test_a_run_goes_on_with_nothing_but_its_folder(tmp_path, capsys):
    data, out = write_noise(tmp_path / "data.npz"), tmp_path / "run"
    options = f"{TINY} --loss relativistic --r1-gamma 4:1-0.5 --balance 0.25-0.5 --cooldown 0.3"
    train = ["train", "--data", data, "--out", str(out)]
    assert main([*train, *options.split()]) == 0
    stored = json.loads((out / "run.json").read_text())["settings"]
    assert (stored["loss"], stored["cooldown"]) == ("relativistic", [[4, 0.3, 0.1]])
    assert main(["train", "--out", str(out)]) == 0  # it is finished
    moved = tmp_path / "elsewhere"
    out.rename(moved)
    assert main(["train", "--data", data, "--out", str(moved)]) == 0
    with pytest.raises(SystemExit, match="started with loss"):
        main(["train", "--data", data, "--out", str(moved), *TINY.split(), "--loss", "logistic"])


def test_a_checkpoint_is_grown_further(tmp_path):
    """And again from the folder, whose networks are not those that the settings alone would make."""
    data = write_noise(tmp_path / "data.npz", size=16)
    start, out = tmp_path / "start.safetensors", tmp_path / "run"
    generator = Generator(GeneratorConfig(8, (6, 4), latent_dim=4, latent_norm="latent"), seed=3)
    save_checkpoint(start, generator, metadata={"kimg": 500.0})
    lengths = "--fade-kimg 0.032 --steady-kimg 0.032 --minibatch 8"
    arguments = ["train", "--data", data, "--out", str(out), "--from", str(start), "--grow-to", "16", *lengths.split()]
    assert main(arguments) == 0
    last = load_checkpoint(out / "stages" / "16x16-end.safetensors")
    assert last.generator.config.channels == (6, 4, 4) and last.generator.config.latent_norm == "latent"
    assert last.info["metadata"]["kimg"] == pytest.approx(500.096)
    assert sorted(path.stem for path in (out / "stages").iterdir()) == ["16x16-end", "16x16-fade", "8x8-end"]
    assert main(arguments) == 0 and main(["train", "--out", str(out)]) == 0


def test_a_run_of_some_seconds_ends_in_time(tmp_path, monkeypatch):
    """Measuring counts, the importing that was done before this test does not; the last stage is there in time.

    The clock is this process's own: it stands still while others have the machine.
    """
    clock = SimpleNamespace(monotonic=time.process_time)
    monkeypatch.setattr(time_plan, "time", clock)
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(time_plan, "process_age", lambda: 0.0)
    data, out, minutes = write_noise(tmp_path / "data.npz", size=16), tmp_path / "run", 0.3
    command = ["train", "--data", data, "--out", str(out), "--minutes", str(minutes), "--feature-maps", "8,8,4"]
    assert main(command) == 0
    last = load_checkpoint(out / "stages" / "16x16-end.safetensors")
    assert last.info["metadata"]["kimg"] > 0 and last.generator.config.channels == (8, 8, 4)
    described = json.loads((out / "run.json").read_text())
    assert described["time_plan"]["used"] < 60 * minutes
    assert set(described["time_plan"]["speeds"]) == {"4", "8", "16"}
    assert described["settings"]["loss"] == "logistic"  # the CPU's recipe
    assert main(command) == 0  # nothing is left to do


def settings_of(monkeypatch, arguments, resolution=64):
    """The settings that `train` would start with."""
    seen = []
    monkeypatch.setattr(cli, "run", lambda args: seen.append(cli.make_settings(args, resolution, "cpu")) or 0)
    assert main(["train", "--data", "x.npz", "--out", "run", *arguments]) == 0
    return seen[0]


def test_defaults_are_the_papers(monkeypatch):
    settings = settings_of(monkeypatch, [], resolution=1024)
    assert settings.schedule == official_schedule("v2-1gpu", 1024)
    assert (settings.loss, settings.gradient_weight, settings.drift) == ("wgan-gp", 10.0, 0.001)
    assert settings.feature_maps == (512, 512, 512, 512, 256, 128, 64, 32, 16)
    assert (settings.betas, settings.latent_dim) == ((0.0, 0.99), 512)


def test_stages_follow_the_arguments(monkeypatch):
    arguments = "--feature-maps 16,8,8 --resolution 16 --minibatch 4:32,16:16 --fade-kimg 4:1,16:2 --steady-kimg 3"
    settings = settings_of(monkeypatch, arguments.split())
    stages = [(s.resolution, s.fade_kimg, s.steady_kimg, s.minibatch) for s in settings.schedule.stages]
    assert stages == [(4, 0, 3, 32), (8, 1, 3, 32), (16, 2, 3, 16)]


def test_bfloat16_only_where_the_cpu_multiplies_it(monkeypatch):
    monkeypatch.setattr(cli.torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(cli.torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert not has_bfloat16("cpu")
    assert settings_of(monkeypatch, []).precision == "float32"
    monkeypatch.setattr(cli.torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    settings = settings_of(monkeypatch, [])
    assert (settings.precision, settings.channels_last) == ("bfloat16", True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--resolution 32", "cannot train 32 pixels"),
        ("--feature-maps 8,8,4", "one number for each of the sizes 4, 8"),
        ("--minibatch 6", "minibatch of 6 does not divide into groups of 4"),
        ("--balance 0.5-0.25", "two rising bounds"),
        ("--from nowhere.safetensors", "nowhere.safetensors"),
        ("--device toaster", "There is no device toaster here"),
        ("--minibatch 8:16", "must start at 4"),
    ],
)
def test_a_wrong_argument_ends_with_one_sentence(tmp_path, arguments, sentence):
    data = tmp_path / "data.npz"
    np.savez(data, images=np.zeros((4, 3, 8, 8), np.uint8))
    with pytest.raises(SystemExit, match=sentence) as caught:
        main(["train", "--data", str(data), "--out", str(tmp_path / "run"), *arguments.split()])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_ends_a_run_with_one_sentence(tmp_path, monkeypatch):
    np.savez(tmp_path / "data.npz", images=np.zeros((4, 3, 8, 8), np.uint8))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(loop, "save_state", full)
    with pytest.raises(SystemExit, match=r"could not write to its folder \(No space left on device\)\. Nothing before"):
        main(["train", "--data", str(tmp_path / "data.npz"), "--out", str(tmp_path / "run"), "--feature-maps", "4,4"])
