"""`score_units` against both published releases (run for real on the fixture's inputs), and our own rule's oracles."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dissection.scoring import levels
from dissection.scoring.levels import FRACTIONS, fraction_level, level_curves
from dissection.scoring.score import score_units
from dissection.scoring.tally import (
    bootstrap_iou,
    concept_columns,
    image_counts,
    information_quality,
    label_counts,
    overlap_ceiling,
    resize_maps,
    total_counts,
)

FIXTURE = Path(__file__).parents[2] / "fixtures" / "numeric" / "netdissect"
LAYERS = ("layer3", "layer5")
CONSTANT = 9  # the constant-1.25 unit: all of its pixels are within rounding of its threshold


@pytest.fixture(scope="module")
def inputs():
    return dict(np.load(FIXTURE / "inputs.npz"))


@pytest.fixture(scope="module")
def first():
    return dict(np.load(FIXTURE / "gandissect.npz"))


@pytest.fixture(scope="module")
def second():
    return dict(np.load(FIXTURE / "dissect_new.npz"))


def tie_free(kinds):
    return [not kind.startswith(("constant", "quantised", "dead", "sparse")) for kind in kinds]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("fraction", [None, 0.005, 0.01])
def test_first_release(inputs, first, layer, fraction):
    scores = score_units(
        inputs[f"act_{layer}"],
        inputs["seg"],
        8,
        release="gandissect",
        top_fraction=fraction,
        categories=inputs["label_category"],
    )
    key = f"exact_{fraction or 0.005}"
    want = {
        name: first[f"bincounts_{key}/{name}/{layer}"].T
        for name in ("ic", "cc", "iou", "iqr", "best_label", "best_iou", "best_iqr", "interp")
    }
    fragile = first[f"fragile_pixels/{key}/{layer}"]
    sure = np.arange(len(fragile)) != CONSTANT

    np.testing.assert_allclose(scores.thresholds, first[f"thr_{key}/{layer}"], atol=1e-4)
    assert (np.abs(scores.intersections - want["ic"]) <= fragile[:, None]).all()
    cc = want["cc"][:, inputs["label_category"]]
    assert (np.abs(scores.active - cc)[:, 1:] <= fragile[:, None]).all()
    np.testing.assert_array_equal(scores.label_pixels[1:], first[f"bincounts_{key}/label_counts"][1:])
    np.testing.assert_array_equal(
        scores.pixels[1:], first[f"bincounts_{key}/total_counts"][inputs["label_category"]][1:]
    )
    np.testing.assert_array_equal(scores.best_concept[sure], want["best_label"][sure])
    np.testing.assert_array_equal(scores.interpretable, want["interp"])
    exact = fragile == 0
    np.testing.assert_allclose(scores.iou[exact], want["iou"][exact], atol=1e-12)
    np.testing.assert_allclose(scores.iqr[exact, 1:], want["iqr"][exact, 1:], atol=1e-9)
    np.testing.assert_allclose(scores.best_iou[sure], want["best_iou"][sure], atol=2e-3)
    np.testing.assert_allclose(scores.best_iqr[sure], want["best_iqr"][sure], atol=2e-3)

    np.testing.assert_array_equal(scores.top_values, first[f"topk_act/{layer}"])
    certain = tie_free(inputs[f"kind_{layer}"])
    np.testing.assert_array_equal(scores.top_images[certain], first[f"topk_img/{layer}"][certain])


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("fraction", [0.005, 0.01])
def test_second_release(inputs, second, layer, fraction):
    scores = score_units(inputs[f"act_{layer}"], inputs["seg"], 8, release="dissect", top_fraction=fraction)
    want = {
        name: second[f"{name}_{fraction}/{layer}"].T
        for name in ("intersection", "act_count", "label_count", "iou", "iou_allpairs", "best_label")
    }
    fragile = second[f"fragile_pixels_{fraction}/{layer}"]
    sure = np.arange(len(fragile)) != CONSTANT
    np.testing.assert_allclose(scores.thresholds, second[f"thr_exact_{fraction}/{layer}"], atol=1e-4)
    assert (np.abs(scores.intersections - want["intersection"])[:, 1:] <= fragile[:, None]).all()
    assert (np.abs(scores.active[:, 1] - want["act_count"]) <= fragile).all()
    np.testing.assert_array_equal(scores.label_pixels[1:], want["label_count"][1:])
    np.testing.assert_allclose(scores.iou[sure, 1:], want["iou"][sure, 1:], atol=5e-4)
    np.testing.assert_allclose(scores.iou[fragile == 0, 1:], want["iou"][fragile == 0, 1:], atol=2e-6)
    np.testing.assert_allclose(scores.iou[fragile == 0, 1:], want["iou_allpairs"][fragile == 0, 1:], atol=2e-6)
    # Its condition 0 is "everything", which wins where no concept does; we exclude it.
    concept = sure & (want["best_label"] > 0)
    np.testing.assert_array_equal(scores.best_concept[concept], want["best_label"][concept])
    np.testing.assert_array_equal(scores.top_values, second[f"topk_act/{layer}"])


@pytest.mark.parametrize("layer", LAYERS)
def test_masks_and_upsampling(inputs, first, second, layer):
    for release, name, border in (
        (first, "mask_exact_0.01", "clamp"),
        (second, "mask_0.01", "zero"),
    ):
        units, images = release[f"mask_units/{layer}"], release["mask_images"]
        maps = torch.from_numpy(inputs[f"act_{layer}"][np.ix_(images, units)])
        enlarged = resize_maps(maps, (64, 64), border).numpy()
        np.testing.assert_allclose(enlarged, release[f"upsampled/{layer}"], atol=5e-5)
        level = release[f"thr_exact_0.01/{layer}"][units][:, None, None]
        differs = ((enlarged > level) != release[f"{name}/{layer}"]).sum(axis=(0, 2, 3))
        fragile = release[f"fragile_pixels/exact_0.01/{layer}" if border == "clamp" else f"fragile_pixels_0.01/{layer}"]
        assert (differs <= fragile[units]).all()


def test_upsampling_equals_interpolate():
    maps = torch.randn(3, 5, 8, 16, generator=torch.Generator().manual_seed(0))
    for size in ((64, 64), (24, 40), (4, 8)):
        want = torch.nn.functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
        torch.testing.assert_close(resize_maps(maps, size), want, atol=5e-6, rtol=0)


@pytest.mark.parametrize("layer", LAYERS)
def test_own_rule_takes_the_level_of_maximal_iqr_from_the_first_half(inputs, layer):
    maps, labels = inputs[f"act_{layer}"], inputs["seg"]
    scores = score_units(maps, labels, 8)
    enlarged = resize_maps(torch.from_numpy(maps), (64, 64)).numpy()
    for unit in (0, 3, 7, 8, 11):
        values = enlarged[:48, unit]
        levels = np.quantile(values.astype(np.float64), 1 - FRACTIONS, method="hazen")
        best = max(best_quality(values > level, labels[:48]) for level in levels)
        reached = best_quality(values > scores.thresholds[unit], labels[:48])
        assert reached == pytest.approx(
            best, rel=0.01, abs=5e-4
        )  # candidates are borders of bins beside these quantiles
        mask = enlarged[48:, unit] > scores.thresholds[unit]
        for concept in range(1, 8):
            present = labels[48:] == concept
            assert scores.intersections[unit, concept] == (mask & present).sum()
            union = (mask | present).sum()
            assert scores.iou[unit, concept] == ((mask & present).sum() / union if union else 0)
    assert not scores.iou[:, 0].any()
    assert not scores.iqr[:, 0].any()


def best_quality(mask, labels):
    """The highest IQR of a mask with any concept that it shares more pixels with than chance would."""
    quality = [0.0]
    for concept in range(1, 8):
        present = labels == concept
        both, active = (mask & present).sum(), mask.sum()
        if both * present.size > active * present.sum():
            quality.append(float(information_quality(both, active, present.sum(), present.size)))
    return max(quality)


def scenes(images=24, size=32, concepts=5, seed=0):
    """Label maps of 4x4 blocks with some pixels unlabelled."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, concepts, (images, size // 4, size // 4))
    return blocks.repeat(4, axis=1).repeat(4, axis=2)


def test_oracle_units_have_iou_one():
    labels = scenes()
    maps = np.stack([(labels == c) * 3.0 for c in range(1, 5)], axis=1).astype(np.float32)
    scores = score_units(maps, labels, 5, thresholds=1.5)
    np.testing.assert_array_equal(scores.best_concept, [1, 2, 3, 4])
    np.testing.assert_array_equal(scores.best_iou, 1.0)
    np.testing.assert_allclose(scores.best_iqr, 1.0)
    chosen = score_units(maps, labels, 5)  # the rule finds such a level by itself
    np.testing.assert_array_equal(chosen.best_iou, 1.0)
    assert chosen.interpretable.all()


@pytest.mark.parametrize("top_fraction", [None, 0.01, 0.2])
def test_shuffled_labels_leave_no_unit_interpretable(top_fraction):
    labels = scenes()
    maps = np.stack([labels == c for c in range(1, 5)], axis=1) + np.random.default_rng(1).normal(
        0, 0.3, (24, 4, 32, 32)
    )
    assert score_units(maps, labels, 5, top_fraction=top_fraction and 0.2).interpretable.all()
    shuffled = np.random.default_rng(2).permutation(labels.ravel()).reshape(labels.shape)
    assert not score_units(maps, shuffled, 5, top_fraction=top_fraction).interpretable.any()


def test_units_that_light_nothing_or_everything_are_not_interpretable():
    labels = scenes()
    maps = np.zeros((24, 3, 8, 8), np.float32)
    maps[:, 1] = -2.0
    maps[:, 2] = 1.0
    scores = score_units(maps, labels, 5)
    assert not scores.interpretable.any()
    assert scores.active[0].sum() == 0  # dead: "> 0" lights nothing
    everything = score_units(maps, labels, 5, thresholds=[-3.0, -3.0, -3.0])
    share = np.bincount(labels.ravel(), minlength=5) / labels.size
    np.testing.assert_allclose(everything.iou[:, 1:], np.tile(share[1:], (3, 1)))
    np.testing.assert_allclose(everything.iqr, 0, atol=1e-12)


def test_two_label_maps_count_as_two_partitions():
    objects, parts = scenes(seed=0), scenes(seed=1)
    parts = np.where(parts > 0, parts + 4, 0)
    maps = np.random.default_rng(0).normal(size=(24, 3, 16, 16)).astype(np.float32)
    both = score_units(maps, np.stack([objects, parts], axis=1), 9, top_fraction=0.1)
    one = score_units(maps, objects, 9, top_fraction=0.1)
    two = score_units(maps, parts, 9, top_fraction=0.1)
    np.testing.assert_array_equal(both.intersections, one.intersections + two.intersections)
    np.testing.assert_allclose(both.iou[:, :5], one.iou[:, :5])
    np.testing.assert_allclose(both.iou[:, 5:], two.iou[:, 5:])


@given(
    st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=60),
    st.sampled_from(["as it is", "ties", "outlier", "subnormal"]),
    st.sampled_from([1.0, 0.5, 0.03]),
)
@settings(max_examples=60, deadline=None)
def test_fixed_fractions_equal_numpy_quantiles(values, shape, fraction):
    values = np.array(values, np.float32)
    if shape == "ties":
        values = values.round()
    if shape == "outlier":  # everything else falls into one bin
        values[0] = 1e30
    if shape == "subnormal":
        values = values * np.float32(1e-42)
    labels = (np.arange(len(values)) % 3).reshape(-1, 1, 1, 1)
    (curve,) = level_curves([(values.reshape(-1, 1, 1, 1), labels)], 3, fraction=fraction)
    want = np.quantile(values.astype(np.float64), 1 - fraction, method="hazen")
    np.testing.assert_allclose([curve.level, fraction_level(values, fraction)], want, rtol=1e-6, atol=1e-6)
    assert curve.histogram.sum() == len(values)
    above = values[:, None] > curve.levels
    np.testing.assert_array_equal(curve.lit[:, 0], above.sum(axis=0))
    for concept in (1, 2):
        np.testing.assert_array_equal(curve.lit[:, concept], above[labels.ravel() == concept].sum(axis=0))


def test_candidate_levels_are_exceeded_by_the_fractions_to_a_bin():
    values = torch.randn(2000, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    values[7, 0, 1, 2] = 1e6  # an outlier costs no resolution
    (curve,) = level_curves([(values.numpy(), np.zeros((2000, 1, 4, 4), np.uint8))], 1)
    np.testing.assert_allclose(curve.lit[:, 0] / values.numel(), FRACTIONS, atol=2e-3)


@pytest.mark.parametrize("border", ["clamp", "zero"])
def test_level_curves_count_what_masks_count(monkeypatch, border):
    monkeypatch.setattr(levels, "CHUNK_PIXELS", 5 * 32 * 32)  # more than one chunk, the last one short
    labels = np.stack([scenes(), scenes(seed=1)], axis=1)
    maps = torch.randn(24, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    maps = torch.where(maps < 0, 0.0, maps)  # many ties at 0
    curves = level_curves([(maps[:13].numpy(), labels[:13]), (maps[13:].numpy(), labels[13:])], 5, border=border)
    for k in (0, 40, 80, 99):
        level = np.array([curve.levels[k] for curve in curves])
        counts = image_counts(maps, concept_columns(labels, 5), (32, 32), level, 5, border)
        np.testing.assert_array_equal(np.stack([curve.lit[k] for curve in curves]), counts.sum(axis=0))


def test_categories_gate_images():
    labels = np.zeros((2, 4, 4), np.int64)
    labels[0, :2] = 1
    labels[1, :2] = 2
    maps = np.ones((2, 1, 4, 4), np.float32)
    scores = score_units(maps, labels, 3, release="gandissect", categories=[2, 0, 1], thresholds=0.0)
    np.testing.assert_array_equal(scores.active[0], [0, 16, 16])
    ours = score_units(maps, labels, 3, thresholds=0.0)
    np.testing.assert_array_equal(ours.active[0], [0, 32, 32])


def test_bootstrap_interval_covers_the_estimate_and_shrinks():
    rng = np.random.default_rng(0)
    intersections = rng.integers(0, 50, (400, 1))
    unions = intersections + rng.integers(0, 50, (400, 1))
    iou = intersections.sum() / unions.sum()
    low, high = bootstrap_iou(intersections, unions)
    assert low[0] < iou < high[0]
    few_low, few_high = bootstrap_iou(intersections[:25], unions[:25])
    assert 3 < (few_high - few_low)[0] / (high - low)[0] < 5  # a sixteenth of the images, four times the width


def test_information_quality_of_known_tables():
    assert information_quality(5, 5, 5, 10) == pytest.approx(1.0)
    assert information_quality(25, 50, 50, 100) == pytest.approx(0.0, abs=1e-12)
    assert information_quality(0, 0, 0, 10) == 0
    assert information_quality(0, 0, 0, 0) == 0


def test_a_fixed_fraction_sets_a_ceiling():
    assert overlap_ceiling(0.01, 0.4) == pytest.approx(0.025)
    assert overlap_ceiling(0.4, 0.01) == pytest.approx(0.025)
    assert overlap_ceiling(0.3, 0.3) == 1
    np.testing.assert_array_equal(overlap_ceiling(np.array([0, 0.5]), np.array([0.5, 0])), 0)


def test_label_counts_and_totals():
    labels = scenes()[:, None]
    counts = label_counts(labels, 5)
    assert counts.sum() == labels.size
    maps = torch.zeros(24, 1, 4, 4)
    lit = image_counts(maps, concept_columns(labels, 5), (32, 32), np.array([-1.0]), 5)
    totals = total_counts(lit, counts, 32 * 32)
    np.testing.assert_array_equal(totals.intersections[0, 1:], counts.sum(axis=0)[1:])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"release": "netdissect"}, "release is None"),
        ({"release": "gandissect"}, "needs a category for each"),
        ({"top_fraction": 0}, "top_fraction"),
        ({"thresholds": [1.0, 2.0, 3.0]}, "one for each of 2 units"),
        ({"labels": np.full((4, 8, 8), 5)}, "Labels run from 0"),
        ({"labels": np.zeros((3, 8, 8), int)}, "label maps of 3"),
        ({"labels": np.zeros((4, 8, 8))}, "Labels are integers"),
        ({"activations": np.zeros((4, 2, 8), np.float32)}, "Activations are floats"),
        ({"activations": np.full((4, 2, 4, 4), np.nan)}, "not finite"),
        (
            {"activations": np.zeros((1, 2, 4, 4), np.float32), "labels": np.zeros((1, 8, 8), int)},
            "two images or more",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change, words):
    arguments = {"activations": np.zeros((4, 2, 4, 4), np.float32), "labels": np.zeros((4, 8, 8), int)}
    arguments |= change
    with pytest.raises(ValueError, match=words) as error:
        score_units(arguments.pop("activations"), arguments.pop("labels"), 3, **arguments)
    assert str(error.value).count("\n") == 0
