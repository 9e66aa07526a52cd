"""Long work under a bar, and results that are kept."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from dashboard.shared import progress


@pytest.mark.parametrize(("patience", "appears"), [(60.0, 0), (0.0, 1)])
def test_a_bar_appears_only_where_work_takes_longer_than_patience(monkeypatch, patience, appears):
    bars, cleared = [], []
    fake = SimpleNamespace(progress=lambda *_, **__: None, empty=lambda: cleared.append(1))
    monkeypatch.setattr(progress.st, "progress", lambda *_, **__: bars.append(1) or fake)
    key = ("test", patience)

    def work(report):
        report(0.5)
        return "made"

    assert progress.with_progress(key, work, "Working", patience=patience) == "made"
    assert (len(bars), len(cleared)) == (appears, appears)
    assert progress.with_progress(key, None, "Working") == "made"  # from memory


def test_what_two_ask_for_at_once_is_made_once():
    results, begun, made = progress.Results(4), threading.Barrier(2), []

    def ask():
        begun.wait(60)
        return results.made("key", lambda: made.append(threading.Event().wait(0.05)) or len(made))

    with ThreadPoolExecutor(2) as pool:
        assert [future.result() for future in [pool.submit(ask), pool.submit(ask)]] == [1, 1]
    assert results.made("key", None) == 1
