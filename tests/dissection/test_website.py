"""What the exported site says of units: the shipped dissection's, for the shipped model and for no other."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from dissection import Dissection
from dissection.effects.proposals import propose
from dissection.scoring.spool import DissectionError
from dissection.website import COLUMNS, find_causes, find_dissection, named, site_units, strong_level
from pgan_core import Generator, GeneratorConfig, load_checkpoint
from pgan_core.paths import ASSETS

LAYER = "16x16/conv1"


@pytest.fixture(scope="module")
def generator():
    return load_checkpoint(ASSETS / "toytown128/final.safetensors").generator


@pytest.fixture(scope="module")
def whole():
    return Dissection.load(ASSETS / "dissection")


def test_walls_and_proposals(generator, whole):
    causes = find_causes(generator)
    assert causes is not None and causes.is_of(whole)
    facts, files = site_units(generator, dataclasses.replace(whole, layers={LAYER: whole.layers[LAYER]}), causes)
    said = facts["dissection"]
    scores = whole.layers[LAYER].scores
    assert said["interpretable"] == scores.interpretable.sum() and said["total"] == 128
    assert sum(concept["count"] for concept in said["concepts"]) == said["interpretable"]
    for concept in said["concepts"]:
        if "wall" in concept:
            units = concept["wall"]["units"]
            assert [unit["iou"] for unit in units] == sorted((unit["iou"] for unit in units), reverse=True)
            best = units[0]
            assert whole.concepts[scores.best_concept[best["unit"]]] == concept["name"]
            width, height = Image.open(io.BytesIO(files[concept["wall"]["file"]])).size
            assert width == concept["wall"]["width"] and height > 90
            assert concept["wall"]["columns"] == min(COLUMNS, len(units))
        assert len(concept["add"]["levels"]) == len(concept["add"]["units"])
        assert "levels" not in concept["remove"]


def test_units_are_called_what_they_stand_for(whole):
    scores, names = whole.layers[LAYER].scores, named(whole, LAYER)
    unit = int(np.flatnonzero(scores.interpretable)[0])
    assert names[unit] == whole.concepts[scores.best_concept[unit]]
    assert names.count(None) == (~scores.interpretable).sum()


def test_a_strong_level_is_seldom_exceeded(whole):
    layer = whole.layers[LAYER]
    for unit in propose(whole, "sky", LAYER).units[:3]:
        level, (low, high) = strong_level(whole, LAYER, unit), layer.histogram_span[unit]
        above = layer.histogram[unit][round((level - low) / (high - low) * layer.histogram.shape[1]) :].sum()
        assert 0 < above / layer.histogram[unit].sum() <= 0.005


def test_only_a_dissection_of_the_same_network(generator, whole):
    other = Generator(GeneratorConfig(resolution=16, channels=(8, 8, 8), latent_dim=8), seed=1)
    assert find_dissection(other) is None and find_causes(other) is None
    with pytest.raises(DissectionError, match="another network"):
        site_units(other, whole, None)
    assert find_dissection(generator).info["samples"] == whole.info["samples"]
