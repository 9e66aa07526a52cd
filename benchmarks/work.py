"""How much there is to compute and to move for one picture, and the convolutions alone as a measured floor."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from pgan_core import Generator
from pgan_core.costs import image_cost
from pgan_core.layers import upsample_kernel


def plain_flops(generator: Generator) -> int:
    """Floating-point operations of a picture where up-sampling and convolution are apart (2 a multiply-add)."""
    return 2 * image_cost(generator, generator.resolution).multiply_adds


def fused_flops(generator: Generator) -> int:
    """The same where they are one transposed convolution: 16 multiply-adds instead of 36 in the up-sampling layers."""
    saved = sum(
        spec.in_features * spec.out_features * 9 * spec.resolution**2 for spec in generator.specs if spec.upsamples
    )
    return plain_flops(generator) - round(2 * saved * 20 / 36)


def moved_bytes(generator: Generator) -> int:
    """Bytes that a picture must move where every layer reads its map once and writes its own once, in float32."""
    values = 0
    for spec in _used(generator):
        if spec.kind != "dense":
            values += spec.in_features * (spec.resolution // (2 if spec.upsamples else 1)) ** 2
        values += spec.out_features * spec.resolution**2
    return 4 * values


def convolutions_alone(generator: Generator, batch: int, dtype: torch.dtype = torch.float32) -> Callable[[], None]:
    """Calls torch's fused convolutions of all layers on made-up maps, channels-last, and nothing between them.

    What a prepared run would take if bias, non-linearity, pixel norm and everything else were free.
    """
    device, calls = generator.device, []
    for spec in _used(generator):
        if spec.kind == "dense":
            continue
        side = spec.resolution // (2 if spec.upsamples else 1)
        weight = generator.layers[spec.name].effective_weight().detach()
        weight = (upsample_kernel(weight) if spec.upsamples else weight).to(dtype)
        x = torch.randn(batch, spec.in_features, side, side).to(device, dtype)
        x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
        if spec.upsamples:
            calls.append(lambda x=x, w=weight: F.conv_transpose2d(x, w, stride=2, padding=1))
        else:
            calls.append(lambda x=x, w=weight: F.conv2d(x, w, padding=w.shape[-1] // 2))

    def run() -> None:
        for call in calls:
            call()

    return run


def _used(generator: Generator) -> list:
    return [s for s in generator.specs if s.kind != "rgb" or s.resolution == generator.resolution]
