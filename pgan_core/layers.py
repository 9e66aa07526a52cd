"""The layers of Progressive GAN: equalized weights, pixel norm, minibatch stddev, and the two ways to change size.

Everything here is a pure function of tensors, or a module that holds weights and does one thing. Equations follow
section 4 ("Normalization in generator and discriminator") and section 3 ("Increasing variation") of Karras et al. 2018.
"""

import math
from collections.abc import ItemsView
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class LayerWeights:
    """One layer's parameters as a checkpoint stores them, and the constants that make them effective.

    The layer computes with ``weight * c`` and ``bias * bias_c`` (section 4.1: w_hat = w * c, c He's constant).

    Shapes: convolution ``weight`` out x in x k x k, dense ``weight`` out x in; ``bias`` out, or out x 4 x 4 for a dense
    layer that feeds the 4x4 map and has a bias of its own at every place (pytorch_GAN_zoo).
    """

    weight: Tensor
    bias: Tensor
    c: float
    bias_c: float = 1.0  # pytorch_GAN_zoo scales the bias by c as well; everybody else leaves it alone


def he_constant(fan_in: int, gain: float = math.sqrt(2)) -> float:
    """The per-layer normalization constant c = gain / sqrt(fan_in) from He's initializer (section 4.1)."""
    return gain / math.sqrt(fan_in)


class EqualizedLayer(nn.Module):
    """A dense or convolutional layer with equalized learning rate: stored N(0, 1) weights, scaled by c at run time.

    ``weight`` and ``bias`` stay as stored; ``effective_weight()`` and ``effective_bias()`` are what the network uses.
    A 2-d weight makes a dense layer (N x in to N x out), a 4-d one a convolution that keeps the map's size.
    """

    def __init__(self, weights: LayerWeights):
        super().__init__()
        weight = weights.weight
        if weight.dim() not in (2, 4):
            raise ValueError(f"a layer's weight has 2 or 4 dimensions, not {weight.dim()} {tuple(weight.shape)}")
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(weights.bias)
        self.c = float(weights.c)
        self.bias_c = float(weights.bias_c)

    def stored(self) -> LayerWeights:
        """The parameters as stored, with their constants (shares memory)."""
        return LayerWeights(self.weight, self.bias, self.c, self.bias_c)

    def effective_weight(self, equalized: bool = True) -> Tensor:
        """The weight that the network computes with: w * c; with ``equalized=False`` w as it is stored."""
        return self.weight * self.c if equalized and self.c != 1 else self.weight

    def effective_bias(self, equalized: bool = True) -> Tensor:
        """The bias that the network adds: b * bias_c; with ``equalized=False`` b as it is stored."""
        return self.bias * self.bias_c if equalized and self.bias_c != 1 else self.bias

    def forward(self, x: Tensor, resize: str | None = None, equalized: bool = True, biased: bool = True) -> Tensor:
        """x to the layer's linear output.

        resize: "up" doubles the map first (nearest neighbour), "fused up" does both in one transposed convolution, the
        same to rounding; "fused down" halves the linear output, in one convolution.  ``equalized=False`` uses the
        stored weights without c: the network that equalized learning rate replaces.  ``biased=False`` leaves a
        convolution's bias to the caller.
        """
        weight, bias = self.effective_weight(equalized), self.effective_bias(equalized) if biased else None
        if self.weight.dim() == 2:
            return _dense(x, weight, bias)
        if resize == "fused up":
            return F.conv_transpose2d(x, upsample_kernel(weight), bias, stride=2, padding=1)
        if resize == "fused down":
            return F.conv2d(x, downsample_kernel(weight), bias, stride=2, padding=1)
        if resize == "up":
            x = upsample(x)
        return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, c={self.c:.6g}"


class LayerDict(nn.ModuleDict):
    """Layers by name: a ModuleDict whose values are known to be EqualizedLayers."""

    if TYPE_CHECKING:

        def __getitem__(self, key: str) -> EqualizedLayer: ...

        def items(self) -> ItemsView[str, EqualizedLayer]: ...


def _dense(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x N x ... to N x out; a bias of shape C x 4 x 4 (or C for out = 16 C) is added per place of the 4x4 map."""
    if bias is None or bias.shape == weight.shape[:1]:
        return F.linear(x.flatten(1), weight, bias)
    y = F.linear(x.flatten(1), weight).unflatten(1, (-1, 4, 4))
    return y + (bias if bias.dim() == 3 else bias[:, None, None])


def pixel_norm(x: Tensor, eps: float = 1e-8, eps_outside: bool = False) -> Tensor:
    """Pixelwise feature vector normalization (section 4.2) of N x C (x H x W): b = a / sqrt(mean_c(a^2) + eps).

    ``eps_outside`` is MMGeneration's form, a / (sqrt(mean_c(a^2)) + eps): another function where a is near 0.
    """
    mean_square = x.square().mean(dim=1, keepdim=True)
    if eps_outside:
        return x / (mean_square.sqrt() + eps)
    return x * torch.rsqrt(mean_square + eps)


def local_response_norm(x: Tensor) -> Tensor:
    """Local response normalisation, which pixel norm varies; AlexNet's constants: n = 5, k = 2, a = 1e-4, b = 0.75."""
    return F.local_response_norm(x, size=5, alpha=5e-4, beta=0.75, k=2.0)  # torch divides alpha by the window's size


def batch_norm(x: Tensor) -> Tensor:
    """Batch normalisation by this batch's own statistics, without learned scale and shift."""
    return F.batch_norm(x, None, None, training=True, eps=1e-8)


@dataclass(frozen=True)
class StddevConfig:
    """How a discriminator's minibatch-stddev layer groups and averages (section 3; published code differs)."""

    group_size: int | None = 4  # None: the whole minibatch, as the paper's text says
    grouping: str = "strided"  # "strided": sample i in group i mod (N / size), the official code; "consecutive"
    unbiased: bool = False  # divide by size - 1 (pytorch_GAN_zoo, rosinality)
    per_pixel: bool = False  # average over features only: the map still varies over places (pengge, nashory)
    source: str = "features"  # "image": the stddev of the input picture (rosinality)
    whole_if_uneven: bool = False  # a batch that size does not divide is one group (pytorch_GAN_zoo), else an error
    eps: float = 1e-8  # under the root


def group_stddev(x: Tensor, config: StddevConfig = StddevConfig()) -> Tensor:
    """Stddev over each group of the batch, for every feature and place: N x C x H x W to groups x C x H x W.

    Raises ValueError where the batch cannot be divided into groups (the official code cannot either).
    """
    n = x.shape[0]
    size = min(config.group_size or n, n)
    if n % size:
        if not config.whole_if_uneven:
            raise ValueError(
                f"minibatch stddev groups {size} pictures: {n} cannot be divided, give a multiple of {size} or fewer"
            )
        size = n
    if size == 1 and config.unbiased:
        return torch.zeros_like(x)
    groups = (
        x.unflatten(0, (size, n // size))
        if config.grouping == "strided"
        else x.unflatten(0, (-1, size)).transpose(0, 1)
    )
    squares = (groups - groups.mean(dim=0)).square().sum(dim=0)  # sixteen times as fast as torch's var here
    return (squares / (len(groups) - int(config.unbiased)) + config.eps).sqrt()


def minibatch_stddev(x: Tensor, config: StddevConfig = StddevConfig()) -> Tensor:
    """The extra feature map of section 3: stddev over a group, averaged, tiled; N x C x H x W to N x 1 x H x W."""
    stddev = group_stddev(x, config)
    over = (1,) if config.per_pixel else (1, 2, 3)
    per_group = stddev.mean(dim=over, keepdim=True).expand(-1, 1, *x.shape[2:])
    size = x.shape[0] // len(stddev)
    if config.grouping == "strided":
        return per_group.repeat(size, 1, 1, 1)
    return per_group.repeat_interleave(size, dim=0)


def upsample(x: Tensor, factor: int = 2) -> Tensor:
    """Nearest-neighbour enlargement of N x C x H x W by a whole factor."""
    return x if factor == 1 else F.interpolate(x, scale_factor=factor, mode="nearest")


def downsample(x: Tensor, factor: int = 2) -> Tensor:
    """Average pooling of N x C x H x W by a whole factor."""
    return x if factor == 1 else F.avg_pool2d(x, factor)


def upsample_kernel(weight: Tensor) -> Tensor:
    """The 4x4 stride-2 transposed kernel (in x out x 4 x 4) that equals nearest 2x followed by the 3x3 ``weight``.

    Each output place sees only 2 x 2 different inputs, so taps that read the same input are summed once: 16
    multiply-adds where the plain form spends 36.
    """
    return _four_shifts(weight.flip(2, 3).transpose(0, 1))


def downsample_kernel(weight: Tensor) -> Tensor:
    """The 4x4 stride-2 kernel (out x in x 4 x 4) that equals the 3x3 ``weight`` followed by 2x average pooling."""
    return _four_shifts(weight) / 4


def _four_shifts(weight: Tensor) -> Tensor:
    """The sum of a 3x3 kernel's four places in 4x4, in an order that the fingerprints of networks rest on."""
    w = F.pad(weight, (1, 1, 1, 1))
    return w[:, :, 1:, 1:] + w[:, :, :-1, 1:] + w[:, :, 1:, :-1] + w[:, :, :-1, :-1]
