"""How long work tells what share of it is done: one signature, from the metrics to the pages."""

from typing import Protocol


class Progress(Protocol):
    """Gets the share that is done, 0 to 1. It may raise, which stops the work."""

    def __call__(self, share: float, /) -> object: ...
