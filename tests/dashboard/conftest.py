"""The app as a test runs it: on small random models, without a browser."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.small_run import write_run

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """Two runs, `first` and `second`, of five stages each."""
    folder = tmp_path_factory.mktemp("models")
    write_run(folder / "first", seed=1)
    write_run(folder / "second", seed=2)
    return folder


@pytest.fixture(autouse=True)
def whole_pages(monkeypatch):
    """Here no browser looks at a page and says what is in view: all of it is."""
    monkeypatch.setattr("dashboard.shared.later.seen", lambda *_, **__: True)


@pytest.fixture
def open_app(model_folder, monkeypatch):
    """open_app("growth", seed="3", ...) runs a page of the app with these query parameters; seed None: its own."""
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(model_folder))
    monkeypatch.setenv("PGGAN_LAB_RUNS", str(model_folder / "no-runs"))

    def run(page: str = "growth", seed: str | None = "0", **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=120)
        for name, value in query.items():
            app.query_params[name] = value
        if seed is not None:
            app.query_params["seed"] = seed
        app.run()
        if page != "growth":
            app.switch_page(f"pages/{page}/page.py").run()
        return app

    return run
