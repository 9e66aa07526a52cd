"""What a seed is in a conditional network: the same latent and the same class wherever it is asked for."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pgan_core import Generator, GeneratorConfig, load_checkpoint
from pgan_core.__main__ import main
from pgan_core.directions import principal_directions
from pgan_core.latent_points import latent_text, points_classes, points_latents
from pgan_core.latents import classes_from_seeds, following_seeds, inputs_from_seeds, latents_from_seeds
from pgan_core.metrics.picture_sets import generated_pictures
from pgan_core.pictures import to_uint8
from pgan_core.walk_recipe import WalkRecipe
from pgan_core.walks import layer_film

PUBLISHED = Path(__file__).parents[1] / "fixtures" / "checkpoints"
FILES = ("tf_official_cond/checkpoint.pkl", "mmgen_cond/checkpoint.pth", "genforce_converted_cond/checkpoint.pth")


@pytest.fixture(scope="module", params=FILES)
def file(request, tmp_path_factory):
    path = PUBLISHED / request.param
    return shutil.copy(path, tmp_path_factory.mktemp("conditional") / path.name)


@torch.inference_mode()
def picture(generator, seed: int, label: int) -> np.ndarray:
    """A seed's picture as a class, made without the functions that are tested."""
    z = torch.from_numpy(np.random.RandomState(seed).randn(1, generator.config.latent_dim).astype(np.float32))
    return to_uint8(generator(z, torch.tensor([label])))[0].astype(int)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("label", [None, 1])
def test_a_seed_is_the_same_picture_in_every_command(file, label, tmp_path):
    generator = load_checkpoint(file).generator
    classes = generator.config.label_dim
    chosen = [] if label is None else ["--label", str(label)]
    for seed in (4, 5, 7):  # for 3 classes in turn, position and seed disagree
        assert (
            main(["sample", str(file), "--seeds", f"{seed}-{seed + 2}", "--out", str(tmp_path / "all"), *chosen]) == 0
        )
        expected = picture(generator, seed, seed % classes if label is None else label)
        assert np.abs(read(tmp_path / f"all/seed{seed:04d}.png") - expected).max() <= 1
        found = generated_pictures(generator.prepared(), 1, seed=seed, label=label)[0].transpose(1, 2, 0)
        assert np.abs(found - expected).max() <= 1
    with Image.open(tmp_path / "all/seed0004.png") as image:
        assert json.loads(image.text["settings"])["label"] == ("by seed" if label is None else label)
    out = tmp_path / "walk.png"
    arguments = ["--points", "4,5,7", "--frames", "3", "--columns", "3", "--no-closed", "--out", str(out)]
    assert main(["walk", str(file), *arguments, *chosen]) == 0
    for frame, seed in zip(np.split(read(out), 3, axis=1), (4, 5, 7), strict=True):
        expected = picture(generator, seed, seed % classes if label is None else label)
        assert np.abs(frame - expected).max() <= 1


def test_chunks_of_a_large_set_do_not_begin_the_classes_anew():
    generator = Generator(GeneratorConfig(resolution=8, channels=(4, 4), latent_dim=6, label_dim=3), seed=1).eval()
    many = generated_pictures(generator, 70, seed=5)
    for place in (0, 63, 64, 69):
        expected = picture(generator, 5 + place, (5 + place) % 3)
        assert np.abs(many[place].transpose(1, 2, 0) - expected).max() <= 1


def test_a_class_that_is_not_there_is_one_sentence(file, tmp_path, capsys):
    assert main(["sample", str(file), "--seeds", "0", "--label", "99", "--out", str(tmp_path)]) == 1
    assert "there is no class 99" in capsys.readouterr().err
    with pytest.raises(ValueError, match="has no classes: there is no class 0"):
        classes_from_seeds([1], 0, 0)
    assert classes_from_seeds([1], 0) is None
    assert classes_from_seeds([7, 2**32 - 1], 5).tolist() == [2, 0]


def test_inputs_of_seeds():
    generator = Generator(GeneratorConfig(resolution=4, channels=(4,), latent_dim=6, label_dim=3))
    z, labels = inputs_from_seeds(generator, iter([7, 3]))
    assert torch.equal(z, latents_from_seeds([7, 3], 6)) and labels.tolist() == [1, 0]
    assert inputs_from_seeds(generator, [7, 3], 2)[1].tolist() == [2, 2]
    assert following_seeds(2**32 - 2, 3) == [2**32 - 2, 2**32 - 1, 0]


def test_points_have_the_class_of_their_seed():
    one = torch.eye(3)
    for text, class_ in (("7", 1), ("7~3", 1), ("5-7+12", 2), ("7#2", 2), ("z:AAAA", 0), ("z:AAAA#1", 1), ("@3:1", 1)):
        assert torch.equal(points_classes([text], 3), one[[class_]]), text
    torch.testing.assert_close(points_classes(["@2.25:0"], 3), 0.75 * one[[2]] + 0.25 * one[[0]])
    assert torch.equal(points_classes(["7", "8#0"], 3, 2), one[[2, 2]])
    assert points_classes(["7"], 0) is None
    z = points_latents(["7"], 4)
    assert torch.equal(points_latents(["7#2", latent_text(z[0], 2)], 4), z.expand(2, -1))
    for text, words in (("7#x", "whole number"), ("7#", "whole number"), ("7#3", "no class 3")):
        with pytest.raises(ValueError, match=words):
            points_classes([text], 3)


def test_a_walk_leads_from_class_to_class():
    rows = WalkRecipe(points=("3", "4"), frames=5, closed=False).classes(3)
    assert rows[:, 1].tolist() == [0, 0.25, 0.5, 0.75, 1] and (rows.sum(dim=1) == 1).all()
    assert WalkRecipe("random", frames=2, seed=5).classes(3).tolist() == [[0, 0, 1]] * 2
    assert WalkRecipe("circle", ("7",), frames=2).classes(3).tolist() == [[0, 1, 0]] * 2
    assert WalkRecipe(frames=2).classes(0) is None


def test_films_and_directions_take_classes_along():
    generator = Generator(GeneratorConfig(resolution=8, channels=(4, 4), latent_dim=6, label_dim=3), seed=1).eval()
    recipe = WalkRecipe(points=("3", "4"), frames=40)
    film, _ = layer_film(generator, recipe.latents(6), "8x8/conv1", recipe.classes(3), units=2)
    assert film.shape[:2] == (40, 2)
    by_seed, chosen = (principal_directions(generator, "4x4/conv", samples=64, label=label) for label in (None, 1))
    assert not torch.allclose(by_seed.vectors, chosen.vectors)
