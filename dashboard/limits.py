"""How much the server keeps and does at once; each limit is an environment variable, PGGAN_LAB_ and its name.

PGGAN_LAB_WORKERS=1 PGGAN_LAB_UPLOADS_MB=8000 streamlit run dashboard/app.py
"""

import functools
import os
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """The limits of one server; MB are millions of bytes."""

    workers: int = 2  # pieces of heavy work at a time, each in a process of its own
    queue: int = 20  # more of them that wait
    trainings: int = 2  # training runs at a time, all browsers together
    results_mb: int = 400  # kept results of heavy work; the oldest go first
    models_in_memory: int = 4  # all browsers together; an official 1024 x 1024 pair takes about 200 MB
    uploads_mb: int = 4000  # on the disk, all browsers together
    uploads_mb_each: int = 1200  # on the disk, one browser; its oldest files go first


@functools.cache
def limits() -> Limits:
    """The limits in force. Raises ValueError for a variable that is no positive whole number."""
    found = {}
    for field in fields(Limits):
        name = f"PGGAN_LAB_{field.name.upper()}"
        text = os.environ.get(name, str(field.default))
        if not text.isdigit() or int(text) < 1:
            raise ValueError(f"{name} is a whole number from 1 up, not {text!r}.")
        found[field.name] = int(text)
    return Limits(**found)
