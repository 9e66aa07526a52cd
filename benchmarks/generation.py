"""Generation: the prepared form beside the plain eager one, and both beside the machine.

    python -m benchmarks --only generation

Official widths, the same weights and latents. In each round the eager form, the prepared one, the prepared one keeping
a layer, and a large convolution take turns; numbers are medians of ratios over rounds.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from benchmarks import machine
from benchmarks.clock import Times, alternate, median, ratio
from benchmarks.eager import EagerGenerator
from benchmarks.machine import Yardstick
from benchmarks.options import Options, Row, seconds
from pgan_core import Generator, GeneratorConfig, feature_maps
from pgan_core.costs import image_cost

CASES = {64: (8, 1, 16), 256: (4, 1, 16), 1024: (1, 16)}  # batches by size; the first is the main one
SAME = 1e-4  # pictures of both forms in float32
EAGER_BYTES = 600  # of memory for a pixel of a picture at 1024x1024, the most that the eager form holds at one time


@dataclass(frozen=True)
class Case:
    """Which network, how many pictures, where, and in what numbers the prepared form computes."""

    resolution: int
    batch: int
    device: str
    dtype: torch.dtype
    main: bool  # also measured keeping a layer


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
                stick = machine.convolution(device, dtype, quick=options.quick)
                for resolution, batches in sizes.items():
                    generator = official(resolution, device, quick=options.quick)
                    cases = [Case(resolution, batch, device, dtype, batch == batches[0]) for batch in batches]
                    for case in cases:
                        print(f"  {case}", file=sys.stderr, flush=True)
                        found.append(measure_case(case, generator, stick, options))
    return {"cases": found}


def measure_case(case: Case, generator: Generator, stick: Yardstick, options: Options) -> dict:
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
    ways["convolution"] = stick.run
    limits = {"seconds": 12, "least": 3} if case.main else {"seconds": 8, "least": 1, "warm_up": case.batch == 1}
    times = alternate(ways, **limits | ({"seconds": 0.1} if options.quick else {}), device=case.device)
    return result | {"at_once": at_once, "difference": difference} | _numbers(case, generator, times, stick)


def kept_layers(generator: Generator) -> tuple[str, ...]:
    """A layer that people look at, and the largest map there is."""
    size = generator.resolution
    return ("16x16/conv1", f"{size}x{size}/conv1") if size > 16 else (f"{size}x{size}/conv1",)


def fused_flops(generator: Generator) -> int:
    """Floating-point operations of a picture (2 a multiply-add) where up-sampling is one with the convolution after it.

    Such a layer then takes 16 multiply-adds instead of 36.
    """
    saved = sum(
        spec.in_features * spec.out_features * 9 * spec.resolution**2 for spec in generator.specs if spec.upsamples
    )
    return round(2 * (image_cost(generator, generator.resolution).multiply_adds - saved * 20 / 36))


def _numbers(case: Case, generator: Generator, times: Times, stick: Yardstick) -> dict:
    work, rounds = fused_flops(generator) * case.batch, zip(times["prepared"], times["convolution"], strict=True)
    numbers = {
        "rounds": len(times["eager"]),
        "threads": torch.get_num_threads(),
        "eager_s": median(times, "eager"),
        "prepared_s": median(times, "prepared"),
        "ratio": ratio(times, "eager", "prepared"),
        "ratios": [a / b for a, b in zip(times["eager"], times["prepared"], strict=True)],
        "tflops": stick.amount / median(times, "convolution") / 1e12,
        "rate_share": statistics.median(yard * work / (spent * stick.amount) for spent, yard in rounds),
    }
    if case.main:
        numbers["keep"] = {way[5:]: ratio(times, way, "prepared") for way in times if way.startswith("keep ")}
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
    """A row a case, then what the main cases say about keeping and the machine."""
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
    return [
        Row(f"{name}: keeping one layer", keeping, "the prepared form keeping none"),
        Row(
            f"{name}: share of the machine's convolution rate",
            f"{case['rate_share']:.0%} (up-sampling counted with 4 taps, 3x3 with 9: wide layers take fewer)",
            f"{case['tflops']:.2f} TFLOP/s in the same rounds",
        ),
    ]
