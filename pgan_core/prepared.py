"""The generator's inference form: the same walk, the same names, the same pictures to rounding, in less time.

    fast = generator.prepared()                                   # or prepared(torch.bfloat16) where the CPU has it
    images = fast(z)                                              # everything of `run` works as on the generator

The differences: the constants c are folded into the weights once; nearest-neighbour up-sampling and the convolution
that follows are one transposed convolution (16 multiply-adds where the plain form spends 36); wide layers on a CPU take
fewer products still (`pgan_core.fewer_products`: 9, and 9 where a plain 3x3 spends 36); maps lie channels-last; the
non-linearity and pixel norm write in place. A prepared generator is a copy of the weights: it does not train.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgan_core.fewer_products import DifferenceUpsampling, WinogradConvolution
from pgan_core.generator_config import GeneratorConfig, GeneratorLayer
from pgan_core.layers import EqualizedLayer, LayerDict, upsample_kernel

WIDE_UPSAMPLING = 512  # input features from which fewer products beat the processor's own convolution (benchmarks/)
WIDE_CONVOLUTION = 96  # likewise, input and output features
TILED_SIZE = 16  # below it a single picture has too few tiles to pay for the larger weights


class FoldedLayer(nn.Module):
    """An EqualizedLayer with c folded in; an up-sampling one holds the 4x4 kernel of the transposed convolution."""

    weight: Tensor
    bias: Tensor

    def __init__(self, spec: GeneratorLayer, layer: EqualizedLayer, equalized: bool, dtype: torch.dtype):
        super().__init__()
        plain, bias = layer.effective_weight(equalized).detach(), layer.effective_bias(equalized).detach()
        weight = upsample_kernel(plain) if spec.upsamples else plain
        if weight.dim() == 4:
            weight = weight.contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight.to(dtype))
        self.register_buffer("bias", bias.to(dtype))
        self.upsamples = spec.upsamples
        self.fewer_products = None
        if spec.kind == "conv" and plain.device.type == "cpu" and dtype == torch.float32:
            if spec.upsamples and spec.in_features >= WIDE_UPSAMPLING:
                self.fewer_products = DifferenceUpsampling(plain, bias)
            elif not spec.upsamples and spec.resolution >= TILED_SIZE and min(plain.shape[:2]) >= WIDE_CONVOLUTION:
                self.fewer_products = WinogradConvolution(plain, bias)

    def forward(self, x: Tensor) -> Tensor:
        """x to the layer's linear output, at twice the size where the layer up-samples."""
        if self.weight.dim() == 2:
            y = F.linear(x.flatten(1), self.weight)
            y = y.unflatten(1, (-1, 4, 4)) + (self.bias if self.bias.dim() == 3 else self.bias[:, None, None])
            return y.contiguous(memory_format=torch.channels_last)
        if self.fewer_products is not None:
            return self.fewer_products(x.permute(0, 2, 3, 1).contiguous()).permute(0, 3, 1, 2)
        if self.upsamples:
            return F.conv_transpose2d(x, self.weight, self.bias, stride=2, padding=1)
        return F.conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)


def folded_layers(
    specs: Sequence[GeneratorLayer], layers: LayerDict, equalized: bool, dtype: torch.dtype
) -> nn.ModuleDict:
    """A generator's layers by name, each with its constant folded in."""
    return nn.ModuleDict({spec.name: FoldedLayer(spec, layers[spec.name], equalized, dtype) for spec in specs})


@dataclass(frozen=True)
class PreparedForm:
    """How a walk through folded layers differs from one through stored layers; holds no tensors."""

    config: GeneratorConfig
    dtype: torch.dtype = torch.float32

    def enter(self, x: Tensor) -> Tensor:
        """A copy, as the steps that follow write in place."""
        layout = torch.channels_last if x.dim() == 4 else torch.preserve_format
        return x.to(self.dtype, copy=True, memory_format=layout)

    def kept(self, x: Tensor) -> Tensor:
        """A copy, as the steps that follow write in place; in float32, which holds every bfloat16 number exactly."""
        return x.to(torch.float32, copy=True)

    def nonlinearity(self, x: Tensor) -> Tensor:
        """In place."""
        return x.relu_() if self.config.activation == "relu" else F.leaky_relu_(x, self.config.slope)

    def pixel_norm(self, x: Tensor) -> Tensor:
        """As layers.pixel_norm: one pass that reads, one that scales."""
        norm = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float32)  # sqrt(C mean_c(x^2))
        root_c, eps = x.shape[1] ** 0.5, self.config.pixel_norm_eps
        if self.config.pixel_norm_eps_outside:
            scale = 1 / (norm / root_c + eps)
        else:
            scale = torch.rsqrt(norm.square_() / x.shape[1] + eps)
        return x.mul_(scale.to(x.dtype))
