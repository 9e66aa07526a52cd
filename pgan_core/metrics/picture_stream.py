"""A set of pictures read in parts, in a fixed order, so that it may be larger than memory."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from pgan_core.metrics.picture_sets import new_picture_set, picture_files, read_picture, to_size
from pgan_core.picture_data import DataError, check_images

_MEMBER = "images.npy"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class PictureSource(Protocol):
    """Pictures in a fixed order that need not fit in memory: of a file (`PictureStream`), or made when asked for."""

    def __len__(self) -> int: ...

    def batches(
        self, count: int = 512, progress: Callable[[float], None] | None = None, start: int = 0
    ) -> Iterator[np.ndarray]:
        """The pictures from place `start` on, uint8 n x 3 x R x R, n at most `count`; progress gets the share done."""

    def at(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The pictures of these places, uint8 N x 3 x R x R."""


def some(source: PictureSource, count: int, seed: int = 0) -> np.ndarray:
    """At most `count` pictures of a source, chosen at random."""
    return source.at(np.random.default_rng(seed).permutation(len(source))[:count])


class PictureStream:
    """The array `images` of an .npz (compressed or not), or a folder's picture files by name, at `size` pixels.

    Raises ValueError (DataError is one) with one sentence for a path that holds no such pictures.
    """

    def __init__(self, path: str | Path, size: int):
        self.path, self.size = Path(path), size
        self._files = picture_files(self.path) if self.path.is_dir() else None
        self._count = len(self._files) if self._files else self._shape()[0]

    def __len__(self) -> int:
        return self._count

    def batches(
        self, count: int = 512, progress: Callable[[float], None] | None = None, start: int = 0
    ) -> Iterator[np.ndarray]:
        """See `PictureSource`."""
        done = start
        for batch in self._from_files(count, start) if self._files else self._from_npz(count, start):
            yield to_size(batch, self.size, name=str(self.path))
            done += len(batch)
            if progress:
                progress(done / len(self))

    def at(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The pictures of these places, uint8 N x 3 x size x size, by reading the set once."""
        indices = np.asarray(indices)
        found, start = new_picture_set(len(indices), self.size), 0
        for batch in self.batches():
            here = np.flatnonzero((indices >= start) & (indices < start + len(batch)))
            found[here] = batch[indices[here] - start]
            start += len(batch)
        return found

    def _from_files(self, count: int, start: int) -> Iterator[np.ndarray]:
        for first in range(start, len(self), count):
            yield np.stack([read_picture(file, self.size) for file in self._files[first : first + count]])

    def _from_npz(self, count: int, start: int) -> Iterator[np.ndarray]:
        with zipfile.ZipFile(self.path) as archive, archive.open(_MEMBER) as member:
            total, *shape = self._header(member)
            member.seek(start * math.prod(shape), os.SEEK_CUR)
            for first in range(start, total, count):
                number = min(count, total - first)
                yield self._read(member, number * math.prod(shape)).reshape(number, *shape)

    def _read(self, member: BinaryIO, count: int) -> np.ndarray:
        try:
            values = member.read(count)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(f"{self.path} is broken ({error}).") from error
        if len(values) < count:
            raise DataError(f"{self.path} ends before its last picture.")
        return np.frombuffer(values, np.uint8)

    def _shape(self) -> tuple[int, ...]:
        if not self.path.is_file():
            raise DataError(f"The data file {self.path} does not exist.")
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(_MEMBER) as member:
                return self._header(member)
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{self.path} is not a readable .npz file ({error}).") from error
        except KeyError as error:
            raise DataError(f"{self.path} has no array `images`.") from error

    def _header(self, member: BinaryIO) -> tuple[int, ...]:
        try:
            version = np.lib.format.read_magic(member)
            shape, is_fortran, dtype = _HEADERS[version](member)
        except (ValueError, KeyError) as error:
            raise DataError(f"{self.path}: `images` is not a readable array ({error}).") from error
        check_images(self.path, dtype, shape)
        if is_fortran:
            raise DataError(f"{self.path}: `images` is stored column by column; save np.ascontiguousarray(images).")
        return shape
