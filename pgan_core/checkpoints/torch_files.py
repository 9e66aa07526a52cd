"""torch's two containers, read without torch: the zip archive, and the older chain of pickles and raw storages."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.pickle_machine import Name, PickleMachine
from pgan_core.checkpoints.pickle_names import CALLS, ELEMENTS, STORAGES, Storage, is_inert, plain

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\x0a" + LEGACY_MAGIC.to_bytes(10, "little") + b"."
LEGACY_PROTOCOL = 1001
ZIP_START = b"PK\x03\x04"
_END_OF_DIRECTORY = b"PK\x05\x06"
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
    count, size, start = _zip_directory(data)
    entries, position, total = {}, start, 0
    for _ in range(count):
        if bytes(data[position : position + 4]) != b"PK\x01\x02" or position + 46 > start + size:
            raise CheckpointError("its directory is broken")
        fields = struct.unpack("<HHHHHHIIIHHHHHII", data[position + 4 : position + 46])
        method, checksum, packed, unpacked, name_length, extra_length, note_length = fields[3], *fields[6:12]
        offset = fields[15]
        name_end = position + 46 + name_length
        name = str(data[position + 46 : name_end], "utf-8", "replace")
        extra = data[name_end : name_end + extra_length]
        unpacked, packed, offset = _zip64_sizes(extra, unpacked, packed, offset)
        position = name_end + extra_length + note_length
        if method != 0 or packed != unpacked:
            raise CheckpointError(f"its entry {name[:60]} is compressed, which torch never does")
        total += packed
        if total > len(data) or name in entries:
            raise CheckpointError("it declares more than the file holds")
        entries[name] = _zip_content(data, name, offset, packed, checksum)
    return entries


def _zip_directory(data: memoryview) -> tuple[int, int, int]:
    """(entries, size, start) of the central directory, from the record at the archive's end."""
    tail = bytes(data[-(2**16 + 22) :])
    at = tail.rfind(_END_OF_DIRECTORY)
    if at < 0 or at + 22 > len(tail):
        raise CheckpointError("it is cut off: its directory is missing")
    count, size, start = struct.unpack("<HII", tail[at + 10 : at + 20])
    locator = tail[at - 20 : at]
    if locator[:4] == b"PK\x06\x07":  # zip64, which torch always writes
        (record,) = struct.unpack("<Q", locator[8:16])
        if bytes(data[record : record + 4]) != b"PK\x06\x06" or record + 56 > len(data):
            raise CheckpointError("its zip64 directory is missing")
        count, size, start = struct.unpack("<QQQ", data[record + 32 : record + 56])
    if count > MAX_ENTRIES or start + size > len(data):
        raise CheckpointError("its directory lies beyond the end of the file")
    return count, size, start


def _zip64_sizes(extra: memoryview, unpacked: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset where the 32-bit fields say that they stand in the zip64 extra field."""
    values = [unpacked, packed, offset]
    while len(extra) >= 4:
        tag, length = struct.unpack("<HH", extra[:4])
        if tag == 1:
            body = bytes(extra[4 : 4 + length])
            for i, value in enumerate(values):
                if value == 0xFFFFFFFF and len(body) >= 8:
                    values[i], body = int.from_bytes(body[:8], "little"), body[8:]
        extra = extra[4 + length :]
    return values[0], values[1], values[2]


def _zip_content(data: memoryview, name: str, offset: int, size: int, checksum: int) -> memoryview:
    if bytes(data[offset : offset + 4]) != ZIP_START or offset + 30 > len(data):
        raise CheckpointError(f"its entry {name[:60]} is not where the directory says")
    name_length, extra_length = struct.unpack("<HH", data[offset + 26 : offset + 30])
    begin = offset + 30 + name_length + extra_length
    content = data[begin : begin + size]
    if len(content) != size or zlib.crc32(content) != checksum:
        raise CheckpointError(f"its entry {name[:60]} is damaged: the checksum differs")
    return content
