"""Memory: the peak of a fresh process that generates once, in the eager and in the prepared form.

    python -m benchmarks --only memory

The peak is of resident memory: Python and torch (0.2 GB or so), the weights, and the maps in flight.
"""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.options import Options, Row

CASES = ((64, 8), (64, 16), (256, 4), (1024, 1), (1024, 4))
FORMS = ("eager", "prepared")


def measure(options: Options) -> dict:
    """MB by case and form."""
    cases = ((16, 2),) if options.quick else CASES
    found = []
    for resolution, batch in cases:
        peaks = {form: peak_of_child(form, resolution, batch, options) for form in FORMS}
        found.append({"resolution": resolution, "batch": batch, "peak_mb": peaks})
    return {"cases": found}


def peak_of_child(form: str, resolution: int, batch: int, options: Options) -> float:
    """The peak resident memory in MB of a child process that makes one batch."""
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        context.set_forkserver_preload(["benchmarks.generation"])  # torch is imported once, not in every child
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(generate, form, resolution, batch, options.threads, options.quick).result()


def generate(form: str, resolution: int, batch: int, threads: int, quick: bool) -> float:
    """In the child: makes one batch and returns this process's peak of resident memory in MB."""
    import torch

    from benchmarks.eager import EagerGenerator
    from benchmarks.generation import latents, official

    torch.set_num_threads(threads)
    generator = official(resolution, quick=quick)
    z = latents(generator, batch)
    with torch.inference_mode():
        if form == "eager":
            EagerGenerator(generator)(z)
        else:
            generator.prepared().run(z)
    return peak_mb()


def peak_mb() -> float:
    """The most memory that this process has held at one time, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # of this process alone; getrusage may count what it was forked from
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


def rows(found: dict) -> list[Row]:
    """A row a case."""
    table = []
    for case in found["cases"]:
        eager, prepared = (case["peak_mb"][form] for form in FORMS)
        size = f"{case['resolution']}x{case['resolution']}, batch {case['batch']}"
        table.append(
            Row(
                f"Memory, {size}: peak",
                f"{prepared:,.0f} MB",
                f"eager {eager:,.0f} MB",
                f"{eager / prepared:.2f}x",
            )
        )
    return table
