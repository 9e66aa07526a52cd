"""HTML, CSS and JavaScript of the components that run in the browser; they fetch nothing."""

from pathlib import Path


def load(*names: str) -> str:
    """Files of this folder one after another, as one module or sheet."""
    return "\n".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in names)
