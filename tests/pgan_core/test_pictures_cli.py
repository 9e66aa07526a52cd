"""`python -m pgan_core sample` and `walk`."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from pgan_core import Generator, GeneratorConfig
from pgan_core.__main__ import main
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.latent_points import from_file
from pgan_core.latents import latents_from_seeds
from pgan_core.pictures import to_uint8
from tests import own_generators
from tests.own_generators import CLASSES, LATENT


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small network and its file."""
    generator = Generator(GeneratorConfig(resolution=16, channels=(12, 10, 8), latent_dim=8), seed=3).eval()
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_checkpoint(path, generator)
    return generator, str(path)


def test_sample_writes_the_generators_pictures(checkpoint, tmp_path):
    generator, file = checkpoint
    assert main(["sample", file, "--seeds", "3,5-6", "--out", str(tmp_path / "single")]) == 0
    with torch.inference_mode():
        expected = to_uint8(generator(latents_from_seeds([3, 5, 6], 8)))
    assert sorted(p.name for p in (tmp_path / "single").iterdir()) == [f"seed000{s}.png" for s in (3, 5, 6)]
    with Image.open(tmp_path / "single/seed0005.png") as picture:
        assert np.abs(np.asarray(picture).astype(int) - expected[1]).max() <= 1  # folded constants round otherwise
        settings = json.loads(picture.text["settings"])
    assert settings["model"] == "small.safetensors" and settings["picture"] == "seed0005"


def test_sample_writes_a_grid_at_a_moment_of_the_fade(checkpoint, tmp_path):
    generator, file = checkpoint
    out = str(tmp_path / "grid.png")
    assert main(["sample", file, "--seeds", "0-4", "--out", out, "--resolution", "8", "--alpha", "0.5"]) == 0
    with torch.inference_mode():
        expected = to_uint8(generator(latents_from_seeds(range(5), 8), resolution=8, alpha=0.5))
    with Image.open(out) as grid:
        pixels = np.asarray(grid).astype(int)
    assert pixels.shape == (16, 24, 3)
    assert np.abs(pixels[8:, :8] - expected[3]).max() <= 1


def test_walk_writes_every_form_and_its_latents_can_be_sampled(checkpoint, tmp_path, capsys):
    _, file = checkpoint
    names = [str(tmp_path / f"walk.{ending}") for ending in ("gif", "mp4", "webm", "png", "npz", "json")]
    assert main(["walk", file, "--points", "0,5~2,3-7+1", "--frames", "9", "--out", *names]) == 0
    assert "9 frames: about" in capsys.readouterr().err
    z = from_file((tmp_path / "walk.npz").read_bytes(), "walk.npz", 8)
    assert len(z) == 9 and torch.equal(z, from_file((tmp_path / "walk.json").read_bytes(), "walk.json", 8))
    assert torch.equal(z[:1], latents_from_seeds([0], 8))
    assert main(["sample", file, "--latents", names[4], "--out", str(tmp_path / "again.png")]) == 0
    assert main(["walk", file, "--latents", names[5], "--frames", "4", "--out", names[0]]) == 0
    for way in (["--random", "3"], ["--circle", "7"], ["--seeds", "0-3"]):
        assert main(["walk", file, *way, "--frames", "4", "--out", names[3], "--columns", "2"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sample", "--seeds", "9-3"], "go backwards"),
        (["sample", "--resolution", "32"], "4, 8, 16 pixels, not 32"),
        (["sample", "--alpha", "2"], "0 to 1, not 2"),
        (["sample", "--label", "1"], "no classes"),
        (["sample", "--columns", "0"], "one column"),
        (["sample", "--device", "nowhere"], "device 'nowhere'"),
        (["sample", "--latents", "missing.npz"], "missing.npz"),
        (["walk", "--frames", "100000"], "too long: the limit is 3,600"),
        (["walk", "--frames", "0"], "one frame"),
        (["walk", "--points", "5"], "two key points"),
        (["walk", "--points", "5,x"], "'x' is not a point"),
    ],
)
def test_bad_input_ends_with_one_sentence(checkpoint, tmp_path, capsys, arguments, words):
    out = tmp_path / "out.png"
    command, *rest = arguments
    assert main([command, checkpoint[1], "--out", str(out), *rest]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1] and not any("Traceback" in line for line in said)
    assert not out.exists()


def test_files_that_are_no_checkpoint_and_other_endings_are_refused(checkpoint, tmp_path, capsys):
    (tmp_path / "text.pth").write_text("hello")
    assert main(["sample", str(tmp_path / "text.pth"), "--out", str(tmp_path / "a.png")]) == 1
    assert main(["walk", checkpoint[1], "--out", str(tmp_path / "a.avi")]) == 1
    assert "not as" in capsys.readouterr().err


def test_a_generator_of_ones_own_is_sampled_and_walked_through(tmp_path, capsys):
    module = own_generators.conditional()
    torch.save(module.state_dict(), tmp_path / "g.pt")
    own = ["--generator", "tests.own_generators:conditional", "--latent-dim", str(LATENT), "--label-dim", str(CLASSES)]
    file = [str(tmp_path / "g.pt"), *own, "--output", "tanh"]
    assert main(["sample", *file, "--seeds", "4-5", "--label", "2", "--out", str(tmp_path / "single")]) == 0
    labels = torch.nn.functional.one_hot(torch.tensor([2, 2]), CLASSES).float()
    with torch.inference_mode():
        expected = to_uint8(module.eval()(latents_from_seeds([4, 5], LATENT), labels).tanh())
    with Image.open(tmp_path / "single/seed0005.png") as picture:
        assert np.abs(np.asarray(picture).astype(int) - expected[1]).max() <= 1
    walk = ["walk", *file, "--points", "1,2", "--frames", "6", "--out", str(tmp_path / "walk.gif")]
    assert main(walk) == 0 and (tmp_path / "walk.gif").stat().st_size > 100
    assert main([*walk, "--score", "sigmoid"]) == 1
    assert "--score is for checkpoints" in capsys.readouterr().err
    assert main(["sample", str(tmp_path / "g.pt"), *own[:2], "--out", str(tmp_path / "x.png")]) == 1
    assert "needs --latent-dim" in capsys.readouterr().err
