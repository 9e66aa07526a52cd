"""How the units of a verb are chosen, on pictures whose painting units are known."""

import numpy as np
import pytest
import torch

from dissection import dissect
from dissection.effects import proposals
from dissection.effects.proposals import ADD, BY_CONTRAST, REMOVE, Chooser, Proposal, cost
from dissection.scoring.progress import Reporter
from pgan_core import Generator, GeneratorConfig
from tests.dissection.effects.painters import GREEN, LAYER, RED, RED_UNIT, Colours, painter

GREEN_UNIT, DARKENING_UNIT, DARK = 2, 5, 3


class RedFirst:
    """One map: red where the red channel is above 0, else green where the green one is, else dark."""

    concepts = ("no label", "red", "green", "dark")

    def __call__(self, images):
        red, green = images[:, 0] > 0, images[:, 1] > 0
        return torch.where(red, RED, torch.where(green, GREEN, DARK))


def chooser_of(generator, segmenter, layers=(LAYER,), report=None):
    read = dissect(generator, list(layers), segmenter, 40)
    return Chooser(generator, read, segmenter, seeds=range(200, 224), report=report)


@pytest.fixture(scope="module")
def chooser():
    """Unit 3 paints red and unit 5 takes it away; unit 2 paints green."""
    generator = painter()
    with torch.no_grad():
        generator.layers["4x4/rgb"].weight[0, DARKENING_UNIT] = -4.0
    return chooser_of(generator, RedFirst())


def test_the_surroundings_of_a_concept_are_what_touches_it(chooser, monkeypatch):
    maps = torch.full((1, 12, 12), DARK)
    maps[0, 5:7, 5:7] = GREEN  # 12 pixels around it: two red, one without a label, nine dark
    maps[0, 4, 5:7], maps[0, 7, 7] = RED, 0
    monkeypatch.setattr(chooser, "maps", maps)
    np.testing.assert_allclose(chooser.surroundings(GREEN), [0, 2 / 11, 0, 9 / 11])  # 1 of 12 is too little to count
    monkeypatch.setattr(chooser, "maps", torch.full((1, 12, 12), DARK))
    assert chooser.surroundings(GREEN).tolist() == [0, 0, 0, 0]  # there is none


def test_contrast_compares_where_a_concept_stands_with_everywhere(chooser, monkeypatch):
    """In standard deviations; a cell counts by the square of the share that the concept covers."""
    maps = torch.randint(0, 3, (24, 8, 8), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(chooser, "maps", maps)
    share = (maps == RED).numpy().reshape(24, 4, 2, 4, 2).mean(axis=(2, 4))
    values = chooser.trial(LAYER).activation.double().numpy().swapaxes(0, 1).reshape(8, -1)
    mean = np.average(values, axis=1, weights=share.ravel() ** 2)
    deviation = np.sqrt(np.average((values - mean[:, None]) ** 2, axis=1, weights=share.ravel() ** 2))
    contrast = (mean - values.mean(axis=1)) / values.std(axis=1, ddof=1)
    for found, expected in zip(chooser.contrast(RED, LAYER), (contrast, mean, deviation), strict=True):
        np.testing.assert_allclose(found, expected)


def test_units_are_set_beyond_their_mean_on_the_side_of_the_concept(chooser):
    """Up where they are higher on red than elsewhere, down where they are lower, by one and two deviations."""
    contrast, mean, deviation = chooser.contrast(RED, LAYER)
    assert contrast[RED_UNIT] > 0.1 and contrast[DARKENING_UNIT] < -0.1
    found = chooser._insertions("red", RED, LAYER)
    assert [(one.by, len(one.units)) for one in found] == [("IoU", 2)] * 2 + [(BY_CONTRAST, 4)] * 2
    for one, times in zip(found, (1, 2, 1, 2), strict=True):
        signs = {RED_UNIT: 1, DARKENING_UNIT: -1}
        for unit, level in zip(one.units, one.levels, strict=True):
            if unit in signs:
                assert level == pytest.approx(mean[unit] + signs[unit] * times * deviation[unit])
    assert {RED_UNIT, DARKENING_UNIT} <= set(found[-1].units)
    assert found[-1].units == tuple(np.argsort(-abs(contrast), kind="stable")[:4])


@pytest.mark.parametrize("count", [2, 10_000])
def test_a_place_is_worth_what_it_is_among_the_surroundings(chooser, count):
    """Green grows on what is dark and not on what is red, so it is worth the share of dark around it."""
    around = chooser.surroundings(GREEN)
    assert around[RED] > 0.15 and around[DARK] > 0.15 and abs(around[DARK] - 0.5) > 0.05
    often, pixels = chooser.worth(Proposal("green", LAYER, (GREEN_UNIT,), levels=(50.0,)), GREEN, count)
    assert often == pytest.approx(around[DARK]) and pixels == pytest.approx(around[DARK])
    assert chooser.worth(Proposal("green", LAYER, (GREEN_UNIT,), levels=(-50.0,)), GREEN, count) == (0, 0)


def test_what_grows_most_often_is_chosen_to_add(chooser):
    chosen = chooser.propose("green", ADD)
    others = [one for one in chooser._insertions("green", GREEN, LAYER) if one != chosen]
    worth = chooser.worth(chosen, GREEN, proposals.JUDGED)
    assert worth[0] > 0 and all(worth >= chooser.worth(one, GREEN, proposals.JUDGED) for one in others)


@pytest.mark.parametrize(("red", "count"), [(30, 32), (20, 20)])
def test_as_many_units_are_removed_as_paint_the_concept(red, count):
    """Of 128 units 20 or a quarter are tried: all that paint red, and none too many of those that paint green."""
    layers = ("4x4/dense", LAYER)
    generator = Generator(GeneratorConfig(4, (128,), latent_dim=6, pixel_norm="off"), seed=3).eval()
    rgb = generator.layers["4x4/rgb"]
    with torch.no_grad():
        rgb.weight.zero_()
        rgb.weight[0, :red] = rgb.weight[1, red : red + 12] = 4.0
        rgb.bias.fill_(-0.2)
    chosen = chooser_of(generator, Colours(), layers).propose("red", REMOVE)
    assert chosen.layer == LAYER and len(chosen.units) == count
    assert len(set(range(red)) & set(chosen.units)) == min(red, count)


def test_the_cost_of_a_removal_is_what_is_left_and_what_else_changes():
    before = np.array([[0, 4, 4, 4, 0], [0, 4, 4, 4, 1]])  # the last concept has less than a pixel a picture
    left = np.array([np.nan, 0.25, 0.5, 3.0, 0.0])
    assert cost(left, 1, before) == 0.25 + 0.5 * (0.5 + 1) / 2  # what more than doubles counts as much as what goes
    assert cost(left[:2], 1, before[:, :2]) == 0.25


@pytest.mark.parametrize("verb", [REMOVE, ADD])
def test_a_segmenter_without_gradients_is_reported_too(verb):
    """Its sets of units are all measured, which takes minutes with a large one."""
    told = []
    chooser = chooser_of(painter(), RedFirst(), report=Reporter(told.append))
    assert [(report.phase, report.done, report.total) for report in told] == [("pictures", i, 3) for i in range(4)]
    assert chooser.propose("red", verb) is not None
    assert told[-1].phase == "sets of units" and told[-1].done == told[-1].total > 0
