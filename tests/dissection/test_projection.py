"""Photographs in a generator's terms: the loss, the search, editing, and the way back into the photograph."""

import numpy as np
import pytest
import torch

from dissection import projection
from dissection.interventions import ablate, insert
from dissection.projection import (
    Plan,
    blend,
    changed,
    difference,
    fit_latent,
    fit_layer,
    layer_for,
    losses,
    project,
)  # fmt: skip
from pgan_core import load_checkpoint
from pgan_core.adapters import adapt
from pgan_core.latents import latents_from_seeds
from pgan_core.paths import ASSETS
from tests import own_generators
from tests.own_generators import CLASSES, LATENT

PLAN = Plan(guesses=24, starts=2, first_steps=8, latent_steps=60, layer_steps=60)


@pytest.fixture(scope="module")
def generator():
    return load_checkpoint(ASSETS / "toytown128" / "16x16-end.safetensors").generator


@pytest.fixture(scope="module")
def target(generator):
    with torch.no_grad():
        return generator(latents_from_seeds([999], generator.config.latent_dim)).clamp(-1, 1)[0]


@pytest.fixture(scope="module")
def found(generator, target):
    return project(generator, target, plan=PLAN)


def test_the_loss_is_the_formula():
    a, b = np.random.default_rng(0).normal(size=(2, 2, 3, 16, 16))
    expected = np.zeros(2)
    b, given = b[:1], (torch.from_numpy(a), torch.from_numpy(b[:1]))
    for _ in range(4):  # 16, 8, 4, 2 pixels
        d = a - b
        expected += np.abs(d).mean((1, 2, 3))
        expected += (np.abs(np.diff(d, axis=2)).mean((1, 2, 3)) + np.abs(np.diff(d, axis=3)).mean((1, 2, 3))) / 2
        a, b = (
            x.reshape(*x.shape[:2], x.shape[2] // 2, 2, -1, 2).mean((3, 5)) if x.shape[2] > 1 else x for x in (a, b)
        )
    assert np.allclose(losses(*given).numpy(), expected / 4, rtol=1e-6)


def test_a_generated_picture_is_found_again(generator, target, found):
    with torch.no_grad():
        others = losses(
            generator(latents_from_seeds(range(24), generator.config.latent_dim)).clamp(-1, 1), target[None]
        )
    assert found.loss < 0.25 * float(others.min())
    assert found.loss < found.latent_loss < float(others.min())
    assert float(difference(target[None], found.image).mean()) < 0.04


def test_a_projection_is_edited_like_any_picture(generator, found):
    later, earlier = "8x8/conv1", "4x4/dense"
    assert generator.layer_names.index(earlier) < generator.layer_names.index(found.layer)
    assert torch.allclose(found.run(generator, {}), found.image, atol=1e-5)
    with torch.no_grad():
        walked = generator.run(None, start=(found.layer, found.activation), edits={later: [ablate([1, 2])]}).images
        assert torch.equal(found.run(generator, {later: [ablate([1, 2])]}), walked)
        nothing = found.run(generator, {earlier: [ablate([0], strength=0.0)]})
        assert torch.allclose(nothing, found.image, atol=1e-4)  # what was added to the layer is added again
        assert not torch.allclose(found.run(generator, {earlier: [insert([0], 5.0)]}), found.image, atol=1e-2)


def test_a_change_is_blended_where_it_is():
    before = torch.zeros(1, 3, 32, 32)
    after = before.clone()
    after[:, 0, 8:16, 8:16] = 0.5
    after[:, 1] += 0.01  # too little to be meant
    mask = changed(before, after)
    assert float(mask[0, 0, 11, 11]) == 1 and float(mask[0, 0, 25, 25]) == 0
    photograph = torch.full((1, 3, 64, 64), 0.2)
    mixed = blend(photograph, before, after)
    assert mixed.shape == photograph.shape
    assert torch.equal(mixed[:, :, 44:], photograph[:, :, 44:])
    assert float(mixed[0, 0, 23, 23]) == pytest.approx(0.7, abs=0.01)


def test_the_work_tells_its_share_and_is_stopped_by_it(generator, target):
    class Stop(Exception):
        pass

    shares = []
    first = project(generator, target, plan=Plan(8, 1, 2, 2, 2), progress=shares.append)
    again = project(generator, target, plan=Plan(8, 1, 2, 2, 2))
    assert torch.equal(again.activation, first.activation)  # the same on every run
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)

    def stop(share: float) -> None:
        if share > 0.3:
            raise Stop

    with pytest.raises(Stop):
        project(generator, target, plan=Plan(8, 1, 2, 2, 2), progress=stop)


@pytest.mark.parametrize(
    ("photograph", "layer", "why"),
    [
        (torch.zeros(32, 32), None, "3 x H x W"),
        (torch.full((3, 8, 8), torch.nan), None, "finite"),
        (torch.zeros(3, 8, 8), "64x64/conv0", "no layer"),
    ],
)
def test_what_is_no_photograph_gets_one_sentence(generator, photograph, layer, why):
    with pytest.raises(ValueError, match=why):
        project(generator, photograph, layer=layer)


def test_any_generator_is_projected_into():
    """One with classes, operations in place and dropout."""
    own = adapt(own_generators.residual(), LATENT, CLASSES)
    found = project(own, torch.zeros(3, 50, 40), label=1, plan=Plan(8, 1, 2, 5, 10))
    assert found.layer == layer_for(own) and found.loss < found.latent_loss
    assert found.z[:, LATENT:].tolist() == [[float(i == 1) for i in range(CLASSES)]]
    assert torch.allclose(found.run(own, {}), found.image, atol=1e-5)


def test_the_best_latent_that_was_seen_is_kept(generator, target, found):
    width = generator.config.latent_dim
    with torch.no_grad():
        begun = float(losses(generator(found.z), target[None])[0])
    z, value = fit_latent(generator, target[None], found.z, width, 6, 50.0, lambda work: None)
    with torch.no_grad():
        assert float(losses(generator(z), target[None])[0]) == pytest.approx(value, abs=1e-5)
    assert value <= begun + 1e-5


def test_a_layer_stays_near_what_the_latent_gives(generator, target, found, monkeypatch):
    plan, spread = Plan(layer_steps=20), found.latent_activation.square().mean(dim=(0, 2, 3), keepdim=True).sqrt()
    moved = []
    for near in (0.0, 10.0):
        monkeypatch.setattr(projection, "NEAR", near)
        at = fit_layer(
            generator, target[None], found.z, found.layer, found.latent_activation, spread, plan, lambda work: None
        )
        moved.append(float((at - found.latent_activation).norm()))
    assert moved[1] < 0.5 * moved[0]
