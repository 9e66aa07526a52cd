"""What the two networks minimise: WGAN-GP (the paper's choice, appendix A.1) and logistic with R1.

A `critic` is any function from images N x 3 x H x W to scores N; higher means more real. Every loss is
returned per image (N), so that its mean is what an optimizer minimises and its parts can be logged.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

Critic = Callable[[Tensor], Tensor]


def wgan_generator_loss(fake_scores: Tensor) -> Tensor:
    return -fake_scores


def wgan_critic_loss(real_scores: Tensor, fake_scores: Tensor, *, drift: float = 0.001) -> Tensor:
    """The Wasserstein distance's estimate, and a drift term that keeps real scores near 0 (appendix A.1)."""
    return fake_scores - real_scores + drift * real_scores.square()


def gradient_penalty(
    critic: Critic, reals: Tensor, fakes: Tensor, mixing: Tensor, *, weight: float = 10.0, target: float = 1.0
) -> Tensor:
    """WGAN-GP's penalty: weight / target^2 * (|d critic / d image| - target)^2 between reals and fakes.

    `mixing` (N x 1 x 1 x 1, in [0, 1]) is each image's share of the fake. The norm is taken over the pixels of
    the images given. The official code always gives full-size pictures, so its norms at a lower resolution are
    those of the small picture halved for each doubling.
    """
    mixed = torch.lerp(reals.detach(), fakes.detach(), mixing).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    # the official code puts no epsilon under the root; one far below float32's resolution keeps 0 differentiable
    norm = (gradient.square().sum(dim=(1, 2, 3)) + 1e-30).sqrt()
    return (norm - target).square() * (weight / target**2)


def logistic_generator_loss(fake_scores: Tensor) -> Tensor:
    """Non-saturating: -log sigmoid(score) (Goodfellow et al. 2014)."""
    return softplus(-fake_scores)


def logistic_discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    return softplus(fake_scores) + softplus(-real_scores)


def r1_penalty(real_scores: Tensor, reals: Tensor, *, gamma: float = 1.0) -> Tensor:
    """gamma / 2 * |d score / d real image|^2 (Mescheder et al. 2018); `reals` must require gradients.

    Applied lazily, on every k-th step, it is multiplied by k (Karras et al. 2020, appendix B).
    """
    (gradient,) = torch.autograd.grad(real_scores.sum(), reals, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)) * (gamma / 2)
