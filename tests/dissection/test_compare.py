import dataclasses

import numpy as np
import pytest

from dissection import Dissection
from dissection.__main__ import main
from dissection.compare import compare, correlations, same_seeds
from dissection.unit_profiles import UnitProfiles
from pgan_core.paths import ASSETS

STAGES = ASSETS / "dissection-stages"


@pytest.fixture(scope="module")
def read():
    return Dissection.load(STAGES / "8x8-end")


def shuffled(read: Dissection, name: str, order: np.ndarray) -> Dissection:
    """The same with the units of one layer in another order."""
    part = read.layers[name]
    scores = {
        field: value[order]
        for field, value in vars(part.scores).items()
        if field not in ("label_pixels", "pixels", "min_iou", "min_iqr")
    }
    moved = dataclasses.replace(
        part, scores=dataclasses.replace(part.scores, **scores), iou_low=part.iou_low[order],
        iou_high=part.iou_high[order],
    )  # fmt: skip
    return dataclasses.replace(read, layers=read.layers | {name: moved})


def test_the_same_dissection_has_not_changed(read):
    found = compare(read, read)
    assert (found.before == found.after).all() and (found.low <= 0).all() and (found.high >= 0).all()
    assert found.same() == len(found.matches) == sum(len(part.mean) for part in read.layers.values())
    assert all(match.correlation == pytest.approx(1) for match in found.matches if match.iou_a > 0.05)


def test_units_are_found_again_in_another_order(read):
    order = np.random.default_rng(0).permutation(128)
    found = compare(read, shuffled(read, "8x8/conv1", order))
    pairs = {match.a: match.b for match in found.matches if match.layer == "8x8/conv1"}
    strong = np.flatnonzero(read.layers["8x8/conv1"].scores.interpretable)
    assert len(strong) > 20 and all(order[pairs[int(unit)]] == unit for unit in strong)


def test_what_is_gained_is_counted_over_the_common_layers(read):
    later = Dissection.load(STAGES / "16x16-end")
    found = compare(read, later)
    assert found.left_out == ("16x16/conv0", "16x16/conv1")
    own = sum(later.layers[name].concept_counts(len(later.concepts)) for name in found.layers)
    assert (found.after == own[1:]).all() and (found.before != found.after).any()
    assert ((found.low <= found.after - found.before + 1) & (found.high >= found.after - found.before - 1)).all()


def test_over_the_same_seeds_peaks_are_correlated(read):
    layers = tuple(read.layers)
    starts = tuple(np.cumsum([0, *(len(part.mean) for part in read.layers.values())]).tolist())
    peaks = np.random.default_rng(0).random((50, starts[-1]))
    nothing = np.zeros((starts[-1], 1))
    a = UnitProfiles(layers, starts, 0, None, "", peaks, nothing, nothing, nothing, nothing)
    b = dataclasses.replace(a, peaks=2 * peaks[:40, ::-1][:, np.arange(starts[-1])[::-1]] + 1)  # the same, scaled
    found = compare(read, read, same_seeds(a, b))
    assert found.by == "seeds" and found.same() == len(found.matches)
    assert same_seeds(a, dataclasses.replace(b, seed=1)) is None and same_seeds(a, None) is None


def test_correlations_are_those_of_numpy():
    a, b = np.random.default_rng(1).random((2, 4, 30))
    b[2] = 3.0
    expected = np.corrcoef(a, b[[0, 1, 3]])[:4, 4:]
    assert np.allclose(correlations(a, b)[:, [0, 1, 3]], expected) and (correlations(a, b)[:, 2] == 0).all()


def test_the_shell_prints_both_tables(capsys):
    assert main(["compare", str(STAGES / "4x4-end"), str(STAGES / "8x8-end")]) == 0
    said = capsys.readouterr().out
    assert "Left out: 8x8/conv0, 8x8/conv1." in said and "|concept|before|after|" in said and "|layer|A|B|" in said
    assert main(["compare", str(STAGES / "4x4-end"), str(STAGES)]) == 1
    assert "is not a dissection" in capsys.readouterr().err


def test_those_that_changed_most_come_first(read):
    found = compare(read, Dissection.load(STAGES / "16x16-end"))
    for layer in (None, "8x8/conv0"):
        pairs = found.changed_most(layer)
        changes = [abs(match.iou_b - match.iou_a) for match in pairs]
        assert changes == sorted(changes, reverse=True) and changes[0] > changes[-1]
        assert {match.layer for match in pairs} == ({layer} if layer else set(found.layers))
