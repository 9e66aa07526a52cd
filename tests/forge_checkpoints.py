"""Forged checkpoints: spoiled bytes, changed opcodes and sizes in containers that stay readable, changed content."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import pickletools
import struct
import zipfile

import numpy as np
import torch

from pgan_core.checkpoints.containers import read_bytes, read_tree
from pgan_core.checkpoints.pickle_machine import StandIn
from tests.pgan_core.checkpoints.pickled import instance

EXTREMES = (0, 1, 2, 3, 127, 255, 2**15, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1)
HOSTILE = (  # opcodes that name, call, build, recall and multiply
    b"cos\nsystem\n(S'true'\ntR",
    b"c__builtin__\neval\n(S'1'\ntR",
    b"cposix\nsystem\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n(NI0\n)))NtR",
    b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR",
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR",
    b"}b",
    b"}(S'__class__'\nNub",
    b"(((((((((((((((lllllllllllllll",
    b"h\x00h\x00\x86" * 24,
    b"2\x86" * 40,
    b"]2a",
    b"\x8b\xff\xff\xff\x7f",
    b"\x8e" + struct.pack("<Q", 2**62),
    b"X" + struct.pack("<I", 2**31),
    b"\x95" + struct.pack("<Q", 2**63),
    b"Q",
)


# ---- bytes -------------------------------------------------------------------------------------------------------


def spoil_bytes(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """Flip, cut, splice, repeat or overwrite bytes anywhere."""
    at, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
    match rng.integers(6):
        case 0:
            changed = bytearray(data)
            for i in rng.integers(len(data), size=length):
                changed[i] ^= 1 << int(rng.integers(8))
            return bytes(changed)
        case 1:
            return data[:at]
        case 2:
            return data[:at] + other[int(rng.integers(len(other))) :]
        case 3:
            return data[:at] + data[max(0, at - length) :]
        case 4:
            head = int(rng.integers(min(len(data), 4096)))
            return data[:head] + rng.bytes(length) + data[head + length :]
    return data[:at] + struct.pack("<Q", int(rng.choice(EXTREMES[:9]))) + data[at + 8 :]


# ---- opcodes -----------------------------------------------------------------------------------------------------


def forge_pickle(rng: np.random.Generator, blob: bytes) -> bytes:
    """A pickle with one to three of its opcodes changed: gone, doubled, exchanged, another, or another argument."""
    for _ in range(int(rng.integers(1, 4))):
        starts = opcode_starts(blob)
        if len(starts) < 3:
            return blob
        i = int(rng.integers(1, len(starts) - 1))
        begin, end = starts[i], starts[i + 1]
        match rng.integers(6):
            case 0:
                blob = blob[:begin] + blob[end:]
            case 1:
                blob = blob[:end] + blob[begin:end] + blob[end:]
            case 2:
                j = int(rng.integers(1, len(starts) - 1))
                blob = blob[:begin] + blob[starts[j] : starts[j + 1]] + blob[end:]
            case 3:
                code = pickletools.opcodes[int(rng.integers(len(pickletools.opcodes)))].code.encode("latin-1")
                blob = blob[:begin] + code + blob[begin + 1 :]
            case 4:
                blob = blob[:begin] + HOSTILE[int(rng.integers(len(HOSTILE)))] + blob[begin:]
            case _:
                blob = blob[:begin] + forged_argument(rng, blob[begin:end]) + blob[end:]
    return blob


def opcode_starts(blob: bytes) -> list[int]:
    """Where the opcodes of a pickle begin, as far as it can be read."""
    starts = []
    with contextlib.suppress(ValueError, IndexError, struct.error, UnicodeDecodeError, OverflowError):
        starts.extend(position for _, _, position in pickletools.genops(blob))
    return starts


def forged_argument(rng: np.random.Generator, opcode: bytes) -> bytes:
    """The same opcode with a number, a declared size or a letter of its argument changed."""
    if opcode[:1] in b"KMJ":
        return b"\x8a\x09" + int(rng.choice(EXTREMES)).to_bytes(9, "little", signed=True)
    if opcode[:1] in b"XBT\x8b\x8d\x8e\x96":
        return opcode[:1] + struct.pack("<I", int(rng.choice(EXTREMES[:9]))) + opcode[5:]
    changed = bytearray(opcode)
    changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def forge_opcodes(rng: np.random.Generator, data: bytes) -> bytes:
    """Forge a pickle inside its container: a zip archive is packed again, a legacy file keeps its other parts."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        name = next(name for name in entries if name.endswith("data.pkl"))
        entries[name] = forge_pickle(rng, entries[name])
        if not rng.integers(8):
            entries.pop(list(entries)[int(rng.integers(len(entries)))])
        return zipped(entries)
    if data[:1] == b"\x80" or data[:1] in b"(c":
        stream, ends = io.BytesIO(data), [0]
        for _ in range(5 if b"\x19." in data[:16] else 1):
            for _ in pickletools.genops(stream):
                pass
            ends.append(stream.tell())
        i = (
            int(rng.integers(len(ends) - 1))
            if not rng.integers(4)
            else max(range(len(ends) - 1), key=lambda k: ends[k + 1] - ends[k])
        )
        return data[: ends[i]] + forge_pickle(rng, data[ends[i] : ends[i + 1]]) + data[ends[i + 1] :]
    return forge_header(rng, data)


def zipped(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def forge_header(rng: np.random.Generator, data: bytes) -> bytes:
    """A safetensors file whose JSON header is changed and whose length fits again."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    name = list(header)[int(rng.integers(len(header)))]
    value = header[name]
    match rng.integers(4):
        case 0:
            del header[name]
        case 1:
            header[f"{name}x"] = value
        case 2 if "shape" in value:
            value["shape"] = [int(rng.choice(EXTREMES)) for _ in value["shape"]]
        case 3 if "data_offsets" in value:
            value["data_offsets"] = [0, int(rng.choice(EXTREMES))]
        case _:
            header["__metadata__"] = {
                key: text[:-9] + text[-9:].replace("1", "9") if rng.integers(2) else text.replace("4", "8", 3)
                for key, text in header.get("__metadata__", {}).items()
            }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


# ---- content -----------------------------------------------------------------------------------------------------


def forge_content(rng: np.random.Generator, data: bytes) -> bytes:
    """The same kind of file with something else in it: names, shapes, strides, numbers and settings."""
    if data[8:9] == b"{":
        return forge_header(rng, data)
    container, tree = read_tree(read_bytes(data))
    for _ in range(int(rng.integers(1, 3))):
        tree = forge_tree(rng, tree)
    file = io.BytesIO()
    if container == "a pickle":
        pickle.dump(instances(tree), file, protocol=int(rng.integers(6)))
    else:
        tree = tensors(instances(tree), rng)
        torch.save(tree, file, _use_new_zipfile_serialization=container == "a torch zip archive")
    return file.getvalue()


def forge_tree(rng: np.random.Generator, tree: object) -> object:
    """A tree with one change at a random leaf or branch."""
    if isinstance(tree, StandIn):
        copy = StandIn(tree.path)
        copy.state = forge_tree(rng, tree.state)
        return copy
    if isinstance(tree, dict) and tree:
        tree = dict(tree)
        key = list(tree)[int(rng.integers(len(tree)))]
        match rng.integers(8):
            case 0:
                del tree[key]
            case 1:
                tree[renamed(rng, key)] = tree.pop(key)
            case 2:
                tree[key] = tree[list(tree)[int(rng.integers(len(tree)))]]
            case _:
                tree[key] = forge_tree(rng, tree[key])
        return tree
    if isinstance(tree, list | tuple) and tree:
        items = list(tree)
        i = int(rng.integers(len(items)))
        match rng.integers(8):
            case 0:
                del items[i]
            case 1:
                items.append(items[i])
            case _:
                items[i] = forge_tree(rng, items[i])
        return type(tree)(items)
    if isinstance(tree, np.ndarray):
        return forge_array(rng, tree)
    return renamed(rng, tree) if isinstance(tree, str) and rng.integers(2) else forged_value(rng)


def renamed(rng: np.random.Generator, key: object) -> object:
    """A key that is nearly the same: another number, another letter."""
    text = str(key)
    digits = [i for i, letter in enumerate(text) if letter.isdigit()]
    if not digits:
        return text[::-1]
    i = digits[int(rng.integers(len(digits)))]
    return text[:i] + str(rng.integers(40)) + text[i + 1 :]


def forged_value(rng: np.random.Generator) -> object:
    values = (None, True, -1, 0, 2**40, 1e308, float("nan"), "", "x" * 300, [], {}, (), [[[]]], b"\x00", -0.5, 7)
    return values[int(rng.integers(len(values)))]


def forge_array(rng: np.random.Generator, array: np.ndarray) -> object:
    """Another shape, type, size or content for an array."""
    array = np.array(array)
    match rng.integers(9):
        case 0:
            return array.reshape(-1)
        case 1:
            return array.T
        case 2:
            return array[..., : max(1, array.shape[-1] // 2)] if array.ndim else array
        case 3:
            return np.concatenate([array, array]) if array.ndim else array
        case 4:
            return array.astype([np.float16, np.float64, np.int64, np.bool_, np.int8][int(rng.integers(5))])
        case 5:
            flat = array.reshape(-1)
            if flat.size and flat.dtype.kind == "f":
                flat[int(rng.integers(flat.size))] = [np.nan, np.inf, -np.inf, 3e38][int(rng.integers(4))]
            return flat.reshape(array.shape)
        case 6:
            return array[None]
        case 7:
            return np.zeros((0, *array.shape[1:]), array.dtype)
    return forged_value(rng)


def instances(tree: object) -> object:
    """Stand-ins as instances of classes of that name, so that pickle can write them."""
    if isinstance(tree, StandIn):
        return instance("model.ConvBlock" if tree.path.startswith("torch.") else tree.path, instances(tree.state))
    if isinstance(tree, dict):
        return {key: instances(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)([instances(value) for value in tree])
    return bytes(tree) if isinstance(tree, memoryview) else tree


def tensors(tree: object, rng: np.random.Generator) -> object:
    """Arrays as torch tensors; now and then as a window that is larger than its storage."""
    if isinstance(tree, np.ndarray):
        tensor = torch.from_numpy(np.array(tree))
        if tensor.ndim and tensor.numel() and not rng.integers(200):
            return tensor.reshape(-1)[:1].expand(2**20, 64)
        return tensor
    if isinstance(tree, dict):
        return {key: tensors(value, rng) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)([tensors(value, rng) for value in tree])
    if hasattr(tree, "state"):
        tree.state = tensors(tree.state, rng)
    return tree


# ---- a case ------------------------------------------------------------------------------------------------------

KINDS = (  # name, share of the cases, what forges
    ("bytes", 0.25, None),
    ("opcodes", 0.35, forge_opcodes),
    ("content", 0.4, forge_content),
)


def forge(seed: int, case: int, files: list[bytes]) -> tuple[str, bytes]:
    """The case's kind and its file: a pure function of the seed, the case's number and the reference files."""
    rng = np.random.default_rng([seed, case])
    data = files[int(rng.integers(len(files)))]
    kind = rng.choice([name for name, _, _ in KINDS], p=[share for _, share, _ in KINDS])
    if kind == "bytes":
        return kind, spoil_bytes(rng, data, files[int(rng.integers(len(files)))])
    return str(kind), {name: change for name, _, change in KINDS}[kind](rng, data)
