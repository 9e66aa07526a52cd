"""Everything that is to be fast, measured: prints one table, stores the numbers as JSON.

    python -m benchmarks [--threads 2] [--only generation,swd] [--json FILE] [--quick] [--compile]
    python -m benchmarks.table FILE --write     # puts a stored run's table into docs/SPEED.md

A full run takes some minutes and wants a machine that does nothing else. `--quick` only tries that everything runs.
"""

import argparse
import datetime
import json
import os
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits  # scikit-learn brings it

from benchmarks import machine
from benchmarks.options import ROOT, Options
from benchmarks.table import SECTIONS, report

BROWSER = ("app", "latent_walk")  # left out of a quick run
IN_PROCESS = (
    "machine",
    "generation",
    "shipped",
    "dissection",
    "swd",
    "training",
    "opening",
)  # whose own time is known to the process


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line. Unknown sections are refused."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help=f"sections, separated by commas: {', '.join(SECTIONS)}")
    parser.add_argument(
        "--json", type=Path, help="where to store the numbers (benchmarks/results/<date and time>.json)"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--compile", action="store_true", help="try torch.compile, which needs a C++ compiler")
    args = parser.parse_args(arguments)
    args.sections = args.only.split(",") if args.only else list(SECTIONS)
    unknown = [name for name in args.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return args


def run_section(name: str, options: Options) -> dict:
    """A section's numbers with its seconds and the cores that others kept busy; or why there are none."""
    if options.quick and name in BROWSER:
        return {"not_run": "it drives a browser, which --quick leaves out"}
    print(f"{name} ...", file=sys.stderr, flush=True)
    start, before = time.perf_counter(), machine.busy_seconds()
    try:
        found = import_module(SECTIONS[name]).measure(options)
    except Exception as error:  # one that fails takes nothing from the others
        traceback.print_exc()
        return {"not_run": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[:300]}
    spent = time.perf_counter() - start
    everybody, own = (b - a for a, b in zip(before, machine.busy_seconds(), strict=True))
    others = max(0.0, everybody - own) / spent if name in IN_PROCESS and everybody else None
    print(f"{name}: {spent:.0f} s", file=sys.stderr, flush=True)
    return {"found": found, "seconds": spent, "others_cores": others}


def others_cores(sections: dict) -> float | None:
    """Cores that others kept busy, on average over the sections that can tell."""
    known = [s for s in sections.values() if s.get("others_cores") is not None]
    total = sum(s["seconds"] for s in known)
    return sum(s["others_cores"] * s["seconds"] for s in known) / total if total else None


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # of the processes that are started
    torch.set_num_threads(args.threads)
    threadpool_limits(args.threads, user_api="blas")  # numpy's
    options = Options(args.threads, args.quick, args.compile)
    now = datetime.datetime.now(datetime.UTC)
    file = args.json or ROOT / f"benchmarks/results/{now:%Y-%m-%d-%H%M}.json"
    stored = {
        "date": now.strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine.describe(),
        "load": [machine.load(), None],
        "others_cores": None,
        "quick": args.quick,
        "sections": {},
    }
    for name in args.sections:
        stored["sections"][name] = run_section(name, options)
        stored["load"][1] = machine.load()
        stored["others_cores"] = others_cores(stored["sections"])
        store(stored, file)  # after each one: what is measured stays measured
    print(report(stored))
    return 0


def store(stored: dict, file: Path) -> None:
    """Writes a run as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
