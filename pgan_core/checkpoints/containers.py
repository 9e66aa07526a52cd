"""From a file to plain values: which container it is, told from its content, and what that holds."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.pickle_machine import PickleMachine
from pgan_core.checkpoints.pickle_names import CALLS, is_inert, plain
from pgan_core.checkpoints.torch_files import LEGACY_START, ZIP_START, read_legacy, read_zip

Source = str | os.PathLike | bytes | bytearray | memoryview | BinaryIO

MAX_BYTES = 4 * 2**30  # the largest published file, an official 1024x1024 triple, has 270 MB
BROKEN = (ValueError, TypeError, LookupError, AttributeError, OverflowError, struct.error)


def read_bytes(source: Source) -> memoryview:
    """A file's content; an open file is read from its start, where it can be.

    Raises CheckpointError for a directory, a missing, an empty or a far too large file.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data = source
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir():
            raise CheckpointError(f"{path.name} is a directory; a checkpoint is one file.")
        try:
            if path.stat().st_size > MAX_BYTES:
                raise CheckpointError(f"{path.name} is larger than {MAX_BYTES >> 30} GiB; no published network is.")
            data = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path.name} cannot be read: {error.strerror}.") from error
    else:
        if source.seekable():
            source.seek(0)
        data = source.read(MAX_BYTES + 1)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise CheckpointError("The file was opened as text; a checkpoint is read as bytes.")
    if not 0 < len(data) <= MAX_BYTES:
        raise CheckpointError(
            "The file is empty." if not len(data) else "The file is larger than any published network."
        )
    return memoryview(data).cast("B")


def read_tree(data: memoryview) -> tuple[str, object]:
    """(container, content): the container in words, and plain dicts, lists, arrays and stand-ins.

    Raises CheckpointError, never anything else, whatever the bytes are.
    """
    start = bytes(data[:16])
    container, read = _container(start)
    try:
        return container, read(data)
    except CheckpointError as error:
        raise CheckpointError(f"Taken for {container}: {error}.") from error
    except BROKEN as error:
        raise CheckpointError(
            f"Taken for {container}: it is broken ({error or type(error).__name__})."[:300]
        ) from error


def _container(start: bytes) -> tuple[str, Callable[[memoryview], object]]:
    if start.startswith(ZIP_START):
        return "a torch zip archive", read_zip
    if start.startswith(LEGACY_START):
        return "a legacy torch file", read_legacy
    if start[:1] in (b"\x80", b"(", b"c"):
        return "a pickle", lambda data: plain(PickleMachine(data, calls=CALLS, is_inert=is_inert).run())
    raise CheckpointError(f"{_guess(start)}; a pickle, a torch file or a safetensors file was expected.")


def _guess(start: bytes) -> str:
    if start.startswith(b"\x1f\x8b"):
        return "The file is gzipped: unpack it first"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "The file is a web page, perhaps a download page saved in place of the checkpoint"
    if start.startswith(b"version https://"):
        return "The file is a Git LFS pointer, not the checkpoint itself"
    if start.startswith(b"\x89HDF"):
        return "The file is HDF5"
    if start.isascii() and not any(byte < 9 for byte in start):
        return "The file is text"
    return f"The file starts with the unknown bytes {start[:8].hex(' ')}"
