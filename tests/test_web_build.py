"""The built page is what its sources say, and speaks both languages whole."""

import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dissection.world.town import CONCEPTS

ROOT = Path(__file__).resolve().parents[1]
WEB, DIST = ROOT / "web", ROOT / "web/dist"
SOURCES = sorted((WEB / "src").rglob("*.js"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_page_was_built_from_these_sources():
    built = json.loads((DIST / "built.json").read_text())
    changed = [name for name, digest in built["sources"].items() if sha256(ROOT / name) != digest]
    assert not changed, f"built before {', '.join(changed)} changed: run `npm ci && npm run build` in web/"
    own = {path.relative_to(ROOT).as_posix() for path in SOURCES}
    assert own <= set(built["sources"]) and "dashboard/shared/player.js" in built["sources"]
    files = [path for path in DIST.iterdir() if path.suffix != ".gz" and path.name != "built.json"]
    assert {path.name: sha256(path) for path in files} == built["outputs"]


def test_the_build_gives_the_same_page_again(tmp_path):
    if not shutil.which("node") or not (WEB / "node_modules/esbuild").is_dir():
        pytest.skip("there is no Node here, or `npm ci` was not run in web/")
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=WEB, check=True, capture_output=True, timeout=300)
    for path in DIST.iterdir():
        if path.suffix != ".gz":  # packed by another zlib, the same file may have other bytes
            assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def spoken() -> set[str]:
    """Every English text that the page's own code says."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    found = set(re.findall(r'\bsay\("([^"]+)"', text))
    tables = re.findall(r"const (?:TITLES|QUESTIONS) = \{([^}]+)\}", text)
    return found.union(*(re.findall(r'"([^"]+)"', table) for table in tables))


def of_components() -> str:
    """What the app's components say, in their files."""
    built = json.loads((DIST / "built.json").read_text())
    return "\n".join((ROOT / name).read_text() for name in built["sources"] if name.startswith("dashboard/"))


class Texts(HTMLParser):
    """What an element of the app's html shows or reads out."""

    def __init__(self, html: str):
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)

    def handle_data(self, data):
        self.found.add(data.strip())

    def handle_starttag(self, tag, attrs):
        self.found |= {value for name, value in attrs if name in ("aria-label", "data-label", "alt") and value}


def test_chinese_has_what_the_html_of_components_says():
    built = json.loads((DIST / "built.json").read_text())
    chinese = json.loads((WEB / "words/zh.json").read_text(encoding="utf-8"))
    pages = [name for name in built["sources"] if name.startswith("dashboard/") and name.endswith(".html")]
    said = set().union(*(Texts((ROOT / name).read_text(encoding="utf-8")).found for name in pages))
    said = {text for text in said if re.search("[A-Za-z]{3}", text)}
    assert {"Brush", "Speed"} <= said and not said - chinese.keys()


def test_chinese_has_every_text_and_no_other():
    chinese = json.loads((WEB / "words/zh.json").read_text(encoding="utf-8"))
    assert spoken() and not spoken() - chinese.keys()
    concepts, components = set(CONCEPTS[1:]), of_components()
    assert concepts <= chinese.keys()
    for text in chinese.keys() - spoken() - concepts:
        parts = [part for part in re.split(r"\{\w+\}", text) if part.strip()]
        assert all(part in components for part in parts), f"nothing says “{text}”"
    for text, translated in chinese.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", translated)), text
        assert re.search(r"[\u4e00-\u9fff]", translated), text
