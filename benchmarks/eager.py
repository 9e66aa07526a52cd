"""The generator as published code writes it: what the inference form is measured against.

Layer by layer as in InterFaceGAN, HiGAN and GANDissect: pixel norm, nearest-neighbour up-sampling and the convolution
apart, the scale and then the bias at run time, LeakyReLU in place (that much they do), maps as N x C x H x W, and a
first layer that is a 4x4 convolution of a 1x1 map.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan_core import Generator
from pgan_core.layers import EqualizedLayer

AS_PUBLISHED = {"activation": "leaky_relu", "pixel_norm": "after", "latent_norm": "joint", "output": "linear"}


class EagerGenerator:
    """Latents N x latent_dim to pictures N x C x R x R at full size, from the same weights as the given generator.

    Raises ValueError for a generator that is not of the paper's form.
    """

    def __init__(self, generator: Generator):
        config = generator.config
        other = [name for name, value in AS_PUBLISHED.items() if getattr(config, name) != value]
        if other or config.label_dim or config.pixel_norm_skip:
            raise ValueError(f"the eager form is the paper's network without labels; this one differs in {other}")
        last = f"{generator.resolution}x{generator.resolution}/rgb"
        self.slope, self.eps = config.slope, config.pixel_norm_eps
        specs = [spec for spec in generator.specs if spec.kind != "rgb" or spec.name == last]
        self.blocks = [(spec, _Scaled(generator.layers[spec.name])) for spec in specs]

    def __call__(self, z: Tensor) -> Tensor:
        x = z.view(*z.shape, 1, 1)
        for spec, layer in self.blocks:
            x = x / torch.sqrt(torch.mean(x**2, dim=1, keepdim=True) + self.eps)
            if spec.upsamples:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = layer(x)
            if spec.kind != "rgb":
                x = F.leaky_relu(x, self.slope, inplace=True)
        return x


class _Scaled:
    """A convolution with the stored weights; then the scale, then the bias."""

    def __init__(self, layer: EqualizedLayer):
        weight = layer.weight.detach()
        if weight.dim() == 2:  # dense: a 4x4 convolution over a 1x1 map with all its borders, which sees it flipped
            weight = weight.view(-1, 4, 4, weight.shape[1]).permute(0, 3, 1, 2).flip(2, 3)
        self.weight = weight.contiguous()
        self.padding = {1: 0, 3: 1, 4: 3}[weight.shape[-1]]
        self.scale, bias = layer.c, layer.effective_bias().detach()
        self.bias = bias.view(1, -1, *(bias.shape[1:] or (1, 1)))

    def __call__(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=self.padding) * self.scale + self.bias
