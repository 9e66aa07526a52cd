"""Metrics stored beside a checkpoint as NAME.quality.json: written by `evaluate --beside`, shown by the app."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pgan_core.metrics.registry import Measured, from_json


@dataclass(frozen=True)
class Evaluation:
    """Every metric, measured on `count` pictures a set."""

    count: int
    measured: dict[str, Measured]
    is_current: bool = True  # False: the checkpoint's file has changed since


def beside(checkpoint: Path) -> Path:
    """Where the metrics of a checkpoint are stored."""
    return checkpoint.with_suffix(".quality.json")


def sha256_of(checkpoint: Path) -> str:
    """SHA-256 of the file."""
    with checkpoint.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_stored(checkpoint: Path) -> Evaluation | None:
    """The metrics beside a checkpoint; None where the file is missing or holds no metrics."""
    try:
        found = json.loads(beside(checkpoint).read_text())
        measured, count, known = from_json(found), int(found["count"]), found.get("sha256")
        return Evaluation(count, measured, known in (None, sha256_of(checkpoint))) if measured and count else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
