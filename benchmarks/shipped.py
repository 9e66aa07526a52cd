"""The shipped model: latency of one picture, batch 16 beside the eager form, shorter numbers, where the time goes.

python -m benchmarks --only shipped
"""

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks import machine
from benchmarks.clock import alternate, median, ratio
from benchmarks.eager import EagerGenerator
from benchmarks.generation import latents
from benchmarks.options import SHIPPED, Options, Row, seconds
from pgan_core import Generator, load_checkpoint

BATCH = 16
STEPS = {"_linear": "convolutions", "_nonlinearity": "non-linearity", "_pixel_norm": "pixel norm"}  # of a walk
KERNELS = ("conv", "mm")  # in the names of torch's operations that are convolutions and products themselves


def measure(options: Options) -> dict:
    """Numbers of the shipped model on the CPU."""
    generator = load_checkpoint(SHIPPED).generator
    fast, eager = generator.prepared(), EagerGenerator(generator)
    batch = 2 if options.quick else BATCH
    many, one = latents(generator, batch), latents(generator, 1)
    with torch.inference_mode():
        ways = {"eager": lambda: eager(many), "prepared": lambda: fast.run(many), "one": lambda: fast.run(one)}
        times = alternate(ways, seconds=0.1 if options.quick else 5, most=50)
        found = {
            "batch": batch,
            "difference": float((eager(many) - fast.run(many).images).abs().max()),
            "ratio": ratio(times, "eager", "prepared"),
            "eager_s": median(times, "eager"),
            "prepared_s": median(times, "prepared"),
            "one_s": median(times, "one"),
            "profile": time_shares(fast, many, runs=2 if options.quick else 10),
            "bfloat16_psnr": psnr(generator, torch.bfloat16, 4 if options.quick else 64),
            "bfloat16_instructions": sorted(machine.BFLOAT16 & set(machine.instructions())),
        }
        return found | ({"compile": compiled(fast, many, options)} if options.compile else {})


def psnr(generator: Generator, dtype: torch.dtype, count: int) -> float:
    """Decibels of pictures prepared in a shorter kind of number against float32; both clamped to [-1, 1], peak 2."""
    z = latents(generator, count)
    exact, short = (generator.prepared(kind).run(z).images.clamp(-1, 1) for kind in (torch.float32, dtype))
    return float(10 * torch.log10(4 / (exact - short).square().mean()))


def time_shares(generator: Generator, z: Tensor, runs: int) -> dict:
    """Where a run's time goes by torch's profiler, as shares: the walk's steps, KERNELS, the ten costliest operations.

    The step "convolutions" is all that leads from a layer's input to its linear output: tiles and copies too.
    """
    watched = copy.copy(generator)  # shallow: its steps are marked, the given one's are not
    for method, step in STEPS.items():
        setattr(watched, method, _marked(step, getattr(generator, method)))
    watched.run(z)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(runs):
            watched.run(z)
    events = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    steps = {event.key: event.cpu_time_total / total for event in events if event.key in STEPS.values()}
    own = {event.key: event.self_cpu_time_total / total for event in events if event.key not in steps}
    return {
        "steps": steps | {"between them": 1 - sum(steps.values())},
        "kernels": sum(share for name, share in own.items() if any(part in name for part in KERNELS)),
        "operations": dict(sorted(own.items(), key=lambda item: -item[1])[:10]),
    }


def _marked(name: str, step: Callable) -> Callable:
    def run(*arguments: object) -> Tensor:
        with record_function(name):
            return step(*arguments)

    return run


def compiled(fast: Generator, z: Tensor, options: Options) -> dict:
    """`torch.compile` of a prepared run beside the run itself, or why there is none (it needs a C++ compiler)."""
    torch.compiler.reset()
    walk = torch.compile(lambda z: fast.run(z).images)
    start = time.perf_counter()
    try:
        difference = float((walk(z) - fast.run(z).images).abs().max())
    except Exception as error:  # of many kinds: no compiler, no Python headers, a bug of its own
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    first = time.perf_counter() - start
    ways = {"prepared": lambda: fast.run(z), "compiled": lambda: walk(z)}
    times = alternate(ways, seconds=0.1 if options.quick else 5, most=50)
    return {"first_call_s": first, "ratio": ratio(times, "prepared", "compiled"), "difference": difference}


def rows(found: dict) -> list[Row]:
    """Rows of the table."""
    name, batch = "Shipped model", found["batch"]
    shares = found["profile"]
    rest = ", ".join(f"{step} {share:.0%}" for step, share in shares["steps"].items() if step != "convolutions")
    share = shares["steps"]["convolutions"]
    instructions = found["bfloat16_instructions"]
    speed = (
        "its speed is in the rows of generation" if instructions else "this CPU has no instructions for it: no speed"
    )
    table = [
        Row(
            f"{name}, batch {batch}, float32: a picture",
            seconds(found["prepared_s"] / batch),
            f"eager {seconds(found['eager_s'] / batch)}, pictures differ by {found['difference']:.0e}",
            f"{found['ratio']:.2f}x",
        ),
        Row(f"{name}: one picture alone", seconds(found["one_s"])),
        Row(
            f"{name}, batch {batch}: time in convolutions",
            f"{share:.0%}, {shares['kernels']:.0%} in torch's kernels themselves",
            f"the rest: {rest}",
        ),
        Row(
            f"{name}: bfloat16",
            f"PSNR {found['bfloat16_psnr']:.1f} dB to float32",
            speed,
        ),
    ]
    if "compile" in found:
        table.append(_compile_row(name, found["compile"]))
    return table


def _compile_row(name: str, found: dict) -> Row:
    what = f"{name}: torch.compile of a prepared run"
    if "failed" in found:
        return Row(what, f"not run: {found['failed']}")
    first = f"first call {seconds(found['first_call_s'])}, pictures differ by {found['difference']:.0e}"
    return Row(what, first, "the prepared run", f"{found['ratio']:.2f}x")
