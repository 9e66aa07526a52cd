import numpy as np
import pytest
import torch

from dissection import DissectionError
from dissection.unit_profiles import UnitProfiles, measure_profiles
from pgan_core.adapters import adapt
from pgan_core.latents import latents_from_seeds
from tests import own_generators
from tests.own_generators import LATENT

SAMPLES = 200


@pytest.fixture(scope="module")
def measured():
    generator = adapt(own_generators.functional(), LATENT)
    return generator, measure_profiles(generator, generator.layer_names, SAMPLES, seed=3)


def maps(generator, layer):
    with torch.no_grad():
        return generator.run(latents_from_seeds(range(3, 3 + SAMPLES), LATENT), keep=[layer]).activations[layer]


def test_bands_go_from_the_strongest_pictures_to_the_weakest(measured):
    generator, profiles = measured
    peaks = maps(generator, "8x8/clamp")[:50, 2].amax((1, 2)).numpy()
    found = profiles.bands("8x8/clamp", 2, 50)
    assert len(found) == 10 and sorted(i for *_ends, images in found for i in images) == list(range(50))
    lows, highs = ([row[end] for row in found] for end in (0, 1))
    assert lows == sorted(lows, reverse=True) and lows[-1] == pytest.approx(peaks.min())
    assert highs[0] == pytest.approx(peaks.max())
    for low, high, images in found:
        assert ((peaks[images] >= low - 1e-6) & (peaks[images] <= high + 1e-6)).all()


def test_the_nearest_units_are_those_of_highest_correlation(measured):
    generator, profiles = measured
    small = torch.nn.functional.interpolate(maps(generator, "4x4/relu"), (8, 8))
    both = torch.cat([small, maps(generator, "8x8/clamp")], 1).permute(1, 0, 2, 3).flatten(1)
    expected = torch.corrcoef(both.double())[1]
    expected[1] = -2
    best = int(expected.argmax())
    found = profiles.nearest("4x4/relu", 1)[0]
    assert profiles.index(found.layer, found.unit) == best
    assert found.similarity == pytest.approx(float(expected[best]), abs=1e-4)


def test_moving_along_a_units_direction_raises_it(measured):
    generator, profiles = measured
    vector, explained = profiles.direction("4x4/relu", 0)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) and 0.3 < explained <= 1
    z = latents_from_seeds(range(900, 950), LATENT)
    with torch.no_grad():
        means = [
            float(
                generator.run(z + step * torch.from_numpy(vector), keep=["4x4/relu"])
                .activations["4x4/relu"][:, 0]
                .mean()
            )
            for step in (-2, 0, 2)
        ]
    assert means == sorted(means)


def test_profiles_come_back_from_their_file(measured, tmp_path):
    _, profiles = measured
    profiles.save(tmp_path)
    again = UnitProfiles.load(tmp_path)
    assert again.layers == profiles.layers and again.weights == profiles.weights and again.seed == 3
    assert np.allclose(again.peaks, profiles.peaks, rtol=1e-3) and (again.neighbours == profiles.neighbours).all()


def test_a_broken_file_is_one_sentence(measured, tmp_path):
    for content in (b"", b"PK\x03\x04 and no more"):
        (tmp_path / "units.npz").write_bytes(content)
        with pytest.raises(DissectionError, match=r"does not hold readable profiles"):
            UnitProfiles.load(tmp_path)
    _, profiles = measured
    profiles.save(tmp_path)
    with np.load(tmp_path / "units.npz") as archive:
        arrays = dict(archive)
    arrays["neighbours"] = arrays["neighbours"] + 10_000
    np.savez(tmp_path / "units.npz", **arrays)
    with pytest.raises(DissectionError, match="fit together"):
        UnitProfiles.load(tmp_path)
