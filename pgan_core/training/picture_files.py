"""A folder or a zip of picture files as a training set: centre-cropped to squares, resized, checked."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pgan_core.picture_data import PICTURE_SUFFIXES, DataError, picture_files

MOST_PICTURES, MOST_BYTES, MOST_PIXELS = 100_000, 500_000_000, 64_000_000
LARGEST = 1024  # pixels that are chosen without asking
_BROKEN = (
    UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError, ValueError, EOFError, struct.error,
)  # fmt: skip
_BROKEN_ZIP = (
    zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, UnicodeDecodeError, zlib.error,
    lzma.LZMAError,
)  # fmt: skip


def load_pictures(path: Path, resolution: int | None = None, *, at_least: int = 1) -> np.ndarray:
    """uint8 N x 3 x R x R of a folder (its own folders too) or a zip of PNG, JPEG, WebP, ..., in the order of names.

    resolution: a power of two; None: the largest that enlarges no picture. A picture that is smaller than that, too
    few or too many pictures, files that are none: DataError, one sentence. Nothing is unpacked to the disk.
    """
    files = list(_files(path))
    if not at_least <= len(files) <= MOST_PICTURES:
        raise DataError(
            f"{path} holds {len(files):,} pictures; from {at_least:,} to {MOST_PICTURES:,} can be trained on."
        )
    smallest = min(min(_open(name, content).size) for name, content in files)
    if resolution is None:
        resolution = min(LARGEST, 2 ** (smallest.bit_length() - 1))
    if resolution < 4 or resolution & (resolution - 1):
        raise DataError(f"Pictures are trained on at a power of two from 4 pixels, not {resolution}: {path}.")
    if smallest < resolution:
        raise DataError(f"{path} holds a picture of {smallest} pixels: it cannot train {resolution}.")
    images = np.empty((len(files), 3, resolution, resolution), np.uint8)
    for i, (name, content) in enumerate(files):
        images[i] = _square(name, _open(name, content), resolution).transpose(2, 0, 1)
    return images


def square_picture(name: str, content: bytes, most: int) -> np.ndarray:
    """The middle square of a picture file, upright, as uint8 S x S x 3; S is at most `most`. Raises DataError."""
    picture = _open(name, content)
    return _square(name, picture, min(*picture.size, most))


def _square(name: str, picture: Image.Image, side: int) -> np.ndarray:
    """A picture as uint8 side x side x 3: turned as a camera's file says, its middle square, resized."""
    try:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        return np.asarray(ImageOps.fit(upright, (side, side), Image.Resampling.BOX))
    except _BROKEN as error:
        raise DataError(f"{_printable(name)} is not a readable picture.") from error


def _files(path: Path) -> Iterator[tuple[str, Path | bytes]]:
    """Every picture file's name, and its path or its content."""
    if path.is_dir():
        try:
            yield from ((str(file), file) for file in picture_files(path))
        except ValueError as error:
            raise DataError(str(error)) from error
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if _is_picture(m.filename)]
            total = sum(member.file_size for member in members)
            if total > MOST_BYTES or len(members) > MOST_PICTURES:
                raise DataError(
                    f"{path} unpacks to {len(members):,} pictures of {total / 1e6:,.0f} MB; "
                    f"at most {MOST_PICTURES:,} of {MOST_BYTES / 1e6:,.0f} MB are taken."
                )
            for member in sorted(members, key=lambda member: member.filename):
                yield member.filename, archive.read(member)
    except _BROKEN_ZIP as error:
        raise DataError(f"{path} is not a readable zip file ({_printable(str(error))[:80]}).") from error


def _is_picture(name: str) -> bool:
    place = PurePosixPath(name)
    return place.suffix.lower() in PICTURE_SUFFIXES and not any(part[:2] in ("__", "._") for part in place.parts)


def _open(name: str, content: Path | bytes) -> Image.Image:
    """A picture whose pixels are not decoded yet. Raises DataError for none, and for one that is too large."""
    try:
        picture = Image.open(BytesIO(content) if isinstance(content, bytes) else content)
    except _BROKEN as error:
        raise DataError(f"{_printable(name)} is not a readable picture.") from error
    if picture.width * picture.height > MOST_PIXELS:
        raise DataError(
            f"{_printable(name)} has {picture.width} x {picture.height} pixels, more than can be opened safely."
        )
    return picture


def _printable(name: str) -> str:
    """A name from outside as part of a sentence: on one line, and not without end."""
    name = "".join(mark if mark.isprintable() else "?" for mark in name)
    return name if len(name) <= 80 else f"…{name[-79:]}"
