"""The layer table is the paper's, and as LaTeX, CSV and Markdown it holds every row."""

import csv
import io
from dataclasses import replace

import pytest
import torch

from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.layer_table import COLUMNS, layer_table, short_count, table_cells, table_csv, table_latex, table_markdown

SMALL = GeneratorConfig(resolution=16, channels=(12, 8, 6), latent_dim=10)

# table 2 of Karras et al. 2018: what, activation, output shape, parameters as printed there
GENERATOR = """
Latent vector    | -      | 512 1 1      | -
Conv 4×4         | LReLU  | 512 4 4      | 4.2M
Conv 3×3         | LReLU  | 512 4 4      | 2.4M
Upsample         | -      | 512 8 8      | -
Conv 3×3         | LReLU  | 512 8 8      | 2.4M
Conv 3×3         | LReLU  | 512 8 8      | 2.4M
Upsample         | -      | 512 16 16    | -
Conv 3×3         | LReLU  | 512 16 16    | 2.4M
Conv 3×3         | LReLU  | 512 16 16    | 2.4M
Upsample         | -      | 512 32 32    | -
Conv 3×3         | LReLU  | 512 32 32    | 2.4M
Conv 3×3         | LReLU  | 512 32 32    | 2.4M
Upsample         | -      | 512 64 64    | -
Conv 3×3         | LReLU  | 256 64 64    | 1.2M
Conv 3×3         | LReLU  | 256 64 64    | 590k
Upsample         | -      | 256 128 128  | -
Conv 3×3         | LReLU  | 128 128 128  | 295k
Conv 3×3         | LReLU  | 128 128 128  | 148k
Upsample         | -      | 128 256 256  | -
Conv 3×3         | LReLU  | 64 256 256   | 74k
Conv 3×3         | LReLU  | 64 256 256   | 37k
Upsample         | -      | 64 512 512   | -
Conv 3×3         | LReLU  | 32 512 512   | 18k
Conv 3×3         | LReLU  | 32 512 512   | 9.2k
Upsample         | -      | 32 1024 1024 | -
Conv 3×3         | LReLU  | 16 1024 1024 | 4.6k
Conv 3×3         | LReLU  | 16 1024 1024 | 2.3k
Conv 1×1         | linear | 3 1024 1024  | 51
"""
DISCRIMINATOR = """
Input image      | -      | 3 1024 1024  | -
Conv 1×1         | LReLU  | 16 1024 1024 | 64
Conv 3×3         | LReLU  | 16 1024 1024 | 2.3k
Conv 3×3         | LReLU  | 32 1024 1024 | 4.6k
Downsample       | -      | 32 512 512   | -
Conv 3×3         | LReLU  | 32 512 512   | 9.2k
Conv 3×3         | LReLU  | 64 512 512   | 18k
Downsample       | -      | 64 256 256   | -
Conv 3×3         | LReLU  | 64 256 256   | 37k
Conv 3×3         | LReLU  | 128 256 256  | 74k
Downsample       | -      | 128 128 128  | -
Conv 3×3         | LReLU  | 128 128 128  | 148k
Conv 3×3         | LReLU  | 256 128 128  | 295k
Downsample       | -      | 256 64 64    | -
Conv 3×3         | LReLU  | 256 64 64    | 590k
Conv 3×3         | LReLU  | 512 64 64    | 1.2M
Downsample       | -      | 512 32 32    | -
Conv 3×3         | LReLU  | 512 32 32    | 2.4M
Conv 3×3         | LReLU  | 512 32 32    | 2.4M
Downsample       | -      | 512 16 16    | -
Conv 3×3         | LReLU  | 512 16 16    | 2.4M
Conv 3×3         | LReLU  | 512 16 16    | 2.4M
Downsample       | -      | 512 8 8      | -
Conv 3×3         | LReLU  | 512 8 8      | 2.4M
Conv 3×3         | LReLU  | 512 8 8      | 2.4M
Downsample       | -      | 512 4 4      | -
Minibatch stddev | -      | 513 4 4      | -
Conv 3×3         | LReLU  | 512 4 4      | 2.4M
Conv 4×4         | LReLU  | 512 1 1      | 4.2M
Fully-connected  | linear | 1 1 1        | 513
"""


def _official(kind):
    with torch.device("meta"):  # shapes only: the full networks take no memory
        return Generator(GeneratorConfig()) if kind == "G" else Discriminator(DiscriminatorConfig())


@pytest.mark.parametrize("kind, printed", [("G", GENERATOR), ("D", DISCRIMINATOR)])
def test_the_official_network_is_table_2_row_by_row(kind, printed):
    expected = [[cell.strip() for cell in line.split("|")] for line in printed.strip().splitlines()]
    rows = layer_table(_official(kind))
    found = [
        [
            row.operation,
            row.activation or "-",
            " ".join(map(str, row.output_shape)),
            short_count(row.parameters) if row.parameters else "-",
        ]
        for row in rows
    ]
    assert found == expected
    assert short_count(sum(row.parameters for row in rows)) == "23.1M"


def test_table_at_a_smaller_size_and_during_a_fade():
    rows = layer_table(Generator(SMALL), resolution=8, fading=True)
    assert [r.name for r in rows if r.kind == "rgb"] == ["4x4/rgb", "8x8/rgb"]
    assert rows[-1].output_shape == (3, 8, 8)
    by_name = {row.name: row for row in rows}
    assert by_name["8x8/conv0"].multiply_adds == 8 * 12 * 9 * 64
    assert by_name["4x4/dense"].multiply_adds == 10 * 12 * 16
    assert by_name["4x4/dense"].parameters == 10 * 12 * 16 + 12
    with pytest.raises(ValueError, match="not 32"):
        layer_table(Generator(SMALL), resolution=32)


def test_parameters_of_the_table_at_full_size_and_all_ways_out_are_the_networks():
    generator = Generator(replace(SMALL, rgb_resolutions=(16,)))
    assert sum(r.parameters for r in layer_table(generator)) == sum(p.numel() for p in generator.parameters())


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
