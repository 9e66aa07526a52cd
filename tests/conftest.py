"""What all tests share."""

from hypothesis import settings

# Timings are not tests: on a loaded machine an example may take long, and that says nothing about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
