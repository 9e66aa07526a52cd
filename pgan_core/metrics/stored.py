"""Measures of a checkpoint kept beside it as NAME.quality.json: made by `evaluate --beside`, shown by the app."""

import json
from pathlib import Path


def beside(checkpoint: Path) -> Path:
    """Where the measures of a checkpoint are kept."""
    return checkpoint.with_suffix(".quality.json")


def read_stored(checkpoint: Path) -> dict | None:
    """The measures beside a checkpoint as `evaluate` made them, levels as numbers again; None where there are none.

    A file that does not hold them counts as none.
    """
    try:
        found = json.loads(beside(checkpoint).read_text())
        for key in ("swd_x1e3", "swd_x1e3_floor"):
            levels = {name: float(value) for name, value in found[key].items()}
            found[key] = {name if name == "average" else int(name): value for name, value in levels.items()}
        complete = "average" in found["swd_x1e3"] and set(found["swd_x1e3"]) == set(found["swd_x1e3_floor"])
        return found if complete and {"generated", "real"} <= set(found["ms_ssim"]) and found["count"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
