"""Shares of concepts, real against generated: what is counted, and intervals that say no more than the pictures do."""

import json

import numpy as np
import pytest
import torch

from dissection.__main__ import main
from dissection.nearest import open_pictures
from dissection.shares import PRESENT, areas, beside, contrast, measure, read
from dissection.world.town import town
from pgan_core import Generator, GeneratorConfig
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.latents import inputs_from_seeds
from pgan_core.pictures import to_uint8


class Dark:
    """Says where pictures are dark, and where they are light."""

    name, concepts = "dark", ("unlabelled", "dark", "light")

    def __call__(self, images):
        return 1 + (images[:, 0] > 0).long()


@pytest.fixture(scope="module")
def generator():
    return Generator(GeneratorConfig(resolution=16, channels=(8, 8, 4), latent_dim=6), seed=0)


def test_areas_are_shares_of_each_picture_by_every_map():
    class Two(Dark):
        concepts = ("unlabelled", "dark", "light", "top")

        def __call__(self, images):
            places = torch.zeros(images[:, 0].shape, dtype=torch.long)
            places[:, :2] = 3
            return torch.stack([super().__call__(images), places], dim=1)

    images = torch.ones(2, 3, 8, 8)
    images[1, :, :, :6] = -1
    assert areas([images[:1], images[1:]], Two(), 2, "").tolist() == [[0, 1, 0.25], [0.75, 0.25, 0.25]]


def test_the_interval_is_that_of_a_difference_of_means():
    """Shares of independent pictures: the normal interval, from the standard errors of both means."""
    chance = np.random.default_rng(1)
    real, made = chance.beta(2, 8, (3000, 2)), chance.beta(2, 8, (1500, 2)) + np.array([0, 0.05])
    found = contrast(real, made)
    error = np.sqrt(real.var(axis=0) / len(real) + made.var(axis=0) / len(made))
    assert np.allclose(found.difference, made.mean(axis=0) - real.mean(axis=0))
    assert np.allclose(found.low, found.difference - 1.96 * error, atol=0.1 * error.max())
    assert np.allclose(found.high, found.difference + 1.96 * error, atol=0.1 * error.max())
    assert found.differs.tolist() == [False, True]


def test_sets_of_one_kind_differ_in_one_of_twenty():
    chance = np.random.default_rng(2)
    found = contrast(chance.random((400, 600)), chance.random((400, 600)), resamples=500)
    assert 0.02 < found.differs.mean() < 0.08


def test_real_pictures_are_compared_with_those_of_the_seeds(generator):
    source = open_pictures("town:5:0-39", 16)
    found = measure(generator, source, Dark(), count=24)
    assert found.concepts == ("dark", "light") and found.counts == (24, 24)
    assert np.allclose(found.pixels.real.sum(), 1) and np.allclose(found.pixels.generated.sum(), 1)
    made = generator(*inputs_from_seeds(generator, range(7, 31)))
    later = measure(generator, source, Dark(), count=24, seed=7).pixels.generated
    assert np.allclose(later[1], (to_uint8(made)[..., 0] > 127).mean())
    whole = measure(generator, source, Dark(), count=99)
    scenes = next(iter(town(40, 16, 5)))[0]
    light = (scenes[:, 0] > 127.5).mean(axis=(1, 2))
    assert whole.counts == (40, 99) and whole.pixels.real[1] == pytest.approx(light.mean())
    assert whole.pictures.real[1] == pytest.approx((light >= PRESENT).mean())


def test_a_segmenter_that_reads_layers_cannot_see_real_pictures(generator):
    class Inside(Dark):
        layers = ("4x4/conv",)

    with pytest.raises(ValueError, match="real pictures have none"):
        measure(generator, open_pictures("town:5:0-3", 16), Inside())


def test_the_command_stores_them_beside_the_model(generator, tmp_path, capsys):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, generator)
    assert read(path) is None
    assert main(["shares", str(path), "--real", "town:5:0-9", "--count", "8"]) == 0
    said = capsys.readouterr().out
    assert "| sky |" in said and "Over 8 real and 8 generated pictures, all segmented by toytown" in said
    found, current = read(path)
    assert current and found.counts == (8, 8) and len(found.concepts) == len(found.pixels.low) == 15
    assert json.loads(beside(path).read_text())["real"] == "town:5:0-9"
    save_checkpoint(path, Generator(generator.config, seed=1))
    assert read(path)[1] is False
    beside(path).write_text("{}")
    assert read(path) is None
