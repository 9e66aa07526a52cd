"""What a browser uploads lies in a folder of its own, which goes when its session goes."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from dashboard import upload_folders
from dashboard.limits import Limits


@pytest.fixture
def looks(monkeypatch):
    """The looks that are due, instead of timers."""
    due = []

    class Timer:
        def __init__(self, seconds, look):
            self.start = lambda: due.append(look)

    monkeypatch.setattr(upload_folders.threading, "Timer", Timer)
    return due


def test_a_folder_goes_once_its_session_is_missed_for_a_while(looks, monkeypatch):
    monkeypatch.setattr(upload_folders, "PATIENCE", 3)
    folder, answers = tempfile.TemporaryDirectory(), iter([True, False, False, True, False, False, False])
    (Path(folder.name) / "upload.pth").write_bytes(b"weights")
    upload_folders.watch(folder, lambda: next(answers))
    for _ in range(6):
        looks.pop()()
        assert Path(folder.name).exists()
    looks.pop()()
    assert not Path(folder.name).exists() and not looks


def test_the_oldest_uploads_make_room_and_what_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(upload_folders, "limits", lambda: Limits(uploads_mb=3, uploads_mb_each=2))
    monkeypatch.setattr(upload_folders, "root", lambda: SimpleNamespace(name=str(tmp_path)))
    monkeypatch.setattr(upload_folders, "own", lambda: tmp_path / "mine")
    for moment, name in enumerate(["other/a", "mine/b", "mine/c"]):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "upload.pth").write_bytes(bytes(900_000))
        os.utime(folder, ns=(moment, moment))
    kept = lambda: sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*"))  # noqa: E731
    with pytest.raises(ValueError, match="These files are 3 MB; up to 2 MB are kept"):
        upload_folders.make_room(2_600_000)
    upload_folders.make_room(100_000)
    assert kept() == ["mine/b", "mine/c", "other/a"]
    upload_folders.make_room(1_000_000)  # one's own first
    assert kept() == ["mine/c", "other/a"]
    upload_folders.make_room(1_100_000)
    assert kept() == ["mine/c", "other/a"]
    monkeypatch.setattr(upload_folders, "limits", lambda: Limits(uploads_mb=2, uploads_mb_each=2))
    upload_folders.make_room(1_000_000)  # then the oldest of all
    assert kept() == ["mine/c"]
