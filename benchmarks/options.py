"""What every measurement gets, and the row of the table that it returns."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "assets/toytown128/final.safetensors"


@dataclass(frozen=True)
class Options:
    """threads: of torch. quick: tiny sizes, to check that it runs."""

    threads: int = 2
    quick: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the table; every cell is text, "" where there is nothing to say."""

    what: str
    ours: str = ""
    beside: str = ""  # what it was measured against, and its number
    ratio: str = ""


def seconds(value: float) -> str:
    """A time as text, in seconds or milliseconds."""
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.{0 if value >= 0.1 else 1}f} ms"
