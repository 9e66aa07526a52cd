"""torch's two containers, read without torch: the zip archive, and the older chain of pickles and raw storages."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import IO, cast
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.pickle_machine import Name, PickleMachine
from pgan_core.checkpoints.pickle_names import CALLS, ELEMENTS, STORAGES, Storage, is_inert, plain

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\x0a" + LEGACY_MAGIC.to_bytes(10, "little") + b"."
LEGACY_PROTOCOL = 1001
ZIP_START = b"PK\x03\x04"
MAX_ENTRIES = 100_000


def read_legacy(data: memoryview) -> object:
    """The object in a file of `torch.save(..., _use_new_zipfile_serialization=False)` and of torch before 1.6."""
    storages: dict[str, Storage] = {}
    machine, position, values = None, 0, []
    for _ in range(5):  # magic number, protocol, system, the object, the storages' keys
        machine = PickleMachine(
            data, calls=CALLS, is_inert=is_inert, persistent=_persistent(storages), position=position
        )
        values.append(machine.run())
        position = machine.position
    magic, protocol, system, value, keys = values
    if magic != LEGACY_MAGIC or protocol != LEGACY_PROTOCOL:
        raise CheckpointError("its magic number or protocol is another")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError("it was written on a big-endian machine")
    if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
        raise CheckpointError("its list of storages is not a list")
    if sorted(map(str, keys)) != sorted(storages):
        raise CheckpointError("its list of storages is not that of its tensors")
    for key in keys:
        position = _fill(storages[str(key)], data, position)
    return plain(value)


def _fill(storage: Storage, data: memoryview, position: int) -> int:
    """Give a storage its bytes: an int64 length, then that many elements. Returns the position behind them."""
    if position + 8 > len(data):
        raise CheckpointError("it ends before its storages do")
    (length,) = struct.unpack("<q", data[position : position + 8])
    end = position + 8 + storage.nbytes
    if length != storage.length or end > len(data):
        raise CheckpointError(f"a storage of {storage.length} elements has not as many in the file")
    storage.data = data[position + 8 : end]
    return end


def _persistent(storages: dict[str, Storage]) -> Callable[[object], object]:
    """What torch puts outside of its pickle: ("storage", class, key, device, length[, view]) or ("module", class)."""

    def resolve(identity: object) -> object:
        match identity:
            case ("module", Name() as cls, *_):
                return cls  # a class with its source text, which is never read
            case ("storage", Name(path), str() | int() as key, _, int() as length, *view) if path in STORAGES:
                if any(part is not None for part in view):
                    raise CheckpointError(
                        "the torch file shares storages in the manner of torch 0.1, which is not known"
                    )
                storage = storages.setdefault(str(key), Storage(ELEMENTS[STORAGES[path]], length))
                if length < 0 or (storage.element, storage.length) != (ELEMENTS[STORAGES[path]], length):
                    raise CheckpointError(f"the torch file describes the storage {key} in two ways")
                return storage
        raise CheckpointError("the torch file refers to something that is not a storage")

    return resolve


def read_zip(data: memoryview) -> object:
    """The object in a zip archive of `torch.save` (torch 1.6 and later)."""
    entries = zip_entries(data)
    pickles = [name for name in entries if name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
    if len(pickles) != 1:
        raise CheckpointError("it holds no data.pkl")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in entries:
        raise CheckpointError("it is a TorchScript archive, which is a program and not a checkpoint")
    if bytes(entries.get(f"{root}byteorder", b"little")) != b"little":
        raise CheckpointError("it was written on a big-endian machine")
    storages: dict[str, Storage] = {}
    machine = PickleMachine(entries[pickles[0]], calls=CALLS, is_inert=is_inert, persistent=_persistent(storages))
    value = machine.run()
    for key, storage in storages.items():
        storage.data = entries.get(f"{root}data/{key}")
    return plain(value)


def zip_entries(data: memoryview) -> dict[str, memoryview]:
    """The entries of a zip archive as views of the file, their checksums proven.

    Only stored entries are taken, as torch writes them: nothing here can unpack to more than the file holds.
    """
    entries: dict[str, memoryview] = {}
    try:
        with ZipFile(cast(IO[bytes], io.BufferedReader(_View(data)))) as archive:
            listed = archive.infolist()
    except (BadZipFile, NotImplementedError, OSError, OverflowError, UnicodeError, ValueError, struct.error) as error:
        raise CheckpointError("it is cut off, or its directory is broken") from error
    total = 0
    for entry in listed:
        if entry.compress_type != ZIP_STORED or entry.file_size != entry.compress_size:
            raise CheckpointError(f"its entry {entry.filename[:60]} is compressed, which torch never does")
        total += entry.file_size
        if total > len(data) or len(entries) == MAX_ENTRIES or entry.filename in entries:
            raise CheckpointError("it declares more than the file holds")
        entries[entry.filename] = _content(data, entry)
    return entries


def _content(data: memoryview, entry: ZipInfo) -> memoryview:
    """An entry's bytes, without a copy: they follow its local header, whose length the directory does not say."""
    start = max(entry.header_offset, 0)
    header = data[start : start + 30]
    if len(header) < 30 or header[:4] != ZIP_START:
        raise CheckpointError(f"its entry {entry.filename[:60]} is not where the directory says")
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    begin = start + 30 + name_length + extra_length
    content = data[begin : begin + entry.file_size]
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise CheckpointError(f"its entry {entry.filename[:60]} is damaged: the checksum differs")
    return content


class _View(io.RawIOBase):
    """A memoryview as a file, so that `zipfile` reads an archive's directory without a copy of the archive."""

    def __init__(self, data: memoryview):
        self.data, self.position = data, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: len(self.data)}[whence]
        if position < 0:
            raise OSError("a place before the file's start")
        self.position = position
        return position

    def readinto(self, buffer) -> int:
        part = self.data[self.position : self.position + len(buffer)]
        buffer[: len(part)] = part
        self.position += len(part)
        return len(part)
