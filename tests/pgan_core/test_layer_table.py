"""The layer table as LaTeX, CSV and Markdown holds the rows it was given."""

import csv
import io

import pytest

from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.inspection import layer_table
from pgan_core.tables import COLUMNS, short_count, table_cells, table_csv, table_latex, table_markdown


@pytest.fixture(scope="module")
def rows():
    return layer_table(Generator(GeneratorConfig(resolution=8, channels=(16, 8), latent_dim=16)))


@pytest.mark.parametrize(
    "count, text",
    [
        (51, "51"),
        (999, "999"),
        (1000, "1.0k"),
        (2320, "2.3k"),
        (9248, "9.2k"),
        (18464, "18k"),
        (590080, "590k"),
        (999_700, "1.0M"),
        (2359808, "2.4M"),
        (23071507, "23.1M"),
        (4_831_838_208, "4.8G"),
    ],
)
def test_counts_are_printed_as_in_the_paper(count, text):
    assert short_count(count) == text


def test_csv_reads_back_with_exact_numbers(rows):
    lines = list(csv.DictReader(io.StringIO(table_csv(rows))))
    assert [line["layer"] for line in lines] == [row.name for row in rows]
    assert [int(line["parameters"]) for line in lines] == [row.parameters for row in rows]
    assert [int(line["multiply_adds"]) for line in lines] == [row.multiply_adds for row in rows]


def test_markdown_has_a_line_a_row_a_head_and_a_total(rows):
    lines = table_markdown(rows).splitlines()
    assert len(lines) == len(rows) + 3
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 1}
    assert lines[-1].startswith("| Total")


def test_latex_is_balanced_and_has_every_row(rows):
    text = table_latex(rows, "Generator")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == len(rows) + 2
    assert all(line.count("&") == 4 for line in body[:-1])
    assert "×" not in text
    assert len(table_cells(rows)) == len(rows)
