"""The step against the former one's weights, its parts, and that nothing in it waits for a device."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import leaky_relu

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.growth import make_schedule
from pgan_core.layers import StddevConfig, pixel_norm
from pgan_core.training import step as steps
from pgan_core.training.data import RealImages
from pgan_core.training.learner import Learner
from pgan_core.training.losses import LOSSES
from pgan_core.training.networks import Networks, fresh
from pgan_core.training.settings import Settings
from pgan_core.training.step import Acts, Batch, Where, judge_both, training_step
from pgan_core.training.streams import Draws
from tests.claimed_device import claimed_device

FORMER = Path(__file__).parents[2] / "fixtures" / "growth" / "former_steps.npz"


def settings(loss="logistic", **changes):
    schedule = make_schedule(
        16, fade_kimg={4: 0.032}, steady_kimg={4: 0.032}, minibatch={4: 8, 16: 4}, learning_rate={4: 2e-3}
    )
    values = {"feature_maps": (8, 8, 4), "latent_dim": 4, "loss": loss, "ema_kimg": 0.05, "adam_epsilon": 1e-2}
    return Settings(schedule, **{**values, **changes})


def reals():
    return RealImages(np.random.default_rng(0).integers(0, 256, (24, 3, 16, 16), dtype=np.uint8))


def trained(chosen, count=20, **options):
    """A learner after some steps, as a run would make them."""
    learner, images = Learner(chosen, fresh(chosen), reals(), **options), 0
    for number in range(count):
        moment = chosen.schedule.at(images / 1000)
        learner.step(number, moment, images)
        images += moment.minibatch
    return learner


@pytest.mark.parametrize("loss", ["logistic", "wgan-gp"])
def test_twenty_steps_move_the_weights_as_the_loop_before_this_one_did(loss):
    """Through 4x4, the fade to 8x8 and on to 16x16. Adam's epsilon is so large that rounding stays rounding.

    That loop is compared with torch's plain Adam: its fused one, on the CPU, takes a gradient that lies in memory in
    another order than its parameter for one of the same order, and says nothing.
    """
    networks = trained(settings(loss)).networks
    with np.load(FORMER) as file:
        for role, network in networks.by_role().items():
            for name, found in network.state_dict().items():
                expected = torch.from_numpy(file[f"{loss}/{role}/{name}"])
                torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("stddev", [StddevConfig(), StddevConfig(grouping="consecutive"), StddevConfig(None), None])
@pytest.mark.parametrize("count", [8, 2])
def test_two_sets_in_one_pass_are_judged_as_apart(stddev, count):
    discriminator = Discriminator(DiscriminatorConfig(8, (6, 4), stddev=stddev), seed=1)
    images = [torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    for found, expected in zip(
        judge_both(discriminator, *images, discriminator), map(discriminator, images), strict=True
    ):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_an_alpha_that_is_a_tensor_is_the_number():
    generator = Generator(GeneratorConfig(8, (6, 4), latent_dim=4), seed=1)
    discriminator = Discriminator(DiscriminatorConfig(8, (6, 4)), seed=2)
    z = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    images = generator(z, resolution=8, alpha=0.35)
    assert torch.equal(generator(z, resolution=8, alpha=torch.tensor(0.35)), images)
    scores = discriminator(images, resolution=8, alpha=0.35)
    assert torch.equal(discriminator(images, resolution=8, alpha=torch.tensor(0.35)), scores)


def one_pass(x, bias):
    """What the kernel computes, in torch."""
    return pixel_norm(leaky_relu(x + bias[:, None, None], 0.2))


def test_bias_activation_and_norm_may_be_one_function():
    plain, fast = trained(settings()), trained(settings(), one_pass=one_pass)
    assert fast.fast[0].one_pass is one_pass
    for name, expected in plain.networks.generator.state_dict().items():
        torch.testing.assert_close(fast.networks.generator.state_dict()[name], expected, atol=2e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="two steps in one"):
        fast.fast[0].run(torch.randn(1, 4), keep=["4x4/conv"])


def test_the_kernel_is_left_out_where_a_network_is_another():
    for changes in ({"pixel_norm": "before"}, {"pixel_norm": "off"}, {"slope": 0.1}, {"activation": "relu"}):
        generator = Generator(GeneratorConfig(8, (6, 4), latent_dim=4, **changes))
        assert generator.variant(one_pass=one_pass).one_pass is None


# ---- on another device ----------------------------------------------------------------------------------------------


class Recorder(torch.optim.Optimizer):
    """Takes note of gradients instead of stepping: fused Adam is CUDA's own."""

    def __init__(self, parameters):
        super().__init__(list(parameters), {"lr": 0.0})
        self.seen = []

    def step(self):
        (group,) = self.param_groups
        self.seen += [(p, p.grad) for p in group["params"] if p.grad is not None]


@pytest.mark.parametrize("resolution, fading", [(4, False), (8, True), (16, False)])
@pytest.mark.parametrize("regularize", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_in_a_step_waits_for_the_device_or_meets_another(loss, regularize, resolution, fading):
    """On the meta device a tensor has no numbers: to read one raises, and so does a tensor of the CPU beside it.

    Gradients have the strides of their parameters, channels-last here: fused Adam refuses others on CUDA.
    """
    chosen, meta = settings(loss), torch.device("meta")
    networks = fresh(chosen)
    for network in networks.by_role().values():
        network.to(meta, memory_format=torch.channels_last)
    optimizers = Recorder(networks.generator.parameters()), Recorder(networks.discriminator.parameters())
    data = reals()
    data.device = meta
    alpha = torch.zeros((), device=meta) if fading else 1.0
    draws = Draws(0, meta)
    batch = Batch(
        data.batch(8, resolution=resolution, alpha=alpha, draws=draws),
        draws.normal("latents", 8, 4),
        draws.uniform("mixing", 8, 1, 1, 1),
    )
    fast = networks.generator.variant(fused=True), networks.discriminator.variant()
    acts = training_step(
        networks, optimizers, batch, Where(resolution, alpha, *fast, nullcontext), chosen,
        gamma=torch.zeros((), device=meta), average_weight=torch.zeros((), device=meta), regularize=regularize,
    )  # fmt: skip
    assert acts.notes().device == meta and acts.notes().shape == (len(Acts.NOTES),)
    for optimizer in optimizers:
        assert len(optimizer.seen) > 4
        assert all(gradient.stride() == parameter.stride() for parameter, gradient in optimizer.seen)


def test_the_meta_device_would_tell():
    """The test above proves nothing unless these raise."""
    there = torch.zeros((), device="meta")
    with pytest.raises(RuntimeError):
        bool(there < 1)
    with pytest.raises(RuntimeError):
        torch.ones(3, device="meta") * torch.ones(3)


def test_a_batch_is_made_on_a_claimed_cuda_device():
    with claimed_device() as device:
        data = reals()
        data.device = device
        data._levels[8] = torch.zeros(24, 3, 8, 8, dtype=torch.uint8, device=device)
        rows = torch.zeros(4, dtype=torch.int64, device=device)
        data._rows = lambda size, draws: rows
        data.mirror = False
        alpha = torch.full((), 0.5, device=device)
        images = data.batch(4, resolution=8, alpha=alpha, draws=None)
        assert images.device == device and images.shape == (4, 3, 8, 8)


def test_fused_adam_is_given_gradients_in_the_order_of_their_parameters():
    """What the layout is for: the fused step on a channels-last gradient is another one, with no error."""
    weight, gradient = torch.randn(2, 4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    moves = []
    for fused, layout in ((False, None), (True, steps.laid_out)):
        parameter = weight.clone().requires_grad_()
        optimizer = torch.optim.Adam([parameter], lr=1e-2, betas=(0.0, 0.99), eps=1e-2, fused=fused)
        other = gradient.to(memory_format=torch.channels_last)
        steps.apply(optimizer, [layout(other, parameter) if layout else gradient])
        moves.append(parameter.detach() - weight)
    torch.testing.assert_close(moves[1], moves[0])


def test_laid_out_gradients_have_the_same_values():
    x = torch.randn(4, 3, 3, 3)
    other = torch.empty(4, 3, 3, 3).to(memory_format=torch.channels_last)
    found = steps.laid_out(x, other)
    assert torch.equal(found, x) and found.stride() == other.stride() != x.stride()


# ---- what the recipe says -------------------------------------------------------------------------------------------


def test_the_balance_moves_gamma_by_fifths_within_bounds():
    chosen = settings(balance=(0.25, 0.5))
    learner = trained(chosen, count=1)
    for sum_of, expected in ((0.1, 1.2), (0.1, 1.44), (0.3, 1.44), (0.9, 1.2)):
        learner.balance_steps = 255
        learner.balance_sum.fill_(sum_of * 256)
        learner._keep_balance()
        assert learner.gamma_factor == pytest.approx(expected)
    learner.gamma_factor = 3.9
    learner.balance_steps = 255
    learner._keep_balance()
    assert learner.gamma_factor == 4.0


def test_gamma_and_rate_follow_their_courses():
    chosen = settings(r1_gamma=((8, 4.0, 1.0),), cooldown=((4, 0.5, 0.1), (16, 0.5, 0.5)))
    fade, half, end = (chosen.schedule.at(kimg) for kimg in (0.048, 0.08, 0.096))
    assert [chosen.gamma(moment) for moment in (fade, half, end)] == pytest.approx([4.0, 2.0, 1.0])
    assert [chosen.learning_rate(moment) / 2e-3 for moment in (fade, half, end)] == pytest.approx([1.0, 1.0, 0.1])
    assert chosen.gamma(chosen.schedule.at(0.01)) == 1.0  # below what is named
    assert chosen.learning_rate(chosen.schedule.at(1.0)) == pytest.approx(1e-3)
    assert Settings.from_dict(chosen.as_dict()) == chosen


def test_networks_share_nothing_with_their_average():
    networks = fresh(settings())
    assert isinstance(networks, Networks)
    pointers = {p.data_ptr() for p in networks.generator.parameters()}
    assert not pointers & {p.data_ptr() for p in networks.average.parameters()}


def test_a_moment_to_come_back_to():
    learner = trained(settings(), count=6)
    learner.remember()
    before = {name: x.clone() for name, x in learner.networks.generator.state_dict().items()}
    learner.step(6, learner.settings.schedule.at(0.048), 48)
    with torch.no_grad():
        learner.networks.generator.layers["4x4/conv"].weight.fill_(float("nan"))
    assert not learner.is_finite()
    learner.go_back()
    assert learner.is_finite() and learner.rate_factor == 0.5
    assert all(torch.equal(x, before[name]) for name, x in learner.networks.generator.state_dict().items())


def test_settings_of_the_former_version_are_read():
    plain = settings().as_dict()
    for name in ("discriminator_maps", "balance", "cooldown", "before_kimg"):
        del plain[name]
    assert Settings.from_dict(plain) == replace(settings())
