"""Collects the texts that people read, and compiles their translations: `python -m dashboard.locale.update`.

It needs Babel (requirements-dev.txt), and prints what is not translated yet. Write the translations into the .po file,
in the words of `glossary.md`, and run it again.
"""

import ast
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages import Catalog, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from dashboard.language import PLACE

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = ("dashboard", "dissection", "pgan_core")
SHELL = {
    "scenes",
    "world",
    "cli",
    "interventions_cli",
    "pictures_cli",
    "shell",
    "export",
    "paths",
    "models",
}  # raised where no page is
KEYWORDS = {**dict.fromkeys(("_", "N_", "Later", "say")), "p_": ((1, "c"), 2)}
CALLS = ("Preset", "Nonlinearity", "Strategy", "metric", "ReaderOption")  # whose words pages show
DULL = {
    "plain",
    "str",
    "len",
    "join",
    "repr",
    "max",
    "min",
    "list",
    "sorted",
    "type",
    "map",
    "tuple",
    "for",
    "in",
    "if",
    "else",
}
WORDS = re.compile(r"[A-Za-z]{2,}")
DOMAIN = "pggan_lab"
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)  # in the files, so that only texts change them


def texts() -> Catalog:
    """Every text that the sources mark, with the files it stands in."""
    found = Catalog(fuzzy=False)
    for path in (p for name in PACKAGES for p in sorted((ROOT / name).rglob("*.py"))):
        # babel's types want a line, which its writer leaves out
        places: Any = [(path.relative_to(ROOT).as_posix(), None)]
        with path.open("rb") as file:
            for _, text, _, context in extract.extract("python", file, keywords=KEYWORDS):
                found.add(text, context=context, locations=places)
        for text in [*in_f_strings(path), *of_core(path)]:
            found.add(text, locations=places)
    return found


def in_f_strings(path: Path) -> Iterator[str]:
    """What is marked inside f-strings, where babel does not look."""
    for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for node in ast.walk(outer) if isinstance(outer, ast.JoinedStr) else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KEYWORDS and node.args:
                text = node.args[-1]
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield text.value


def of_core(path: Path) -> Iterator[str]:
    """What a module says in English without marking it: the sentences of its errors, and the words of CALLS.

    An f-string becomes a text with named places, which `dashboard.language.said` finds again.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and not SHELL & {*path.parts, path.stem}:
            spoken = node.exc.args[:1]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in CALLS:
            spoken = [*node.args, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, ast.Assign) and "assumed[" in ast.unparse(node.targets[0]):  # what a reader had to guess
            spoken = [node.value]
        else:
            continue
        for argument in spoken:
            text = template(argument)
            if WORDS.search(PLACE.sub("", text)) and (" " in text or text[0].isupper()):
                yield text


def template(node: ast.expr) -> str:
    """A string, or an f-string with its values named; "" for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    text, seen = "", {}
    for part in node.values if isinstance(node, ast.JoinedStr) else ():
        if isinstance(part, ast.Constant):
            text += str(part.value)
        elif isinstance(part, ast.FormattedValue):
            source = ast.unparse(part.value)
            names = [name for name in re.findall(r"[a-z]\w+", re.sub(r"'[^']*'", "", source)) if name not in DULL]
            name = seen.get(source) or next((n for n in names if n not in seen.values()), f"value{len(seen) + 1}")
            seen[source] = name
            text += f"{{{name}}}"
    return text


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
