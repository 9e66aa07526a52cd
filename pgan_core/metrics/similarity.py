"""Multi-scale structural similarity (Wang et al. 2003), the measure of variation in PGGAN's section 5 and table 1.

Between random pairs of one set a high value means that the pictures resemble each other: less variation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan_core.metrics.picture_sets import Pictures, check_picture_set, picture_batch

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_GREY = 127.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_BATCH_PIXELS = 2**20


def ms_ssim(
    a: Pictures, b: Pictures, *, weights: Sequence[float] = WEIGHTS, device: torch.device | str | None = None
) -> Tensor:
    """MS-SSIM of each pair (a[i], b[i]) as PGGAN's official code computes it.

    a, b: N x 3 x H x W in 0..255, uint8 or float; sides divisible by 2^(scales - 1), 16 for the usual five scales. The
    window shrinks with a scale of less than 11 pixels. Returns N floats on the device: 1 for equal pictures; negative
    contrast terms count as 0. Raises ValueError for pictures that cannot be compared.
    """
    for name, pictures in (("a", a), ("b", b)):
        check_picture_set(pictures, name)
    if a.shape != b.shape:
        raise ValueError(f"MS-SSIM compares pairs of one shape, got {tuple(a.shape)} and {tuple(b.shape)}.")
    step = 2 ** (len(weights) - 1)
    if any(side == 0 or side % step for side in a.shape[2:]):
        sides = f"{a.shape[2]} x {a.shape[3]}"
        raise ValueError(f"MS-SSIM over {len(weights)} scales needs sides divisible by {step}, got {sides}.")
    batch = max(1, _BATCH_PIXELS // (a.shape[2] * a.shape[3]))
    values = [
        _ms_ssim_batch(_batch(a, start, batch, "a", device), _batch(b, start, batch, "b", device), weights)
        for start in range(0, len(a), batch)
    ]
    return torch.cat(values)


def ms_ssim_of_pairs(pictures: Pictures, *, device: torch.device | str | None = None) -> Tensor:
    """MS-SSIM of consecutive pairs (0, 1), (2, 3), ... of one set; its mean is the paper's score of variation."""
    check_picture_set(pictures, "pictures", at_least=2)
    pairs = len(pictures) // 2
    return ms_ssim(pictures[0 : 2 * pairs : 2], pictures[1 : 2 * pairs : 2], device=device)


def _batch(pictures: Pictures, start: int, count: int, name: str, device: torch.device | str | None) -> Tensor:
    x = picture_batch(pictures, start, start + count, name=name, device=device)
    if x.min() < 0 and x.max() <= 1:
        raise ValueError(f"{name}: expected values in 0..255; these look like pictures in -1..1.")
    return x - _GREY


def _ms_ssim_batch(a: Tensor, b: Tensor, weights: Sequence[float]) -> Tensor:
    result = torch.ones(len(a), dtype=a.dtype, device=a.device)
    for scale, weight in enumerate(weights):
        similarity, contrast = _ssim(a, b)
        last = scale == len(weights) - 1
        result = result * (similarity if last else contrast).clamp_min(0) ** weight
        if not last:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return result


def _ssim(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Mean structural similarity of each pair, and its part without the means (contrast and structure).

    a, b: pictures minus _GREY, so that float32 is exact enough for the squares; only the luminance needs the grey.
    """
    window = _gaussian(min(_WINDOW, *a.shape[2:]), a)
    mean_a, mean_b, mean_squares, mean_product = _filter(torch.stack([a, b, a * a + b * b, a * b]), window)
    variances = mean_squares - mean_a**2 - mean_b**2
    covariance = mean_product - mean_a * mean_b
    contrast = (2 * covariance + _C2) / (variances + _C2)
    mean_a, mean_b = mean_a + _GREY, mean_b + _GREY
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return (luminance * contrast).mean(dim=(1, 2, 3)), contrast.mean(dim=(1, 2, 3))


def _gaussian(size: int, like: Tensor) -> Tensor:
    """A window of `size` values that sums to 1; its sigma shrinks with it (1.5 at the full 11)."""
    offsets = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    window = torch.exp(-0.5 * (offsets / (_SIGMA * size / _WINDOW)) ** 2)
    return window / window.sum()


def _filter(x: Tensor, window: Tensor) -> Tensor:
    """Gaussian filter over the last two axes, only where the window lies wholly inside.

    A product with band matrices, despite their zeros, is several times as fast on a CPU as a convolution.
    """
    return _band(x.shape[-2], window).T @ x @ _band(x.shape[-1], window)


def _band(size: int, window: Tensor) -> Tensor:
    """size x (size - len(window) + 1): column j holds the window from row j down."""
    places = torch.arange(size, device=window.device)[:, None]
    offsets = places - torch.arange(size - len(window) + 1, device=window.device)
    inside = (offsets >= 0) & (offsets < len(window))
    return torch.where(inside, window[offsets.clamp(0, len(window) - 1)], 0)
