"""The shipped model: one picture alone, a batch beside the eager form, and how exact bfloat16 is.

python -m benchmarks --only shipped
"""

import torch

from benchmarks import machine
from benchmarks.clock import alternate, median, ratio
from benchmarks.eager import EagerGenerator
from benchmarks.generation import latents, shipped
from benchmarks.options import Options, Row, seconds
from pgan_core import Generator

BATCH = 16


def measure(options: Options) -> dict:
    """Numbers of the shipped model on the CPU."""
    generator = shipped()
    fast, eager = generator.prepared(), EagerGenerator(generator)
    batch = 2 if options.quick else BATCH
    many, one = latents(generator, batch), latents(generator, 1)
    with torch.inference_mode():
        ways = {"eager": lambda: eager(many), "prepared": lambda: fast.run(many), "one": lambda: fast.run(one)}
        times = alternate(ways, seconds=0.1 if options.quick else 5, most=50)
        return {
            "batch": batch,
            "difference": float((eager(many) - fast(many)).abs().max()),
            "ratio": ratio(times, "eager", "prepared"),
            "eager_s": median(times, "eager"),
            "prepared_s": median(times, "prepared"),
            "one_s": median(times, "one"),
            "bfloat16_psnr": psnr(generator, torch.bfloat16, 4 if options.quick else 64),
            "bfloat16_instructions": sorted(machine.BFLOAT16 & set(machine.instructions())),
        }


def psnr(generator: Generator, dtype: torch.dtype, count: int) -> float:
    """Decibels of pictures in a shorter kind of number against float32; both clamped to [-1, 1], peak 2."""
    z = latents(generator, count)
    exact, short = (generator.prepared(kind)(z).clamp(-1, 1) for kind in (torch.float32, dtype))
    return float(10 * torch.log10(4 / (exact - short).square().mean()))


def rows(found: dict) -> list[Row]:
    """Rows of the table."""
    name, batch = "Shipped model", found["batch"]
    speed = "see Generation" if found["bfloat16_instructions"] else "this CPU has no instructions for it"
    return [
        Row(
            f"{name}, batch {batch}, float32: a picture",
            seconds(found["prepared_s"] / batch),
            f"eager {seconds(found['eager_s'] / batch)}, pictures differ by {found['difference']:.0e}",
            f"{found['ratio']:.2f}x",
        ),
        Row(f"{name}: one picture alone", seconds(found["one_s"])),
        Row(f"{name}: bfloat16", f"PSNR {found['bfloat16_psnr']:.1f} dB to float32", f"speed: {speed}"),
    ]
