"""Reads the text of a network, one block per line, into blocks, and into messages about the lines that are wrong.

    network = read("input 64x64x3\nconv 32 5x5 stride 2 gated elu\nconv 64 3x3 dilated 4 sn")
    network.layers[1].leaving, network.parameters, network.messages

No text raises. A wrong line is left out, and reading goes on.
"""

import difflib
import re
from dataclasses import dataclass, replace

from dashboard.pages.architecture.your_network.blocks import (
    ACTIVATIONS,
    NORMS,
    WEIGHTED,
    Layer,
    Operation,
    Shape,
    ShapeError,
    place,
)

MAX_TEXT = 4000  # characters
MAX_LINES = 150
MAX_FEATURES, MAX_SIDE, MAX_KERNEL = 65_536, 8192, 99
ASSUMED = (3, 64, 64)  # the input where no line gives one
WORDS = ("input", "conv", "deconv", "dense", "up", "pool", "concat", "add", "reshape", "flatten", "stddev", "dropout")
OTHER_NAMES = {
    "convolution": "conv", "fc": "dense", "upsample": "up", "down": "pool", "downsample": "pool",
    "bn": "batchnorm", "in": "instancenorm", "ln": "layernorm", "gn": "groupnorm", "pn": "pixelnorm",
    "leakyrelu": "lrelu", "swish": "silu", "spectral": "sn", "eq": "equalized", "rate": "dilated",
    "dilation": "dilated", "padding": "pad", "avg": "average",
}  # fmt: skip
FLAGS = {"gated": "gated", "sn": "spectral", "equalized": "equalized"}
OPTIONS = {  # word -> what may follow its number
    "conv": ("stride", "dilated", "pad", "gated", "sn", "equalized", "nobias"),
    "deconv": ("stride", "dilated", "pad", "gated", "sn", "equalized", "nobias"),
    "dense": ("sn", "equalized", "nobias"),
    "up": ("nearest", "bilinear"),
    "pool": ("average", "max"),
}
TAKES_NUMBER = ("lrelu", "elu", "groupnorm", "dropout")


@dataclass(frozen=True)
class Message:
    """What is wrong on a line."""

    line: int  # 1 is the first
    text: str  # 'found "cov"; expected ...'

    def __str__(self) -> str:
        return f"Line {self.line}: {self.text}."


@dataclass(frozen=True)
class Skip:
    """The output of one line that joins another further down: places in `Network.layers`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Network:
    """What a text says: blocks in order, skip connections, and messages about wrong lines."""

    layers: tuple[Layer, ...]
    skips: tuple[Skip, ...]
    messages: tuple[Message, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.layers)


class LineError(ValueError):
    """A line that cannot be read; what was found and what is expected."""


def read(text: str) -> Network:
    """The network that a text describes; text beyond MAX_TEXT characters or MAX_LINES lines is not read."""
    lines = text[:MAX_TEXT].split("\n")
    reader, messages = _Reader(), []
    for number, line in enumerate(lines[:MAX_LINES], start=1):
        try:
            reader.take(number, line)
        except (LineError, ShapeError) as error:
            messages.append(Message(number, str(error)))
    if len(text) > MAX_TEXT or len(lines) > MAX_LINES:
        last = min(len(lines), MAX_LINES)
        found = f"{len(text):,} characters on {text.count(chr(10)) + 1:,} lines"
        messages.append(
            Message(last, f"found {found}; expected at most {MAX_TEXT:,} on {MAX_LINES}. The rest is not read")
        )
    if not reader.layers and not messages:
        messages.append(Message(1, 'found nothing; expected an input, such as "input 256x256x3"'))
    if reader.assumed:
        words = f'found no input above; expected one, such as "input 256x256x3". Assumed: {ASSUMED[1]}x{ASSUMED[2]}x3'
        messages.append(Message(reader.assumed, words))
    return Network(tuple(reader.layers), tuple(reader.skips), tuple(sorted(messages, key=lambda m: m.line)))


class _Reader:
    """The shape as it goes down the lines, and the outputs that have names."""

    def __init__(self):
        self.layers: list[Layer] = []
        self.skips: list[Skip] = []
        self.named: dict[str, tuple[int, Shape]] = {}
        self.assumed = 0  # the line that needed an input that was not there

    def take(self, number: int, line: str) -> None:
        """Read one line; a wrong one changes nothing."""
        tokens = line.split("#")[0].lower().replace("×", "x").replace(",", " ").split()
        if not tokens:
            return
        operations, name = operations_of(number, [OTHER_NAMES.get(token, token) for token in tokens])
        begins = operations[0].word == "input"
        if begins and self.layers:
            raise LineError("found an input below other blocks; expected one, above all of them")
        if name in self.named:
            raise LineError(f'found the name "{name}" again; expected a new one')
        shape = self.layers[-1].leaving if self.layers else ASSUMED
        shapes, placed = {key: shape for key, (_, shape) in self.named.items()}, []
        for operation in operations:
            placed.append(place(operation, shape, shapes))
            shape = placed[-1].leaving
        if not self.layers and not begins:
            self.assumed = number
            assumed = Operation("input", number, shape=ASSUMED)
            self.layers.append(place(assumed, ASSUMED, {}))
        for layer in placed:
            self.skips += [Skip(s, self.named[s][0], len(self.layers)) for s in layer.operation.sources]
            self.layers.append(layer)
        if name:
            self.named[name] = (len(self.layers) - 1, shape)


def operations_of(line: int, tokens: list[str]) -> tuple[list[Operation], str]:
    """The blocks of one line in order and the name that it gives its output ("" for none). Raises LineError."""
    name, found = "", []
    if "as" in tokens:
        at = tokens.index("as")
        name = _name(tokens[at + 1 :])
        tokens = tokens[:at]
    rest = tokens
    while rest:
        if not found or rest[0] in NORMS or rest[0] in ACTIVATIONS or rest[0] == "dropout":
            operation, rest = _operation(line, rest)
            found.append(operation)
        else:
            raise LineError(_unknown(rest[0], _follow(found[-1].word)))
    if not found:
        raise LineError(f'found "as"; expected a block before it, such as "conv 64 3x3 as {name}"')
    if found[0].word in WEIGHTED and len(found) > 1 and found[1].word in ACTIVATIONS:
        first, second, *others = found  # one row of the table, as in the paper
        found = [replace(first, activation=activation_name(second)), *others]
    return found, name


def _follow(word: str) -> list[str]:
    return [*OPTIONS.get(word, ()), *ACTIVATIONS, *NORMS, "dropout", "as"]


def _operation(line: int, tokens: list[str]) -> tuple[Operation, list[str]]:
    """The block that the tokens begin with, and the tokens after it."""
    word, rest = tokens[0], tokens[1:]
    if word in ("input", "reshape"):
        return Operation(word, line, shape=_shape(word, rest[:1])), rest[1:]
    if word in ("conv", "deconv"):
        return _convolution(line, word, rest)
    if word == "dense":
        features = _whole(rest[:1], "the number of features, such as dense 512", MAX_FEATURES)
        return _options(Operation(word, line, features=features), rest[1:])
    if word in ("up", "pool"):
        return _scaled(line, word, rest)
    if word in ("concat", "add"):
        if not rest:
            raise LineError(f'found nothing after {word}; expected a name that a line above has, such as "{word} e1"')
        return Operation(word, line, sources=tuple(rest)), []
    if word in TAKES_NUMBER and rest and re.match(r"[-+.0-9]", rest[0]):
        return Operation(word, line, number=_decimal(word, rest[0])), rest[1:]
    if word in WORDS or word in NORMS or word in ACTIVATIONS:
        return Operation(word, line, number={"groupnorm": 32, "dropout": 0.5}.get(word)), rest
    raise LineError(_unknown(word, [*WORDS, *NORMS, *ACTIVATIONS]))


def _convolution(line: int, word: str, tokens: list[str]) -> tuple[Operation, list[str]]:
    features = _whole(tokens[:1], f"the number of feature maps, such as {word} 64 3x3", MAX_FEATURES)
    operation, rest = Operation(word, line, features=features), tokens[1:]
    if rest and rest[0][0] in "0123456789":
        found = re.fullmatch(r"([0-9]{1,2})x([0-9]{1,2})", rest[0])
        if not found or "0" in found.groups() or "00" in found.groups():
            raise LineError(f'found "{_cut(rest[0])}"; expected the kernel, 1x1 to {MAX_KERNEL}x{MAX_KERNEL}')
        operation, rest = replace(operation, kernel=(int(found[1]), int(found[2]))), rest[1:]
    return _options(operation, rest)


def _options(operation: Operation, tokens: list[str]) -> tuple[Operation, list[str]]:
    """The options at the head of the tokens, in any order."""
    limits = {"stride": 64, "dilated": 512, "pad": 1024}
    while tokens and tokens[0] in OPTIONS[operation.word]:
        option, *tokens = tokens
        if option in FLAGS:
            operation = replace(operation, **{FLAGS[option]: True})
        elif option == "nobias":
            operation = replace(operation, bias=False)
        else:
            least = 0 if option == "pad" else 1
            value = _whole(
                tokens[:1], f"a number from {least} to {limits[option]} after {option}", limits[option], least
            )
            field = {"dilated": "dilation"}.get(option, option)
            operation, tokens = replace(operation, **{field: value}), tokens[1:]
    return operation, tokens


def _scaled(line: int, word: str, tokens: list[str]) -> tuple[Operation, list[str]]:
    mode = OPTIONS[word][0]
    found = re.fullmatch(r"([0-9]{1,3})x?", tokens[0]) if tokens else None
    scale = int(found[1]) if found else 0
    whole_map = word == "pool" and bool(tokens) and tokens[0] == "global"
    if not whole_map and not 2 <= scale <= 64:
        ways = "a factor from 2x to 64x" + (' or "global"' if word == "pool" else "")
        raise LineError(f"found {_quoted(tokens[:1])} after {word}; expected {ways}")
    rest = tokens[1:]
    if rest and rest[0] in OPTIONS[word]:
        mode, *rest = rest
    return Operation(word, line, scale=scale, mode=mode), rest


def _shape(word: str, tokens: list[str]) -> Shape:
    expected = f'height x width x channels, such as "{word} 256x256x3", or one number for a vector'
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})x([0-9]{1,5})|([0-9]{1,9})", tokens[0]) if tokens else None
    if not found:
        raise LineError(f"found {_quoted(tokens)} after {word}; expected {expected}")
    shape = (int(found[4]), 1, 1) if found[4] else (int(found[3]), int(found[1]), int(found[2]))
    if min(shape) < 1 or max(shape[1:]) > MAX_SIDE:
        raise LineError(f"found {_quoted(tokens)}; expected sides from 1 to {MAX_SIDE:,} and at least 1 channel")
    return shape


def _whole(tokens: list[str], expected: str, most: int, least: int = 1) -> int:
    if not tokens or not re.fullmatch(r"[0-9]{1,6}", tokens[0]):
        raise LineError(f"found {_quoted(tokens)}; expected {expected}")
    if not least <= int(tokens[0]) <= most:
        raise LineError(f"found {tokens[0]}; expected {least} to {most:,}")
    return int(tokens[0])


def _decimal(word: str, token: str) -> float:
    if word == "groupnorm":
        return _whole([token], "the number of groups", MAX_FEATURES)
    if not re.fullmatch(r"[0-9]{0,3}\.?[0-9]{1,6}", token) or (word == "dropout" and float(token) > 1):
        bound = "a share from 0 to 1" if word == "dropout" else "a slope, such as 0.2"
        raise LineError(f'found "{_cut(token)}" after {word}; expected {bound}')
    return float(token)


def _name(tokens: list[str]) -> str:
    if len(tokens) != 1 or not re.fullmatch(r"[a-z][a-z0-9]{0,11}", tokens[0]):
        raise LineError(f"found {_quoted(tokens)} after as; expected one name of letters and digits at the line's end")
    return tokens[0]


def _quoted(tokens: list[str]) -> str:
    return f'"{_cut(" ".join(tokens))}"' if tokens else "nothing"


def _cut(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:23]}…"


def _unknown(token: str, known: list[str]) -> str:
    near = difflib.get_close_matches(token[:24], known, 1, 0.6)
    hint = near[0] if near else f"{', '.join(known[:7])}, …"
    return f'found "{_cut(token)}"; expected {hint}'


def activation_name(operation: Operation) -> str:
    """What the table calls an activation: "LReLU 0.1"."""
    name = ACTIVATIONS[operation.word]
    return name if operation.number is None else f"{name} {operation.number:g}"
