"""Units' maps, histograms and highest pictures are those of the whole activation."""

import numpy as np
import torch

from pgan_core.histograms import Bins
from pgan_core.unit_inspection import unit_maps, unit_sample

BINS = Bins(-3, 3, 30)


def _activation(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_large_maps_are_averaged_and_their_statistics_are_not():
    x = _activation(5, 16, 16)
    found = unit_maps(x, size=4)
    array = x.numpy()
    assert found.maps.shape == (5, 4, 4)
    assert np.allclose(found.maps[2, 1, 3], array[2, 4:8, 12:16].mean(), atol=1e-6)
    assert np.allclose(found.variance, array.var(axis=(1, 2)), atol=1e-6)
    assert np.allclose(found.mean, array.mean(axis=(1, 2)), atol=1e-6)
    assert np.allclose(found.largest, np.abs(array).max(axis=(1, 2)))
    assert found.shape == (5, 16, 16)


def test_a_dense_layers_units_are_maps_of_one_pixel():
    found = unit_maps(_activation(7))
    assert found.maps.shape == (7, 1, 1)
    assert np.allclose(found.variance, 0)


def test_a_sample_in_chunks_is_the_sample():
    x = _activation(9, 4, 6, 6)
    found = unit_sample(iter(x.split(4)), BINS)
    for unit in range(4):
        expected = np.histogram(x[:, unit].numpy(), 30, range=(-3, 3))[0]
        assert np.array_equal(found.histograms[unit].counts, expected)
    assert np.allclose(found.peaks, x.numpy().max(axis=(2, 3)))
    best = found.highest(1, 3)
    assert found.peaks[best[0], 1] == x[:, 1].max().item()
    assert (np.diff(found.peaks[best, 1]) <= 0).all()
