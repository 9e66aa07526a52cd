"""What the machine can do, measured afresh: its convolution rate and its memory bandwidth, and what it is.

    python -m benchmarks --only machine

The convolution is measured again beside every generation, in the same rounds: its share of the machine's rate is then
right on a busy machine too.
"""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmarks.clock import best
from benchmarks.options import Options, Row

SHAPES = ((8, 256, 32), (16, 512, 16), (4, 128, 128), (4, 64, 256))  # pictures, channels in and out, side
INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile", "asimd", "sve", "bf16")
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # what makes bfloat16 faster than float32 on a CPU
_BANDWIDTH_BYTES = 2**28  # of each array of the copy: beyond any cache


@dataclass(frozen=True)
class Yardstick:
    """Work of a known amount: ``amount`` floating-point operations, or bytes, in one call of ``run``."""

    run: Callable[[], object]
    amount: float


def devices() -> list[str]:
    """Where to measure: the CPU, and CUDA if there is one."""
    return ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


def dtypes(device: str) -> list[torch.dtype]:
    """float32, and the shorter kind that the device computes faster."""
    if device == "cuda":
        return [torch.float32, torch.float16]
    return [torch.float32, torch.bfloat16] if BFLOAT16 & set(instructions()) else [torch.float32]


def convolution(device: str, dtype: torch.dtype = torch.float32, *, quick: bool = False) -> Yardstick:
    """The fastest of a few large 3x3 convolutions, in both layouts."""
    found = []
    for pictures, width, side in [(1, 16, 16)] if quick else SHAPES:
        for layout in (torch.contiguous_format, torch.channels_last):
            x, w = torch.randn(pictures, width, side, side), torch.randn(width, width, 3, 3)
            x, w = (t.to(device, dtype).contiguous(memory_format=layout) for t in (x, w))
            stick = Yardstick(lambda x=x, w=w: F.conv2d(x, w, padding=1), 2 * 9 * width**2 * pictures * side**2)
            found.append((rate(stick, device, 0.05 if quick else 0.3), stick))
    return max(found, key=lambda pair: pair[0])[1]


def memory(device: str, *, triad: bool = False, quick: bool = False) -> Yardstick:
    """A copy, or the triad a = b + 3 c; bytes as the STREAM benchmark counts them: each array once."""
    count = (2**20 if quick else _BANDWIDTH_BYTES) // 4
    a, b = torch.zeros(count, device=device), torch.ones(count, device=device)
    if not triad:
        return Yardstick(lambda: a.copy_(b), 8 * count)
    c = torch.ones(count, device=device)
    return Yardstick(lambda: torch.add(b, c, alpha=3, out=a), 12 * count)


def rate(stick: Yardstick, device: str, seconds: float = 0.5) -> float:
    """The yardstick's amount a second, at its best."""
    return stick.amount / best(stick.run, seconds=seconds, device=device)


def measure(options: Options) -> dict:
    """Rates by device: TFLOP/s by kind of number, GB/s of copy and triad."""
    found = {}
    with torch.inference_mode():
        for device in devices():
            speed = {
                str(dtype).removeprefix("torch."): rate(convolution(device, dtype, quick=options.quick), device) / 1e12
                for dtype in dtypes(device)
            }
            sticks = {name: memory(device, triad=name == "triad", quick=options.quick) for name in ("copy", "triad")}
            bandwidth = {name: rate(stick, device) / 1e9 for name, stick in sticks.items()}
            threads = torch.get_num_threads() if device == "cpu" else None
            found[device] = {"tflops": speed, "gb_per_s": bandwidth, "threads": threads}
    return found


def rows(found: dict) -> list[Row]:
    """One row for the arithmetic and one for the memory of each device."""
    table = []
    for device, numbers in found.items():
        threads = numbers["threads"] or 1
        cores = f" a core ({threads} threads)" if numbers["threads"] else ""
        speed = ", ".join(f"{name} {value / threads:.3f} TFLOP/s" for name, value in numbers["tflops"].items())
        moved = ", ".join(f"{name} {value:.1f} GB/s" for name, value in numbers["gb_per_s"].items())
        table.append(Row(f"{device}: best 3x3 convolution", f"{speed}{cores}"))
        table.append(Row(f"{device}: memory bandwidth", moved))
    return table


# ---- what it is --------------------------------------------------------------------------------------------------


def describe() -> dict:
    """Processor, cores, instruction sets, memory, GPU and versions."""
    return {
        "processor": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "cores_allowed": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instructions": instructions(),
        "memory_gb": _meminfo("MemTotal"),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def instructions() -> list[str]:
    """The vector instruction sets of INSTRUCTIONS that the CPU reports."""
    flags = (_cpuinfo("flags") or _cpuinfo("Features") or "").split()
    return [name for name in INSTRUCTIONS if name in flags]


def available_gb() -> float | None:
    """Memory that is free for use, None where the system does not tell."""
    return _meminfo("MemAvailable")


def load() -> float | None:
    """The load average of the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def busy_seconds() -> tuple[float, float]:
    """Seconds that all cores together have been busy since the start of the machine, and that this process was.

    Two readings tell how many cores others kept busy in between. (0, 0) where the system does not tell.
    """
    if not Path("/proc/stat").exists():
        return 0.0, 0.0
    user, nice, system, _, _, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    ticks = user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


def _cpuinfo(key: str) -> str | None:
    return _value("/proc/cpuinfo", key)


def _meminfo(key: str) -> float | None:
    found = _value("/proc/meminfo", key)
    return round(int(found.split()[0]) * 1024 / 1e9, 1) if found else None


def _value(path: str, key: str) -> str | None:
    if not Path(path).exists():
        return None
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == key), None)
