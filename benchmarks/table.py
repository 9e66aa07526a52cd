"""The table of a stored run, as Markdown.

python -m benchmarks.table FILE             # print it
python -m benchmarks.table FILE --write     # and put it between the two markers of docs/SPEED.md
"""

import argparse
import json
from importlib import import_module
from pathlib import Path

from benchmarks.options import ROOT, Row
from pgan_core.markdown import with_block

SECTIONS = {  # in the order of the table: name -> module with measure(options) and rows(found)
    "generation": "benchmarks.generation",
    "shipped": "benchmarks.shipped",
    "memory": "benchmarks.memory",
    "dissection": "benchmarks.dissection",
    "swd": "benchmarks.swd",
    "training": "benchmarks.training",
    "opening": "benchmarks.opening",
    "app": "benchmarks.app",
    "latent_walk": "benchmarks.latent_walk",
    "site": "benchmarks.site",
    "class": "benchmarks.classroom",
}
PAGE = ROOT / "docs/SPEED.md"
LOADED = 0.5  # cores that others kept busy on average or, if that is unknown, the load average before the run


def section_rows(name: str, section: dict) -> list[Row]:
    """The rows of a stored section: measured, left out or failed."""
    if "found" not in section:
        return [Row(f"{name}", f"not run: {section['not_run']}")]
    return import_module(SECTIONS[name]).rows(section["found"])


def report(stored: dict) -> str:
    """Date and machine, whether it was busy, and the table."""
    head = "| Measured | Ours | Beside it | Ratio |\n|---|---|---|--:|"
    found = [
        row for name in SECTIONS if name in stored["sections"] for row in section_rows(name, stored["sections"][name])
    ]
    cells = ([row.what, row.ours, row.beside, row.ratio] for row in found)
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells]
    about = [_machine(stored), _busy(stored), stored.get("note", "")]  # a note is written into the file by hand
    return "\n\n".join([" ".join(filter(None, about)), "\n".join([head, *lines])])


def _machine(stored: dict) -> str:
    m = stored["machine"]
    sets = ", ".join(m["instructions"]) or "no vector instructions known"
    gpu = f" and {m['gpu']}" if m["gpu"] else ""
    memory = f", {m['memory_gb']:.0f} GB" if m["memory_gb"] else ""
    return (
        f"{stored['date']}, {m['processor']} ({sets}), {m['threads']} thread{'s' * (m['threads'] > 1)} on "
        f"{m['cores_allowed']} of {m['cores']} "
        f"cores{memory}{gpu}; torch {m['torch']}, Python {m['python']}, {m['system']}."
    )


def _busy(stored: dict) -> str:
    """How busy others kept the machine; in bold where times are too long for that."""
    (before, after), busy = stored["load"], stored["others_cores"]
    said = [] if busy is None else [f"others kept {busy:.1f} cores busy meanwhile"]
    said += [] if before is None else [f"load average {before} before and {after} after"]
    text = ", ".join(said) or "load unknown"
    if (busy if busy is not None else before or 0) >= LOADED:
        return f"**Measured on a loaded machine** ({text}): times are too long, ratios were taken side by side."
    return f"({text[0].upper()}{text[1:]}.)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description="The table of a stored run.")
    parser.add_argument("file", type=Path, help="JSON of python -m benchmarks")
    parser.add_argument("--write", action="store_true", help="put the table between the markers of docs/SPEED.md")
    args = parser.parse_args()
    table = report(json.loads(args.file.read_text(encoding="utf-8")))
    print(table)
    if args.write:
        PAGE.write_text(with_block(PAGE.read_text(encoding="utf-8"), "speed", table), encoding="utf-8")


if __name__ == "__main__":
    main()
