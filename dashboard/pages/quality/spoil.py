"""Ways to spoil a set of pictures on purpose, to see which measure notices.

Each takes and returns uint8 N x 3 x H x W and a strength; strength 0 changes nothing.
"""

import numpy as np
import torch
import torch.nn.functional as F


def blur(pictures: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; sigma in pixels. Fine detail goes, layout and colours stay."""
    radius = min(int(np.ceil(3 * sigma)), pictures.shape[-1] - 1)
    if sigma <= 0 or radius < 1:
        return pictures
    window = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    window = window / window.sum()
    planes = torch.from_numpy(pictures).float().flatten(0, 1)[:, None]
    planes = F.conv2d(F.pad(planes, (radius, radius, 0, 0), mode="reflect"), window.view(1, 1, 1, -1))
    planes = F.conv2d(F.pad(planes, (0, 0, radius, radius), mode="reflect"), window.view(1, 1, -1, 1))
    return planes.round().to(torch.uint8).numpy().reshape(pictures.shape)


def shift_colours(pictures: np.ndarray, amount: float) -> np.ndarray:
    """Every picture gets the same cast: red up and blue down by `amount` of 255.

    Contrast is reduced first so that nothing is clipped: the whole is an affine map of each channel.
    """
    room = abs(amount)
    cast = np.array([amount, 0, -amount], np.float32)[:, None, None]
    squeezed = pictures * np.float32((255 - 2 * room) / 255) + room
    return np.rint(squeezed + cast).clip(0, 255).astype(np.uint8) if amount else pictures


def add_noise(pictures: np.ndarray, deviation: float, seed: int = 0) -> np.ndarray:
    """Independent Gaussian noise on every value; its standard deviation is in levels of 255."""
    noise = np.random.default_rng(seed).normal(0, deviation, pictures.shape)
    return np.rint(pictures + noise).clip(0, 255).astype(np.uint8)


def collapse(pictures: np.ndarray, kept: int) -> np.ndarray:
    """Mode collapse: the set repeats its first `kept` pictures; 0 leaves it as it is."""
    return pictures[np.random.default_rng(0).integers(0, kept, len(pictures))] if kept else pictures
