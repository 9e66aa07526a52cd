"""Histograms agree with numpy on the whole tensor, however it is cut up."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgan_core.histograms import MANY, Bins, histogram


@given(
    values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=200),
    count=st.integers(1, 50),
    pieces=st.integers(1, 5),
)
def test_counts_equal_numpy_over_the_whole_tensor(values, count, pieces):
    tensor = torch.tensor(values, dtype=torch.float32)
    bins = Bins(-3, 3, count)
    parts = [histogram(part, bins) for part in tensor.chunk(pieces)]
    total = sum(parts[1:], parts[0])
    array = tensor.numpy()
    assert np.array_equal(total.counts, np.histogram(array, count, range=(-3, 3))[0])
    assert (total.below, total.above) == ((array < -3).sum(), (array > 3).sum())
    assert total.total == len(values)


@pytest.mark.parametrize(
    "bins", [Bins(-3, 3, 60), Bins(-1, 7, 64), Bins(1e4, 1.01e4, 33), Bins(-1e3, 1e3, 80, "asinh")]
)
def test_many_values_are_counted_as_one_by_one(bins):
    """Ordinary ones, tiny and huge ones, both zeros, every edge and its neighbours, and what is not finite."""
    random = torch.Generator().manual_seed(1)
    edges = torch.from_numpy(bins.edges.astype(np.float32))
    steps = [torch.nextafter(edges, torch.full_like(edges, end)) for end in (-torch.inf, torch.inf)]
    odd = torch.tensor([0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38, torch.inf, -torch.inf, torch.nan])
    spread = torch.randn(150_000, generator=random) * 10 ** torch.empty(150_000).uniform_(-6, 5, generator=random)
    values = torch.cat([edges, *steps, odd, spread, torch.linspace(bins.low, bins.high, 50_000)])
    parts = [histogram(part, bins) for part in values.split(MANY - 1)]  # too few at a time for the table
    assert all(len(part) < MANY for part in values.split(MANY - 1))
    one_by_one, counted = sum(parts[1:], parts[0]), histogram(values, bins)
    assert np.array_equal(counted.counts, one_by_one.counts)
    assert (counted.below, counted.above, counted.not_finite) == (one_by_one.below, one_by_one.above, 3)


def test_the_last_edge_belongs_to_the_last_bin():
    counted = histogram(torch.tensor([-1.0, 0.0, 1.0]), Bins(-1, 1, 2))
    assert counted.counts.tolist() == [1, 2]
    assert counted.above == 0


def test_asinh_bins_count_what_lies_between_their_edges():
    x = torch.randn(10_000, generator=torch.Generator().manual_seed(0)) * 1000
    bins = Bins(-1e5, 1e5, 40, "asinh")
    counted = histogram(x.double(), bins)
    assert np.array_equal(counted.counts, np.histogram(x.double().numpy(), bins.edges)[0])
    assert np.isclose((counted.density * np.diff(np.linspace(*bins.limits, 41))).sum(), 1)


def test_values_that_are_not_finite_are_counted_apart():
    counted = histogram(torch.tensor([0.0, float("nan"), float("inf"), -float("inf")]), Bins(-1, 1, 2))
    assert (counted.counts.sum(), counted.not_finite) == (1, 3)


def test_histograms_of_different_bins_cannot_be_added():
    x = torch.zeros(3)
    with pytest.raises(ValueError, match="different bins"):
        histogram(x, Bins(-1, 1)) + histogram(x, Bins(-2, 2))


@pytest.mark.parametrize("low, high, count", [(1, 0, 5), (0, float("inf"), 5), (0, 1, 0)])
def test_bins_that_make_no_sense_are_refused(low, high, count):
    with pytest.raises(ValueError, match="Bins need"):
        Bins(low, high, count)
