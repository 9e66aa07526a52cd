"""The Laplacian pyramid of Burt and Adelson, as the sliced Wasserstein distance uses it (PGGAN, section 5)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def pyramid_down(x: Tensor) -> Tensor:
    """Half the size: 5 x 5 binomial filter, borders mirrored without repeating the edge, every second pixel.

    N x C x H x W -> N x C x H/2 x W/2; the same as OpenCV's pyrDown.
    """
    return _down_rows(_down_rows(x).mT).mT


def pyramid_up(x: Tensor) -> Tensor:
    """Twice the size: zeros between the pixels, then 4 times the same filter; the same as OpenCV's pyrUp."""
    return _up_rows(_up_rows(x).mT).mT


def laplacian_pyramid(x: Tensor | np.ndarray, levels: int) -> list[Tensor]:
    """Band-pass pictures from fine to coarse, and the low-pass rest as the last of them.

    x: N x C x H x W of any number type, H and W divisible by 2^(levels - 1) and at least 4 at the last halving; else
    ValueError. Returns `levels` float tensors at H, H/2, H/4, ...: each picture minus its own blurred copy, so that
    enlarging and adding them up gives x back.
    """
    x = torch.as_tensor(x)
    x = x if x.is_floating_point() else x.float()
    _check(x, levels)
    pyramid = []
    for _ in range(levels - 1):
        coarser = pyramid_down(x)
        pyramid.append(x - pyramid_up(coarser))
        x = coarser
    return [*pyramid, x]


def laplacian_level(x: Tensor, level: int, *, last: bool) -> Tensor:
    """One level of `laplacian_pyramid` without keeping the others; the last level is the low-pass rest."""
    for _ in range(level):
        x = pyramid_down(x)
    return x if last else x - pyramid_up(pyramid_down(x))


def _check(x: Tensor, levels: int) -> None:
    if x.ndim != 4:
        raise ValueError(f"A Laplacian pyramid takes N x C x H x W, got {tuple(x.shape)}.")
    if levels < 1:
        raise ValueError(f"A Laplacian pyramid has at least one level, got levels={levels}.")
    step = 2 ** (levels - 1)
    for side in x.shape[2:]:
        if side % step or (levels > 1 and side // step < 2):
            raise ValueError(f"A pyramid of {levels} levels needs sides divisible by {step}, got {side}.")


def _down_rows(x: Tensor) -> Tensor:
    """Filter along the last axis by (1 4 6 4 1) / 16 and keep every second value."""
    x = F.pad(x, (2, 1, 0, 0), mode="reflect")
    even, odd = x[..., 0::2], x[..., 1::2]
    return (even[..., :-2] + even[..., 2:] + 4 * (odd[..., :-1] + odd[..., 1:]) + 6 * even[..., 1:-1]) / 16


def _up_rows(x: Tensor) -> Tensor:
    """Zeros between the values, then (1 4 6 4 1) / 8: even outputs see three values, odd ones two.

    Mirroring the row with its zeros repeats the last value on the right and skips the first on the left.
    """
    left, right = torch.cat([x[..., 1:2], x[..., :-1]], -1), torch.cat([x[..., 1:], x[..., -1:]], -1)
    return torch.stack([(left + 6 * x + right) / 8, (x + right) / 2], dim=-1).flatten(-2)
