"""Opening an official 1024x1024 triple: ours beside Python's unpickler, which builds arrays but no network.

    python -m benchmarks --only opening

Opens a pickle of random weights in the official layout in fresh processes: time, and peak memory above the start.
"""

import pickle
import statistics
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

from benchmarks.options import Options, Row, seconds
from pgan_core import feature_maps

OPEN = """
import sys, time, types
peak = lambda: int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024  # of this process alone
if sys.argv[2] == "ours":
    from pgan_core import load_checkpoint as load
else:
    import pickle
    import numpy
    sys.modules["tfutil"] = types.SimpleNamespace(Network=type("Network", (), {}))
    load = lambda path: pickle.load(open(path, "rb"))
before, begin = peak(), time.perf_counter()
kept = load(sys.argv[1])
print(time.perf_counter() - begin, peak() - before)
"""


def official_variables(resolution: int, discriminator: bool, random: np.random.Generator) -> list[tuple]:
    """Random variables with the names and shapes of G_paper or D_paper (fused)."""
    widths = feature_maps(resolution)
    found: list[tuple] = [("lod", np.float32(0))]

    def add(name: str, *shape: int) -> None:
        outputs = shape[-2] if name.endswith("_up") else shape[-1]
        outputs = outputs // 16 if name == "4x4/Dense" else outputs
        found.append((f"{name}/weight", random.standard_normal(shape, dtype=np.float32)))
        found.append((f"{name}/bias", np.zeros(outputs, np.float32)))

    for level, width in enumerate(widths):
        size, below, lod = f"{4 << level}x{4 << level}", widths[max(level - 1, 0)], len(widths) - 1 - level
        if discriminator:
            add(f"FromRGB_lod{lod}", 1, 1, 3, width)
        else:
            add(f"ToRGB_lod{lod}", 1, 1, width, 3)
        if level and discriminator:
            add(f"{size}/Conv0", 3, 3, width, width)
            add(f"{size}/Conv1_down", 3, 3, width, below)
        elif level:
            add(f"{size}/Conv0_up", 3, 3, width, below)
            add(f"{size}/Conv1", 3, 3, width, width)
    first = widths[0]
    add("4x4/Conv", 3, 3, first + discriminator, first)
    if discriminator:
        add("4x4/Dense0", first * 16, first)
        add("4x4/Dense1", first, 1)
    else:
        add("4x4/Dense", first, first * 16)
    return found


class Network:
    """Pickled under the name that the official code's networks have: tfutil.Network."""

    __module__ = "tfutil"

    def __init__(self, state: dict):
        self.state = state

    def __getstate__(self) -> dict:
        return self.state


def write_triple(path: Path, resolution: int) -> None:
    """(G, D, Gs) as the official code pickles them."""
    module = types.ModuleType("tfutil")
    vars(module)["Network"] = Network
    sys.modules["tfutil"] = module
    random, triple = np.random.default_rng(0), []
    for name in ("G", "D", "Gs"):
        state = {"version": 2, "name": name, "static_kwargs": {"num_channels": 3, "resolution": resolution}}
        state |= {"build_module_src": "", "build_func_name": f"{name[0]}_paper"}
        triple.append(Network(state | {"variables": official_variables(resolution, name == "D", random)}))
    with open(path, "wb") as file:
        pickle.dump(tuple(triple), file, protocol=4)


def opened(path: Path, how: str) -> tuple[float, float]:
    """(seconds, MiB above the start) of opening the file in a fresh process."""
    output = subprocess.run([sys.executable, "-c", OPEN, path, how], check=True, capture_output=True, text=True)
    spent, mebibytes = map(float, output.stdout.split())
    return spent, mebibytes


def measure(options: Options) -> dict:
    """Median seconds and MiB of both, and the median ratio of the times (ours to theirs)."""
    resolution, rounds = (8, 1) if options.quick else (1024, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "triple.pkl")
        write_triple(path, resolution)
        size = path.stat().st_size / 2**20
        made = [(opened(path, "ours"), opened(path, "pickle")) for _ in range(rounds)]
    found = {"resolution": resolution, "file_mib": size}
    for name, measured in zip(("ours", "pickle"), zip(*made, strict=True), strict=True):
        spent, peak = (statistics.median(column) for column in zip(*measured, strict=True))
        found[name] = {"seconds": spent, "peak_mib": peak}
    return found | {"ratio": statistics.median(ours[0] / theirs[0] for ours, theirs in made)}


def rows(found: dict) -> list[Row]:
    """Time and memory of opening."""
    ours, theirs = (f"{seconds(f['seconds'])}, peak {f['peak_mib']:,.0f} MiB" for f in (found["ours"], found["pickle"]))
    what = f"Opening an official {found['resolution']}x{found['resolution']} triple of {found['file_mib']:.0f} MiB"
    return [Row(what, ours, f"pickle.load, which builds no network: {theirs}", f"{found['ratio']:.2f} of its time")]
