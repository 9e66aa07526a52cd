"""Pictures of a data file or a folder: read, checked, and averaged down to a size."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from pgan_core.progress import Progress

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
_MEMBER = "images.npy"
_BATCH = 512  # pictures that are read at one time


class DataError(ValueError):
    """Pictures that cannot be used; the message says what was found and what was expected."""


class PictureSource(Protocol):
    """Pictures in a fixed order that need not fit in memory: stored ones, or some that are drawn when asked for."""

    def __len__(self) -> int: ...

    def batches(self, count: int = _BATCH, progress: Progress | None = None, start: int = 0) -> Iterator[np.ndarray]:
        """The pictures from place `start` on, uint8 n x 3 x R x R, n at most `count`; progress gets the share done."""
        ...

    def at(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The pictures of these places, uint8 N x 3 x R x R."""
        ...


class StoredPictures:
    """The array `images` of an .npz, or a folder's picture files by name, at `size` pixels; a `PictureSource`.

    Raises DataError for a path that holds no such pictures.
    """

    def __init__(self, path: str | Path, size: int):
        self.path, self.size = Path(path), size
        is_folder = self.path.is_dir()
        self._pictures: Sequence[Path] | np.ndarray = picture_files(self.path) if is_folder else load_images(path)

    def __len__(self) -> int:
        return len(self._pictures)

    def batches(self, count: int = _BATCH, progress: Progress | None = None, start: int = 0) -> Iterator[np.ndarray]:
        """See `PictureSource`."""
        for first in range(start, len(self), count):
            end = min(first + count, len(self))
            yield self.at(range(first, end))
            if progress:
                progress(end / len(self))

    def at(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """See `PictureSource`."""
        if isinstance(self._pictures, np.ndarray):
            return to_size(self._pictures[np.asarray(indices)], self.size, name=str(self.path))
        return np.stack([read_picture(self._pictures[i], self.size) for i in indices])


def load_images(path: str | Path) -> np.ndarray:
    """The member `images` of an .npz: uint8, N x 3 x R x R with R a power of two from 4. Raises DataError.

    It is unpacked into a temporary file and mapped from there, so it may be larger than memory. Other members, such as
    the labels of Toy Town, are not read.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"The data file {path} does not exist.")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is not a readable .npz file: it is no zip archive, or a broken one.")
    try:
        # A mapped file stays readable after its name is gone, except on Windows, where it stays until a clean-up.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            images = np.asarray(np.lib.format.open_memmap(_unpack(path, folder), mode="c"))
    except DataError:
        raise
    except (OSError, ValueError, OverflowError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is not a readable .npz file of plain arrays ({error}).") from error
    size = images.shape[-1] if images.shape else 0
    shaped = images.ndim == 4 and images.shape[1:] == (3, size, size) and size >= 4 and not size & (size - 1)
    if images.dtype != np.uint8 or not shaped or not len(images):
        raise DataError(
            f"{path}: `images` must be uint8, N x 3 x R x R with R a power of two from 4, "
            f"found {images.dtype}, {' x '.join(map(str, images.shape))}."
        )
    return images


def _unpack(path: Path, folder: str) -> str:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if _MEMBER not in names:
            held = ", ".join(name.removesuffix(".npy") for name in names) or "nothing"
            raise DataError(f"{path} has no array `images`; it holds {held[:200]}.")
        needed, free = archive.getinfo(_MEMBER).file_size, shutil.disk_usage(folder).free
        if needed > free:
            raise DataError(f"{path} unpacks to {needed:,} bytes, and {Path(folder).parent} has room for {free:,}.")
        return archive.extract(_MEMBER, folder)


def picture_files(folder: Path) -> list[Path]:
    """All picture files below a folder, by name. Raises DataError where there are none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise DataError(f"The folder {folder} holds no picture files.")
    return files


def read_picture(file: Path | BinaryIO, size: int | None = None, *, name: str | None = None) -> np.ndarray:
    """One picture file as uint8 3 x size x size, or 3 x H x W as it is without a size. Raises DataError."""
    name = name or str(file)
    try:
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise DataError(f"{name} is not a readable picture.") from error
    return to_size(pixels[None], size, name=name)[0] if size else pixels


def to_size(pictures: np.ndarray, size: int, *, name: str = "pictures") -> np.ndarray:
    """uint8 N x 3 x H x W averaged over square boxes down to `size`. Raises DataError where that is no whole number."""
    height, width = pictures.shape[2:]
    if height != width or height % size:
        raise DataError(
            f"{name}: square pictures of {size} pixels or a whole multiple of it are needed, found {width} x {height}."
        )
    return box_average(pictures, size)


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
