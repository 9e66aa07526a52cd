"""How many pictures a set has: measured now, or beforehand, by `evaluate --beside`."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dashboard import session
from dashboard.language import _
from pgan_core.metrics import Evaluation
from pgan_core.metrics.stored import beside, read_stored

STORED = "stored"
ENOUGH = "enough"  # few pictures, or more where few cannot tell the sets apart


def stored(path: Path) -> Evaluation | None:
    """The results stored beside a checkpoint's file; read again when either file has changed."""
    files = [file for file in (beside(path), path) if file.is_file()]
    return _read(path, tuple(file.stat().st_mtime_ns for file in files)) if len(files) == 2 else None


@session.cached(max_entries=64)
def _read(path: Path, changed: tuple[int, ...]) -> Evaluation | None:
    return read_stored(path)


def count_control(counts: Sequence[int | str], default: int | str, kept: Evaluation | None, key: str) -> int | str:
    """The number of pictures in a set; where results are stored, STORED comes first and is the default."""
    names = {ENOUGH: _("enough")}
    stored = {STORED: _("{count:,}, stored").format(count=kept.count).replace(",", "\u202f", 1)} if kept else {}
    return st.segmented_control(
        _("Pictures in a set"), [*stored, *counts], default=STORED if kept else default, key=key, bind="query-params",
        format_func=lambda count: (names | stored).get(count, str(count)), required=True,
    )  # fmt: skip
