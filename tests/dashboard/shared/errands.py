"""Work for the processes of `test_jobs.py`, which import it by its name."""

import os
import time
from pathlib import Path


def add(progress, a, b):
    progress(0.5, "adding")
    return a + b


def refuse(progress):
    raise ValueError("There is nothing to do.")


def stumble(progress):
    return {}["missing"]


def wait_for(progress, file):
    """Write this process's number into the file and go on until the file is gone."""
    Path(file).write_text(str(os.getpid()))
    progress(0.25, "waiting")
    while Path(file).exists():
        time.sleep(0.02)
    return "gone"
