"""The rules of the house that a machine can hold: which package may import which, and that nothing goes in circles."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pgan_core", "dissection", "dashboard", "benchmarks")
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
}
SEEN = ("streamlit", "plotly")  # what people see is the dashboard's alone
COMMANDS = ("dissection.cli", "dissection.interventions_cli", "dissection.__main__")
FORBIDDEN = {  # pattern of modules -> what none of them may import, by any kind of import
    r"pgan_core\b": ("dissection", "dashboard", "benchmarks", *SEEN),
    r"dissection\b": ("dashboard", "benchmarks", *SEEN),
    r"dashboard\b": ("benchmarks", "tests"),
    r"pgan_core\.(metrics|checkpoints)\b": ("pgan_core.training",),
    r"pgan_core\.pictures_cli": ("pgan_core.checkpoints.cli",),
    r"dissection\.scoring\b": tuple(
        name for name in MODULES if name.startswith("dissection.") and not name.startswith("dissection.scoring")
    ),
    r"dissection\.(effects|output)\b": ("dissection.dissect", *COMMANDS),
    r"dissection\.effects\b": ("dissection.output",),
    r"dissection\.output\b": ("dissection.effects",),
    r"dissection\.(world|segmenters)\b": ("dissection.effects", "dissection.output", "dissection.dissect", *COMMANDS),
    r"dashboard\.shared\b": ("dashboard.pages", "dashboard.frame", "dashboard.sidebar"),
    r"dashboard\.(session|library)$": ("dashboard.pages", "dashboard.frame", "dashboard.sidebar"),
    r"dashboard\.pages\.\w+\.figures": ("streamlit",),
    r"dashboard\.shared\.(ridgelines|figure_style)": ("streamlit",),
}


def imports(module: str, source: str, strings: bool = True) -> set[str]:
    """Full names of everything that a module imports, inside functions too.

    strings: also names of our modules, and paths of pages, that stand in strings (`import_module`, `st.Page`, `load`).
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = _absolute(module, node)
            found |= {full if (full := f"{home}.{alias.name}") in MODULES else home for alias in node.names}
        elif strings and isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value in MODULES and "." in node.value:
                found.add(node.value)
            if place := re.match(r"(?:dashboard/)?pages/(\w+)/", node.value):
                found.add(f"dashboard.pages.{place[1]}")
    return found


def _absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module
    is_package = module in MODULES and MODULES[module].name == "__init__.py"
    parts = module.split(".")[: None if is_package and node.level == 1 else is_package - node.level]
    return ".".join([*parts, *([node.module] if node.module else [])])


def imported(module: str, **options) -> set[str]:
    return imports(module, MODULES[module].read_text(encoding="utf-8"), **options)


def below(name: str, packages) -> bool:
    """Whether a module is one of these or lies in one of them."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_imports_only_go_down(pattern):
    modules = [name for name in MODULES if re.match(pattern, name)]
    assert modules
    bad = {name: {other for other in imported(name) if below(other, FORBIDDEN[pattern])} for name in modules}
    assert not {name: others for name, others in bad.items() if others}


def test_no_page_reaches_into_another_pages_folder():
    pages = sorted(path.parent.name for path in (ROOT / "dashboard/pages").glob("*/page.py"))
    assert len(pages) > 1
    for page in pages:
        others = [f"dashboard.pages.{other}" for other in pages if other != page]
        for name in MODULES:
            if below(name, [f"dashboard.pages.{page}"]):
                bad = {other for other in imported(name) if below(other, others)}
                assert not bad, f"{name} imports {', '.join(bad)}: what two pages use belongs to dashboard/shared"


def test_no_module_imports_itself_by_way_of_others():
    graph = {name: {other for other in imported(name, strings=False) if other in MODULES} for name in MODULES}
    while leaves := [name for name, others in graph.items() if not others & graph.keys()]:
        for name in leaves:
            del graph[name]
    while roots := graph.keys() - set().union(*graph.values(), set()):  # they only lead to a circle
        for name in roots:
            del graph[name]
    assert not graph, f"these import each other in a circle: {', '.join(sorted(graph))}"


def test_the_calls_that_others_rely_on_keep_their_places():
    import dissection
    import pgan_core
    from dissection.world.scenes import scene

    assert {"dissect", "score_units", "ablate", "insert"} <= set(dissection.__all__) and callable(scene)
    assert {"load_checkpoint", "Generator", "Discriminator", "CheckpointError"} <= set(pgan_core.__all__)


@pytest.mark.parametrize(
    "source, found",
    [
        ("import a.b\ndef f():\n    from c.d import e", {"a.b", "c.d"}),
        ("from dissection.scoring import levels", {"dissection.scoring.levels"}),
        ("from .tally import x", {"dissection.scoring.tally"}),
        ("from . import tally", {"dissection.scoring.tally"}),
        ("import_module('dissection.cli')", {"dissection.cli"}),
        ("load('pages/growth/growth.js')", {"dashboard.pages.growth"}),
    ],
)
def test_the_check_sees_every_kind_of_import(source, found):
    assert imports("dissection.scoring.score", source) == found


def test_pandas_is_imported_before_anything_that_brings_plotly():
    """Plotly meeting a half-imported pandas in a second session's thread was seen to crash a page."""
    lines = (ROOT / "dashboard/frame.py").read_text().splitlines()
    pandas = next(i for i, line in enumerate(lines) if line.startswith("import pandas"))
    others = [
        i for i, line in enumerate(lines) if line.startswith(("import streamlit", "from dashboard", "import plotly"))
    ]
    assert others and pandas < min(others)
