"""Memory: the peak of a fresh process that generates once, in the eager and in the prepared form.

    python -m benchmarks --only memory

Resident memory: Python and torch (about 0.2 GB), the weights, and the maps in use. Linux only.
"""

import multiprocessing
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
    context = multiprocessing.get_context("forkserver")
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
    status = Path("/proc/self/status").read_text()  # getrusage may count the process it was forked from
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def rows(found: dict) -> list[Row]:
    """A row a case."""
    table = []
    for case in found["cases"]:
        eager, prepared = (case["peak_mb"][form] for form in FORMS)
        what = f"Memory, {case['resolution']}x{case['resolution']}, batch {case['batch']}: peak"
        table.append(Row(what, f"{prepared:,.0f} MB", f"eager {eager:,.0f} MB", f"{eager / prepared:.2f}x"))
    return table
