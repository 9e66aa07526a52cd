"""Timing side by side: ways take turns, so that a busy moment of the machine meets all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch

Times = dict[str, list[float]]  # seconds of each way, round by round


def alternate(
    ways: Mapping[str, Callable[[], object]],
    *,
    seconds: float = 5,
    least: int = 3,
    most: int = 15,
    warm_up: bool = True,
    device: str = "cpu",
) -> Times:
    """Runs the ways in turn, forwards and backwards, and returns the seconds that each took in each round.

    Rounds go on until ``seconds`` are over, ``least`` to ``most`` of them; with ``warm_up`` after one that does not
    count.
    """
    times: Times = {name: [] for name in ways}
    if warm_up:
        for way in ways.values():
            way()
    order, end = list(ways), time.perf_counter() + seconds
    while len(times[order[0]]) < most:
        for name in order:
            times[name].append(timed(ways[name], device))
        order.reverse()
        if len(times[order[0]]) >= least and time.perf_counter() > end:
            break
    return times


def timed(way: Callable[[], object], device: str = "cpu") -> float:
    """Seconds of one call; on a GPU until its work is done."""
    _finish(device)
    start = time.perf_counter()
    way()
    _finish(device)
    return time.perf_counter() - start


def ratio(times: Times, slower: str, faster: str) -> float:
    """How many times longer one way took than another: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(times[slower], times[faster], strict=True))


def median(times: Times, name: str) -> float:
    """The way's median seconds."""
    return statistics.median(times[name])


def _finish(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
