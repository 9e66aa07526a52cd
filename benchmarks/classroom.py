"""A class at the app: 1, 10 and 30 students change seeds and open pages; how long they wait, and what fails.

    python -m benchmarks.classroom [--students 1,10,30] [--seconds 60] [--pause 6] [--json FILE]

Every student acts each `pause` seconds: twice in three times another seed, else another page, by a click or in a new
tab; every third page is scrolled to its end, and from then on all of it follows the seed. Everyone draws seeds and
pages at random, so hardly anybody is served what was made for somebody else. The app runs in a process of its own, the
students (`benchmarks.student`) in this one; all traffic stays on this machine.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from websockets.exceptions import WebSocketException

from benchmarks.options import ROOT, Options, Row, seconds
from benchmarks.server import App, running_app
from benchmarks.student import Student

PAGES = (
    "", "latents", "models", "architecture", "activations", "initialization", "dissection", "interventions", "quality",
)  # fmt: skip
STUDENTS = (1, 10, 30)
PAUSE = 6.0  # seconds from one action of a student to the next
SEEDS = 10_000
SCROLLED = 3  # pages of which one is looked at to its end
LOOK = 5.0  # seconds between two looks at the memory


@dataclass
class Class:
    """What a class met: (page, seconds) of each action by its kind, and what went wrong."""

    taken: dict[str, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    faults: list[str] = field(default_factory=list)


async def attend(url: str, number: int, until: float, pause: float, found: Class) -> None:
    """One student's lesson, to the moment `until` of the loop's clock."""
    clock, dice = asyncio.get_running_loop().time, random.Random(number)
    student, action = Student(url), 0
    due = clock() + pause * dice.random()
    while due < until:
        await asyncio.sleep(due - clock())
        due = clock() + pause
        kind = "seed" if action % 3 and student.socket else "open"
        page = dice.choice(PAGES)
        try:
            if kind == "seed":
                taken = await student.change_seed(dice.randrange(SEEDS))
            elif action % 2 and student.socket:
                taken = await student.go(page)
            else:
                taken = await student.open(page, f"seed={dice.randrange(SEEDS)}")
            found.taken[kind].append((student.page or "growth", taken))
            if kind == "open" and dice.randrange(SCROLLED) == 0:
                await student.scroll()
        except (OSError, TimeoutError, WebSocketException, KeyError) as error:
            found.faults.append(f"{kind} at {student.page or 'growth'}: {type(error).__name__} {error}"[:300])
            await student.close()
        action += 1
    found.faults += student.exceptions
    await student.close()


async def watch(app: App, until: float, looks: list[tuple[float, float]]) -> None:
    """Seconds since now and resident MiB, from time to time."""
    clock = asyncio.get_running_loop().time
    start = clock()
    while clock() < until:
        looks.append((clock() - start, app.status()["rss_mib"]))
        await asyncio.sleep(LOOK)


async def lesson(app: App, students: int, duration: float, pause: float) -> dict:
    """A class of so many students for so many seconds."""
    until = asyncio.get_running_loop().time() + duration
    found, looks, log = Class(), [], len(app.log.read_text())
    begin, cpu, own = time.perf_counter(), app.status()["cpu_s"], time.process_time()
    await asyncio.gather(
        watch(app, until, looks), *(attend(app.url, number, until, pause, found) for number in range(students))
    )
    spent = time.perf_counter() - begin
    written = app.log.read_text()[log:]
    return {
        "students": students,
        "seconds": spent,
        "pause": pause,
        "seed": summary([t for _, t in found.taken["seed"]]),
        "open": summary([t for _, t in found.taken["open"]]),
        "pages": {kind: by_page(taken) for kind, taken in found.taken.items()},
        "actions_per_s": sum(map(len, found.taken.values())) / spent,
        "faults": found.faults,
        "tracebacks": written.count("Traceback"),
        "app_cores": (app.status()["cpu_s"] - cpu) / spent,
        "students_cores": (time.process_time() - own) / spent,
        "rss_mib": looks,
    }


def by_page(taken: list[tuple[str, float]]) -> dict[str, dict]:
    """The summary of every page."""
    pages = defaultdict(list)
    for page, t in taken:
        pages[page].append(t)
    return {page: summary(times) for page, times in sorted(pages.items())}


def summary(times: list[float]) -> dict:
    """Count, median, the time that 95 of 100 stay below, the longest; in seconds."""
    if not times:
        return {"count": 0}
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"count": len(times), "p50": statistics.median(ordered), "p95": p95, "max": ordered[-1]}


def classes(students: tuple[int, ...], duration: float, pause: float) -> dict:
    """One app, one class after the other."""
    with running_app([ROOT / "assets"]) as app:
        app.wait()
        app.settle()
        return {"classes": [asyncio.run(lesson(app, count, duration, pause)) for count in students]}


def measure(options: Options) -> dict:
    """All three classes, or a moment of one."""
    return classes((2,), 6, 2) if options.quick else classes(STUDENTS, 60, PAUSE)


def rows(found: dict) -> list[Row]:
    """A row a class."""
    table = []
    for one in found["classes"]:
        count = one["students"]
        name = f"Class of {count}, an action each {one['pause']:g} s: " if count > 1 else "One student: "
        failed = len(one["faults"]) + one["tracebacks"]
        wrong = f"{failed} errors" if failed else "no error"
        memory = f"{wrong}, {one['app_cores']:.1f} cores, {one['rss_mib'][-1][1]:.0f} MiB"
        table.append(Row(f"{name}a seed", _times(one["seed"]), memory))
        table.append(Row(f"{name}opening a page", _times(one["open"])))
    return table


def _times(summed: dict) -> str:
    if not summed["count"]:
        return "none"
    return ", ".join(f"{name} {seconds(summed[name])}" for name in ("p50", "p95", "max")) + f" (n = {summed['count']})"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classroom", description="How long a class at the app waits, and what fails."
    )
    parser.add_argument("--students", default=",".join(map(str, STUDENTS)), help="sizes of classes, with commas")
    parser.add_argument("--seconds", type=float, default=60, help="of each class")
    parser.add_argument("--pause", type=float, default=PAUSE)
    parser.add_argument("--json", type=Path, help="where the numbers are written, too")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
    found = classes(tuple(map(int, args.students.split(","))), args.seconds, args.pause)
    for row in rows(found):
        print(f"{row.what}: {row.ours} {row.beside}")
    for one in found["classes"]:
        for kind, pages in one["pages"].items():
            print(f"{one['students']:>3} {kind:5}", {page: round(t["p50"], 2) for page, t in pages.items()})
        print("\n".join(one["faults"]))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
