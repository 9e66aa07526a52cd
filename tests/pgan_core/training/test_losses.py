"""The losses against the official code's, values and gradients; the logistic ones against their definitions."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pgan_core.training import losses
from tests.pgan_core.official import canonical_name, official_networks, our_layout

FIXTURES = Path(__file__).parents[2] / "fixtures" / "growth"
LODS = {"0": 0.0, "0.4": 0.4, "1": 1.0, "1.6": 1.6}


@pytest.fixture(scope="module")
def official():
    generator, discriminator, _ = official_networks()
    with np.load(FIXTURES / "tf_losses.npz") as file:
        return generator, discriminator, {name: file[name] for name in file.files}


def official_losses(official, lod):
    """Both networks' losses per image. The official code always gives its discriminator full-size pictures."""
    generator, discriminator, data = official
    where = {"resolution": 32 >> math.floor(lod), "alpha": 1 - lod % 1}

    def full_size(z):
        images = generator(z, **where)
        return images.repeat_interleave(32 // images.shape[-1], 2).repeat_interleave(32 // images.shape[-1], 3)

    def critic(images):
        return discriminator(images, **where)

    reals, mixing = torch.from_numpy(data["reals"]), torch.from_numpy(data["mixing_factors"])
    fakes = full_size(torch.from_numpy(data["latents"]))
    judged, _ = losses.wasserstein(critic(reals), critic(fakes.detach()))
    judged = judged + losses.gradient_penalty(critic, reals, fakes, mixing)
    return losses.wasserstein(critic(reals), critic(fakes))[1], judged


@pytest.mark.parametrize("name", LODS)
def test_wgan_gp_is_the_official_one_through_the_fade(official, name):
    generator_loss, critic_loss = official_losses(official, LODS[name])
    data = official[2]
    expected = torch.from_numpy(data[f"G_loss_lod{name}"]).squeeze(1)
    torch.testing.assert_close(generator_loss, expected, atol=2e-5, rtol=2e-5)
    # N x N there, by an accident of broadcasting that keeps the mean
    assert critic_loss.mean().item() == pytest.approx(data[f"D_loss_lod{name}"].mean(), rel=2e-5)


def test_gradients_in_the_middle_of_a_fade_are_the_official_ones(official):
    generator, discriminator, data = official
    generator_loss, critic_loss = official_losses(official, 0.4)
    compared = 0
    for letter, network, loss in (("G", generator, generator_loss), ("D", discriminator, critic_loss)):
        names = [name for name in data if name.startswith(f"grad_lod0.4/{letter}/") and name.endswith("/weight")]
        layers = {name: network.layers[canonical_name(name.split("/", 2)[2][:-7], 32)] for name in names}
        parameters = [parameter for layer in layers.values() for parameter in (layer.weight, layer.bias)]
        found = torch.autograd.grad(loss.mean(), parameters, allow_unused=True)
        for i, name in enumerate(names):
            expected = our_layout(name[:-7], data[name]), torch.from_numpy(data[name[:-6] + "bias"])
            for ours, theirs in zip(found[2 * i : 2 * i + 2], expected, strict=True):
                ours = torch.zeros_like(theirs) if ours is None else ours
                torch.testing.assert_close(ours, theirs, atol=1e-4 * float(theirs.abs().max()) + 1e-7, rtol=1e-3)
                compared += 1
    assert compared == 50


def test_penalty_of_a_critic_of_known_slope():
    """The critic 3 x first pixel has the gradient norm 3 everywhere."""
    reals, fakes = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    mixing = torch.rand(2, 1, 1, 1, generator=torch.Generator().manual_seed(0))

    def critic(images):
        return 3 * images[:, 0, 0, 0]

    penalty = losses.gradient_penalty(critic, reals, fakes, mixing)
    torch.testing.assert_close(penalty, torch.full((2,), 40.0))
    reals.requires_grad_()
    torch.testing.assert_close(losses.zero_centred_penalty(critic(reals), reals, gamma=2.0), torch.full((2,), 9.0))


def test_penalty_of_a_critic_without_slope_can_be_learned_from():
    scale = torch.zeros(1, requires_grad=True)
    images, mixing = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 1, 1)
    penalty = losses.gradient_penalty(lambda x: (scale * x).sum((1, 2, 3)), images, images, mixing)
    (gradient,) = torch.autograd.grad(penalty.sum(), scale)
    assert penalty.item() == 10.0
    assert gradient.isfinite().all()


def test_penalty_of_both_sets_is_the_sum_of_theirs():
    reals, fakes = (
        torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(i)).requires_grad_() for i in (0, 1)
    )

    def critic(images):
        return images.square().sum((1, 2, 3))

    both = losses.zero_centred_penalty(critic(reals) + critic(fakes), reals, fakes, gamma=3.0)
    expected = [6 * images.detach().square().sum((1, 2, 3)) for images in (reals, fakes)]  # slope 2 x
    torch.testing.assert_close(both, sum(expected))


def test_logistic_losses_are_the_negative_log_likelihoods():
    real, fake = torch.tensor([2.0, -50.0]), torch.tensor([-1.0, 200.0])
    expected = -torch.log(torch.sigmoid(real.double())) - torch.log(torch.sigmoid(-fake.double()).clamp_min(1e-300))
    found, taught = losses.logistic(real, fake)
    assert found[0].item() == pytest.approx(expected[0].item())
    assert found[1].item() == pytest.approx(250.0)
    assert taught.tolist() == pytest.approx([math.log1p(math.e), 0.0], abs=1e-6)


def test_relativistic_losses_depend_on_the_difference_alone():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-1.0, 3.5])
    judged, taught = losses.relativistic(real, fake)
    assert judged.tolist() == pytest.approx([math.log1p(math.exp(-3)), math.log1p(math.exp(3))], rel=1e-5)
    assert taught.tolist() == pytest.approx([math.log1p(math.exp(3)), math.log1p(math.exp(-3))], rel=1e-5)
    moved = losses.relativistic(real + 7, fake + 7)
    torch.testing.assert_close(moved[0], judged)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_pulls_scores_the_right_way(name):
    """A step down each gradient moves reals up and fakes down for the discriminator, fakes up for the generator."""
    real, fake = torch.tensor([0.3], requires_grad=True), torch.tensor([-0.2], requires_grad=True)
    judged, taught = losses.LOSSES[name].function(real, fake)
    of_real, of_fake = torch.autograd.grad(judged.sum(), (real, fake), retain_graph=True)
    assert of_real < 0 < of_fake
    assert torch.autograd.grad(taught.sum(), fake)[0] < 0
