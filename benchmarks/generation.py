"""Generation: the prepared form beside the plain eager one, with and without keeping a layer.

    python -m benchmarks --only generation

Official widths, the same weights and latents; the forms take turns, and ratios are medians over the rounds.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from benchmarks import machine
from benchmarks.clock import Times, alternate, median, ratio
from benchmarks.eager import EagerGenerator
from benchmarks.options import SHIPPED, Options, Row, seconds
from pgan_core import Generator, GeneratorConfig, feature_maps, load_checkpoint

CASES = {64: (8, 1, 16), 256: (4, 1, 16), 1024: (1, 16)}  # batches by size; the first is the main one
SAME = 1e-4  # pictures of both forms in float32
EAGER_BYTES = 600  # of memory that the eager form needs at most for a pixel of a 1024x1024 picture


@dataclass(frozen=True)
class Case:
    """Which network, how many pictures, where, and in what numbers the prepared form computes."""

    resolution: int
    batch: int
    device: str
    dtype: torch.dtype
    main: bool  # also measured keeping a layer


def official(resolution: int, device: str = "cpu", *, quick: bool = False) -> Generator:
    """A random generator of the official widths; a narrow one for a quick run."""
    widths = (8,) * len(feature_maps(resolution)) if quick else feature_maps(resolution)
    config = GeneratorConfig(resolution=resolution, channels=widths, latent_dim=widths[0])
    return Generator(config, seed=0).requires_grad_(False).eval().to(device)


def shipped() -> Generator:
    """The generator of the shipped model."""
    generator = load_checkpoint(SHIPPED).generator
    if generator is None:
        raise ValueError(f"{SHIPPED} has no generator.")
    return generator


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
                for resolution, batches in sizes.items():
                    generator = official(resolution, device, quick=options.quick)
                    cases = [Case(resolution, batch, device, dtype, batch == batches[0]) for batch in batches]
                    for case in cases:
                        print(f"  {case}", file=sys.stderr, flush=True)
                        found.append(measure_case(case, generator, options))
    return {"cases": found}


def measure_case(case: Case, generator: Generator, options: Options) -> dict:
    """The numbers of one case, or why it was left out."""
    result = asdict(case) | {"dtype": str(case.dtype).removeprefix("torch.")}
    at_once = _at_once(case)
    if not at_once:
        return result | {"skipped": "the eager form does not fit into the memory that is free"}
    eager, fast = EagerGenerator(generator), generator.prepared(case.dtype)
    groups = latents(generator, case.batch).split(at_once)
    few = groups[0][:4]
    difference = float((eager(few) - fast(few)).abs().max())
    ways: dict[str, Callable[[], object]] = {
        "eager": lambda: _each(eager, groups),
        "prepared": lambda: _each(fast, groups),
    }
    if case.main:
        for layer in kept_layers(generator):
            ways[f"keep {layer}"] = lambda layer=layer: _each(lambda z: fast.run(z, keep=[layer]), groups)
    times = alternate(
        ways,
        seconds=0.1 if options.quick else 12 if case.main else 8,
        least=3 if case.main else 1,
        warm_up=case.main or case.batch == 1,
        device=case.device,
    )
    return result | {"at_once": at_once, "difference": difference} | _numbers(case, times)


def kept_layers(generator: Generator) -> tuple[str, ...]:
    """A layer that people look at, and the largest map there is."""
    size = generator.resolution
    return ("16x16/conv1", f"{size}x{size}/conv1") if size > 16 else (f"{size}x{size}/conv1",)


def _numbers(case: Case, times: Times) -> dict:
    numbers = {
        "rounds": len(times["eager"]),
        "threads": torch.get_num_threads(),
        "eager_s": median(times, "eager"),
        "prepared_s": median(times, "prepared"),
        "ratio": ratio(times, "eager", "prepared"),
        "ratios": [a / b for a, b in zip(times["eager"], times["prepared"], strict=True)],
    }
    if case.main:
        numbers["keep"] = {way[5:]: ratio(times, way, "prepared") for way in times if way.startswith("keep ")}
    return numbers


def _each(form: Callable, groups: tuple[Tensor, ...]) -> None:
    for z in groups:
        form(z)


def _at_once(case: Case) -> int:
    """How many pictures both forms make at one time; 0 where memory is too small for one of the eager form."""
    free = machine.available_gb()
    if case.device != "cpu":
        free = torch.cuda.mem_get_info()[0] / 1e9
    if free is None:
        return case.batch
    fitting = int(0.6 * free * 1e9 / (EAGER_BYTES * case.resolution**2))
    return case.batch if fitting >= case.batch else min(4, fitting)


def rows(found: dict) -> list[Row]:
    """A row a case, then what keeping a layer costs in the main ones."""
    cases = found["cases"]
    return [_case_row(case) for case in cases] + [_keep_row(case) for case in cases if "keep" in case]


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


def _keep_row(case: dict) -> Row:
    keeping = "; ".join(f"{layer} {100 * (more - 1):+.0f}%" for layer, more in case["keep"].items())
    return Row(f"{_name(case)}: keeping one layer", keeping, "the prepared form keeping none")
