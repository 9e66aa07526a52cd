"""Pictures on a page: a wall of them, enlarged by nearest neighbour before they are sent."""

import base64
import html
from collections.abc import Sequence

import numpy as np
import streamlit as st

from dashboard.language import _
from pgan_core.pictures import contact_sheet, encode, enlarge

EXACT = {"kind": "WEBP", "lossless": True, "quality": 0, "method": 0}  # in a sixth of PNG's time, and no larger
SHARP = {"kind": "JPEG", "quality": 92, "subsampling": 0}  # a fifth of lossy WebP's time and sharper; twice the bytes


def data_uri(picture: np.ndarray, kind: str = "PNG", **options) -> str:
    """A uint8 H x W x 3 picture as a data: address, for HTML and SVG that fetch nothing."""
    return f"data:image/{kind.lower()};base64,{base64.b64encode(encode(picture, kind, **options)).decode()}"


def whole(width: int) -> str:
    """CSS for a picture `width` pixels wide: its own width or, where there is no room, a half or a quarter of it.

    Any other size would blur it.
    """
    return f"width:min({width}px, max(min(100%, {width / 4:g}px), round(down, 100%, {width / 2:g}px)))"


def image_wall(
    images: np.ndarray, key: str, columns: int = 6, captions: Sequence[str] | None = None, size: int = 128
) -> None:
    """A wall of uint8 N x H x W x 3 pictures, with `data-testid=key`, at their own size or halved to fit its place.

    Pictures smaller than `size` pixels are enlarged to it by nearest neighbour. With captions each picture is one
    element; without them the wall is a single picture, which is much less to send.
    """
    large = enlarge(np.asarray(images), size)
    if captions is None:
        wall = contact_sheet(large, min(columns, len(large)), gap=4, background=0)
        sheet = data_uri(wall, **EXACT)
        style, words = whole(wall.shape[1]), _("{large} generated pictures").format(large=len(large))
        st.html(f'<img data-testid="{key}" src="{sheet}" style="{style}" alt="{words}">')
        return
    style = whole(large.shape[2])
    cells = "".join(
        f'<figure style="margin:0"><img src="{data_uri(image, **EXACT)}" style="{style}" alt="">'
        f'<figcaption style="font-size:.85rem">{html.escape(caption)}</figcaption></figure>'
        for image, caption in zip(large, captions, strict=True)
    )
    room = min(large.shape[2] / 2, 384 / columns)  # a phone shows fewer beside another rather than tiny ones
    least = f"max({room:g}px, (100% - {columns - 1} * .5rem) / {columns})"
    grid = f"display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%, {least}),1fr));gap:.5rem"
    st.html(f'<div data-testid="{key}" style="{grid}">{cells}</div>')
