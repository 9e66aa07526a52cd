"""What the server pays before the first visitor, and what it leaves for later."""

import subprocess
import sys
import tomllib
from pathlib import Path

from streamlit.web.server.app_discovery import discover_asgi_app

from dashboard import frame, session, startup
from dashboard.pages.growth import runs as growth_runs

ROOT = Path(__file__).resolve().parents[2]


def loaded_by(code: str, folder: Path = ROOT) -> set[str]:
    """The packages that a fresh Python has loaded after this code."""
    packages = "{name.split('.')[0] for name in sys.modules}"
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {code}; print(*{packages})"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_the_server_answers_before_anything_heavy_is_imported():
    assert discover_asgi_app(ROOT / "dashboard/app.py").import_string == "app:app"
    assert not loaded_by("import app; assert app.app.script_path.name == 'app.py'", ROOT / "dashboard") & {
        "torch", "pandas", "sklearn", "scipy", "matplotlib",
    }  # fmt: skip


def test_the_first_page_needs_neither_scikit_learn_nor_matplotlib():
    page = "import dashboard.frame, dashboard.pages.growth.runs, dashboard.pages.growth.view"
    loaded = loaded_by(f"{page}, dashboard.pages.growth.figures")
    assert "torch" in loaded and not loaded & {"sklearn", "scipy", "matplotlib", "imageio_ffmpeg"}


def test_other_pages_begin_with_what_the_server_imports_last(open_app, monkeypatch):
    asked = []
    monkeypatch.setattr(startup, "import_heavy", lambda: asked.append(1))
    open_app()
    assert not asked
    assert not open_app("models").exception and asked


def test_the_first_visitor_finds_the_pictures_made(model_folder, monkeypatch, open_app):
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(model_folder))
    session.unload()
    growth_runs.prepare()
    monkeypatch.setattr(growth_runs, "growth_frames", None)  # would fail if it were called again
    app = open_app(seed=None)
    assert not app.exception and not app.error


def test_what_cannot_be_read_is_left_to_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    growth_runs.prepare()
    (tmp_path / "broken.pth").write_bytes(b"not a checkpoint")
    growth_runs.prepare()


def test_no_outside_host_is_asked_for_the_address():
    config = tomllib.loads((ROOT / "dashboard/.streamlit/config.toml").read_text())
    assert config["logger"]["hideWelcomeMessage"] and not config["browser"]["gatherUsageStats"]
    assert startup.addresses().startswith("http://localhost:")


def test_two_browsers_share_one_model_and_one_computation(open_app, monkeypatch):
    made, opened = [], []
    frames, load = growth_runs.growth_frames, session.load_checkpoint
    session.unload()
    monkeypatch.setattr(growth_runs, "growth_frames", lambda *a, **k: made.append(1) or frames(*a, **k))
    monkeypatch.setattr(session, "load_checkpoint", lambda *a, **k: opened.append(1) or load(*a, **k))
    for _ in range(2):
        assert not open_app(seed="77").exception
    assert (len(made), len(opened)) == (1, 1)
    assert not open_app(seed="78").exception
    assert (len(made), len(opened)) == (2, 1)


def test_what_is_imported_before_a_class_comes_is_never_collected_again():
    code = "import gc; from dashboard import startup; startup.prepare()"
    found = subprocess.run(
        [sys.executable, "-c", f"{code}; print(gc.get_freeze_count(), len(gc.get_objects()))"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    frozen, walked = map(int, found.stdout.split())
    assert frozen > 100_000 > 10 * walked


def test_two_runs_mark_pages_of_their_own():
    first, second = ([page for row in frame.pages().values() for page in row] for _ in range(2))
    assert [page.url_path for page in first] == [page.url_path for page in second] and len(first) > 5
    assert not {id(page) for page in first} & {id(page) for page in second}
