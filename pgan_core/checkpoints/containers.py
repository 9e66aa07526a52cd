"""From a file to plain values: which container it is, told from its content, and what that holds."""

from __future__ import annotations

import os
import struct
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
    """A file's content. Raises CheckpointError for a directory, a missing, an empty or a far too large file."""
    if isinstance(source, bytes | bytearray | memoryview):
        data = source
    elif hasattr(source, "read"):
        data = source.read(MAX_BYTES + 1)
    else:
        path = Path(source)
        if path.is_dir():
            raise CheckpointError(f"{path.name} is a directory; a checkpoint is one file")
        try:
            if path.stat().st_size > MAX_BYTES:
                raise CheckpointError(f"{path.name} has more than {MAX_BYTES >> 30} GiB, no published network has")
            data = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise CheckpointError("the file was opened as text; a checkpoint is read as bytes")
    if not 0 < len(data) <= MAX_BYTES:
        raise CheckpointError("the file is empty" if not len(data) else "the file is larger than any published network")
    return memoryview(data).cast("B")


def read_tree(data: memoryview) -> tuple[str, object]:
    """(container, content): "torch zip", "torch legacy" or "pickle", and plain dicts, lists and arrays.

    Raises CheckpointError, never anything else, whatever the bytes are.
    """
    start = bytes(data[:16])
    try:
        if start.startswith(ZIP_START):
            return "torch zip", read_zip(data)
        if start.startswith(LEGACY_START):
            return "torch legacy", read_legacy(data)
        if start[:1] in (b"\x80", b"(", b"c"):
            machine = PickleMachine(data, calls=CALLS, is_inert=is_inert)
            return "pickle", plain(machine.run())
    except CheckpointError:
        raise
    except BROKEN as error:
        raise CheckpointError(f"the file is broken or forged: {error or type(error).__name__}"[:300]) from error
    raise CheckpointError(f"{_guess(start)}; a pickle, a torch file or a safetensors file was expected")


def _guess(start: bytes) -> str:
    if start.startswith(b"\x1f\x8b"):
        return "the file is gzipped: unpack it first"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "the file is a web page, perhaps a download page saved in place of the checkpoint"
    if start.startswith(b"version https://"):
        return "the file is a Git LFS pointer, not the checkpoint itself"
    if start.startswith(b"\x89HDF"):
        return "the file is HDF5"
    if start.isascii() and not any(byte < 9 for byte in start):
        return "the file is text"
    return f"the file starts with the unknown bytes {start[:8].hex(' ')}"
