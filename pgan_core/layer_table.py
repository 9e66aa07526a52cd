"""A network's layers as the paper's table 2 lists them: as rows, and as text in LaTeX (booktabs), CSV and Markdown.

for row in layer_table(generator): print(row.operation, row.activation, row.output_shape, row.parameters)
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgan_core.discriminator import Discriminator, entering_head
from pgan_core.generator import Generator
from pgan_core.network import LayerSpec

COLUMNS = ("Layer", "Operation", "Act.", "Output shape", "Params", "Mult-adds")
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
ACTIVATION_NAMES = {"leaky_relu": "LReLU", "relu": "ReLU"}


@dataclass(frozen=True)
class LayerRow:
    """One row of the table: a layer with weights, a change of size, or an end of the network."""

    name: str  # "8x8/conv0"; "8x8/upsample", "latent", "image", "8x8/downsample" for rows without weights
    kind: str  # "latent", "image", "dense", "conv", "upsample", "downsample", "rgb", "from_rgb", "minibatch_stddev"
    operation: str  # as the paper calls it: "Conv 3×3"
    activation: str  # "LReLU", "ReLU", "linear"; "" where nothing has one
    output_shape: tuple[int, int, int]  # C x H x W
    parameters: int = 0
    multiply_adds: int = 0  # for one picture, in the plain form (nearest 2x, then 3x3)
    constant: float | None = None  # the run-time constant c of equalized learning rate
    pixel_norm: bool = False  # whether it follows


def layer_table(
    network: Generator | Discriminator, resolution: int | None = None, fading: bool = False
) -> list[LayerRow]:
    """The rows of the paper's table 2 for the network grown to ``resolution`` (None: its full size).

    Only the to-RGB or from-RGB layer that is used there is listed; ``fading`` adds the coarser one of the old branch.
    Raises ValueError for a size at which the network makes or reads no pictures.
    """
    resolution, _ = network.moment(resolution or max(network.resolutions), 1.0)
    ends = {resolution, resolution // 2} if fading else {resolution}
    if isinstance(network, Generator):
        return list(_generator_rows(network, resolution, ends))
    return list(_discriminator_rows(network, resolution, ends))


def _generator_rows(network: Generator, resolution: int, ends: set[int]) -> Iterator[LayerRow]:
    config = network.config
    yield LayerRow("latent", "latent", "Latent vector", "", (config.latent_dim + config.label_dim, 1, 1))
    for spec in network.specs:
        r = spec.resolution
        if r > resolution or (spec.kind == "rgb" and r not in ends):
            continue
        if spec.upsamples:
            yield LayerRow(f"{r}x{r}/upsample", "upsample", "Upsample", "", (spec.in_features, r, r))
        normed = spec.kind != "rgb" and config.pixel_norm != "off" and spec.name not in config.pixel_norm_skip
        activation = "linear" if spec.kind == "rgb" else ACTIVATION_NAMES[config.activation]
        # the dense layer is a 4x4 convolution of a 1x1 map in the paper's table
        operation = {"dense": "Conv 4×4", "conv": "Conv 3×3", "rgb": "Conv 1×1"}[spec.kind]
        places = 1 if spec.kind == "dense" else r * r
        yield _weighted_row(network, spec, operation, activation, (spec.out_features, r, r), places, normed)


def _discriminator_rows(network: Discriminator, resolution: int, ends: set[int]) -> Iterator[LayerRow]:
    config = network.config
    yield LayerRow("image", "image", "Input image", "", (config.image_channels, resolution, resolution))
    for spec in network.specs:
        r = spec.resolution
        if r > resolution or (spec.kind == "from_rgb" and r not in ends):
            continue
        if spec.name == entering_head(config) and config.stddev is not None:
            shape = (config.width[4] + 1, 4, 4)
            yield LayerRow("4x4/minibatch_stddev", "minibatch_stddev", "Minibatch stddev", "", shape)
        linear = spec.name == "4x4/dense1" or (spec.kind == "from_rgb" and not config.from_rgb_activation)
        activation = "linear" if linear else ACTIVATION_NAMES[config.activation]
        dense = "Fully-connected" if spec.name == "4x4/dense1" else "Conv 4×4"
        operation = {"dense": dense, "conv": "Conv 3×3", "from_rgb": "Conv 1×1"}[spec.kind]
        side = 1 if spec.kind == "dense" else r
        yield _weighted_row(network, spec, operation, activation, (spec.out_features, side, side), side * side)
        if spec.downsamples:
            half = (spec.out_features, r // 2, r // 2)
            yield LayerRow(f"{r // 2}x{r // 2}/downsample", "downsample", "Downsample", "", half)


def _weighted_row(
    network: Generator | Discriminator,
    spec: LayerSpec,
    operation: str,
    activation: str,
    shape: tuple[int, int, int],
    places: int,
    normed: bool = False,
) -> LayerRow:
    layer = network.layers[spec.name]
    parameters = sum(p.numel() for p in layer.parameters())
    return LayerRow(
        spec.name, spec.kind, operation, activation, shape, parameters, layer.weight.numel() * places, layer.c, normed
    )


# ---- as text ------------------------------------------------------------------------------------------------------


def short_count(count: int) -> str:
    """A count as the paper prints it: 51, 2.3k, 590k, 4.2M."""
    for i, (unit, letter) in enumerate(UNITS):
        if count >= unit:
            value = count / unit
            # the paper prints two digits below 10, else whole numbers; totals of tens of millions keep one more
            digits = 1 if value < 10 or letter != "k" else 0
            return f"{value:.{digits}f}{letter}" if round(value, digits) < 1000 or not i else f"1.0{UNITS[i - 1][1]}"
    return str(count)


def table_cells(rows: Sequence[LayerRow]) -> list[tuple[str, ...]]:
    """What people read: one tuple a row in the order of `COLUMNS`, counts shortened, "–" for what has none."""
    return [
        (
            row.name,
            row.operation,
            row.activation or "–",
            " × ".join(map(str, row.output_shape)),
            short_count(row.parameters) if row.parameters else "–",
            short_count(row.multiply_adds) if row.multiply_adds else "–",
        )
        for row in rows
    ]


def total_cells(rows: Sequence[LayerRow]) -> tuple[str, ...]:
    """The last line: all parameters and multiply-adds."""
    parameters, work = sum(r.parameters for r in rows), sum(r.multiply_adds for r in rows)
    return ("Total", "", "", "", short_count(parameters), short_count(work))


def table_markdown(rows: Sequence[LayerRow]) -> str:
    """A Markdown table with a line for the total."""
    lines = [COLUMNS, ("---", "---", "---", "---:", "---:", "---:"), *table_cells(rows), total_cells(rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def table_csv(rows: Sequence[LayerRow]) -> str:
    """One line a row with whole numbers: nothing is rounded here."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["layer", "kind", "operation", "activation", "channels", "height", "width", "parameters", "multiply_adds", "c"]
    )
    for row in rows:
        constant = "" if row.constant is None else f"{row.constant:.9g}"
        numbers = [*row.output_shape, row.parameters, row.multiply_adds, constant]
        writer.writerow([row.name, row.kind, row.operation, row.activation, *numbers])
    return buffer.getvalue()


def table_latex(rows: Sequence[LayerRow], title: str) -> str:
    """A `tabular` for \\usepackage{booktabs}, laid out as table 2 of the paper, a rule before each new size."""
    lines = [
        r"\begin{tabular}{lclrr}",
        r"\toprule",
        rf"\textbf{{{title}}} & Act. & Output shape & Params & Mult-adds \\",
        r"\midrule",
    ]
    for row, (_, operation, activation, shape, parameters, work) in zip(rows, table_cells(rows), strict=True):
        if row.kind in ("upsample", "downsample"):
            lines.append(r"\midrule")
        cells = [operation, activation, shape, parameters, work]
        lines.append(" & ".join(_latex(cell) for cell in cells) + r" \\")
    *_, parameters, work = total_cells(rows)
    lines += [r"\midrule", rf"\multicolumn{{3}}{{l}}{{Total trainable parameters}} & {parameters} & {work} \\"]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex(cell: str) -> str:
    return cell.replace(" × ", r" $\times$ ").replace("×", r"$\times$").replace("–", "--")
