"""A grid of small pictures sent as one picture; a click chooses one of them."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import streamlit as st

from dashboard.shared import drawn_here
from dashboard.shared.browser import component
from dashboard.shared.images import SHARP, data_uri

_grid = component(
    "lab_picture_grid", "shared/picture_grid.css", "shared/drawn_here.js", "shared/picture_grid.js",
    html='<div class="lab-picture-grid" data-testid="picture-grid"><img><div></div></div>',
)  # fmt: skip


def picture_grid(
    picture: np.ndarray | dict,
    columns: int,
    names: Sequence[str],
    *,
    chosen: int | Collection[int] | None,
    label: str,
    key: str,
    captions: Sequence[str] = (),
    on_click: Callable[[int], None] | None = None,
) -> int | None:
    """Show a uint8 H x W x 3 picture of len(names) cells in rows of `columns`; the cell just clicked, or None.

    The picture may be a sheet that the browser draws (`drawn_here.sheet`).
    `chosen` is the cell to mark, or several; `captions` are written in the cells. `on_click` gets the cell before the
    page runs again.
    """
    marks = [] if chosen is None else [chosen] if isinstance(chosen, int) else sorted(chosen)
    data = {
        "width": drawn_here.width_of(picture) if isinstance(picture, dict) else picture.shape[1],
        "source": picture if isinstance(picture, dict) else data_uri(picture, **SHARP),
        "columns": columns,
        "rows": -(-len(names) // columns),
        "names": list(names),
        "chosen": marks,
        "captions": list(captions),
        "label": label,
    }

    def clicked() -> None:
        cell = st.session_state[key].cell
        if on_click is not None and cell is not None and 0 <= int(cell) < len(names):
            on_click(int(cell))

    result = _grid(data=data, key=key, on_cell_change=clicked, on_failed_change=drawn_here.failed(key))
    return None if result.cell is None else int(result.cell)
