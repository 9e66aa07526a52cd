"""A real Chromium against a running app, on small random models. Without a browser these tests are skipped."""

import shutil
from pathlib import Path

import pytest

from tests.browser.running_app import Server, watched_pages
from tests.small_run import write_run

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """A headless browser for all tests."""
    found = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no chromium or google-chrome on the PATH")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory, chromium):
    """The app on a free port, offering the runs `first` and `second` of tests.small_run."""
    folder = tmp_path_factory.mktemp("app")
    write_run(folder / "models" / "first", seed=1)
    write_run(folder / "models" / "second", seed=2)
    with Server(folder, models=folder / "models") as running:
        yield running


@pytest.fixture
def visit(chromium, server):
    """visit("latents", seed=3, scheme="dark") opens a page; of seed 0 by default; faults fail (`watched_pages`)."""
    with watched_pages(chromium, server) as open_page:
        yield lambda path="", **query: open_page(path, **({"seed": 0} | query))
