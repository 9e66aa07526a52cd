"""What a browser uploads lies in a folder of its own, which goes when its session goes."""

import tempfile
from pathlib import Path

import pytest

from dashboard import upload_folders


@pytest.fixture
def looks(monkeypatch):
    """The looks that are due, instead of timers."""
    due = []

    class Timer:
        def __init__(self, seconds, look):
            self.start = lambda: due.append(look)

    monkeypatch.setattr(upload_folders.threading, "Timer", Timer)
    return due


def test_a_folder_goes_once_its_session_is_missed_for_a_while(looks):
    folder, answers = tempfile.TemporaryDirectory(), iter([True, False, False, True, False, False, False])
    (Path(folder.name) / "upload.pth").write_bytes(b"weights")
    upload_folders.watch(folder, lambda: next(answers))
    for _ in range(6):
        looks.pop()()
        assert Path(folder.name).exists()
    looks.pop()()
    assert not Path(folder.name).exists() and not looks
