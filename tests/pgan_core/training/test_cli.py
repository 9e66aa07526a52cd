"""The `train` command: what its arguments mean, and one sentence for what it refuses."""

import numpy as np
import pytest

from pgan_core.__main__ import main
from pgan_core.growth import official_schedule
from pgan_core.training import cli
from pgan_core.training.cli import by_resolution, has_bfloat16


def test_values_by_resolution():
    assert by_resolution("64") == {4: 64}
    assert by_resolution("4:64,32:32") == {4: 64, 32: 32}


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
