"""The closed table of names that a pickle may use, and what each becomes: arrays, dicts, and inert stand-ins.

Arrays and torch tensors are *stored values* first (the machine builds them piecemeal, and a legacy torch file
brings its numbers after the pickle). `plain` turns a finished pickle into dicts, lists, numbers and numpy
arrays that are read-only views of the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from pgan_core.checkpoints.errors import CheckpointError, brief
from pgan_core.checkpoints.pickle_machine import Call, Name, StandIn, checked_key

MAX_DEPTH = 64
MAX_DIMENSIONS = 8
_DTYPE = re.compile(r"[<>=|]?(f[248]|[iu][1248]|b1)")
_LAYER_CLASS = re.compile(r"torch\.nn\.modules\.[a-z_]+\.[A-Za-z0-9]+")

# Classes that published checkpoints mention. They become StandIn: a name and a state, no behaviour.
INERT = {
    "tfutil.Network",  # the official TensorFlow code
    "network.Network",  # the official Theano code
    "dnnlib.tflib.network.Network",  # the StyleGAN repository's
    "torch.nn.parallel.data_parallel.DataParallel",
    "models.utils.config.BaseConfig",  # pytorch_GAN_zoo
    "numpy.ndarray",
    "builtins.object",
    "__builtin__.object",
    *(f"model.{name}" for name in ("Generator", "Discriminator", "ConvBlock", "EqualConv2d", "EqualLinear")),
    *(f"model.{name}" for name in ("EqualLR", "PixelNorm", "SpectralNorm", "SpectralNormConv2d")),  # rosinality
}

# torch's storage classes by the element they hold; bfloat16 is the upper half of a float32.
ELEMENTS = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
}
STORAGES = {f"{module}.{name}": name for module in ("torch", "torch.cuda") for name in ELEMENTS}


def is_inert(path: str) -> bool:
    """Whether `path` may stand in a pickle as a class without behaviour."""
    return path in INERT or path in STORAGES or _LAYER_CLASS.fullmatch(path) is not None


class Storage:
    """A torch storage: its element type, its length, and its bytes once they are known."""

    def __init__(self, element: str, length: int):
        self.element = element
        self.length = length
        self.data: memoryview | None = None
        self.wide: np.ndarray | None = None  # bfloat16 as float32, made once for all the tensors that share it

    @property
    def nbytes(self) -> int:
        return self.length * (2 if self.element == "bfloat16" else np.dtype(self.element).itemsize)

    def numbers(self) -> np.ndarray:
        if self.data is None or len(self.data) != self.nbytes:
            raise CheckpointError(f"a tensor of {self.length} elements has no such data in the file")
        if not self.length:
            return np.empty(0, "f4")
        if self.element == "bfloat16":
            if self.wide is None:
                self.wide = (np.frombuffer(self.data, "<u2").astype("<u4") << 16).view("<f4")
            return self.wide
        return np.frombuffer(self.data, f"<{self.element}")


class StoredTensor:
    """A torch tensor as its pickle describes it: a window of a storage."""

    def __init__(self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]):
        if len(shape) != len(strides) or min((offset, *shape, *strides)) < 0:
            raise CheckpointError(f"a tensor has the shape {shape} and the strides {strides}, which do not fit")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def __setstate__(self, state: object) -> None:
        """Parameters of torch 0.3 bring requires_grad and hooks here: nothing that a network needs."""

    def resolve(self) -> np.ndarray:
        numbers = self.storage.numbers()
        size = math.prod(self.shape)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if size and (last >= len(numbers) or size > len(numbers)):
            raise CheckpointError(f"a tensor of shape {self.shape} reaches beyond its storage of {len(numbers)}")
        if not size:
            return np.empty(self.shape, numbers.dtype)
        steps = tuple(s * numbers.itemsize for s in self.strides)
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)


class StoredDtype:
    """`numpy.dtype`: made from a code such as "f4", told its byte order afterwards."""

    def __init__(self, arguments: tuple):
        code = arguments[0] if arguments else None
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise CheckpointError(f"an array has elements of the kind {brief(code)}, which no weight has")
        self.code = code.lstrip("<>=|")
        self.order = ">" if code.startswith(">") else "<"

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.order + self.code)


class StoredArray:
    """A numpy array (or scalar, of shape ()) as its pickle describes it."""

    def __init__(self, arguments: tuple = ()):
        self.parts: tuple | None = None

    def __setstate__(self, state: object) -> None:
        version_shape_dtype_order_data = state if isinstance(state, tuple) else ()
        if len(version_shape_dtype_order_data) != 5:
            raise CheckpointError("an array's state is not (version, shape, dtype, order, data)")
        *_, data = version_shape_dtype_order_data
        self.parts = (*version_shape_dtype_order_data[1:4], _raw_bytes(data))

    def resolve(self) -> np.ndarray:
        if self.parts is None:
            raise CheckpointError("an array has no data")
        shape, kind, column_major, data = self.parts
        if not isinstance(kind, StoredDtype):
            raise CheckpointError("an array has no element type")
        shape, raw = whole_numbers(shape), data
        if math.prod(shape) * kind.dtype.itemsize != len(raw):
            raise CheckpointError(f"an array of shape {shape} and type {kind.dtype} has {len(raw)} bytes of data")
        numbers = np.frombuffer(raw, kind.dtype) if len(raw) else np.empty(0, kind.dtype)
        return numbers.reshape(shape, order="F" if column_major else "C")


def whole_numbers(values: object) -> tuple[int, ...]:
    """A shape or strides out of a pickle as a tuple of ints, checked."""
    if isinstance(values, int):
        values = (values,)
    if not isinstance(values, tuple | list) or len(values) > MAX_DIMENSIONS:
        raise CheckpointError("a tensor's shape is not a short tuple")
    if not all(isinstance(n, int) and 0 <= n < 2**40 for n in values):
        raise CheckpointError(f"a tensor has a shape of {', '.join(map(brief, values))}, which is impossible")
    return tuple(values)


def _raw_bytes(data: object) -> bytes | memoryview:
    if isinstance(data, str):  # Python 2 strings and protocol 0 write bytes as latin-1 text
        return data.encode("latin-1")
    if not isinstance(data, bytes | memoryview):
        raise CheckpointError("an array's data are not bytes")
    return data


def _arguments(arguments: tuple, least: int) -> Sequence:
    if len(arguments) < least:
        raise CheckpointError("the pickle calls a known name with too few arguments")
    return arguments


def _scalar(arguments: tuple) -> StoredArray:
    dtype, data = _arguments(arguments, 2)[:2]
    value = StoredArray()
    value.parts = ((), dtype, False, _raw_bytes(data))
    return value


def _from_buffer(arguments: tuple) -> StoredArray:
    data, dtype, shape, order = _arguments(arguments, 4)[:4]
    value = StoredArray()
    value.parts = (shape, dtype, order == "F", _raw_bytes(data))
    return value


def _ordered_dict(arguments: tuple) -> dict:
    pairs = arguments[0] if arguments else []
    if not isinstance(pairs, list) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        raise CheckpointError("an ordered dictionary is not made of pairs")
    return {checked_key(key): value for key, value in pairs}


def _items(arguments: tuple) -> list:
    items = arguments[0] if arguments else []
    if not isinstance(items, list | tuple):
        raise CheckpointError("a set is not made of a list")
    return list(items)


def _encode(arguments: tuple) -> bytes:
    text, encoding = (*_arguments(arguments, 1), "latin1")[:2]
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise CheckpointError("the pickle encodes something that is not latin-1 text")
    return text.encode("latin-1")


def _bytes(arguments: tuple) -> bytes | memoryview:
    return _raw_bytes(arguments[0]) if arguments else b""


def _instance(arguments: tuple) -> object:
    cls = _arguments(arguments, 1)[0]
    if not isinstance(cls, Name) or not is_inert(cls.path):
        raise CheckpointError("the pickle makes an instance of something that is not a known class")
    return StandIn(cls.path)


def _rebuild_tensor(arguments: tuple) -> StoredTensor:
    storage, offset, shape, strides = _arguments(arguments, 4)[:4]
    if not isinstance(storage, Storage) or not isinstance(offset, int):
        raise CheckpointError("a tensor is made from something that is not a storage")
    return StoredTensor(storage, offset, whole_numbers(shape), whole_numbers(strides))


def _first(arguments: tuple) -> object:
    return _arguments(arguments, 1)[0]


CALLS: dict[str, Call] = {
    "collections.OrderedDict": _ordered_dict,
    "builtins.set": _items,
    "__builtin__.set": _items,
    "builtins.bytes": _bytes,
    "__builtin__.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "_codecs.encode": _encode,
    "copyreg._reconstructor": _instance,
    "copy_reg._reconstructor": _instance,
    "numpy.dtype": StoredDtype,
    **{f"numpy.{core}.multiarray._reconstruct": StoredArray for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch.nn.backends.thnn._get_thnn_function_backend": lambda arguments: None,  # modules of torch before 1.2
    "torch.Size": lambda arguments: whole_numbers(_first(arguments)),
}


def plain(value: object) -> object:
    """Stored values to numpy arrays, throughout dicts, lists, tuples and the states of stand-ins.

    Raises CheckpointError for a value that contains itself or is nested deeper than MAX_DEPTH.
    """
    return _plain(value, {}, 0)


def _plain(value: object, done: dict[int, tuple], depth: int) -> object:
    if depth > MAX_DEPTH:
        raise CheckpointError(f"the values are nested more than {MAX_DEPTH} deep")
    if value is None or isinstance(value, str | int | float | bytes | Name):
        return value
    if id(value) in done:
        finished = done[id(value)][1]
        if finished is None:
            raise CheckpointError("a value contains itself")
        return finished
    done[id(value)] = (value, None)  # keeps `value` alive, so that its id stays its own
    finished = _convert(value, done, depth + 1)
    done[id(value)] = (value, finished)
    return finished


def _convert(value: object, done: dict[int, tuple], depth: int) -> object:
    match value:
        case dict():
            return {key: _plain(item, done, depth) for key, item in value.items()}
        case list():
            return [_plain(item, done, depth) for item in value]
        case tuple():
            return tuple([_plain(item, done, depth) for item in value])
        case memoryview():
            return bytes(value) if len(value) <= MAX_DEPTH else value
        case StoredArray() | StoredTensor():
            return value.resolve()
        case StandIn():
            copy = StandIn(value.path)
            copy.state = _plain(value.state, done, depth)
            return copy
        case Storage() | StoredDtype():
            return None  # not a value by itself
    raise CheckpointError(f"the pickle holds a {type(value).__name__} where a value is expected")
