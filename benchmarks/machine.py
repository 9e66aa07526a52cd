"""The machine that measures: processor, memory and versions, and how busy it is."""

import os
import platform
from pathlib import Path

import torch

from pgan_core.machine import processor

INSTRUCTIONS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile", "asimd", "sve", "bf16")
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # what makes bfloat16 faster than float32 on a CPU


def devices() -> list[str]:
    """Where to measure: the CPU, and CUDA if there is one."""
    return ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


def dtypes(device: str) -> list[torch.dtype]:
    """float32, and the shorter kind that the device computes faster."""
    if device == "cuda":
        return [torch.float32, torch.float16]
    return [torch.float32, torch.bfloat16] if BFLOAT16 & set(instructions()) else [torch.float32]


def describe() -> dict:
    """Processor, cores, instruction sets, memory, GPU and versions."""
    return {
        "processor": processor(),
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
    """Seconds that all cores have been busy since the machine started, and that this process has computed.

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
