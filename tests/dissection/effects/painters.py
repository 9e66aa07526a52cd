"""A generator of 4x4 pictures in which single units paint colours, and the segmenter that knows colours."""

import torch

from pgan_core import Generator, GeneratorConfig

LAYER = "4x4/conv"
RED_UNIT, RED, GREEN = 3, 1, 2
CONCEPTS = ("no label", "red", "green", "blue")


def painter(seed: int = 3) -> Generator:
    """8 units at 4x4/conv; unit 3 alone drives the red channel, unit 2 the green one; the others paint nothing."""
    generator = Generator(GeneratorConfig(4, (8,), latent_dim=6, pixel_norm="off"), seed=seed)
    rgb = generator.layers["4x4/rgb"]
    with torch.no_grad():
        rgb.weight.zero_()
        rgb.weight[0, RED_UNIT] = rgb.weight[1, 2] = 4.0
        rgb.bias.fill_(-0.2)
    return generator.eval()


class Colours:
    """A map for each colour, which is there where its channel is above 0; a soft form gives probabilities."""

    concepts = CONCEPTS

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """N x 3 x H x W."""
        return torch.where(images > 0, torch.arange(1, 4, device=images.device)[:, None, None], 0)

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """N x 4 x H x W."""
        return torch.cat([torch.zeros_like(images[:, :1]), (4 * images).sigmoid()], dim=1)
