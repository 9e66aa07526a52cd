"""The generator's inference form: the same walk, the same names, the same pictures to rounding, in less time.

    fast = generator.prepared()                                   # or prepared(torch.bfloat16) where the CPU has it
    images = fast(z)                                              # everything of `run` works as on the generator

What is different: the constants c are folded into the weights once; nearest-neighbour up-sampling and the convolution
that follows are one transposed convolution (16 multiply-adds where the plain form spends 36); wide layers on a CPU take
fewer products still (`pgan_core.fewer_products`: 9, and 9 where a plain 3x3 spends 36); maps lie channels-last; the
non-linearity and pixel norm write in place. A prepared generator is a copy of the weights: it does not train.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgan_core.fewer_products import DifferenceUpsampling, WinogradConvolution
from pgan_core.generator import Generator, LayerSpec
from pgan_core.layers import EqualizedLayer, upsample_kernel

WIDE_UPSAMPLING = 512  # input features from which fewer products beat the processor's own convolution (benchmarks/)
WIDE_CONVOLUTION = 96  # likewise, input and output features
TILED_SIZE = 16  # below it a single picture has too few tiles to pay for the larger weights


class FoldedLayer(nn.Module):
    """An EqualizedLayer with c folded in; an up-sampling one holds the 4x4 kernel of the transposed convolution."""

    def __init__(self, spec: LayerSpec, layer: EqualizedLayer, equalized: bool, dtype: torch.dtype):
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


class PreparedGenerator(Generator):
    """A Generator whose layers are folded; made by `Generator.prepared`."""

    def __init__(self, generator: Generator, dtype: torch.dtype = torch.float32):
        nn.Module.__init__(self)  # not Generator's: the layers are made from the given one's
        self.config, self.specs = generator.config, generator.specs
        self.norm_kind, self.equalized = generator.norm_kind, generator.equalized
        self.dtype = dtype
        self.layers = nn.ModuleDict(
            {s.name: FoldedLayer(s, generator.layers[s.name], self.equalized, dtype) for s in self.specs}
        )
        embedding = generator.label_embedding
        self.register_buffer("label_embedding", None if embedding is None else embedding.detach())

    @property
    def device(self) -> torch.device:
        return next(self.buffers()).device

    @property
    def input_dtype(self) -> torch.dtype:
        return torch.promote_types(self.dtype, torch.float32)  # latents are normalised before they are shortened

    def variant(self, *_, **__) -> Generator:
        """Not of a prepared form, whose constants are folded: take the generator's variant and prepare that."""
        raise ValueError("a prepared generator has no variants: prepare the generator's variant instead")

    def prepared(self, dtype: torch.dtype = torch.float32) -> Generator:
        """Itself. Raises ValueError for another dtype: prepare the generator instead."""
        if dtype != self.dtype:
            raise ValueError(f"this generator is prepared for {self.dtype}: prepare the generator itself for {dtype}")
        return self

    def _enter(self, x: Tensor) -> Tensor:
        """A copy, for what follows writes in place."""
        layout = torch.channels_last if x.dim() == 4 else torch.preserve_format
        return x.to(self.dtype, copy=True, memory_format=layout)

    def _kept(self, x: Tensor) -> Tensor:
        """A copy, for what follows writes in place; in float32, which holds every number of the shorter kinds."""
        return x.to(torch.float32, copy=True)

    def _linear(self, spec: LayerSpec, x: Tensor) -> Tensor:
        return self.layers[spec.name](x)

    def _nonlinearity(self, x: Tensor) -> Tensor:
        return x.relu_() if self.config.activation == "relu" else F.leaky_relu_(x, self.config.slope)

    def _pixel_norm(self, x: Tensor) -> Tensor:
        """As layers.pixel_norm: one pass that reads, one that scales."""
        norm = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float32)  # sqrt(C mean_c(x^2))
        root_c, eps = x.shape[1] ** 0.5, self.config.pixel_norm_eps
        if self.config.pixel_norm_eps_outside:
            scale = 1 / (norm / root_c + eps)
        else:
            scale = torch.rsqrt(norm.square_() / x.shape[1] + eps)
        return x.mul_(scale.to(x.dtype))
