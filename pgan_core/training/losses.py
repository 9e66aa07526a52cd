"""What the two networks minimise. A loss is one function of scores, and one entry in `LOSSES`.

Scores are N numbers, higher for more real; losses are returned per image (N), so that their mean is what an optimizer
minimises. A `critic` is any function from images N x 3 x H x W to scores N.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

Critic = Callable[[Tensor], Tensor]
DRIFT = 0.001  # appendix A.1


def wasserstein(real: Tensor, fake: Tensor, drift: float = DRIFT) -> tuple[Tensor, Tensor]:
    """The Wasserstein distance's estimate, and a drift term that keeps real scores near 0 (appendix A.1)."""
    return fake - real + drift * real.square(), -fake


def logistic(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Each picture judged alone; non-saturating: -log sigmoid(score) for the generator (Goodfellow et al. 2014)."""
    return softplus(fake) + softplus(-real), softplus(-fake)


def relativistic(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """A real and a generated picture compared in pairs (R3GAN, Huang et al. 2024)."""
    return softplus(fake - real), softplus(real - fake)


@dataclass(frozen=True)
class Loss:
    """A loss and what it needs: `function` takes real and fake scores and returns both networks' losses per image.

    penalty: "between" real and fake pictures (WGAN-GP's, on every step), or the squared gradient at "reals" or at
    "reals and fakes" (lazily, on every k-th step). The formulas are TeX, with r and f for the scores of a real and of
    a generated picture.
    """

    function: Callable[..., tuple[Tensor, Tensor]]
    penalty: str
    generator_sees_reals: bool
    discriminator_formula: str
    generator_formula: str


LOSSES = {
    "wgan-gp": Loss(wasserstein, "between", False, r"f - r + 0.001\,r^2", r"-f"),
    "logistic": Loss(logistic, "reals", False, r"\log(1 + e^{f}) + \log(1 + e^{-r})", r"\log(1 + e^{-f})"),
    "relativistic": Loss(relativistic, "reals and fakes", True, r"\log(1 + e^{f - r})", r"\log(1 + e^{r - f})"),
}


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


def zero_centred_penalty(scores: Tensor, *images: Tensor, gamma: float | Tensor = 1.0) -> Tensor:
    """gamma / 2 * |d score / d image|^2 for each place in the batch, summed over the sets of `images`.

    Of reals it is R1 (Mescheder et al. 2018), of fakes R2; `scores` are those of the sets, added. The images must
    require gradients. Applied lazily, on every k-th step, it is multiplied by k (Karras et al. 2020, appendix B).
    """
    slopes = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return torch.stack([slope.square().sum(dim=(1, 2, 3)) for slope in slopes]).sum(dim=0) * (gamma / 2)
