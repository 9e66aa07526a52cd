r"""A network's layer table as text: LaTeX with booktabs as in the paper's appendix, CSV, and Markdown."""

import csv
import io
from collections.abc import Sequence

from pgan_core.inspection import LayerRow

COLUMNS = ("Layer", "Operation", "Act.", "Output shape", "Params", "Mult-adds")
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


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
