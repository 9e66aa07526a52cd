"""Concept directions: a planted concept is found, and the check tells a good direction from a bad one."""

import json

import numpy as np
import pytest
import torch

from dissection import concept_directions as module
from dissection.concept_directions import (
    check_direction,
    concept_names,
    concept_shares,
    learn_direction,
    load_directions,
)
from pgan_core import Generator, GeneratorConfig
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.directions import Directions
from pgan_core.latents import latents_from_seeds, orthogonalize


class Counts:
    """Calls a pixel "light" where its red is high, and "dark" elsewhere; a third concept is never seen."""

    concepts = ("unlabelled", "dark", "light", "never")

    def __init__(self, level: float):
        self.level = level

    def __call__(self, images):
        return torch.where(images[:, 0] > self.level, 2, 1)


class Brightness(Counts):
    """The same with probabilities that have gradients."""

    def probabilities(self, images):
        light = torch.sigmoid(4 * (images[:, 0] - self.level))
        return torch.stack([0 * light, 1 - light, light, 0 * light], dim=1)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(GeneratorConfig(resolution=8, channels=(12, 10), latent_dim=8), seed=5).eval()


@pytest.fixture(scope="module")
def segmenter(generator) -> Brightness:
    with torch.inference_mode():
        return Brightness(float(generator(latents_from_seeds(range(64), 8))[:, 0].median()))


def test_shares_are_counts_of_pixels(generator, segmenter):
    z = latents_from_seeds(range(40), 8)
    shares = concept_shares(generator, segmenter, z)
    with torch.inference_mode():
        light = (generator(z)[:, 0] > segmenter.level).float().mean(dim=(1, 2)).numpy()
    assert shares.shape == (40, 4) and np.allclose(shares[:, 2], light)
    assert np.allclose(shares.sum(axis=1), 1) and (shares[:, 3] == 0).all()


@pytest.mark.parametrize("kind", [Counts, Brightness])
def test_a_learned_direction_does_what_it_says_and_another_does_not(generator, segmenter, kind):
    reported, learner = [], kind(segmenter.level)
    light = learn_direction(generator, learner, "more light", samples=400, progress=reported.append)
    dark = learn_direction(generator, learner, "more dark", samples=400)
    assert reported[-1] == 1 and reported == sorted(reported)
    assert float(light.vectors[0] @ dark.vectors[0]) < -0.95
    sideways = orthogonalize(torch.roll(light.vectors, 3, 1)[0], light.vectors)
    aside = Directions(sideways[None], np.ones(1), "concept")
    good, other = (check_direction(generator, segmenter, d, "light", seeds=range(20)) for d in (light, aside))
    assert good.shape == (20,) and np.median(good) >= 0.85 and np.median(other) < 0.5
    assert np.median(check_direction(generator, segmenter, dark, "light", seeds=range(20))) < -0.85


def test_gradients_make_a_more_dependable_direction_than_counts(generator, segmenter):
    def kept(kind) -> float:
        direction = learn_direction(generator, kind(segmenter.level), "more light", samples=400)
        return (check_direction(generator, segmenter, direction, "light", seeds=range(40)) >= 0.9).mean()

    assert kept(Brightness) > kept(Counts) + 0.05


def test_a_share_that_never_changes_counts_as_no_correlation(generator, segmenter):
    still = Directions(torch.zeros(1, 8), np.ones(1), "concept")
    assert (check_direction(generator, segmenter, still, "light", seeds=range(3)) == 0).all()


def test_what_is_not_there_is_said(generator, segmenter):
    with pytest.raises(ValueError, match="no concept 'tree'; it has dark, light, never"):
        check_direction(generator, segmenter, Directions(torch.ones(1, 8), np.ones(1), "concept"), "tree")
    with pytest.raises(ValueError, match="no direction 'tree'; there are more dark, more light, more never"):
        learn_direction(generator, segmenter, "tree")
    for kind in (Counts, Brightness):
        with pytest.raises(ValueError, match="nothing to learn from"):
            learn_direction(generator, kind(segmenter.level), "more never", samples=32)


def test_night_instead_of_day_is_offered_where_both_are_known(segmenter):
    assert concept_names(segmenter) == ["more dark", "more light", "more never"]
    segmenter = Counts(0)
    segmenter.concepts = ("unlabelled", "sun", "moon")
    assert concept_names(segmenter)[-1] == "night instead of day"


def test_the_command_prints_its_check_as_json(generator, segmenter, tmp_path, monkeypatch, capsys):
    save_checkpoint(tmp_path / "small.safetensors", generator)
    monkeypatch.setattr(module, "load_segmenter", lambda spec, generator: segmenter)
    arguments = [str(tmp_path / "small.safetensors"), "--samples", "300", "--seeds", "5", "--concept"]
    assert module.main([*arguments, "light"]) == 0
    report = json.loads(capsys.readouterr().out)["more light"]
    assert len(report["correlations"]) == 5 and report["seeds with Spearman >= 0.9"].endswith("%")
    path, checkpoint = tmp_path / "small.concepts.json", tmp_path / "small.safetensors"
    assert load_directions(path, checkpoint) == {}
    assert module.main([*arguments, "light", "dark", "--save", str(path)]) == 0
    saved = load_directions(path, checkpoint)
    assert list(saved) == ["more light", "more dark"]
    light = learn_direction(generator, segmenter, "more light", samples=300)
    assert torch.allclose(saved["more light"].vectors, light.vectors, atol=1e-6)
    with pytest.raises(ValueError, match="another checkpoint than"):
        load_directions(path, path)
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"other.json holds no concept directions"):
        load_directions(tmp_path / "other.json", checkpoint)
    capsys.readouterr()
    assert module.main([*arguments, "never"]) == 1
    assert "nothing to learn from" in capsys.readouterr().err
