"""One training step of both networks: the algorithm, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.layers import StddevConfig
from pgan_core.network import Alpha, Network

from .losses import Critic, gradient_penalty, zero_centred_penalty
from .networks import Networks
from .processes import ALONE, Processes
from .settings import Settings

Gradients = list[Tensor | None]  # one a parameter, None beyond the resolution


@dataclass(frozen=True)
class Batch:
    """What a step is made of: reals N x 3 x r x r, latents N x D, and where between reals and fakes WGAN-GP looks."""

    reals: Tensor
    latents: Tensor
    mixing: Tensor | None = None  # N x 1 x 1 x 1 in [0, 1]


@dataclass(frozen=True)
class Where:
    """The moment of the growth, and how the networks compute there.

    fast_generator and fast_discriminator are variants that share the trained networks' weights.
    """

    resolution: int
    alpha: Alpha
    fast_generator: Generator
    fast_discriminator: Discriminator
    precision: Callable[[], AbstractContextManager]

    def generate(self, latents: Tensor) -> Tensor:
        with self.precision():
            return self.fast_generator(latents, resolution=self.resolution, alpha=self.alpha).float()

    def judge(self, images: Tensor) -> Tensor:
        with self.precision():
            return self.fast_discriminator(images, resolution=self.resolution, alpha=self.alpha).float()


@dataclass(frozen=True)
class Acts:
    """A step, act by act: what was drawn and made, how it was judged, and what each network learned from it."""

    batch: Batch
    fakes: Tensor
    real_scores: Tensor
    fake_scores: Tensor
    discriminator_loss: Tensor  # a number
    penalty: Tensor | None  # a number, not yet multiplied for the steps without it
    discriminator_gradients: Gradients
    generator_loss: Tensor
    generator_gradients: Gradients

    NOTES = (
        "discriminator_loss", "generator_loss", "penalty", "real_score", "fake_score",
        "real_mean", "real_spread", "fake_mean", "fake_spread",
    )  # fmt: skip

    def notes(self) -> Tensor:
        """A number for each of NOTES: the losses, mean scores, and the minibatch's mean and standard deviation."""
        reals, fakes = self.batch.reals.detach(), self.fakes.detach()
        penalty = torch.zeros_like(self.generator_loss) if self.penalty is None else self.penalty
        numbers = (
            self.discriminator_loss, self.generator_loss, penalty, self.real_scores.mean(), self.fake_scores.mean(),
            reals.mean(), reals.std(), fakes.mean(), fakes.std(),
        )  # fmt: skip
        return torch.stack([number.detach() for number in numbers])


def training_step(
    networks: Networks,
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
    batch: Batch,
    where: Where,
    settings: Settings,
    *,
    gamma: float | Tensor,
    average_weight: float | Tensor,
    regularize: bool,
    processes: Processes = ALONE,
) -> Acts:
    """The discriminator learns to tell fakes from reals, the generator from the discriminator, the average follows.

    Both learn from the same fakes: the generator has not changed since it made them. regularize: whether the lazy
    penalty falls on this step; it is multiplied by the number of steps from one to the next.
    """
    generator_optimizer, discriminator_optimizer = optimizers
    kind, losses = settings.loss_kind, settings.loss_function

    # latents become pictures
    fakes = where.generate(batch.latents)

    # the discriminator judges them beside reals, and learns
    reals, shown = batch.reals, fakes.detach()
    if regularize:
        reals, shown = reals.requires_grad_(), shown.requires_grad_(kind.penalty == "reals and fakes")
    apart = regularize and kind.penalty == "reals"  # the penalty's gradient then passes the reals alone
    real_scores, fake_scores = judge_both(where.judge, reals, shown, None if apart else networks.discriminator)
    discriminator_loss = losses(real_scores, fake_scores)[0].mean()
    total, penalty = discriminator_loss, None
    if batch.mixing is not None:
        between = gradient_penalty(where.judge, reals, fakes, batch.mixing, weight=settings.gradient_weight)
        penalty = between.mean()
        total = discriminator_loss + penalty
    elif regularize:
        of_both = kind.penalty == "reals and fakes"
        scores, images = (real_scores + fake_scores, (reals, shown)) if of_both else (real_scores, (reals,))
        penalty = zero_centred_penalty(scores, *images, gamma=gamma).mean()
        total = discriminator_loss + penalty * settings.r1_every
    discriminator_gradients = gradients(total, networks.discriminator, processes)
    apply(discriminator_optimizer, discriminator_gradients)

    # the generator learns from the discriminator as it is now
    networks.discriminator.requires_grad_(False)
    real_again = real_scores
    if kind.generator_sees_reals:
        with torch.no_grad():
            real_again = where.judge(reals)
    generator_loss = losses(real_again.detach(), where.judge(fakes))[1].mean()
    generator_gradients = gradients(generator_loss, networks.generator, processes)
    networks.discriminator.requires_grad_(True)
    apply(generator_optimizer, generator_gradients)

    # the average follows
    update_average(networks, average_weight)
    return Acts(
        batch, fakes, real_scores, fake_scores, discriminator_loss, penalty, discriminator_gradients, generator_loss,
        generator_gradients,
    )  # fmt: skip


def judge_both(
    judge: Critic, reals: Tensor, fakes: Tensor, discriminator: Discriminator | None
) -> tuple[Tensor, Tensor]:
    """Scores of both sets, in one pass where the minibatch-stddev layer's groups can be kept apart.

    discriminator: whose groups they are; None for two passes.
    """
    if discriminator is None or (join := _joined(reals, fakes, discriminator.config.stddev)) is None:
        return judge(reals), judge(fakes)
    images, part = join
    real, fake = part(judge(images))
    return real, fake


def _joined(a: Tensor, b: Tensor, stddev: StddevConfig | None):
    """Two sets as one, and the function that takes the scores apart again; None where groups would mix."""
    size = (stddev.group_size or 0) if stddev else 1
    if not size or len(a) % size or (stddev and stddev.source == "image"):
        return None
    if stddev is None or stddev.grouping == "consecutive":
        return torch.cat([a, b]), lambda scores: scores.chunk(2)
    # strided: sample i is in group i mod groups, so the first groups are made a's and the others b's
    rows = torch.cat([x.unflatten(0, (size, -1)) for x in (a, b)], dim=1)
    return rows.flatten(0, 1), lambda scores: [
        part.flatten(0, 1) for part in scores.unflatten(0, (size, -1)).chunk(2, dim=1)
    ]


def gradients(loss: Tensor, network: Network, processes: Processes) -> Gradients:
    """Of a mean loss, averaged over the processes, each laid out in memory as its parameter: fused Adam asks for it."""
    parameters = list(network.parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [
        gradient if gradient is None or gradient.stride() == parameter.stride() else laid_out(gradient, parameter)
        for gradient, parameter in zip(processes.mean(found), parameters, strict=True)
    ]


def laid_out(x: Tensor, other: Tensor) -> Tensor:
    """x with the strides of another tensor of its shape."""
    return torch.empty_strided(other.shape, other.stride(), dtype=x.dtype, device=x.device).copy_(x)


def apply(optimizer: torch.optim.Optimizer, found: Gradients) -> None:
    """One step of an optimizer; parameters without a gradient stay, their moments too."""
    (group,) = optimizer.param_groups
    for parameter, gradient in zip(group["params"], found, strict=True):
        parameter.grad = gradient
    optimizer.step()


@torch.no_grad()
def update_average(networks: Networks, weight: float | Tensor) -> None:
    """average + weight * (current - average), for every parameter."""
    mean, current = list(networks.average.parameters()), list(networks.generator.parameters())
    difference = torch._foreach_sub(current, mean)  # pyright: ignore
    torch._foreach_mul_(difference, weight)  # pyright: ignore
    torch._foreach_add_(mean, difference)  # pyright: ignore


def make_optimizers(
    networks: Networks, settings: Settings, device: torch.device
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Adam for both networks. On CUDA its rate and step counts are tensors there, so that a graph reads them."""
    rate, on_cuda = settings.schedule.stages[0].learning_rate, device.type == "cuda"
    make = partial(
        torch.optim.Adam, betas=settings.betas, eps=settings.adam_epsilon, fused=True, capturable=on_cuda,
        lr=torch.tensor(rate, device=device) if on_cuda else rate,
    )  # fmt: skip
    return make(networks.generator.parameters()), make(networks.discriminator.parameters())
