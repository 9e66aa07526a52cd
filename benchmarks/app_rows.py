"""The app's numbers (`benchmarks.app`) as rows of the table."""

from benchmarks import app
from benchmarks.options import Options, Row, seconds


def measure(options: Options) -> dict:
    """A few openings and changes: enough for medians."""
    return app.measure(openings=3, changes=3)


def rows(found: dict) -> list[Row]:
    """Start, opening, seeds by page, memory."""
    start, memory = found["starts"], found["rss_mib"]
    pages = ", ".join(f"{name} {taken['median_ms']:.0f}" for name, taken in found["seeds"].items())
    return [
        Row("App: `streamlit run` to the first picture", seconds(start["start_s"])),
        Row("App: opening the page to the first picture", seconds(start["open_median_s"])),
        Row("App: seed to picture, median in ms", pages),
        Row("App: resident memory in MiB", ", ".join(f"{name} {value:.0f}" for name, value in memory.items())),
    ]
