import numpy as np
import pytest

from dissection import DissectionError, dissect
from dissection.effects.unit_effects import FILE, EffectStore, measure_all, measure_unit
from dissection.interventions import ablate, insert
from dissection.scoring.job import label_maps, latents_and_labels, pictures_of
from dissection.segmenters.clusters import fit_clusters
from pgan_core.adapters import adapt
from tests import own_generators
from tests.own_generators import LATENT


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("effects")
    generator = adapt(own_generators.functional(), LATENT)
    segmenter = fit_clusters(generator, 3)
    dissection = dissect(generator, "all", segmenter, 40)
    return folder, generator, dissection, segmenter, measure_all(generator, dissection, segmenter, folder, pictures=8)


def test_the_store_holds_what_one_unit_is_measured_to_cause(measured):
    folder, generator, dissection, segmenter, _ = measured
    store = EffectStore.load(folder)
    alone = measure_unit(generator, dissection, segmenter, "4x4/relu", 2, seeds=range(3_000_000, 3_000_008))
    stored = store.unit("4x4/relu", 2)
    assert np.abs(alone.off).max() > 0 and stored.level == pytest.approx(alone.level)
    for name in ("off", "on", "random_off", "random_on"):
        assert np.allclose(getattr(stored, name), getattr(alone, name), atol=1e-4), name


def test_off_is_the_change_of_shares_when_the_unit_is_off(measured):
    _, generator, dissection, segmenter, _ = measured
    seeds = range(3_000_000, 3_000_008)
    found = measure_unit(generator, dissection, segmenter, "4x4/relu", 2, seeds=seeds)
    level = float(dissection.layers["4x4/relu"].scores.top_values[2].mean())
    z, labels = latents_and_labels(generator, seeds), range(len(segmenter.concepts))

    def shares(*edits):
        seen = generator.run(z, keep=segmenter.layers, edits={"4x4/relu": list(edits)})
        maps = np.asarray(label_maps(segmenter, pictures_of(seen), seen.activations))
        return np.array([100 * (maps == concept).mean() * maps.shape[1] for concept in labels])

    before = shares()
    assert np.allclose(found.off, shares(ablate([2])) - before, atol=1e-3)
    assert np.allclose(found.on, shares(insert([2], level)) - before, atol=1e-3)


def test_layers_that_the_segmenter_cannot_see_are_left_out(measured):
    _, _, dissection, _, store = measured
    assert list(dissection.layers) == ["4x4/relu", "8x8/clamp"] and list(store.off) == ["4x4/relu"]


def test_a_second_call_takes_what_is_there(measured):
    folder, generator, dissection, segmenter, _ = measured
    asked = []
    measure_all(generator, dissection, segmenter, folder, pictures=8, progress=asked.append)
    assert asked == []
    measure_all(generator, dissection, segmenter, folder, pictures=4, progress=asked.append)  # another sample
    assert asked and EffectStore.load(folder).pictures == 4


def test_a_broken_file_is_one_sentence(tmp_path):
    (tmp_path / FILE).write_bytes(b"PK and no more")
    with pytest.raises(DissectionError, match="does not hold the effects"):
        EffectStore.load(tmp_path)
