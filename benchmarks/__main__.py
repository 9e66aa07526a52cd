"""Measures what should be fast: prints one table, stores the numbers as JSON.

    python -m benchmarks [--threads 2] [--only generation,swd] [--json FILE] [--quick]
    python -m benchmarks.table FILE --write     # puts a stored run's table into docs/SPEED.md

A full run takes some minutes on a machine that does nothing else. `--quick` only checks that everything runs.
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

BROWSER = ("app", "latent_walk", "site")  # left out of a quick run
IN_PROCESS = ("generation", "shipped", "dissection", "swd", "training", "opening")  # whose CPU time this process knows


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line. Unknown sections are refused."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures what should be fast.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help=f"sections, separated by commas: {', '.join(SECTIONS)}")
    parser.add_argument(
        "--json", type=Path, help="where to store the numbers (benchmarks/results/<date and time>.json)"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that it runs")
    args = parser.parse_args(arguments)
    args.sections = args.only.split(",") if args.only else list(SECTIONS)
    unknown = [name for name in args.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return args


def run_section(name: str, options: Options) -> dict:
    """A section's numbers, its seconds and the cores that others kept busy; or why there are none."""
    if options.quick and name in BROWSER:
        return {"not_run": "it drives a browser, which --quick leaves out"}
    print(f"{name} ...", file=sys.stderr, flush=True)
    start, before = time.perf_counter(), machine.busy_seconds()
    try:
        found = import_module(SECTIONS[name]).measure(options)
    except Exception as error:  # the other sections go on
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
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # of child processes
    torch.set_num_threads(args.threads)
    threadpool_limits(args.threads, user_api="blas")  # numpy's
    options = Options(args.threads, args.quick)
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
        store(stored, file)  # after each one, so that nothing is lost
    print(report(stored))
    return 0


def store(stored: dict, file: Path) -> None:
    """Writes a run as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
