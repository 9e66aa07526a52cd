"""Causal measures on a world whose right answer is known: one unit alone paints red, another alone paints green."""

import numpy as np
import pytest
import torch

from dissection.effects.context import balanced, context, growth, majority, stood_at, threshold
from dissection.effects.trial import (
    Trial,
    ablation_curve,
    average_causal_effect,
    bootstrap_shares,
    clustered,
    count_pixels,
    effect_table,
    high_levels,
    levels_at_concept,
    matched_units,
    shares,
)
from dissection.effects.unit_search import search_units
from dissection.interventions import ablate, insert
from tests.dissection.effects.painters import CONCEPTS, GREEN, LAYER, RED, RED_UNIT, Colours, painter

GREEN_UNIT = 2


@pytest.fixture(scope="module")
def trial():
    return Trial(painter(), LAYER, Colours(), range(40))


def test_pixels_are_counted_by_picture_and_concept():
    labels = torch.tensor([[[0, 1], [1, 2]], [[2, 2], [2, 2]]])
    assert count_pixels(labels, 3).tolist() == [[1, 2, 1], [0, 0, 4]]
    assert count_pixels(torch.stack([labels, labels], 1), 3).tolist() == [[2, 4, 2], [0, 0, 8]]


def test_a_trial_gives_the_generators_own_pictures_in_any_number_of_threads(trial):
    whole = trial.generator(trial.z).clamp(-1, 1)
    torch.testing.assert_close(trial.images(), whole, atol=1e-5, rtol=0)
    edited = trial.generator.run(trial.z, edits={LAYER: [ablate([RED_UNIT])]}).images.clamp(-1, 1)
    torch.testing.assert_close(trial.images([ablate([RED_UNIT])]), edited, atol=1e-5, rtol=0)
    for threads in (0, 3):
        other = Trial(trial.generator, LAYER, trial.segmenter, range(40), threads=threads)
        assert np.array_equal(other.pixels(), trial.pixels())
    assert np.array_equal(trial.first(7).pixels(), trial.pixels()[:7])


def test_only_the_unit_that_paints_red_removes_red(trial):
    table = effect_table(trial, [RED_UNIT], least=[GREEN_UNIT], draws=4)
    assert table.before[RED] > 1 and table.after[RED] == 0
    assert table.left[RED] == 0 and table.left[GREEN] == 1
    assert (table.left_low[RED], table.left_high[RED]) == (0, 0)
    assert table.least_left[RED] == 1 and table.least_left[GREEN] == 0
    assert (table.random_left[:, RED] == 1).all()


def test_controls_may_be_measured_on_the_first_pictures_only(trial):
    few = effect_table(trial, [RED_UNIT], draws=3, control=10)
    some = effect_table(trial.first(10), [RED_UNIT], draws=3)
    assert np.array_equal(few.random_left, some.random_left, equal_nan=True)


def test_the_curve_falls_where_the_causal_unit_comes(trial):
    curve = ablation_curve(trial, [GREEN_UNIT, 0, RED_UNIT, 1], counts=[0, 1, 2, 3])
    assert curve[:, RED].tolist() == [1, 1, 1, 0]
    assert curve[:, GREEN].tolist() == [1, 0, 0, 0]


def test_similar_rows_become_neighbours():
    rows = np.array([[1, 0, 0], [0, 1, 0], [0.9, 0.1, 0], [0, 1, 0.1]])
    order = clustered(rows).tolist()
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset([0, 2]), frozenset([1, 3])}


def test_controls_are_other_units_alike_in_mean():
    mean = np.concatenate([np.zeros(50), np.full(50, 10.0)])
    sets = matched_units(mean, [60, 61, 62], draws=20, seed=1)
    assert len(sets) == 20 and all(len(set(s)) == 3 and not set(s) & {60, 61, 62} for s in sets)
    assert all(unit >= 50 for s in sets for unit in s)
    assert sets == matched_units(mean, [60, 61, 62], draws=20, seed=1)
    with pytest.raises(ValueError, match="too few are left"):
        matched_units(mean, range(60), 1, 0)


def test_the_interval_holds_the_share_and_is_unknown_without_pixels():
    rng = np.random.default_rng(0)
    before = np.stack([rng.integers(5, 50, 100), np.zeros(100, int)], axis=1)
    after = before // 2
    low, high = bootstrap_shares(before, after)
    assert low[0] < shares(before, after)[0] < high[0] and high[0] - low[0] < 0.02
    assert np.isnan(low[1]) and np.isnan(shares(before, after)[1])


def test_levels_are_means_where_the_concept_stands(trial):
    at_red = levels_at_concept(trial, RED)
    assert at_red[RED_UNIT] > trial.mean[RED_UNIT]
    assert (levels_at_concept(trial, len(CONCEPTS) - 1) == 0).all()  # blue is never painted


def test_the_search_finds_the_unit_that_paints(trial):
    start = np.full(trial.units, 0.5)
    found = search_units(trial, RED, start, epochs=4, learning_rate=0.05)
    assert found.order[0] == RED_UNIT and found.losses[-5:].mean() < found.losses[:5].mean()
    again = search_units(trial, RED, start, epochs=4, learning_rate=0.05)
    assert np.array_equal(found.alpha, again.alpha)


def test_the_search_asks_for_probabilities(trial):
    class Hard:
        concepts = CONCEPTS

        def __call__(self, images):
            return torch.zeros(len(images), 8, 8, dtype=torch.long)

    with pytest.raises(ValueError, match="no probabilities"):
        search_units(Trial(trial.generator, LAYER, Hard(), [0]), RED, np.ones(trial.units))


def test_the_label_of_most_pixels_stands_at_a_cell():
    maps = torch.tensor([[[1, 1, 0, 2], [1, 0, 2, 2]]])
    assert majority(maps, (1, 2), (0, 0), 3).tolist() == [1] and majority(maps, (1, 2), (0, 1), 3).tolist() == [2]


def test_a_grid_finer_than_the_picture_covers_all_of_it():
    """The 4x4 stage has fewer pixels than the grid has cells: each pixel stands at four of them."""
    maps = torch.arange(16).view(1, 4, 4)
    found = [[majority(maps, (8, 8), (y, x), 16).item() for x in range(8)] for y in range(8)]
    assert np.array_equal(found, maps[0].numpy().repeat(2, 0).repeat(2, 1))


def test_context_tallies_growth_by_what_stood_there(trial):
    """Red grows by what is inserted wherever it is not, and not on red itself."""
    level, part = high_levels(trial)[[RED_UNIT]] * 2, trial.first(8)
    stood = stood_at(part, (4, 4))
    table = context(part, lambda region: insert([RED_UNIT], level, region), RED, stood)
    assert table.places.sum() == stood.size and table.pictures.max() <= 8
    assert table.gain[0] > 0 and table.grew[0] > 0.5
    assert table.gain[RED] < table.gain[0]


def test_growth_is_of_each_place_alone(trial):
    """An insertion of a picture's one cell changes that picture as an edit of this region does, in any batch."""
    places = np.array([[picture % 8, picture % 4, 1] for picture in range(40)])
    edit = lambda region: insert([RED_UNIT], 9.0, region)  # noqa: E731
    change = growth(trial, edit, RED, places, (4, 4))
    for place in (0, 5, 39):
        picture, y, x = places[place]
        region = torch.zeros(4, 4)
        region[y, x] = 1
        alone = trial.at([picture])
        assert change[place] == (alone.pixels([edit(region)]) - alone.pixels())[0, RED]


def test_places_are_as_many_of_every_kind_and_drawn_by_a_seed():
    stood = np.zeros((3, 4, 4), int)
    stood[0, 0, 0] = stood[2, 1, 3] = 5
    places = balanced(stood, 4, seed=1)
    assert stood[tuple(places.T)].tolist() == [0, 0, 0, 0, 5, 5] and len(np.unique(places, axis=0)) == 6
    assert np.array_equal(places, balanced(stood, 4, seed=1)) and not np.array_equal(places, balanced(stood, 4, seed=2))


def test_growth_is_counted_in_shares_of_the_picture():
    assert [threshold(size) for size in (4, 32, 64, 128, 256)] == [1, 1, 4, 16, 64]


def test_a_trial_of_some_pictures_is_the_same_as_theirs(trial):
    some = trial.at([7, 2, 7])
    assert np.array_equal(some.pixels(), trial.pixels()[[7, 2, 7]])
    assert np.array_equal(some.pixels([ablate([GREEN_UNIT])]), trial.pixels([ablate([GREEN_UNIT])])[[7, 2, 7]])


def test_each_units_effect_stands_in_its_own_row(trial):
    effect = average_causal_effect(trial, high_levels(trial))
    assert effect[:, RED].argmax() == RED_UNIT and effect[:, GREEN].argmax() == GREEN_UNIT
    assert effect[RED_UNIT, RED] > 5 > abs(effect[1, RED])


def test_a_segmenter_may_look_at_activations_which_edits_of_earlier_layers_change():
    class Looks(Colours):
        """Red where unit 3 is on."""

        layers = (LAYER,)

        def __call__(self, images, activations):
            return (activations[LAYER][:, RED_UNIT] > 0).long() * RED

    before, after = (Trial(painter(), "4x4/dense", Looks(), range(20)).pixels(edits) for edits in ((), [ablate(None)]))
    direct = painter().run(Trial(painter(), LAYER, None, range(20)).z, keep=[LAYER]).activations[LAYER][:, RED_UNIT]
    assert before[:, RED].sum() == (direct > 0).sum() > 0
    assert not np.array_equal(before, after)


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="no layer 9x9/conv1"):
        Trial(painter(), "9x9/conv1", Colours(), [0])


def test_insertion_has_effects_too(trial):
    table = effect_table(trial, [GREEN_UNIT], edit=lambda units: insert(units, 5.0), draws=1)
    assert table.left[GREEN] > 1
