"""Directions of the latent space: planted ones are found."""

import numpy as np
import pytest
import torch

from pgan_core.directions import (
    Directions,
    concept_direction,
    consistent_direction,
    principal_directions,
    sefa_directions,
)
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.latents import latents_from_seeds

CONFIG = GeneratorConfig(resolution=16, channels=(12, 10, 8), latent_dim=12)


@pytest.fixture(scope="module")
def generator() -> Generator:
    """A network whose first layer lengthens two planted directions of the latent far more than the others."""
    generator = Generator(CONFIG, seed=1).eval()
    weight = generator.layers["4x4/dense"].weight
    axes = torch.linalg.qr(torch.from_numpy(np.random.RandomState(0).randn(12, 12)).float()).Q
    scale = torch.tensor([9.0, 5.0] + [0.5] * 10)
    with torch.no_grad():
        weight.copy_(torch.linalg.qr(weight)[0] @ torch.diag(scale) @ axes.T)
    generator.planted = axes.T[:2]
    return generator


def test_sefa_finds_what_the_first_layer_lengthens(generator):
    found = sefa_directions(generator, count=3)
    assert torch.allclose((found.vectors[:2] @ generator.planted.T).abs(), torch.eye(2), atol=1e-4)
    energy = np.array([81, 25, 0.25])
    assert np.allclose(found.shares, energy / (81 + 25 + 10 * 0.25), atol=1e-4)
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(3), atol=1e-5)


def test_principal_directions_are_pulled_back_to_the_planted_ones(generator):
    found = principal_directions(generator, "4x4/dense", count=2, samples=400)
    assert found.layer == "4x4/dense" and found.kind == "ganspace"
    unit = found.vectors / found.vectors.norm(dim=1, keepdim=True)
    inside = (unit @ generator.planted.T).norm(dim=1)
    assert (inside > 0.95).all()  # both lie in the planted plane
    assert found.shares[0] >= found.shares[1] > 0 and found.shares.sum() <= 1
    assert torch.equal(found.vectors, principal_directions(generator, "4x4/dense", count=2, samples=400).vectors)


def test_a_layer_that_is_not_there_is_named(generator):
    with pytest.raises(ValueError, match="no layer '32x32/conv0' in this network; it has 4x4/dense"):
        principal_directions(generator, "32x32/conv0")


def test_a_concept_is_found_from_its_scores_and_moving_along_it_raises_them():
    z = latents_from_seeds(range(800), 12)
    true = torch.zeros(12).index_fill_(0, torch.tensor([2, 5]), 0.7071)
    scores = np.maximum(0, (z @ true).numpy() - 0.5) ** 3  # nothing for most pictures, far from linear
    found = concept_direction(z, scores)
    assert float(found.vectors[0] @ true) > 0.95 and float(found.vectors.norm()) == pytest.approx(1)
    assert 0.2 < found.shares[0] < 1
    moved = torch.cat([found.move(z[:1], [s]) for s in np.linspace(-3, 3, 7)])
    assert (np.diff((moved @ true).numpy()) > 0).all()


def test_concept_scores_enter_as_ranks():
    z = latents_from_seeds(range(100), 6)
    scores = z[:, 0].numpy().astype(float)
    wild = np.exp(5 * scores)
    assert torch.allclose(concept_direction(z, scores).vectors, concept_direction(z, wild).vectors)


def test_the_most_dependable_direction_avoids_what_goes_either_way():
    """The concept grows along both axes, but along the first one in half of the places only."""
    rng = np.random.RandomState(0)
    gradients = np.stack([1.5 + 4 * rng.choice([-1, 1], 2000), 1 + 0.3 * rng.randn(2000), 0 * np.ones(2000)], axis=1)
    found = consistent_direction(gradients, ridge=0.001)
    assert found.vectors[0, 1] > 0.95 and found.shares[0] > 0.99
    mean = gradients.mean(axis=0)
    assert ((gradients @ mean) > 0).mean() < 0.7  # the mean gradient is wrong where the first one turns over
    for wrong in (np.zeros((5, 3)), np.full((5, 3), np.nan), np.ones(3)):
        with pytest.raises(ValueError):
            consistent_direction(wrong)


@pytest.mark.parametrize(
    ("scores", "words"),
    [(np.zeros(5), "the same for every latent"), (np.arange(4.0), "5 latents need 5 scores"),
     (np.array([1, 2, np.nan, 3, 4]), "NaN")],
)  # fmt: skip
def test_bad_scores_are_refused(scores, words):
    with pytest.raises(ValueError, match=words):
        concept_direction(latents_from_seeds(range(5), 6), scores)


def test_moving_and_orthogonalizing():
    vectors = torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, 0, 3]])
    directions = Directions(vectors, np.array([0.5, 0.3, 0.2]), "sefa")
    assert directions.move(torch.ones(2, 3), [1, -1]).tolist() == [[2, 0, 1], [2, 0, 1]]
    upright = directions.orthogonal().vectors
    assert torch.allclose(upright, torch.tensor([[2, 0, 0], [0, 2**0.5, 0], [0, 0, 3]]), atol=1e-6)
    assert directions.only(1).vectors.tolist() == [[1, 1, 0]]
    for wrong in ([1, 2, 3, 4], [float("nan")]):
        with pytest.raises(ValueError, match="at most 3 finite numbers"):
            directions.move(torch.ones(1, 3), wrong)
