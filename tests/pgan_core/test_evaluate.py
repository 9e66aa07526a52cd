"""`python -m pgan_core evaluate`: pictures from files and networks, measured."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pgan_core import Generator, GeneratorConfig
from pgan_core.__main__ import main
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.latents import latents_from_seeds
from pgan_core.metrics import picture_sets, swd_with_floor
from pgan_core.metrics.stored import beside, read_stored
from pgan_core.picture_data import StoredPictures
from pgan_core.pictures import to_uint8


@pytest.fixture(scope="module")
def generator():
    return Generator(GeneratorConfig(resolution=16, channels=(8, 8, 4), latent_dim=6), seed=0).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, generator):
    """A checkpoint, its own pictures as data (twice as large), and pictures of noise."""
    path = tmp_path_factory.mktemp("evaluate")
    save_checkpoint(path / "model.safetensors", generator)
    own = picture_sets.generated_pictures(generator, 60, seed=1000)
    np.savez(path / "own.npz", images=own.repeat(2, 2).repeat(2, 3))
    noise = np.random.default_rng(0).integers(0, 256, (60, 3, 16, 16), dtype=np.uint8)
    (path / "noise").mkdir()
    for i, pixels in enumerate(noise):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(path / "noise" / f"{i}.png")
    return path


def _evaluate(capsys, *arguments):
    code = main(["evaluate", *map(str, arguments)])
    return code, capsys.readouterr()


def test_own_pictures_lie_at_the_floor_and_noise_far_above(folder, capsys):
    code, printed = _evaluate(capsys, folder / "model.safetensors", "--real", folder / "own.npz", "--count", 30)
    own = json.loads(printed.out)
    assert code == 0 and own["count"] == 30 and own["resolution"] == 16
    assert own["swd_x1e3"]["average"] < 2 * own["swd_x1e3_floor"]["average"]
    out = folder / "noise.json"
    code, printed = _evaluate(
        capsys, folder / "model.safetensors", "--real", folder / "noise", "--count", 30, "--out", out
    )
    noise = json.loads(out.read_text())
    assert code == 0 and json.loads(printed.out) == noise
    assert noise["swd_x1e3"]["average"] > 2 * noise["swd_x1e3_floor"]["average"]
    assert 0 < noise["ms_ssim"]["generated"] < 1 and 0 < noise["ms_ssim"]["real"] < 1


def test_too_few_reals_lower_the_count_and_say_so(folder, capsys):
    code, printed = _evaluate(capsys, folder / "model.safetensors", "--real", folder / "own.npz")
    assert code == 0 and json.loads(printed.out)["count"] == 30
    assert "holds 60 pictures: 30 to compare with, as many for the floor" in printed.err


@pytest.mark.parametrize(
    ("checkpoint", "real", "sentence"),
    [
        ("model.safetensors", "nothing.npz", "does not exist"),
        ("model.safetensors", "model.safetensors", "not a readable .npz"),
        ("model.safetensors", "empty", "holds no picture files"),
        ("model.safetensors", "odd", "square pictures of 16 pixels .* found 20 x 20"),
        ("model.safetensors", "broken", "is not a readable picture"),
        ("own.npz", "own.npz", "."),
        ("nothing", "own.npz", "."),
    ],
)
def test_bad_input_is_one_sentence(folder, capsys, checkpoint, real, sentence):
    for name in ("empty", "odd", "broken"):
        (folder / name).mkdir(exist_ok=True)
    Image.new("RGB", (20, 20)).save(folder / "odd" / "1.png")
    (folder / "broken" / "1.png").write_bytes(b"\x89PNG not really")
    code, printed = _evaluate(capsys, folder / checkpoint, "--real", folder / real, "--count", 4)
    assert code == 1 and printed.out == "" and len(printed.err.strip().splitlines()) == 1
    assert re.search(sentence, printed.err)


def test_generated_pictures_are_those_of_their_seeds(generator):
    many = picture_sets.generated_pictures(generator, 70, seed=5)
    alone = picture_sets.generated_pictures(generator, 1, seed=70)
    assert many.shape == (70, 3, 16, 16) and np.abs(many[65].astype(int) - alone[0]).max() <= 1


def test_conditional_generators_show_their_classes_in_turn():
    config = GeneratorConfig(resolution=8, channels=(4, 4), latent_dim=6, label_dim=3)
    network = Generator(config, seed=0).eval()
    found = picture_sets.generated_pictures(network, 4)
    z = latents_from_seeds(range(4), 6)
    labels = torch.tensor([0, 1, 2, 0])
    assert (found == to_uint8(network(z, labels=labels).detach()).transpose(0, 3, 1, 2)).all()


def test_real_pictures_are_shuffled_and_reduced(tmp_path):
    images = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 8, 8), np.uint8)
    np.savez(tmp_path / "data.npz", images=images)
    found = picture_sets.some_pictures(StoredPictures(tmp_path / "data.npz", 4), 30)
    assert found.shape == (30, 3, 4, 4) and len(np.unique(found)) == 30
    assert (np.diff(found[:, 0, 0, 0].astype(int)) < 0).any()


def test_large_sets_lie_in_a_file(monkeypatch):
    monkeypatch.setattr(picture_sets, "_IN_MEMORY", 1000)
    pictures = picture_sets.new_picture_set(6, 16)
    assert isinstance(pictures, np.memmap)
    pictures[:] = np.random.default_rng(0).integers(0, 256, pictures.shape)
    found = swd_with_floor(pictures[:2], pictures[2:4], pictures[4:], patches_per_image=4, directions=8)
    assert found["distance"]["average"] > 0


def test_several_checkpoints_and_their_metrics_beside_them(folder, capsys, generator):
    model, copy = folder / "model.safetensors", folder / "copy.safetensors"
    copy.write_bytes(model.read_bytes())
    code, printed = _evaluate(
        capsys, model, folder / "nothing", copy, "--real", folder / "own.npz", "--count", 4, "--beside"
    )
    results = json.loads(printed.out)
    assert code == 1 and [Path(found["checkpoint"]) for found in results] == [model, copy]
    kept = read_stored(copy)
    assert kept.measured["swd_x1e3"].generated == {
        16: results[1]["swd_x1e3"]["16"],
        "average": results[1]["swd_x1e3"]["average"],
    }
    assert kept.measured["ms_ssim"].real == results[1]["ms_ssim"]["real"]
    assert kept.count == 4 and kept.is_current and read_stored(folder / "own.npz") is None
    save_checkpoint(copy, generator, metadata={"kimg": 1.0})
    assert not read_stored(copy).is_current


@pytest.mark.parametrize("text", ["", "[]", '{"swd_x1e3": 1}', '{"swd_x1e3": {"x": 1}, "swd_x1e3_floor": {}}'])
def test_broken_metrics_count_as_none(tmp_path, text):
    beside(tmp_path / "a.safetensors").write_text(text)
    assert read_stored(tmp_path / "a.safetensors") is None
