import dataclasses

import numpy as np
import pytest

from dissection import Dissection
from dissection.unit_table import UnitTable, holds
from pgan_core.paths import ASSETS


@pytest.fixture(scope="module")
def read():
    return Dissection.load(ASSETS / "dissection")


@pytest.fixture(scope="module")
def table(read):
    return UnitTable.of(read)


def test_every_unit_of_every_layer_is_a_row(read, table):
    row = int(np.flatnonzero((table.layer == table.layers.index("16x16/conv1")) & (table.unit == 22))[0])
    scores = read.layers["16x16/conv1"].scores
    assert (table.iou[row] == scores.iou[22]).all() and table.best[row] == scores.best_concept[22]
    assert len(table.unit) == sum(len(part.mean) for part in read.layers.values())


def test_what_is_found_fulfils_what_was_asked_and_is_in_order(read, table):
    door = read.concepts.index("door")
    rows = table.find(concept=door, least_iou=0.1, least_iqr=0.05, order="IQR")
    assert len(rows) and (table.iou[rows, door] >= 0.1).all() and (np.diff(table.iqr[rows, door]) <= 0).all()
    left_out = np.setdiff1d(np.arange(len(table.unit)), rows)
    assert ((table.iou[left_out, door] < 0.1) | (table.iqr[left_out, door] < 0.05)).all()
    own = table.find()
    assert len(own) == len(table.unit) and table.of_concept(table.iou, None)[own[0]] == table.iou.max()


def test_effects_are_sought_in_their_direction(table):
    changes = np.zeros_like(table.iou)
    changes[5, 3], changes[9, 3] = -2.0, 1.5
    table = dataclasses.replace(table, off=changes, on=changes * 2)
    assert table.find(concept=3, least_effect=1.0, order="off").tolist() == [5, 9]  # 5 removes it, 9 adds it
    assert table.find(concept=3, least_effect=2.5, order="on").tolist() == [9]


def test_the_response_is_the_correlation_of_lit_and_labelled():
    lit, labelled = np.random.default_rng(0).random((2, 400)) < 0.3
    part = Dissection.load(ASSETS / "dissection").layers["4x4/conv"]
    counts = {"intersections": (lit & labelled).sum(), "active": lit.sum()}
    scores = dataclasses.replace(
        part.scores, **{name: np.array([[value]]) for name, value in counts.items()},
        label_pixels=np.array([labelled.sum()]), pixels=np.array([400]),
    )  # fmt: skip
    response = dataclasses.replace(part, scores=scores).response()
    assert response[0, 0] == pytest.approx(np.corrcoef(lit, labelled)[0, 1])


def test_the_map_is_a_projection_that_keeps_most(table):
    places, share = table.map()
    centred = table.response - table.response.mean(axis=0)
    assert 0.5 < share < 1
    assert (places**2).sum() == pytest.approx(share * (centred**2).sum())
    assert abs((places[:, 0] * places[:, 1]).sum()) < 1e-9


def test_every_word_has_to_occur():
    texts = np.array(["8x8/conv1 7 door 门", "8x8/conv1 17 wall", "16x16/conv0 7 door"])
    assert holds(texts, "8x8 DOOR").tolist() == [True, False, False]
    assert holds(texts, " ").all()
