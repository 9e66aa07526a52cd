"""The pictures that all units share: lit where the unit is above its own level, and found again only by their own."""

from dataclasses import replace

import numpy as np
import pytest

from dissection import DissectionError, dissect
from dissection.output.overlays import make_material, resize_nearest
from dissection.output.pool import COUNT, SIDE, load_pool, measure_pool, save_pools
from dissection.segmenters.registry import load_segmenter
from pgan_core import Generator, GeneratorConfig

LAYERS = ["8x8/conv1", "16x16/conv0"]


@pytest.fixture(scope="module")
def dissected():
    generator = Generator(GeneratorConfig(resolution=16, channels=(8, 6, 4), latent_dim=8), seed=3).eval()
    return generator, dissect(generator, LAYERS, load_segmenter("clusters:3", generator), 60, seed=5)


def test_a_unit_is_lit_above_its_own_level(dissected):
    generator, dissection = dissected
    pool, name = measure_pool(generator, dissection, LAYERS[1]), LAYERS[1]
    level = dissection.layers[name].scores.thresholds[2]
    material = make_material(generator, dissection, name, [7])
    lit = np.unpackbits(pool.lit[2, 7], axis=-1).astype(bool)
    whole = material.values(2, [0], (SIDE, SIDE))[0] > level
    assert len(pool.pictures) == COUNT and lit.any() and (lit == whole).all()
    assert (pool.pictures[7] == resize_nearest(material.pictures[0].transpose(2, 0, 1), SIDE).transpose(1, 2, 0)).all()
    assert (pool.sheet(2, [7])[lit].max(axis=-1) >= pool.pictures[7][lit].max(axis=-1)).all()


def test_it_comes_back_from_its_file_for_the_same_levels_only(dissected, tmp_path):
    generator, dissection = dissected
    assert load_pool(tmp_path, dissection, LAYERS[0]) is None
    file = save_pools(tmp_path, generator, dissection)
    found, made = load_pool(tmp_path, dissection, LAYERS[0]), measure_pool(generator, dissection, LAYERS[0])
    assert found and (found.lit == made.lit).all() and (found.pictures == made.pictures).all()
    layer = dissection.layers[LAYERS[0]]
    moved = replace(layer, scores=replace(layer.scores, thresholds=layer.scores.thresholds + 1))
    assert load_pool(tmp_path, replace(dissection, layers={LAYERS[0]: moved}), LAYERS[0]) is None
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DissectionError, match="does not hold readable pictures"):
        load_pool(tmp_path, dissection, LAYERS[0])
