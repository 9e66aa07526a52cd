"""Generation: the prepared form beside the plain eager one, and both beside the machine.

    python -m benchmarks --only generation

Official widths, the same weights and latents. In each round take turns: the eager form, the prepared one, the prepared
one keeping a layer, the convolutions alone, a large convolution and a copy; numbers are medians of ratios over rounds.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from benchmarks import machine, work
from benchmarks.clock import Times, alternate, median, ratio
from benchmarks.eager import EagerGenerator
from benchmarks.machine import Yardstick
from benchmarks.options import Options, Row, seconds
from pgan_core import Generator, GeneratorConfig, feature_maps

CASES = {64: (8, 1, 16), 256: (4, 1, 16), 1024: (1, 16)}  # batches by size; the first is the one with a target
PUBLISHED = {
    64: (0.19, 0.21, 1),
    256: (0.52, 0.58, 1),
    1024: (0.79, 0.91, 2),
}  # as published: seconds a picture (least, most), and cores
PUBLISHED_RATE = 0.17e12  # float32 operations a second of a core there
SAME = 1e-4  # pictures of both forms in float32
EAGER_BYTES = 600  # of memory for a pixel of a picture at 1024x1024, the most that the eager form holds at one time


@dataclass(frozen=True)
class Case:
    """Which network, how many pictures, where, and in what numbers the prepared form computes."""

    resolution: int
    batch: int
    device: str
    dtype: torch.dtype
    main: bool  # the batch with a target: also measured keeping a layer, and against the convolutions alone


def official(resolution: int, device: str = "cpu", *, quick: bool = False) -> Generator:
    """A random generator of the official widths; narrow where only the running is tried."""
    widths = (8,) * len(feature_maps(resolution)) if quick else feature_maps(resolution)
    config = GeneratorConfig(resolution=resolution, channels=widths, latent_dim=widths[0])
    return Generator(config, seed=0).requires_grad_(False).eval().to(device)


def latents(generator: Generator, count: int) -> Tensor:
    """The same standard normal latents every time."""
    z = torch.randn(count, generator.config.latent_dim, generator=torch.Generator().manual_seed(0))
    return z.to(generator.device)


def measure(options: Options) -> dict:
    """Every case on every device, in a list."""
    sizes = {16: (2, 1)} if options.quick else CASES
    found = []
    with torch.inference_mode():
        for device in machine.devices():
            for dtype in machine.dtypes(device):
                sticks = machine.yardsticks(device, dtype, quick=options.quick)
                for resolution, batches in sizes.items():
                    generator = official(resolution, device, quick=options.quick)
                    cases = [Case(resolution, batch, device, dtype, batch == batches[0]) for batch in batches]
                    for case in cases:
                        print(f"  {case}", file=sys.stderr, flush=True)
                        found.append(measure_case(case, generator, sticks, options))
    return {"cases": found}


def measure_case(case: Case, generator: Generator, sticks: dict[str, Yardstick], options: Options) -> dict:
    """The numbers of one case, or the reason why it was left out."""
    result = asdict(case) | {"dtype": str(case.dtype).removeprefix("torch.")}
    at_once = _at_once(case)
    if not at_once:
        return result | {"skipped": "the eager form does not fit into the memory that is free"}
    eager, fast = EagerGenerator(generator), generator.prepared(case.dtype)
    groups = latents(generator, case.batch).split(at_once)
    few = groups[0][:4]
    difference = float((eager(few) - fast.run(few).images).abs().max())
    ways = {"eager": lambda: _each(eager, groups), "prepared": lambda: _each(lambda z: fast.run(z), groups)}
    if case.main:
        for layer in kept_layers(generator):
            ways[f"keep {layer}"] = lambda layer=layer: _each(lambda z: fast.run(z, keep=[layer]), groups)
        ways["convolutions"] = work.convolutions_alone(generator, case.batch, case.dtype)
    ways |= {name: stick.run for name, stick in sticks.items()}
    limits = {"seconds": 12, "least": 3} if case.main else {"seconds": 8, "least": 1, "warm_up": case.batch == 1}
    times = alternate(ways, **limits | ({"seconds": 0.1} if options.quick else {}), device=case.device)
    return result | {"at_once": at_once, "difference": difference} | _numbers(case, generator, times, sticks)


def kept_layers(generator: Generator) -> tuple[str, ...]:
    """A layer that people look at, and the largest map there is."""
    size = generator.resolution
    return ("16x16/conv1", f"{size}x{size}/conv1") if size > 16 else (f"{size}x{size}/conv1",)


def _numbers(case: Case, generator: Generator, times: Times, sticks: dict[str, Yardstick]) -> dict:
    plain, fused = (count(generator) * case.batch for count in (work.plain_flops, work.fused_flops))
    moved = work.moved_bytes(generator) * case.batch

    def effort(way: str, amount: float, stick: str) -> float:
        """Seconds in units of what the machine needs for that amount, at the yardstick's rate in the same round."""
        pairs = zip(times[way], times[stick], strict=True)
        return statistics.median(spent * sticks[stick].amount / (yard * amount) for spent, yard in pairs)

    numbers = {
        "rounds": len(times["eager"]),
        "threads": torch.get_num_threads(),
        "plain_flops": plain / case.batch,
        "eager_s": median(times, "eager"),
        "prepared_s": median(times, "prepared"),
        "ratio": ratio(times, "eager", "prepared"),
        "ratios": [a / b for a, b in zip(times["eager"], times["prepared"], strict=True)],
        "tflops": sticks["convolution"].amount / median(times, "convolution") / 1e12,
        "gb_per_s": sticks["copy"].amount / median(times, "copy") / 1e9,
        "eager_effort": effort("eager", plain, "convolution"),
        "rate_share": 1 / effort("prepared", fused, "convolution"),
        "bandwidth_share": 1 / effort("prepared", moved, "copy"),
    }
    if case.main:
        numbers["keep"] = {way[5:]: ratio(times, way, "prepared") for way in times if way.startswith("keep ")}
        numbers["limit"] = ratio(times, "eager", "convolutions")
    return numbers


def _each(form: Callable, groups: tuple[Tensor, ...]) -> None:
    for z in groups:
        form(z)


def _at_once(case: Case) -> int:
    """How many pictures both forms make at one time; 0 if the eager one has no room for a single one."""
    free = machine.available_gb()
    if case.device != "cpu":
        free = torch.cuda.mem_get_info()[0] / 1e9
    if free is None:
        return case.batch
    fitting = int(0.6 * free * 1e9 / (EAGER_BYTES * case.resolution**2))
    return case.batch if fitting >= case.batch else min(4, fitting)


# ---- the table ---------------------------------------------------------------------------------------------------


def rows(found: dict) -> list[Row]:
    """A row a case, then what the main cases say about keeping, the machine and the published generators."""
    cases = found["cases"]
    table = [_case_row(case) for case in cases]
    for case in cases:
        if case["main"] and "skipped" not in case:
            table += _main_rows(case)
    return table


def _name(case: dict) -> str:
    where = "" if case["device"] == "cpu" else f", {case['device']}"
    return f"{case['resolution']}x{case['resolution']}, batch {case['batch']}, {case['dtype']}{where}"


def _case_row(case: dict) -> Row:
    what = f"Generation {_name(case)}: a picture"
    if "skipped" in case:
        return Row(what, f"not run: {case['skipped']}")
    same = f", pictures differ by {case['difference']:.0e}" + (
        "" if case["dtype"] != "float32" or case["difference"] <= SAME else ": TOO MUCH"
    )
    return Row(
        what,
        seconds(case["prepared_s"] / case["batch"]),
        f"eager {seconds(case['eager_s'] / case['batch'])}{same}",
        f"{case['ratio']:.2f}x",
    )


def _main_rows(case: dict) -> list[Row]:
    name = _name(case)
    keeping = "; ".join(f"{layer} {100 * (more - 1):+.0f}%" for layer, more in case["keep"].items())
    table = [
        Row(f"{name}: keeping one layer", keeping, "the prepared form keeping none"),
        Row(
            f"{name}: share of the machine's convolution rate",
            f"{case['rate_share']:.0%} (up-sampling counted with 4 taps, 3x3 with 9: wide layers take fewer)",
            f"{case['tflops']:.2f} TFLOP/s in the same rounds; "
            f"{case['bandwidth_share']:.0%} of its bandwidth, {case['gb_per_s']:.0f} GB/s",
        ),
        Row(
            f"{name}: torch's fused convolutions alone, the most that calls of these kernels allow",
            "",
            "the eager form",
            f"{case['limit']:.2f}x",
        ),
    ]
    if case["device"] == "cpu" and case["dtype"] == "float32" and case["resolution"] in PUBLISHED:
        table.append(_published_row(case, name))
    return table


def published_effort(resolution: int, flops: float) -> tuple[float, float]:
    """The published generators' times (least, most) in units of what their machine needs for the arithmetic alone."""
    least, most, cores = PUBLISHED[resolution]
    return tuple(seconds * cores * PUBLISHED_RATE / flops for seconds in (least, most))


def expected_effort(published: float, core_rate: float) -> float:
    """A published effort as this machine should show it: the arithmetic at its rate, all else in the same seconds.

    core_rate: float32 operations a second of a core. Slower arithmetic makes the passes over memory weigh less.
    """
    return 1 + (published - 1) * core_rate / PUBLISHED_RATE


def _published_row(case: dict, name: str) -> Row:
    published, effort = published_effort(case["resolution"], case["plain_flops"]), case["eager_effort"]
    core_rate = case["tflops"] * 1e12 / case["threads"]
    expected = tuple(expected_effort(bound, core_rate) for bound in published)
    return Row(
        f"{name}: the eager form's time in units of its arithmetic at the machine's rate",
        f"{effort:.2f}",
        f"published {published[0]:.2f} to {published[1]:.2f} at 0.17 TFLOP/s a core; with arithmetic at "
        f"{core_rate / 1e12:.2f} and all else unchanged that is {expected[0]:.2f} to {expected[1]:.2f}",
        f"{effort / statistics.mean(expected):.2f}x",
    )
