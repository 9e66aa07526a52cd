"""Bias, LeakyReLU and pixel norm of a map in one pass, and their gradient in one pass (Triton, CUDA only).

What `layers.pixel_norm(leaky_relu(x + bias, 0.2))` gives, to rounding. Maps are channels-last: a row is a pixel.
"""

from __future__ import annotations

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor

SLOPE, EPSILON = 0.2, 1e-8
VALUES = 4096  # that one program holds


@triton.jit
def _activated(x, bias, rows, first, CHANNELS: tl.constexpr, PADDED: tl.constexpr, ROWS: tl.constexpr,
               SLOPE: tl.constexpr, EPSILON: tl.constexpr):  # fmt: skip
    row = first + tl.arange(0, ROWS)
    channel = tl.arange(0, PADDED)
    inside = (row[:, None] < rows) & (channel[None, :] < CHANNELS)
    place = row[:, None].to(tl.int64) * CHANNELS + channel[None, :]
    value = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(bias + channel, mask=channel < CHANNELS, other=0.0).to(tl.float32)[None, :]
    active = tl.where(inside, tl.where(value > 0, value, value * SLOPE), 0.0)
    scale = tl.rsqrt(tl.sum(active * active, axis=1) / CHANNELS + EPSILON)
    return place, inside, value, active, scale


@triton.jit
def _forward(x, bias, y, rows, CHANNELS: tl.constexpr, PADDED: tl.constexpr, ROWS: tl.constexpr, SLOPE: tl.constexpr,
             EPSILON: tl.constexpr):  # fmt: skip
    first = tl.program_id(0) * ROWS
    place, inside, _, active, scale = _activated(x, bias, rows, first, CHANNELS, PADDED, ROWS, SLOPE, EPSILON)
    tl.store(y + place, (active * scale[:, None]).to(y.dtype.element_ty), mask=inside)


@triton.jit
def _backward(x, bias, slope_y, slope_x, rows, CHANNELS: tl.constexpr, PADDED: tl.constexpr, ROWS: tl.constexpr,
              SLOPE: tl.constexpr, EPSILON: tl.constexpr):  # fmt: skip
    first = tl.program_id(0) * ROWS
    place, inside, value, active, scale = _activated(x, bias, rows, first, CHANNELS, PADDED, ROWS, SLOPE, EPSILON)
    slope = tl.load(slope_y + place, mask=inside, other=0.0).to(tl.float32)
    along = tl.sum(active * slope, axis=1) / CHANNELS
    slope = slope * scale[:, None] - active * (scale * scale * scale * along)[:, None]
    slope = tl.where(value > 0, slope, slope * SLOPE)
    tl.store(slope_x + place, slope.to(slope_x.dtype.element_ty), mask=inside)


def _sizes(x: Tensor) -> tuple[int, int, int, int, tuple[int]]:
    n, channels, height, width = x.shape
    padded = triton.next_power_of_2(channels)
    rows, block = n * height * width, max(1, VALUES // padded)
    return rows, channels, padded, block, (triton.cdiv(rows, block),)


class BiasLeakyNorm(torch.autograd.Function):
    """x N x C x H x W and a bias C; the gradient cannot be differentiated again, which the generator's never is."""

    @staticmethod
    def forward(ctx, x: Tensor, bias: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        y = torch.empty_like(x, memory_format=torch.channels_last)
        rows, channels, padded, block, grid = _sizes(x)
        _forward[grid](x, bias, y, rows, channels, padded, block, SLOPE, EPSILON)  # pyright: ignore
        ctx.save_for_backward(x, bias)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore
        x, bias = ctx.saved_tensors
        slope = slope.contiguous(memory_format=torch.channels_last)
        found = torch.empty_like(x, memory_format=torch.channels_last)
        rows, channels, padded, block, grid = _sizes(x)
        _backward[grid](x, bias, slope, found, rows, channels, padded, block, SLOPE, EPSILON)  # pyright: ignore
        return found, found.sum(dim=(0, 2, 3), dtype=torch.float32).to(bias.dtype)


def bias_leaky_norm(x: Tensor, bias: Tensor) -> Tensor:
    """Pixel norm of LeakyReLU of x + bias, channels-last."""
    return BiasLeakyNorm.apply(x, bias)
