import sqlite3
from types import SimpleNamespace

import numpy as np
import pytest

from dashboard.pages.dissection.notes import Note, as_csv, read_notes, write_note
from dashboard.pages.dissection.search import rows_of


def note(text="lights windows", author="Ada", unit=3, tags="window, bright"):
    return Note("8x8/conv1", unit, author, tags, text, "2026-11-28T00:00:00")


def test_a_note_takes_the_place_of_the_same_authors_and_an_empty_one_removes_it(tmp_path):
    file = tmp_path / "notes.sqlite"
    assert read_notes(file) == []
    write_note(file, note())
    write_note(file, note(author="Bo"))
    write_note(file, note("lights doors"))
    assert {(n.author, n.text) for n in read_notes(file)} == {("Ada", "lights doors"), ("Bo", "lights windows")}
    write_note(file, note("", tags=""))
    assert [n.author for n in read_notes(file)] == ["Bo"]


def test_text_is_stored_as_it_is(tmp_path):
    said = "'); DROP TABLE notes; -- <b>über</b>"
    write_note(tmp_path / "n.sqlite", note(said))
    assert read_notes(tmp_path / "n.sqlite")[0].text == said


def test_csv_has_a_heading_and_no_formulas():
    lines = as_csv([note("=1+1")]).decode().splitlines()
    assert lines[0] == "layer,unit,author,tags,text,changed"
    assert "'=1+1" in lines[1]


def test_a_file_of_another_kind_is_an_error(tmp_path):
    (tmp_path / "n.sqlite").write_text("no database, but long enough to be taken for one" * 50)
    with pytest.raises(sqlite3.Error):
        read_notes(tmp_path / "n.sqlite")


def test_a_note_is_about_the_unit_of_its_layer():
    units = SimpleNamespace(layers=("a", "b"), layer=np.array([0, 0, 1, 1]), unit=np.array([0, 1, 0, 1]))
    about = [Note(layer, unit, "Ada", "", "text", "now") for layer, unit in (("b", 1), ("c", 0), ("a", 1), ("b", 7))]
    assert rows_of(units, about).tolist() == [3, 1]
    assert rows_of(units, []).tolist() == []
