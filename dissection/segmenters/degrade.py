"""The flaws of a half-trained generator as augmentation: wobble, low resolution, blur, colour drift, noise.

The segmenter is trained and measured on real scenes, but used on generated pictures.
"""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

KERNEL = 7


def degrade(images: Tensor, labels: Tensor, random: Generator, share: float = 1.0) -> tuple[Tensor, Tensor]:
    """Degrade a `share` of the pictures (float N x 3 x H x W in [-1, 1]) and their labels (int N x H x W).

    Strengths are drawn for each picture. Only the wobble moves labels, by up to about a pixel and a half.
    """
    touched = torch.rand(len(images), generator=random) < share
    if not touched.any():
        return images, labels
    x, y = wobble(images[touched], labels[touched], random)
    x = noise(colour_drift(blur(coarsen(x, random), random), random), random).clamp(-1, 1)
    images, labels = images.clone(), labels.clone()
    images[touched], labels[touched] = x, y
    return images, labels


def _smooth(count: int, channels: int, cells: int, size: tuple[int, int], random: Generator) -> Tensor:
    """Normal noise N x C x H x W that varies slowly: `cells` x `cells` values, enlarged."""
    coarse = torch.randn(count, channels, cells, cells, generator=random)
    return F.interpolate(coarse, size, mode="bicubic", align_corners=True)


def wobble(images: Tensor, labels: Tensor, random: Generator) -> tuple[Tensor, Tensor]:
    """Bend shapes by a smooth displacement with a stddev of at most 0.8 pixels in 64."""
    count, _, height, width = images.shape
    strength = 0.8 * 2 / 64 * torch.rand(count, 1, 1, 1, generator=random)
    shift = _smooth(count, 2, 7, (height, width), random) * strength
    identity = torch.eye(2, 3).expand(count, 2, 3)
    grid = F.affine_grid(identity, list(images.shape), align_corners=False) + shift.permute(0, 2, 3, 1)
    bent = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    moved = F.grid_sample(labels[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False)
    return bent, moved[:, 0].to(labels.dtype)


def coarsen(images: Tensor, random: Generator) -> Tensor:
    """A third of the pictures, as if made at half or a quarter of the size and enlarged."""
    coarse = images.clone()
    chosen = torch.randint(6, (len(images),), generator=random)
    for factor in (2, 4):
        some = chosen == factor // 2 - 1
        if some.any():
            small = F.avg_pool2d(images[some], factor)
            coarse[some] = F.interpolate(small, images.shape[2:], mode="bilinear", antialias=True)
    return coarse


def blur(images: Tensor, random: Generator) -> Tensor:
    """A Gaussian blur of stddev 0 to 1.1 pixels in each picture."""
    count, channels, height, width = images.shape
    sigma = (1.1 * torch.rand(count, 1, generator=random)).clamp_min(0.05)
    taps = torch.exp(-0.5 * ((torch.arange(KERNEL) - KERNEL // 2) / sigma) ** 2)
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]  # N C x 1 x KERNEL
    x = F.pad(images, [KERNEL // 2] * 4, mode="replicate").reshape(
        1, count * channels, height + KERNEL - 1, width + KERNEL - 1
    )
    x = F.conv2d(F.conv2d(x, taps[..., None, :], groups=len(taps)), taps[..., None], groups=len(taps))
    return x.reshape(images.shape)


def colour_drift(images: Tensor, random: Generator) -> Tensor:
    """Change contrast and offset of each channel, saturation, and, slowly across the picture, colour."""
    count, channels, height, width = images.shape
    gain = 1 + 0.12 * torch.randn(count, channels, 1, 1, generator=random)
    offset = 0.08 * torch.randn(count, channels, 1, 1, generator=random)
    grey = images.mean(1, keepdim=True)
    saturation = 1 + 0.2 * torch.randn(count, 1, 1, 1, generator=random)
    strength = 0.12 * torch.rand(count, 1, 1, 1, generator=random)
    drift = strength * _smooth(count, channels, 5, (height, width), random)
    return (grey + (images - grey) * saturation) * gain + offset + drift


def noise(images: Tensor, random: Generator) -> Tensor:
    """White noise of stddev up to 0.08 in each picture."""
    strength = 0.08 * torch.rand(len(images), 1, 1, 1, generator=random)
    return images + strength * torch.randn(images.shape, generator=random)
