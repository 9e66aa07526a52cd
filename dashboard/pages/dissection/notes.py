"""Notes and tags on units: a visitor's own until saved, then in one SQLite file beside the dissection."""

import csv
import io
import os
import sqlite3
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from dashboard import session
from dashboard.language import _, said
from dashboard.pages.dissection.unit_pictures import open_unit
from dashboard.shared.dissections import Found
from dashboard.shared.export import export_bar

FILE = "notes.sqlite"
LONGEST, MOST = 2000, 20_000  # letters of a note, notes in a file
TABLE = """CREATE TABLE IF NOT EXISTS notes (
    layer TEXT NOT NULL, unit INTEGER NOT NULL, author TEXT NOT NULL, tags TEXT NOT NULL, text TEXT NOT NULL,
    changed TEXT NOT NULL, PRIMARY KEY (layer, unit, author))"""


@dataclass(frozen=True)
class Note:
    """What one person says about one unit."""

    layer: str
    unit: int
    author: str
    tags: str  # with commas
    text: str
    changed: str  # UTC, ISO 8601


def read_notes(file: Path) -> list[Note]:
    """Every note in a file, the latest first; none where there is no file. Raises sqlite3.Error for a broken one."""
    if not file.is_file():
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as base:
        rows = base.execute("SELECT layer, unit, author, tags, text, changed FROM notes ORDER BY changed DESC")
        return [Note(*row) for row in rows.fetchmany(MOST)]


def write_note(file: Path, note: Note) -> None:
    """Put a note in place of the same author's on that unit; an empty one is removed. Raises sqlite3.Error."""
    with closing(sqlite3.connect(file, timeout=5)) as base, base:
        base.execute(TABLE)
        if note.text or note.tags:
            (count,) = base.execute("SELECT COUNT(*) FROM notes").fetchone()
            if count >= MOST:
                raise sqlite3.DataError(f"this file holds {MOST} notes, which is the most")
            base.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?, ?)", astuple(note))
        else:
            where = (note.layer, note.unit, note.author)
            base.execute("DELETE FROM notes WHERE layer = ? AND unit = ? AND author = ?", where)


def as_csv(notes: list[Note]) -> bytes:
    """The notes with a heading; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([field.name for field in fields(Note)])
    for note in notes:
        writer.writerow([f"'{cell}" if str(cell)[:1] in "=+-@" else cell for cell in astuple(note)])
    return text.getvalue().encode()


def notes_file(item: Found) -> Path | None:
    """The file beside a stored dissection; None for one that this browser brought or computed."""
    folder = Path(item.key.partition("|")[0]).parent
    return folder / FILE if folder.is_absolute() and folder.is_dir() else None


def known_notes(item: Found) -> tuple[list[Note], list[Note]]:
    """The visitor's own notes on a dissection, and those that are saved for all."""
    file, mine = notes_file(item), st.session_state.get("dissection_notes", {})
    try:
        shared = read_notes(file) if file else []
    except sqlite3.Error as error:
        st.warning(_("The notes cannot be read: {error}").format(error=error))
        shared = []
    return [note for (key, *_where), note in mine.items() if key == item.key], shared


def together(own: list[Note], shared: list[Note]) -> list[Note]:
    """Every note once."""
    return own + [note for note in shared if note not in own]


def saving_is_on() -> bool:
    """Whether visitors may save notes for all: PGGAN_LAB_NOTES, "on" or "off". Raises ValueError for another word."""
    said = os.environ.get("PGGAN_LAB_NOTES", "on")
    if said not in ("on", "off"):
        raise ValueError(f"PGGAN_LAB_NOTES is on or off, not {said!r}.")
    return said == "on"


def notes_view(model: session.Model, item: Found, name: str, unit: int) -> None:
    """What was noted about this unit, a form for one's own, the list of tagged units, and all notes as CSV."""
    file, mine = notes_file(item), st.session_state.setdefault("dissection_notes", {})
    st.subheader(_("Notes"))
    own, shared = known_notes(item)
    for note in shared:
        if (note.layer, note.unit) == (name, unit):
            st.text(f"{note.author}: {note.text}" + (f"  [{note.tags}]" if note.tags else ""))
    before = mine.get((item.key, name, unit))
    with st.form(f"dissection_note_{item.key}_{name}_{unit}", border=False):
        text = st.text_area(_("Your note"), before.text if before else "", max_chars=LONGEST, height=80)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            tags = st.text_input(_("Tags, with commas"), before.tags if before else "", max_chars=200)
            author = st.text_input(_("Name"), st.session_state.get("dissection_author", ""), max_chars=40, width=140)
            keep = st.form_submit_button(_("Keep here"), help=_("For you, until you close this window"))
            save = saving_is_on() and st.form_submit_button(_("Save for all"), disabled=file is None)
    if keep or save:
        tidy = ", ".join(filter(None, (tag.strip() for tag in tags.split(","))))
        note = Note(
            name,
            unit,
            (author or "").strip() or _("someone"),
            tidy,
            (text or "").strip(),
            datetime.now(UTC).isoformat()[:19],
        )
        st.session_state["dissection_author"] = (author or "").strip()
        mine[item.key, name, unit] = note
        if save and file:
            try:
                write_note(file, note)
            except (sqlite3.Error, OSError) as error:
                st.error(_("The note cannot be saved: {error}").format(error=said(error)))
                return
        st.rerun()
    everything = together(own, shared)
    lists(everything)
    if everything:
        export_bar({"notes.csv": lambda: as_csv(everything)}, key="dissection_notes_file")


def lists(notes: list[Note]) -> None:
    """The units of a tag, each a button; the tag is part of the page's link."""
    tags = sorted({tag for note in notes for tag in note.tags.split(", ") if tag})
    if not tags:
        return
    if st.session_state.get("dissection_tag") not in (None, *tags):
        st.session_state["dissection_tag"] = None
    tag = st.pills(_("Lists"), tags, key="dissection_tag", bind="query-params")
    with st.container(horizontal=True, gap="small"):
        for layer, unit in sorted({(note.layer, note.unit) for note in notes if tag and tag in note.tags.split(", ")}):
            st.button(
                f"{layer} · {unit}",
                key=f"dissection_tagged_{layer}_{unit}",
                type="tertiary",
                on_click=open_unit,
                args=(layer, unit),
            )
