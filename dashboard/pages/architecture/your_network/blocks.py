"""The blocks that a line can name, and what each makes of a shape: output size, trainable parameters, multiply-adds.

Shapes are C x H x W of one picture; a vector of n numbers is n x 1 x 1. Everything is counted as in torch's layers
(`Conv2d`, `ConvTranspose2d`, `Linear`, `BatchNorm2d`, ...); spectral norm and the equalized scale add no parameters.
"""

import math
from dataclasses import dataclass

Shape = tuple[int, int, int]

ACTIVATIONS = {  # as written -> as the table calls it
    "relu": "ReLU", "lrelu": "LReLU", "elu": "ELU", "selu": "SELU", "gelu": "GELU", "silu": "SiLU",
    "tanh": "tanh", "sigmoid": "sigmoid", "softplus": "softplus", "linear": "linear",
}  # fmt: skip
NORMS = {
    "batchnorm": "Batch norm", "instancenorm": "Instance norm", "layernorm": "Layer norm", "groupnorm": "Group norm",
    "pixelnorm": "Pixel norm", "lrn": "Local response norm",
}  # fmt: skip
WEIGHTED = ("conv", "deconv", "dense")


class ShapeError(ValueError):
    """A block that cannot follow what is above it; one sentence."""


@dataclass(frozen=True)
class Operation:
    """One block as it was written; fields that its word does not use keep their defaults."""

    word: (
        str  # "input", "conv", "deconv", "dense", "up", "pool", "reshape", "concat", "add", a norm, an activation, ...
    )
    line: int  # 1 is the first
    shape: Shape = (0, 0, 0)  # of an input or a reshape
    features: int = 0
    kernel: tuple[int, int] = (3, 3)  # height, width
    stride: int = 1
    dilation: int = 1
    pad: int | None = None  # None: the size stays (divided by the stride)
    gated: bool = False
    spectral: bool = False
    equalized: bool = False
    bias: bool = True
    activation: str = ""  # of a layer with weights: its name in the table
    scale: int = 0  # of up and pool; 0: global
    mode: str = ""  # "nearest" or "bilinear", "average" or "max"
    number: float | None = None  # slope, groups, share dropped
    sources: tuple[str, ...] = ()  # the names that concat and add join


@dataclass(frozen=True)
class Layer:
    """A block in its place."""

    operation: Operation
    entering: Shape
    leaving: Shape
    parameters: int
    multiply_adds: int


def padding(op: Operation) -> tuple[int, int]:
    """Zeros added at each border (rows, columns): `pad`, or half of what the dilated kernel spans."""
    if op.pad is not None:
        return op.pad, op.pad
    height, width = op.kernel
    return op.dilation * (height - 1) // 2, op.dilation * (width - 1) // 2


def deconv_padding(op: Operation) -> tuple[tuple[int, int], tuple[int, int]]:
    """Torch's `padding` and `output_padding` of a transposed convolution that multiplies sizes by the stride."""
    if op.pad is not None:
        return (op.pad, op.pad), (0, 0)
    crop, extra = [], []
    for k in op.kernel:
        over = op.dilation * (k - 1) + 1 - op.stride  # pixels too many without padding
        crop.append(max(0, -(-over // 2)) if op.stride > 1 or op.dilation > 1 else over // 2)
        extra.append(0 if op.stride == op.dilation == 1 else 2 * crop[-1] - over)
    return (crop[0], crop[1]), (extra[0], extra[1])


def place(op: Operation, entering: Shape, named: dict[str, Shape]) -> Layer:
    """The block after a map of the shape `entering`; `named`: shapes of the outputs that have names.

    Raises ShapeError where it does not fit.
    """
    leaving = _leaving(op, entering, named)
    if min(leaving) < 1:
        raise ShapeError(f"found a map of {size(entering)}; expected a larger one: nothing would be left of it")
    if max(leaving) > 10**9:
        raise ShapeError("found more than a billion values along one side; expected fewer")
    weights, other = _parameters(op, entering)
    places = {"conv": leaving, "deconv": entering}.get(op.word, (1, 1, 1))
    return Layer(op, entering, leaving, weights + other, weights * places[1] * places[2])


def _leaving(op: Operation, entering: Shape, named: dict[str, Shape]) -> Shape:
    c, h, w = entering
    match op.word:
        case "input":
            return op.shape
        case "conv":
            return op.features, _shrunk(h, op, 0), _shrunk(w, op, 1)
        case "deconv":
            return op.features, _grown(h, op, 0), _grown(w, op, 1)
        case "dense":
            return op.features, 1, 1
        case "up":
            return c, h * op.scale, w * op.scale
        case "pool":
            return (c, h // op.scale, w // op.scale) if op.scale else (c, 1, 1)
        case "flatten":
            return c * h * w, 1, 1
        case "stddev":
            return c + 1, h, w
        case "reshape":
            return _reshaped(op, entering)
        case "concat" | "add":
            return _joined(op, entering, named)
        case "groupnorm" if c % (groups := int(op.number or 1)):
            raise ShapeError(f"found {groups} groups for {c} feature maps; expected a divisor of {c}")
    return entering


def _shrunk(n: int, op: Operation, axis: int) -> int:
    return (n + 2 * padding(op)[axis] - op.dilation * (op.kernel[axis] - 1) - 1) // op.stride + 1


def _grown(n: int, op: Operation, axis: int) -> int:
    crop, extra = (amounts[axis] for amounts in deconv_padding(op))
    return (n - 1) * op.stride - 2 * crop + op.dilation * (op.kernel[axis] - 1) + 1 + extra


def _reshaped(op: Operation, entering: Shape) -> Shape:
    if math.prod(op.shape) != math.prod(entering):
        raise ShapeError(
            f"found {size(op.shape)}, that is {math.prod(op.shape):,} values; expected {math.prod(entering):,}"
        )
    return op.shape


def _joined(op: Operation, entering: Shape, named: dict[str, Shape]) -> Shape:
    c = entering[0]
    for source in op.sources:
        if source not in named:
            raise ShapeError(f'found "{source}"; expected the name of a line above that ends with "as {source}"')
        other = named[source]
        if op.word == "add" and other != entering:
            raise ShapeError(f"found {source} of {size(other)}; expected {size(entering)} to add to")
        if other[1:] != entering[1:]:
            raise ShapeError(f"found {source} of {other[1]}x{other[2]} pixels; expected {entering[1]}x{entering[2]}")
        c += other[0]
    return entering if op.word == "add" else (c, *entering[1:])


def _parameters(op: Operation, entering: Shape) -> tuple[int, int]:
    """Weights that are multiplied at every place, and all other parameters."""
    c = entering[0]
    twice = 2 if op.gated else 1  # the gate is a second convolution of the same size
    match op.word:
        case "conv" | "deconv":
            return twice * c * op.features * math.prod(op.kernel), twice * op.features * op.bias
        case "dense":
            return math.prod(entering) * op.features, op.features * op.bias
        case "batchnorm" | "groupnorm":
            return 0, 2 * c
        case "layernorm":
            return 0, 2 * math.prod(entering)
    return 0, 0


def size(shape: Shape) -> str:
    """A shape as people write it: 256x256x3, or 512 for a vector."""
    c, h, w = shape
    return str(c) if h == w == 1 else f"{h}x{w}x{c}"
