"""DCGAN's generator (Radford, Metz and Chintala 2016, figure 1), as PyTorch's tutorial lays it out."""

from collections.abc import Sequence

from torch import Tensor, nn


class DCGAN(nn.Module):
    """Latents N x D x 1 x 1 (or N x D) to pictures N x C x R x R through tanh; R = 4 * 2^(number of widths)."""

    def __init__(self, latent_dim: int, widths: Sequence[int], image_channels: int):
        super().__init__()
        layers, below = [], latent_dim
        for i, width in enumerate(widths):
            stride, padding = (2, 1) if i else (1, 0)  # the first makes a 4 x 4 map of the latent
            layers += [nn.ConvTranspose2d(below, width, 4, stride, padding, bias=False), nn.BatchNorm2d(width)]
            layers.append(nn.ReLU(inplace=True))
            below = width
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(below, image_channels, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z.flatten(1)[:, :, None, None])


def dcgan(latent_dim: int = 100, widths: Sequence[int] = (512, 256, 128, 64), image_channels: int = 3) -> DCGAN:
    """The tutorial's network for 64 x 64 pictures, or one of other widths; a factory for `--generator`."""
    return DCGAN(latent_dim, widths, image_channels)
