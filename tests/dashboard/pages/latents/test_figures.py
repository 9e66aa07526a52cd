"""Figures of the Latents page."""

import numpy as np

from dashboard.pages.latents.figures import layer_distances


def test_distances_have_a_row_a_layer_the_latent_on_top_and_their_sums_beside():
    travel = {"latent": np.array([1.0, 2]), "4x4/conv": np.array([0.5, 0.25]), "picture": np.array([3.0, 4])}
    figure = layer_distances(travel, np.array([5.0, 6]))
    curve, heat, bars = figure.data
    assert curve.y.tolist() == [5, 6]
    assert list(heat.y) == list(bars.y) == list(travel) and heat.z.tolist() == [[1, 2], [0.5, 0.25], [3, 4]]
    assert bars.x.tolist() == [3, 0.75, 7]
    assert figure.layout.yaxis3.autorange == "reversed"


def test_without_a_discriminator_the_curve_is_left_out():
    figure = layer_distances({"latent": np.zeros(3), "picture": np.zeros(3)})
    assert [trace.type for trace in figure.data] == ["heatmap", "bar"]
