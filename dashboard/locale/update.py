"""Collects the texts that people read, and compiles their translations: `python -m dashboard.locale.update`.

It needs Babel (requirements-dev.txt), and prints what is not translated yet. Write the translations into the .po file,
in the words of `glossary.md`, and run it again.
"""

import io
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HERE = Path(__file__).resolve().parent
DASHBOARD = HERE.parent
DOMAIN = "pggan_lab"
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)  # in the files, so that only texts change them


def texts() -> Catalog:
    """Every text that the sources mark, with the files it stands in."""
    found = Catalog(fuzzy=False)
    for path in sorted(DASHBOARD.rglob("*.py")):
        with path.open("rb") as file:
            for _, text, _, _ in extract.extract("python", file, keywords=dict.fromkeys(("_", "N_", "Later"))):
                found.add(text, locations=[(path.relative_to(DASHBOARD.parent).as_posix(), None)])
    return found


def files() -> list[Path]:
    """The file of each language."""
    return sorted(HERE.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def read(path: Path) -> Catalog:
    """A language's translations as they are in its file."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parents[1].name)


def updated(path: Path) -> Catalog:
    """A language's translations of the texts as they are now; one whose text is gone goes, too."""
    catalogue = read(path)
    catalogue.update(texts(), no_fuzzy_matching=True, keep_user_comments=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = NO_DATE
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """The .po file."""
    out = io.BytesIO()
    write_po(out, catalogue, width=110, sort_output=True, omit_header=False, include_lineno=False)
    return out.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    """The .mo file."""
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def main() -> None:
    for path in files():
        catalogue = updated(path)
        path.write_bytes(written(catalogue))
        path.with_suffix(".mo").write_bytes(compiled(catalogue))
        missing = [message.id for message in catalogue if message.id and not message.string]
        print(f"{path}: {len(catalogue)} texts, {len(missing)} not translated", *missing, sep="\n  ")


if __name__ == "__main__":
    main()
