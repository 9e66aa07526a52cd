"""The same two networks in a form that trains faster on a CPU: shared weights, other convolutions.

Growing by nearest neighbour and a 3x3 convolution is one transposed convolution, and a 3x3 convolution that is
pooled before its bias is one strided convolution: 16 multiply-adds where the plain forms spend 36. Results differ by
rounding only. Measured here on AVX2 (one thread, forward and backward, 64x64, 32 <-> 64 maps, channels-last):
up 407 -> 140 ms, down 330 -> 126 ms.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad

from pgan_core.discriminator import Discriminator, DiscriminatorLayer
from pgan_core.generator import Generator, LayerSpec
from pgan_core.layers import EqualizedLayer, upsample_kernel


def downsample_kernel(weight: Tensor) -> Tensor:
    """The 4x4 kernel that, at stride 2 and padding 1, equals the 3x3 `weight` followed by 2x2 average pooling."""
    w = pad(weight, (1, 1, 1, 1))
    return (w[:, :, 1:, 1:] + w[:, :, :-1, 1:] + w[:, :, 1:, :-1] + w[:, :, :-1, :-1]) / 4


def _copy_attributes(view: nn.Module, network: nn.Module) -> None:
    """Makes `view` a second face of `network`: the same parameters, the same settings."""
    nn.Module.__init__(view)
    for name, value in vars(network).items():
        if not name.startswith("_"):
            setattr(view, name, value)
    view.layers = network.layers


class TrainingGenerator(Generator):
    """A generator's view whose up-sampling layers are transposed convolutions; its parameters are the generator's."""

    def __init__(self, generator: Generator):
        _copy_attributes(self, generator)
        self.label_embedding = generator.label_embedding

    def _linear(self, spec: LayerSpec, x: Tensor) -> Tensor:
        layer: EqualizedLayer = self.layers[spec.name]
        if not spec.upsamples:
            return layer(x, equalized=self.equalized)
        kernel = upsample_kernel(layer.effective_weight(self.equalized))
        return conv_transpose2d(x, _like(x, kernel), layer.effective_bias(self.equalized), stride=2, padding=1)


class TrainingDiscriminator(Discriminator):
    """A discriminator's view; with `fused_down` its down-sampling layers are strided convolutions."""

    def __init__(self, discriminator: Discriminator):
        _copy_attributes(self, discriminator)
        self.embedding = discriminator.embedding

    def _pre(self, spec: DiscriminatorLayer, x: Tensor) -> Tensor:
        if not (spec.downsamples and self.config.fused_down):
            return super()._pre(spec, x)
        layer: EqualizedLayer = self.layers[spec.name]
        # without its bias, which pooling would not change
        kernel = downsample_kernel(layer.effective_weight(self.equalized))
        return conv2d(x, _like(x, kernel), layer.effective_bias(self.equalized), stride=2, padding=1)


def _like(x: Tensor, kernel: Tensor) -> Tensor:
    """The kernel in the memory layout of the maps that it meets."""
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return kernel.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
