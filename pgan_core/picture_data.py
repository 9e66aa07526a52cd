"""Pictures of a data file: read, checked, and averaged down to a size."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np


class DataError(ValueError):
    """A data file that cannot be trained on; the message says what was found and what was expected."""


def load_images(path: str | Path) -> np.ndarray:
    """The member `images` of an .npz: uint8, N x 3 x R x R with R a power of two from 4. Raises DataError.

    Other members, such as the labels of Toy Town, are not read.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"The data file {path} does not exist.")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is not a readable .npz file: it is no zip archive, or a broken one.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            images = archive["images"] if "images" in names else None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a readable .npz file of plain arrays ({error}).") from error
    if images is None:
        raise DataError(f"{path} has no array `images`; it holds {', '.join(names) or 'nothing'}.")
    check_images(path, images.dtype, images.shape)
    return images


def check_images(path: str | Path, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Raises DataError for `images` of a file that are not uint8, N x 3 x R x R, R a power of two from 4."""
    size = shape[-1] if shape else 0
    shaped = len(shape) == 4 and shape[1:] == (3, size, size) and size >= 4 and not size & (size - 1)
    if dtype != np.uint8 or not shaped or not shape[0]:
        raise DataError(
            f"{path}: `images` must be uint8, N x 3 x R x R with R a power of two from 4, "
            f"found {dtype}, {' x '.join(map(str, shape))}."
        )


def box_average(images: np.ndarray, resolution: int, *, chunk: int = 1024) -> np.ndarray:
    """uint8 N x C x R x R averaged over square boxes down to `resolution` and rounded once, to even at a half."""
    factor = images.shape[-1] // resolution
    if factor == 1:
        return images
    small = np.empty((*images.shape[:2], resolution, resolution), np.uint8)
    for start in range(0, len(images), chunk):
        part = images[start : start + chunk]
        boxes = part.reshape(*part.shape[:2], resolution, factor, resolution, factor)
        rows = boxes.sum(axis=5, dtype=np.uint32)
        small[start : start + chunk] = np.rint(rows.sum(axis=3) / factor**2)
    return small
