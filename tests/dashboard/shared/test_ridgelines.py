"""Histogram figures draw the counts they are given, on the bins they are given."""

import numpy as np
import plotly.graph_objects as go
import torch

from dashboard.shared.ridgelines import OVERLAP, axis_of, histogram_bars, log_axis, ridgelines
from pgan_core.histograms import Bins, histogram

BINS = Bins(-2, 2, 8)


def _counted(bins=BINS):
    return histogram(torch.randn(1000, generator=torch.Generator().manual_seed(0)), bins)


def test_a_ridge_is_the_histograms_outline_and_stands_on_its_row():
    counted = _counted()
    figure = go.Figure(ridgelines({"one": {"a": counted, "b": counted}, "two": {"a": counted, "b": counted}}))
    assert len(figure.data) == 4
    first, last = figure.data[0], figure.data[1]
    assert (first.y.min(), last.y.min()) == (1, 0)
    steps = (np.array(first.y)[1:-1:2] - 1) / OVERLAP
    assert np.allclose(steps, counted.counts / counted.counts.max())
    assert figure.data[2].xaxis == "x2"
    assert list(figure.layout.xaxis.range) == list(figure.layout.xaxis2.range) == [-2, 2]


def test_notes_and_the_marked_column_are_written():
    figure = go.Figure(ridgelines({"one": {"a": _counted()}}, notes={"one": ["σ 1"]}, highlight="one"))
    texts = [a.text for a in figure.layout.annotations]
    assert "σ 1" in texts
    assert any("◀" in text for text in texts)
    assert figure.layout.xaxis.range[1] > 2  # room for the note


def test_asinh_axes_have_their_ticks_at_powers_of_ten():
    axis = axis_of(Bins(-1e6, 1e6, 10, "asinh"))
    assert np.allclose(np.sinh(axis["tickvals"]), [-1e6, -1e3, 0, 1e3, 1e6])
    assert axis["ticktext"] == ["−10<sup>6</sup>", "−10<sup>3</sup>", "0", "10<sup>3</sup>", "10<sup>6</sup>"]


def test_bars_are_the_counts():
    counted = _counted()
    figure = histogram_bars({"panel": {"untouched": counted, "changed": counted}})
    assert [list(bar.y) for bar in figure.data] == [list(counted.counts)] * 2
    assert figure.layout.showlegend


def test_a_log_axis_survives_zeros_and_what_is_not_finite():
    assert log_axis([0, np.inf, np.nan])["type"] == "log"
    assert log_axis([1e-6, 1.0], [0.0])["dtick"] >= 1


def test_a_log_axis_within_a_decade_has_ticks_to_read():
    axis = log_axis([0.3, 2.3])
    assert axis["ticktext"] == ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50"]
