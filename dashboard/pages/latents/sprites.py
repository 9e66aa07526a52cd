"""Many pictures as one: a sheet of frames, sent and decoded at once, for components that move in the browser."""

from dataclasses import dataclass

import numpy as np

from dashboard.shared.images import data_uri
from pgan_core.pictures import contact_sheet

MAX_PIXELS = 2**24  # of a sheet: 64 MiB where it is decoded
LOSSLESS_BELOW = 48  # pixels of a frame: lossy colours, at half the size, would blur smaller ones


@dataclass(frozen=True)
class Sheet:
    """A data: address, its frames a row, and the edge of a frame in pixels."""

    address: str
    columns: int
    edge: int
    count: int

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)


def sprite_sheet(frames: np.ndarray, max_edge: int = 512) -> Sheet:
    """uint8 N x r x r x 3 as one WebP; frames are averaged down where they are larger than `max_edge` or very many."""
    largest = min(max_edge, int((MAX_PIXELS / len(frames)) ** 0.5))
    while frames.shape[1] > largest and frames.shape[1] % 2 == 0:
        n, r, _, c = frames.shape
        frames = frames.reshape(n, r // 2, 2, r // 2, 2, c).mean(axis=(2, 4)).round().astype(np.uint8)
    columns = int(np.ceil(len(frames) ** 0.5))
    quality = {"lossless": True, "quality": 0} if frames.shape[1] < LOSSLESS_BELOW else {"quality": 92}
    address = data_uri(contact_sheet(frames, columns), "WEBP", method=0, **quality)
    return Sheet(address, columns, frames.shape[1], len(frames))
