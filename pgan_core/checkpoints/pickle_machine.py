"""A pickle machine that builds plain values and runs nothing.

A pickle is a program for a small stack machine. Python's own machine imports and calls whatever the
program names; this one knows the opcodes that protocols 0 to 5 write, and a closed table of names
(`pickle_names.py`). A name that is not in the table ends the reading, before anything is built from it.

Long byte strings stay views of the file, so that a 270 MB pickle costs little more than its own size.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pgan_core.checkpoints.errors import CheckpointError, brief

MAX_OPCODES = 500_000
MAX_LINE = 2**26  # bytes of one text line, as protocol 0 writes arrays
MAX_INTEGER_BYTES = 64
MAX_KEY = 2**60  # of whole numbers as keys: larger ones can be chosen so that all share one hash
MAX_ARGUMENTS = 16
SHORT_STRING = 4096  # Python 2 strings up to this length are text; longer ones are array data and stay raw

MARK = object()
T = TypeVar("T")


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle mentions: never imported, only its dotted name."""

    path: str


class StandIn:
    """An instance of a class that stays unknown: its name, what it was made from, and its state."""

    def __init__(self, path: str, arguments: tuple = ()):
        self.path = path
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


Call = Callable[[tuple], object]


class PickleMachine:
    """Runs one pickle over `data` from `position`; afterwards `position` is the byte behind its STOP.

    `calls` maps the names that REDUCE may use to our own constructors, `is_inert(path)` says which other
    names may stand as classes without behaviour, `persistent` resolves persistent ids (torch's storages).
    """

    def __init__(
        self,
        data: memoryview,
        *,
        calls: Mapping[str, Call],
        is_inert: Callable[[str], bool],
        persistent: Callable[[object], object] | None = None,
        position: int = 0,
    ):
        self.data = data
        self.position = position
        self.calls = calls
        self.is_inert = is_inert
        self.persistent = persistent
        self.stack: list = []
        self.memo: dict[int, object] = {}
        self.budget = 3 * len(data) + 2**24  # bytes of text that may be made, and of values that calls may copy

    def run(self) -> object:
        """The value of the pickle. Raises CheckpointError for anything unknown, forged or too large."""
        for _ in range(MAX_OPCODES):
            if self.position >= len(self.data):
                raise CheckpointError("the pickle ends without a STOP")
            code = self.data[self.position]
            self.position += 1
            if code == STOP:
                if len(self.stack) != 1 or self.stack[0] is MARK:
                    raise CheckpointError("the pickle stops with an unfinished value")
                return self.stack.pop()
            handler = OPCODES.get(code)
            if handler is None:
                raise CheckpointError(f"the pickle holds the unknown opcode 0x{code:02x}")
            handler(self)
        raise CheckpointError(f"the pickle holds more than {MAX_OPCODES:,} opcodes")

    # Reading

    def take(self, count: int) -> memoryview:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise CheckpointError(f"the pickle ends early: {count} bytes are declared at byte {self.position}")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def number(self, layout: str) -> Any:  # an int or a float, as the layout says
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def line(self, longest: int = 1024) -> bytes:
        size = 64  # look further only as far as needed, so that many lines cost no more than their length
        while (length := (window := bytes(self.data[self.position : self.position + size])).find(b"\n")) < 0:
            if size > longest or len(window) < size:
                raise CheckpointError("the pickle holds a text line without an end")
            size *= 4
        self.position += length + 1
        return window[:length]

    def text(self, raw: bytes | memoryview, encoding: str = "utf-8") -> str:
        text = str(raw, encoding, "surrogatepass" if encoding == "utf-8" else "strict")
        self.spend(max(0, sys.getsizeof(text) - 128))
        return text

    def spend(self, count: int) -> None:
        self.budget -= count
        if self.budget < 0:
            raise CheckpointError("the pickle's values grow far beyond the size of the file")

    def spend_on(self, arguments: tuple) -> None:
        """Account for what a call or a state may copy, so that one long value cannot be copied again and again."""
        if len(arguments) > MAX_ARGUMENTS:
            raise CheckpointError(f"the pickle passes {len(arguments)} values at once")
        self.spend(sum(8 * len(value) for value in arguments if isinstance(value, list | tuple)))
        self.spend(sum(len(value) for value in arguments if isinstance(value, str)))

    def python2_string(self, raw: memoryview) -> str | memoryview:
        return self.text(raw, "latin-1") if len(raw) <= SHORT_STRING else raw

    # The stack

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> object:
        value = self.stack.pop()
        if value is MARK:
            raise CheckpointError("the pickle's stack is out of step")
        return value

    def top(self, kind: type[T]) -> T:
        if not isinstance(value := self.stack[-1], kind):
            raise CheckpointError("the pickle fills a value that is not a container")
        return value

    def pop_to_mark(self) -> list:
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is MARK:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise CheckpointError("the pickle's stack is out of step")

    def pop_many(self, count: int) -> list:
        return [self.pop() for _ in range(count)][::-1]

    def remember(self, index: int) -> None:
        if self.stack[-1] is MARK:
            raise CheckpointError("the pickle remembers a mark")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise CheckpointError(f"the pickle recalls the value {index}, which it never stored")
        self.push(self.memo[index])

    def fill_dict(self, target: dict, items: list) -> None:
        if len(items) % 2:
            raise CheckpointError("the pickle holds a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    # Names and objects

    def find(self, path: str) -> Name:
        if path not in self.calls and not self.is_inert(path):
            raise CheckpointError(f"the pickle asks for `{path[:80]}`, which no known layout needs")
        return Name(path)

    def reduce(self) -> None:
        function, arguments = self.pop_many(2)
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise CheckpointError("the pickle calls something that is not a name")
        if function.path not in self.calls:
            raise CheckpointError(f"the pickle calls `{function.path}`, which no known layout needs")
        self.spend_on(arguments)
        self.push(self.calls[function.path](arguments))

    def new_object(self, cls: object, arguments: object) -> None:
        if not isinstance(cls, Name) or not self.is_inert(cls.path) or not isinstance(arguments, tuple):
            raise CheckpointError("the pickle makes an instance of something that is not a known class")
        self.push(StandIn(cls.path, arguments))

    def build(self) -> None:
        state = self.pop()
        target = self.stack[-1]
        if isinstance(target, dict):
            return  # attributes of an OrderedDict (torch's `_metadata`): nothing that a network needs
        set_state = getattr(target, "__setstate__", None)
        if isinstance(target, Name) or set_state is None:
            raise CheckpointError("the pickle gives a state to a value that has none")
        if isinstance(state, tuple):
            self.spend_on(state)
        set_state(state)

    def persistent_value(self, identity: object) -> None:
        if self.persistent is None:
            raise CheckpointError("the pickle refers to data outside of itself")
        self.push(self.persistent(identity))


def checked_key(key: object) -> str | int | None:
    """A key that dictionaries may have: text, None, or a whole number that is not built for collisions."""
    if isinstance(key, str | None) or (isinstance(key, int) and abs(key) < MAX_KEY):
        return key
    raise CheckpointError(f"the pickle uses {brief(key)} as a key")


def _integer(raw: bytes | memoryview) -> int:
    if len(raw) > MAX_INTEGER_BYTES:
        raise CheckpointError("the pickle holds an integer of absurd size")
    return int.from_bytes(raw, "little", signed=True)


def _text_integer(m: PickleMachine) -> None:
    line = m.line()
    if line in (b"00", b"01"):  # protocol 0's booleans
        m.push(line == b"01")
    else:
        m.push(int(line.rstrip(b"L")))


def _quoted_string(m: PickleMachine) -> None:
    line = m.line(MAX_LINE)
    if len(line) < 2 or line[:1] not in b"'\"" or line[-1] != line[0]:
        raise CheckpointError("the pickle holds a string without quotes")
    m.push(m.text(line[1:-1], "unicode_escape"))


def _protocol(m: PickleMachine) -> None:
    if (version := m.number("<B")) > 5:
        raise CheckpointError(f"the pickle is of protocol {version}; 0 to 5 are known")


def _stack_global(m: PickleMachine) -> None:
    module, name = m.pop_many(2)
    if not isinstance(module, str) or not isinstance(name, str):
        raise CheckpointError("the pickle names something without text")
    m.push(m.find(f"{module}.{name}"))


def _append(m: PickleMachine) -> None:
    value = m.pop()
    m.top(list).append(value)


def _appends(m: PickleMachine) -> None:
    items = m.pop_to_mark()
    m.top(list).extend(items)


def _set_item(m: PickleMachine) -> None:
    pair = m.pop_many(2)
    m.fill_dict(m.top(dict), pair)


def _set_items(m: PickleMachine) -> None:
    items = m.pop_to_mark()
    m.fill_dict(m.top(dict), items)


def _dict(m: PickleMachine) -> None:
    items = m.pop_to_mark()
    m.push({})
    m.fill_dict(m.stack[-1], items)


def _object(m: PickleMachine) -> None:
    cls, *arguments = m.pop_to_mark()
    m.new_object(cls, tuple(arguments))


def _instance(m: PickleMachine) -> None:
    cls = m.find(f"{m.line().decode()}.{m.line().decode()}")
    m.new_object(cls, tuple(m.pop_to_mark()))


def _new_object_with_keywords(m: PickleMachine) -> None:
    cls, arguments, keywords = m.pop_many(3)
    if keywords:
        raise CheckpointError("the pickle makes an instance with keyword arguments")
    m.new_object(cls, arguments)


STOP = ord(".")

OPCODES: dict[int, Callable[[PickleMachine], object]] = {
    # plain values
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("I"): _text_integer,
    ord("L"): _text_integer,
    ord("J"): lambda m: m.push(m.number("<i")),
    ord("K"): lambda m: m.push(m.number("<B")),
    ord("M"): lambda m: m.push(m.number("<H")),
    0x8A: lambda m: m.push(_integer(m.take(m.number("<B")))),
    0x8B: lambda m: m.push(_integer(m.take(m.number("<i")))),
    ord("F"): lambda m: m.push(float(m.line())),
    ord("G"): lambda m: m.push(m.number(">d")),
    # strings and bytes
    ord("S"): _quoted_string,
    ord("T"): lambda m: m.push(m.python2_string(m.take(m.number("<i")))),
    ord("U"): lambda m: m.push(m.python2_string(m.take(m.number("<B")))),
    ord("V"): lambda m: m.push(m.text(m.line(MAX_LINE), "raw_unicode_escape")),
    ord("X"): lambda m: m.push(m.text(m.take(m.number("<I")))),
    0x8C: lambda m: m.push(m.text(m.take(m.number("<B")))),
    0x8D: lambda m: m.push(m.text(m.take(m.number("<Q")))),
    ord("B"): lambda m: m.push(m.take(m.number("<I"))),
    ord("C"): lambda m: m.push(m.take(m.number("<B"))),
    0x8E: lambda m: m.push(m.take(m.number("<Q"))),
    0x96: lambda m: m.push(m.take(m.number("<Q"))),
    # containers; a set becomes a list, its members need no order and no hash here
    ord("("): lambda m: m.push(MARK),
    ord(")"): lambda m: m.push(()),
    ord("]"): lambda m: m.push([]),
    ord("}"): lambda m: m.push({}),
    0x8F: lambda m: m.push([]),
    ord("t"): lambda m: m.push(tuple(m.pop_to_mark())),
    ord("l"): lambda m: m.push(m.pop_to_mark()),
    0x91: lambda m: m.push(m.pop_to_mark()),
    ord("d"): _dict,
    0x85: lambda m: m.push(tuple(m.pop_many(1))),
    0x86: lambda m: m.push(tuple(m.pop_many(2))),
    0x87: lambda m: m.push(tuple(m.pop_many(3))),
    ord("a"): _append,
    ord("e"): _appends,
    0x90: _appends,
    ord("s"): _set_item,
    ord("u"): _set_items,
    # the stack and the memo
    ord("0"): lambda m: m.stack.pop(),
    ord("1"): lambda m: m.pop_to_mark(),
    ord("2"): lambda m: m.push(m.stack[-1]),
    ord("p"): lambda m: m.remember(int(m.line())),
    ord("q"): lambda m: m.remember(m.number("<B")),
    ord("r"): lambda m: m.remember(m.number("<I")),
    0x94: lambda m: m.remember(len(m.memo)),
    ord("g"): lambda m: m.recall(int(m.line())),
    ord("h"): lambda m: m.recall(m.number("<B")),
    ord("j"): lambda m: m.recall(m.number("<I")),
    # names and objects
    ord("c"): lambda m: m.push(m.find(f"{m.line().decode()}.{m.line().decode()}")),
    0x93: _stack_global,
    ord("R"): lambda m: m.reduce(),
    0x81: lambda m: m.new_object(*m.pop_many(2)),
    0x92: _new_object_with_keywords,
    ord("i"): _instance,
    ord("o"): _object,
    ord("b"): lambda m: m.build(),
    ord("P"): lambda m: m.persistent_value(m.line().decode()),
    ord("Q"): lambda m: m.persistent_value(m.pop()),
    # the frame of the program
    0x80: _protocol,
    0x95: lambda m: m.number("<Q"),
}
