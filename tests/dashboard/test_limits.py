"""What the server keeps and how busy it is."""

import itertools

import pytest

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


def test_a_server_is_full_while_runs_wait_for_each_other_and_for_a_while_after(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(load.time, "monotonic", lambda: now[0])
    threads = itertools.count()
    monkeypatch.setattr(load.threading, "get_ident", lambda: next(threads))  # each run is another viewer's
    busy = load.Load(cores=1)
    with busy.run(), busy.run():
        assert not busy.is_full
        with busy.run():
            assert busy.is_full
    now[0] += load.CALM - 1
    assert busy.is_full
    now[0] += 2
    assert not busy.is_full
