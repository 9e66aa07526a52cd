"""Walks as frames, their cost and limits, what they do inside a network, and the files made of them."""

import io
import json
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.latents import latents_from_seeds, path
from pgan_core.pictures import to_uint8
from pgan_core.walk_recipe import WalkRecipe, walk_file
from pgan_core.walks import (
    check_frames,
    estimate,
    layer_film,
    layer_travel,
    path_length,
    perceptual_steps,
    render,
)

CHANNELS = (12, 10, 8)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(GeneratorConfig(resolution=16, channels=CHANNELS, latent_dim=8), seed=2).eval()


@pytest.fixture(scope="module")
def way() -> torch.Tensor:
    return path(latents_from_seeds(range(3), 8), 20, closed=True)


def test_frames_are_the_generators_pictures_whatever_the_batch(generator, way, monkeypatch):
    shares = []
    frames = render(generator, way, progress=shares.append)
    with torch.inference_mode():
        assert np.array_equal(frames, to_uint8(generator(way)))
        faded = to_uint8(generator(way[:3], resolution=8, alpha=0.25))
    assert shares[-1] == 1
    monkeypatch.setattr("pgan_core.walks.PIXELS_AT_ONCE", 3 * 16**2)
    again = render(generator, way)
    assert np.abs(again.astype(int) - frames).max() <= 1  # another batch may round otherwise
    assert np.array_equal(render(generator, way[:3], resolution=8, alpha=0.25), faded)


def test_a_class_is_given_to_every_frame():
    config = GeneratorConfig(resolution=8, channels=CHANNELS[:2], latent_dim=8, label_dim=3)
    generator, z = Generator(config, seed=0).eval(), latents_from_seeds(range(4), 8)
    with torch.inference_mode():
        expected = to_uint8(generator(z, torch.tensor([2, 2, 2, 2])))
    assert np.array_equal(render(generator, z, torch.tensor([2])), expected)


@pytest.mark.parametrize(
    ("frames", "resolution", "words"),
    [
        (0, 64, "one frame"),
        (100_000, 64, r"100,000 frames \(1\.2 GB\) is too long: the limit is 3,600"),
        (400, 1024, "limit at this size is 341"),
    ],
)
def test_empty_and_endless_walks_are_refused(frames, resolution, words):
    with pytest.raises(ValueError, match=words):
        check_frames(frames, resolution)


def test_bad_latents_are_refused_before_anything_is_made(generator):
    with pytest.raises(ValueError, match="8 numbers each, these have 7"):
        render(generator, torch.zeros(2, 7))
    with pytest.raises(ValueError, match="NaN"):
        render(generator, torch.full((2, 8), torch.nan))


def test_the_estimate_is_in_proportion(generator):
    cost = estimate(generator, 50, resolution=8)
    assert cost.bytes == 50 * 8 * 8 * 3 and cost.frames == 50 and cost.seconds > 0


def test_travel_is_the_distance_at_each_layer(generator, way, monkeypatch):
    monkeypatch.setattr("pgan_core.walks.PIXELS_AT_ONCE", 7 * 16**2)  # batches must join without a seam
    travel = layer_travel(generator, way)
    assert list(travel) == ["latent", *generator.layer_names, "picture"]
    with torch.inference_mode():
        run = generator.run(way, keep=["8x8/conv1"])
    for name, x in (("8x8/conv1", run.activations["8x8/conv1"]), ("picture", run.images)):
        x = x.flatten(1).double()
        expected = (x[1:] - x[:-1]).norm(dim=1) / x.square().sum(dim=1).mean().sqrt()
        assert np.allclose(travel[name], expected, rtol=1e-4)
    assert set(layer_travel(generator, way[:3], resolution=4)) == {"latent", "4x4/dense", "4x4/conv", "picture"}


def test_a_film_shows_the_units_that_change_most(generator, way):
    film, units = layer_film(generator, way, "8x8/conv0", units=4)
    assert film.shape == (20, 4, 8, 8) and film.dtype == np.uint8
    with torch.inference_mode():
        x = generator.run(way, stop="8x8/conv0").activations["8x8/conv0"]
    assert set(units) == set(x.std(dim=0).mean(dim=(1, 2)).topk(4).indices.tolist())
    unit = x[:, units[1]]
    scaled = (unit - unit.min()) / (unit.max() - unit.min())
    assert np.abs(film[:, 1].astype(float) - 255 * scaled.numpy()).max() <= 0.51
    with pytest.raises(ValueError, match="no layer '64x64/conv0'"):
        layer_film(generator, way, "64x64/conv0")


def test_perceptual_steps_are_zero_between_equal_frames_and_join_batches(generator, way, monkeypatch):
    discriminator = Discriminator(DiscriminatorConfig(resolution=16, channels=CHANNELS), seed=0).eval()
    frames = render(generator, way)
    steps = perceptual_steps(discriminator, frames)
    assert steps.shape == (19,) and (steps > 0).all()
    still = perceptual_steps(discriminator, np.stack([frames[0]] * 3 + [frames[9]]))
    assert np.allclose(still[:2], 0, atol=1e-9) and still[2] > steps.max()
    monkeypatch.setattr("pgan_core.walks.PIXELS_AT_ONCE", 7 * 16**2)
    assert np.allclose(perceptual_steps(discriminator, frames), steps, rtol=1e-4)
    assert perceptual_steps(discriminator, render(generator, way[:3], resolution=8)).shape == (2,)


def test_path_length_is_per_squared_angle():
    z = torch.tensor([[1.0, 0], [0, 1], [0, 1], [-1, 0]])
    assert path_length(np.array([2.0, 9.0, 4.0]), z) == pytest.approx(3 / (np.pi / 2) ** 2)
    assert np.isnan(path_length(np.array([1.0]), z[1:3]))


# ---- recipes and files -------------------------------------------------------------------------------------------


def test_a_recipe_makes_the_walk_that_it_says():
    z = latents_from_seeds([4, 9], 8)
    recipe = WalkRecipe(points=("4", "9"), frames=7, closed=False, method="lerp", truncation=0.5)
    assert torch.allclose(recipe.latents(8), 0.5 * path(z, 7, method="lerp"))
    assert WalkRecipe("random", frames=9, seed=3).latents(8).shape == (9, 8)
    ring = WalkRecipe("circle", points=("4",), frames=9).latents(8)
    assert torch.allclose(ring.norm(dim=1), z[0].norm(), rtol=1e-5)
    assert WalkRecipe.from_settings(json.loads(json.dumps(recipe.settings()))) == recipe
    for settings in ({}, {"walk": 3}, {"walk": {"frames": "x"}}, {"walk": {**recipe.settings()["walk"], "more": 1}}):
        with pytest.raises(ValueError, match="do not describe a walk"):
            WalkRecipe.from_settings(settings)
    for wrong in ({"kind": "zigzag"}, {"frames": 0}, {"method": "cubic"}):
        with pytest.raises(ValueError):
            WalkRecipe(**wrong)


@pytest.fixture(scope="module")
def walk(generator):
    recipe = WalkRecipe(frames=14)
    z = recipe.latents(8)
    return render(generator, z), z, recipe.settings(model="small")


def test_films_carry_what_made_them_and_the_gif_loops(walk):
    frames, z, settings = walk
    with Image.open(io.BytesIO(walk_file("a.gif", frames, z, settings, fps=20))) as gif:
        assert gif.n_frames == 14 and gif.info["loop"] == 0 and gif.info["duration"] == 50
        assert gif.size == (256, 256)
        assert json.loads(gif.info["comment"])["walk"]["points"] == ["0", "1", "2", "3"]
    for name, codec in (("a.mp4", "h264"), ("a.webm", "vp9")):
        data = walk_file(name, frames, z, settings, fps=20)
        said = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-i", "-"], input=data, capture_output=True
        ).stderr.decode()
        assert codec in said and "256x256" in said and "20 fps" in said
        assert '"model": "small"' in said.replace("\\", "")


def test_pictures_and_latents_carry_what_made_them(walk):
    frames, z, settings = walk
    with Image.open(io.BytesIO(walk_file("a.png", frames, z, settings))) as strip:
        assert strip.size == (12 * 16, 16) and json.loads(strip.text["settings"]) == settings
        assert np.array_equal(np.asarray(strip)[:, :16], frames[0])
        assert np.array_equal(np.asarray(strip)[:, -16:], frames[-1])
    with Image.open(io.BytesIO(walk_file("a.png", frames, z, settings, columns=4))) as grid:
        assert grid.size == (4 * 16, 4 * 16)
    assert json.loads(walk_file("a.json", frames, z, settings))["settings"] == settings
    with pytest.raises(ValueError, match=r"not as 'a.bmp'"):
        walk_file("a.bmp", frames, z, settings)
