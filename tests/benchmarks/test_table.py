"""The table of a stored run."""

import json

import pytest

from benchmarks.ablations import page as ablations
from benchmarks.options import ROOT, seconds
from benchmarks.table import PAGE, report, section_rows
from pgan_core.markdown import with_block

CASE = {
    "resolution": 64, "batch": 8, "device": "cpu", "dtype": "float32", "main": True, "at_once": 8, "difference": 2e-5,
    "rounds": 3, "eager_s": 1.6, "prepared_s": 0.64,
    "ratio": 2.5, "ratios": [2.4, 2.5, 2.6],
    "keep": {"16x16/conv1": 1.01, "64x64/conv1": 1.2},
}  # fmt: skip
SKIPPED = {"resolution": 1024, "batch": 16, "device": "cpu", "dtype": "float32", "main": False, "skipped": "no room"}


@pytest.fixture
def stored():
    machine = {
        "processor": "A processor", "cores": 4, "cores_allowed": 2, "instructions": ["avx2"], "memory_gb": 25.2,
        "gpu": None, "system": "Linux 6", "python": "3.11.7", "torch": "2.13.0", "threads": 2,
    }  # fmt: skip
    sections = {
        "swd": {"not_run": "RuntimeError: no | such thing"},
        "generation": {"found": {"cases": [CASE, SKIPPED]}, "seconds": 10, "others_cores": 0.1},
    }
    stored = {"date": "2026-11-23 17:00 UTC", "machine": machine, "load": [0.1, 2.0], "others_cores": 0.1}
    return json.loads(json.dumps(stored | {"quick": False, "sections": sections}))


def test_rows_stand_in_order_with_reasons(stored):
    head, _, *lines = report(stored).splitlines()
    assert "2026-11-23" in head and "A processor" in head and "others kept 0.1 cores busy" in head.lower()
    assert "loaded" not in head
    assert {line.count(" | ") for line in lines if "no \\|" not in line and "|---" not in line} == {3}
    text = "\n".join(lines)
    assert "| Generation 64x64, batch 8, float32: a picture | 80.0 ms | eager 200 ms, pictures differ by 2e-05" in text
    assert "| 2.50x |" in text and "64x64/conv1 +20%" in text
    assert "| not run: no room |" in text and "| not run: RuntimeError: no \\| such thing |" in text
    assert text.index("Generation") < text.index("swd")


def test_a_busy_machine_is_said(stored):
    stored["others_cores"] = 2.3
    assert "**Measured on a loaded machine** (others kept 2.3 cores busy" in report(stored)
    assert "loaded" not in report(stored | {"others_cores": None, "load": [None, None]})


def test_a_difference_that_is_too_large_is_said(stored):
    case = stored["sections"]["generation"]["found"]["cases"][0]
    assert "TOO MUCH" not in report(stored)
    case["difference"] = 2e-3
    assert "TOO MUCH" in report(stored)


def test_the_browsers_rows():
    """The two sections that a quick run leaves out."""
    app = {
        "starts": {"port_s": 1.0, "start_s": 8.5, "open_s": [2.0], "open_median_s": 2.0},
        "seeds": {"growth": {"median_ms": 250.0}, "latents": {"median_ms": 320.0}},
        "rss_mib": {"idle": 300.2, "unloaded": 310.0},
    }
    walk = {"median": 1.5, "scrubbed frames a second": 59.7, "longest frame, ms": 33.0}
    lines = [
        row for name, found in (("app", app), ("latent_walk", walk)) for row in section_rows(name, {"found": found})
    ]
    text = "\n".join(f"{row.what} | {row.ours} | {row.beside}" for row in lines)
    assert "first picture | 8.50 s |" in text and "first picture | 2.00 s |" in text
    assert "growth 250, latents 320" in text and "idle 300, unloaded 310" in text
    assert "1.50 s" in text and "| 60 | longest frame 33 ms" in text


def test_the_projects_pages_are_those_of_the_stored_results():
    text = PAGE.read_text(encoding="utf-8")
    stored = json.loads((ROOT / "benchmarks/results/2026-11-28.json").read_text(encoding="utf-8"))
    assert with_block(text, "speed", report(stored)) == text, "run: python -m benchmarks.table FILE --write"
    text = ablations.PAGE.read_text(encoding="utf-8")
    assert ablations.page(text) == text, "run: python -m benchmarks.ablations.page"


def test_cells():
    assert [seconds(s) for s in (12.345, 0.1234, 0.0123)] == ["12.35 s", "123 ms", "12.3 ms"]
