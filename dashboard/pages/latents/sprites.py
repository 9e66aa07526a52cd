"""Many pictures as one: a sheet of frames, sent and decoded at once, for components that move in the browser."""

from dataclasses import dataclass

import numpy as np

from dashboard.shared.images import EXACT, SHARP, data_uri
from pgan_core.pictures import contact_sheet

MAX_PIXELS = 2**24  # of a sheet: 64 MiB where it is decoded
EXACT_BELOW = 48  # pixels of a frame: lossy colours would blur the large pixels of smaller ones


@dataclass(frozen=True)
class Sheet:
    """A data: address (or what the browser is to draw), its frames a row, and the edge of a frame in pixels."""

    address: str | dict
    columns: int
    edge: int
    count: int

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)


def frame_edge(count: int, edge: int, max_edge: int) -> int:
    """Pixels of a frame on a sheet: halved while frames are larger than `max_edge` or very many."""
    largest = min(max_edge, int((MAX_PIXELS / count) ** 0.5))
    while edge > largest and edge % 2 == 0:
        edge //= 2
    return edge


def sprite_sheet(frames: np.ndarray, max_edge: int = 512) -> Sheet:
    """uint8 N x r x r x 3 as one picture; frames larger than `max_edge`, or very many, are averaged down."""
    n, r, _, c = frames.shape
    if (edge := frame_edge(n, r, max_edge)) < r:
        parts = frames.reshape(n, edge, r // edge, edge, r // edge, c)
        frames = parts.mean(axis=(2, 4)).round().astype(np.uint8)
    columns = int(np.ceil(len(frames) ** 0.5))
    address = data_uri(contact_sheet(frames, columns), **(EXACT if frames.shape[1] < EXACT_BELOW else SHARP))
    return Sheet(address, columns, frames.shape[1], len(frames))
