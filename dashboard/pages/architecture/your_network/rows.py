"""The layers of a network as rows of the table that `pgan_core.layer_table` writes, and their names."""

from dashboard.pages.architecture.your_network.blocks import ACTIVATIONS, NORMS, WEIGHTED, Layer, Operation
from dashboard.pages.architecture.your_network.parser import Network, activation_name
from pgan_core.layer_table import LayerRow

NAMES = {"conv": "Conv", "deconv": "Deconv", "flatten": "Flatten", "stddev": "Minibatch stddev", "dropout": "Dropout"}


def rows(network: Network) -> list[LayerRow]:
    """One row per layer, named by its place: 0 is the input."""
    return [row(layer, str(i)) for i, layer in enumerate(network.layers)]


def row(layer: Layer, name: str) -> LayerRow:
    """A layer as a row of the table."""
    op = layer.operation
    activation = (op.activation or "linear") if op.word in WEIGHTED else ""
    kind = {"up": "upsample", "pool": "downsample"}.get(op.word, op.word)
    return LayerRow(name, kind, operation_name(op), activation, layer.leaving, layer.parameters, layer.multiply_adds)


def operation_name(op: Operation) -> str:
    """What the table and the block call it: "Gated conv 3×3 /2 d4 SN"."""
    match op.word:
        case "conv" | "deconv":
            return _convolution_name(op)
        case "dense":
            return "Dense SN" if op.spectral else "Dense"
        case "input":
            return "Latent vector" if op.shape[1] == op.shape[2] == 1 else "Input image"
        case "up":
            return f"Up {op.scale}×" + (" bilinear" if op.mode == "bilinear" else "")
        case "pool":
            return ("Max" if op.mode == "max" else "Average") + (f" {op.scale}×" if op.scale else ", global")
        case "reshape":
            c, h, w = op.shape
            return f"Reshape {c}×{h}×{w}"
        case "concat" | "add":
            return f"{op.word.capitalize()} {' '.join(op.sources)}"
    if op.word in ACTIVATIONS:
        return activation_name(op)
    return NORMS.get(op.word) or NAMES[op.word]


def _convolution_name(op: Operation) -> str:
    name = NAMES[op.word].lower() if op.gated else NAMES[op.word]
    parts = ["Gated"] * op.gated + [name, f"{op.kernel[0]}×{op.kernel[1]}"]
    parts += [f"/{op.stride}"] * (op.stride > 1) + [f"d{op.dilation}"] * (op.dilation > 1) + ["SN"] * op.spectral
    return " ".join(parts)
