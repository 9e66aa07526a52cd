"""HTML, CSS and JavaScript of the components that run in the browser; they lie beside their Python."""

from pathlib import Path


def load(*names: str) -> str:
    """The text of several files, joined in order; names are paths below `dashboard/`."""
    return "\n".join((Path(__file__).parents[1] / name).read_text(encoding="utf-8") for name in names)
