"""Tables, and the parts of a page that a command writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = ["|".join(["", *head, ""]), "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def with_block(page: str, name: str, text: str) -> str:
    """The page with `text` between the markers of the block `name`. Raises ValueError where a marker is missing."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"the page needs the lines {begin} and {end}, in this order")
    return f"{before}{begin}\n{text}\n{end}{after}"
