"""The app's numbers (`benchmarks.app`) as rows of the table."""

from benchmarks import app
from benchmarks.options import Options, Row, below, seconds

FIRST_S, START_S, SEED_MS = 4, 8, 300  # issue 9


def measure(options: Options) -> dict:
    """A few openings and changes: enough for medians."""
    return app.measure(openings=3, changes=3)


def rows(found: dict) -> list[Row]:
    """Start, opening, seeds by page, memory."""
    start, memory = found["starts"], found["rss_mib"]
    opening = start["open_median_s"]
    slowest, page = max((taken["median_ms"], name) for name, taken in found["seeds"].items())
    pages = ", ".join(f"{name} {taken['median_ms']:.0f}" for name, taken in found["seeds"].items())
    return [
        Row(
            "App: `streamlit run` to the first picture",
            seconds(start["start_s"]),
            asked=below(start["start_s"], START_S, " s"),
        ),
        Row("App: opening the page to the first picture", seconds(opening), asked=below(opening, FIRST_S, " s")),
        Row("App: seed to picture, median in ms", pages, asked=f"{page}: {below(slowest, SEED_MS, ' ms')}"),
        Row("App: resident memory in MiB", ", ".join(f"{name} {value:.0f}" for name, value in memory.items())),
    ]
