"""What a checkpoint file may leave open, declared once for load_checkpoint, the shell, links and the Models page.

To add an option, add a line here and read it in a reader by `reading.choose` or `reading.override`.
"""

import argparse
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

Value = str | bool | int | float


@dataclass(frozen=True)
class ReaderOption:
    """One of some values, or where there are none a number of a kind, from 0 to `most`."""

    meaning: str
    values: tuple[str | bool, ...] = ()
    kind: type[int] | type[float] = float
    most: float = math.inf

    def parse(self, text: str) -> Value:
        """The value that a text names, as `str` writes it. Raises ValueError for any other text."""
        if not self.values:
            return self.kind(text)
        return self.values[[str(value) for value in self.values].index(text)]

    def allows(self, value: Value) -> bool:
        if self.values:
            return value in self.values
        return isinstance(value, self.kind | int) and 0 <= value <= self.most

    @property
    def expected(self) -> str:
        """What it takes, in a few words."""
        if self.values:
            return " or ".join(map(str, self.values))
        number = "a whole number" if self.kind is int else "a number"
        return f"{number} from 0{'' if math.isinf(self.most) else f' to {self.most:g}'}"


READER_OPTIONS = {
    "weights": ReaderOption("averaged (ema) or raw weights", ("ema", "raw")),
    "output": ReaderOption("how the generator ends", ("linear", "tanh", "clamp")),
    "score": ReaderOption("how the discriminator ends", ("linear", "sigmoid")),
    "normalize_latents": ReaderOption("whether the generator normalizes its latents", (True, False)),
    "fused": ReaderOption("whether kernels are stored for layers that also change the size", (True, False)),
    "stddev_group": ReaderOption("pictures in a group of minibatch stddev, 0 for the whole minibatch", kind=int),
    "alpha": ReaderOption("weight of the newer resolution in a fade", most=1),
}


def check_options(said: Mapping[str, Value | None]) -> dict[str, Value]:
    """The options that are said; None says nothing.

    Raises TypeError for a name that is no option and ValueError for a value that the option does not take.
    """
    if unknown := said.keys() - READER_OPTIONS.keys():
        raise TypeError(f"there is no option {min(unknown)}; the options are {', '.join(READER_OPTIONS)}")
    for name, value in said.items():
        if value is not None and not READER_OPTIONS[name].allows(value):
            raise ValueError(f"{name} is {READER_OPTIONS[name].expected}, not {value!r}")
    return {name: value for name, value in said.items() if value is not None}


# ---- in a shell --------------------------------------------------------------------------------------------------


def add_reader_options(parser: argparse.ArgumentParser, *, without: Collection[str] = ()) -> None:
    """Adds an argument for each option but those `without`; one that is not given leaves no trace."""
    group = parser.add_argument_group("what a file may leave open")
    for name, option in READER_OPTIONS.items():
        if name in without:
            continue
        how: dict[str, Any]
        if option.values == (True, False):
            how = {"action": argparse.BooleanOptionalAction}
        elif option.values:
            how = {"choices": option.values}
        else:
            how = {"type": option.kind, "metavar": "N"}
        group.add_argument(f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, help=option.meaning, **how)


def said(args: argparse.Namespace) -> dict[str, Any]:
    """The options that a shell's arguments say. Raises ValueError as `check_options`."""
    return check_options({name: getattr(args, name, None) for name in READER_OPTIONS})
