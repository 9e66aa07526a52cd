"""Feature maps as pictures: signs keep their colours, order and scale are what they say."""

import numpy as np
import pytest
import torch

from dashboard.pages.activations.figures_feature_maps import diverging, map_wall, overlay, scale_limits, unit_order
from pgan_core.unit_inspection import unit_maps


def _units():
    x = torch.randn(6, 8, 8, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7).view(6, 1, 1)
    return unit_maps(x - torch.arange(6).view(6, 1, 1))


def test_zero_is_neutral_and_signs_are_apart():
    low, zero, high = diverging(np.array([-1.0, 0.0, 1.0]), 1.0).astype(int)
    assert np.ptp(zero) == 0
    assert low[2] > low[0] and high[0] > high[2]
    assert (diverging(np.array([5.0]), 1.0) == high).all()
    assert np.isfinite(diverging(np.array([0.0]), 0.0)).all()


def test_orders():
    units = _units()
    assert list(unit_order(units, "variance")) == [5, 4, 3, 2, 1, 0]
    assert list(unit_order(units, "mean")) == list(np.argsort(-units.mean))
    assert list(unit_order(units, "index")) == list(range(6))
    with pytest.raises(ValueError, match="sorted by"):
        unit_order(units, "beauty")


def test_scales():
    units = _units()
    assert np.allclose(scale_limits(units, True), np.abs(units.maps).max(axis=(1, 2)))
    assert len(set(scale_limits(units, False))) == 1


def test_the_walls_cells_stand_where_a_click_looks_for_them():
    units = _units()
    limits = scale_limits(units, True)
    wall = map_wall(units.maps, limits, columns=4, size=32)
    side = wall.shape[1] // 4
    assert wall.shape == (2 * side, 4 * side, 3)
    fifth = wall[side + 1 : 2 * side - 1, 1 : side - 1]
    assert (fifth[::4, ::4] == diverging(units.maps[4], limits[4])).all()


def test_an_overlay_leaves_the_picture_where_the_map_is_0():
    picture = np.full((16, 16, 3), 90, np.uint8)
    unit_map = np.zeros((4, 4), np.float32)
    unit_map[0, 0] = 2.0
    laid = overlay(picture, unit_map, limit=2.0, size=16)
    assert (laid[4:, :] == 90).all()
    assert (laid[:4, :4] != 90).any()
