"""Reports and overlays: what they say is what was measured; the page carries everything it shows."""

import base64
import csv
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from dissection import dissect
from dissection.__main__ import main
from dissection.output.overlays import (
    AGREEMENT,
    DIM,
    OUTLINE,
    agreement,
    heat,
    lit_region,
    make_material,
    outline,
    palette,
    resize_nearest,
)
from dissection.output.report import to_csv, to_html, to_json, write_report
from pgan_core import Generator, GeneratorConfig
from pgan_core.checkpoints.native import save_checkpoint


class TopHalf:
    concepts = ("-", "<sky> & co", "ground")
    name = "halves"

    def __call__(self, images):
        labels = torch.full((len(images), 16, 16), 2)
        labels[:, :8] = 1
        return labels


@pytest.fixture(scope="module")
def generator():
    return Generator(GeneratorConfig(resolution=16, channels=(12, 10, 9), latent_dim=8), seed=3)


@pytest.fixture(scope="module")
def dissection(generator):
    return dissect(generator, ["4x4/conv", "8x8/conv1"], TopHalf(), 40, seed=11, source="tiny & <co>")


def test_csv_and_json_hold_every_unit(dissection):
    rows = list(csv.DictReader(io.StringIO(to_csv(dissection))))
    assert [(row["layer"], int(row["unit"])) for row in rows] == [
        *(("4x4/conv", u) for u in range(12)),
        *(("8x8/conv1", u) for u in range(10)),
    ]
    content = json.loads(to_json(dissection))
    scores = dissection.layers["8x8/conv1"].scores
    unit = content["layers"]["8x8/conv1"]["units"][4]
    assert unit["iou"] == pytest.approx(scores.best_iou[4], abs=1e-6)
    assert unit["concept"] == dissection.concepts[scores.best_concept[4]]
    assert unit["top_seeds"] == (11 + scores.top_images[4]).tolist()
    assert content["layers"]["8x8/conv1"]["interpretable"] == scores.interpretable.sum()
    assert float(rows[16]["iqr"]) == pytest.approx(scores.best_iqr[4], abs=1e-6)


def test_html_needs_no_network_and_escapes_names(dissection, generator):
    page = to_html(dissection, generator, pictures=3)
    assert "http" not in page
    assert "<script" not in page
    assert "tiny &amp; &lt;co&gt;" in page
    assert "<sky>" not in page
    strips = re.findall(r"data:image/webp;base64,([^\"]+)", page)
    assert len(strips) == 22
    picture = Image.open(io.BytesIO(base64.b64decode(strips[0])))
    assert picture.size == (3 * 16, 16)
    assert "data:image" not in to_html(dissection)


def test_a_page_in_another_language_keeps_none_of_its_words(dissection):
    page = to_html(dissection, say=lambda text: re.sub(r"[A-Za-z]{2,}(?![^{]*})", "字", text), language="zh")
    assert page.startswith('<!doctype html><html lang="zh">')
    seen = re.sub(r"(?s)<style>.*?</style>|<[^>]+>|&[a-z]+;", " ", page)
    given = {"tiny", "co", "conv", "halves", "IoU", "IQR"}  # what the dissection says itself
    assert not [word for word in re.findall(r"[A-Za-z]{2,}", seen) if word not in given]


def test_material_makes_the_sample_again(dissection, generator):
    layer = dissection.layers["8x8/conv1"]
    material = make_material(generator, dissection, "8x8/conv1", layer.scores.top_images[:, :2].ravel(), TopHalf())
    for unit in range(10):
        rows = material.rows(layer.scores.top_images[unit, :2])
        maxima = material.maps[rows, unit].amax(dim=(1, 2)).numpy()
        np.testing.assert_allclose(maxima, layer.scores.top_values[unit, :2], rtol=1e-4, atol=1e-6)
    assert material.labels.shape == (len(material.indexes), 1, 16, 16)
    assert material.values(0, [0, 1], (32, 32)).shape == (2, 32, 32)


def test_report_from_a_shell(dissection, generator, tmp_path, capsys):
    dissection.save(tmp_path)
    save_checkpoint(tmp_path / "tiny.safetensors", generator)
    assert main(["report", str(tmp_path), "--checkpoint", str(tmp_path / "tiny.safetensors"), "--pictures", "2"]) == 0
    paths = capsys.readouterr().out.split()
    assert [path.rsplit("/", 1)[1] for path in paths] == ["report.html", "units.json", "units.csv"]
    assert (tmp_path / "report.html").read_text() == to_html(dissection, generator, pictures=2)
    write_report(dissection, tmp_path / "plain")
    assert (tmp_path / "plain" / "units.csv").read_text() == to_csv(dissection)


def test_lit_regions_keep_the_inside_and_dim_the_rest():
    picture = np.full((1, 8, 8, 3), 200, np.uint8)
    mask = np.zeros((1, 8, 8), bool)
    mask[0, 2:6, 2:6] = True
    shown = lit_region(picture, mask)[0]
    assert (shown[3, 3] == 200).all()
    assert (shown[0, 0] == int(200 * DIM)).all()
    assert (shown[2, 2] == OUTLINE).all()
    assert outline(mask).sum() == 12
    assert not outline(np.zeros((1, 4, 4), bool)).any()


def test_agreement_colours_hits_misses_and_false_alarms():
    picture = np.zeros((1, 1, 4, 3), np.uint8)
    mask = np.array([[[True, False, True, False]]])
    present = np.array([[[True, True, False, False]]])
    shown = agreement(picture, mask, present)[0, 0].astype(int)
    for place, name in enumerate(AGREEMENT):
        assert shown[place].argmax() == np.argmax(AGREEMENT[name])
    assert len(set(shown[3])) == 1


def test_heat_palette_and_resizing():
    colours = heat(np.array([[[0.0, 1.0, 0.5, 9.0]]]), 0, 1)[0, 0]
    assert colours[0].tolist() == [68, 1, 84]
    assert colours[1].tolist() == colours[3].tolist() == [253, 231, 37]
    assert len({tuple(colour) for colour in palette(40)}) == 40
    assert palette(3)[0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(resize_nearest(np.arange(4).reshape(2, 2), 4)[0], [0, 0, 1, 1])
    np.testing.assert_array_equal(resize_nearest(np.arange(16).reshape(4, 4), 2), [[0, 2], [8, 10]])
