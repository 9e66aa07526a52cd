"""What the server keeps and how busy it is."""

import threading
import time
from collections.abc import Callable

import pytest
import torch

from dashboard import load
from dashboard.limits import Limits, limits


@pytest.fixture(autouse=True)
def anew():
    limits.cache_clear()
    yield
    limits.cache_clear()


def test_limits_are_environment_variables(monkeypatch):
    monkeypatch.setenv("PGGAN_LAB_QUEUE", "3")
    assert limits() == Limits(queue=3)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", ""])
def test_a_limit_that_is_no_number_is_named(monkeypatch, text):
    monkeypatch.setenv("PGGAN_LAB_WORKERS", text)
    with pytest.raises(ValueError, match="PGGAN_LAB_WORKERS is a whole number from 1 up, not '"):
        limits()


def visit(busy: load.Load, inside: Callable[[], None]) -> threading.Thread:
    """A viewer's run in a thread of its own, once it has come."""

    def run() -> None:
        with busy.run():
            inside()

    coming = len(busy._here)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive() and len(busy._here) == coming:
        time.sleep(0.001)
    return thread


def test_a_server_is_full_while_runs_wait_for_each_other_and_for_a_while_after(monkeypatch):
    now, end = [1000.0], threading.Event()
    monkeypatch.setattr(load, "monotonic", lambda: now[0])
    busy = load.Load(cores=1)
    visits = [visit(busy, end.wait) for _ in range(2)]
    assert not busy.is_full
    visits.append(visit(busy, end.wait))
    assert busy.is_full
    end.set()
    for one in visits:
        one.join()
    now[0] += load.CALM - 1
    assert busy.is_full
    now[0] += 2
    assert not busy.is_full and not busy._here


def test_runs_take_turns_in_the_order_of_their_coming():
    busy, end, seen = load.Load(cores=1), threading.Event(), []
    first = visit(busy, lambda: end.wait(10))
    others = [visit(busy, lambda number=number: seen.append(number)) for number in range(3)]
    assert not seen
    end.set()
    for one in (first, *others):
        one.join()
    assert seen == [0, 1, 2]


def test_a_run_that_waits_for_something_else_lets_others_run():
    busy, other = load.Load(cores=1), threading.Event()

    def inside() -> None:
        with busy.aside():
            assert other.wait(10)

    waiting = visit(busy, inside)
    visit(busy, other.set).join(10)
    waiting.join(10)
    assert not busy._here


def test_a_run_keeps_to_one_core_while_the_server_is_full(monkeypatch):
    busy, used = load.Load(cores=1), []
    busy.threads = 2
    for crowded in (-load.CALM, load.monotonic()):
        busy._crowded = crowded
        visit(busy, lambda: used.append(torch.get_num_threads())).join()
    assert used == [2, 1]
