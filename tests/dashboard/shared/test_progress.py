"""Long work under a bar."""

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
