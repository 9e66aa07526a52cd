"""What stands beside a measurement: the machine that it was made on."""

import platform
from pathlib import Path


def processor() -> str:
    """The processor's name, as Linux or Python tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
