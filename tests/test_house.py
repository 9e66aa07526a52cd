"""The rules of the house that a machine can hold: which package may import which."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {  # package -> what nothing below it may import
    "pgan_core": {"dissection", "dashboard", "streamlit", "plotly"},
    "dissection": {"dashboard", "streamlit", "plotly"},
}


def imports(source: str) -> set[str]:
    """Top-level names of everything that a module imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_only_go_down(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    against = {str(f.relative_to(ROOT)): imports(f.read_text()) & FORBIDDEN[package] for f in files}
    assert not {name: bad for name, bad in against.items() if bad}


def test_the_import_check_sees_every_kind_of_import():
    assert imports("import a.b\ndef f():\n    from c.d import e") == {"a", "c"}


def test_pandas_is_imported_before_anything_that_brings_plotly():
    """Plotly meeting a half-imported pandas in a second session's thread was seen to crash a page."""
    lines = (ROOT / "dashboard/frame.py").read_text().splitlines()
    pandas = next(i for i, line in enumerate(lines) if line.startswith("import pandas"))
    others = [
        i for i, line in enumerate(lines) if line.startswith(("import streamlit", "from dashboard", "import plotly"))
    ]
    assert others and pandas < min(others)
