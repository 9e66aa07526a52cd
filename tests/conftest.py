"""What all tests share."""

import os

# Before torch is imported: tensors here are small, and several workers' threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# Timings are not tests: on a loaded machine an example may take long, and that says nothing about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
