"""The demonstrations of the Interventions page on the shipped model: its defaults do what causes.json says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dashboard import session
from dashboard.pages.interventions import pictures
from dashboard.pages.interventions.choice import Choice, proposal
from dashboard.shared import dissections
from dissection.effects.causal_results import FILE, CausalResults
from dissection.effects.context import GRID, balanced, majority, threshold
from dissection.effects.measure_concepts import GONE, Plan
from dissection.effects.proposals import ADD, REMOVE
from dissection.interventions import Edit

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SEEDS = tuple(range(4_000_000, 4_000_024))  # no dissection's, no choice's, and no measurement's
PLACES = 30  # of each kind


@pytest.fixture(scope="module")
def causes():
    return CausalResults.load(ASSETS / "interventions" / FILE)


class Hand:
    """Paints on the shipped model with what the page proposes, and counts in segmented pictures."""

    def __init__(self):
        self.model = session.open_model("toytown128/final", ASSETS / "toytown128" / "final.safetensors")
        self.item = next(item for item in dissections.found(self.model) if item.own)
        self.segmenter = dissections.segmenter_of(self.item, self.model)
        self.before = self.labels(SEEDS, {})

    def labels(self, seeds: tuple[int, ...], edits) -> np.ndarray:
        """Label maps N x H x W."""
        return pictures.segmented(self.segmenter, pictures.pictures(self.model, seeds, edits))

    def paint(self, concept: str, verb: str, picture: int, region: torch.Tensor) -> np.ndarray:
        """The label map H x W of a picture after a stroke with the page's proposal at full strength."""
        found = proposal(self.item, self.model, concept, verb)
        choice = Choice(found.layer, found.units, verb, 1.0, concept, self.item, levels=found.levels)
        edit: Edit = choice.edit(self.model, region)
        return self.labels((SEEDS[picture],), {found.layer: [edit]})[0]

    def grew(self, concept: str, ground: str) -> list[bool]:
        """Whether a concept grew, for places where the ground stands."""
        names = self.segmenter.concepts
        maps = torch.from_numpy(self.before)
        cells = [majority(maps, GRID, (y, x), len(names)) for y in range(GRID[0]) for x in range(GRID[1])]
        stood, found = np.stack(cells, axis=1).reshape(-1, *GRID), []
        places = balanced(np.where(stood == names.index(ground), 1, 0), PLACES, seed=1)
        for picture, y, x in places:
            if stood[picture, y, x] != names.index(ground):
                continue
            region = torch.zeros(GRID)
            region[y, x] = 1
            change = self.paint(concept, "Add", picture, region) == names.index(concept)
            before = self.before[picture] == names.index(concept)
            found.append(int(change.sum()) - int(before.sum()) >= threshold(len(before)))
        return found


@pytest.fixture(scope="module")
def hand():
    return Hand()


def error(share: float, places: int, here: int) -> float:
    """The standard error of the difference of two shares, one of `places` and one of `here` cases."""
    return float(np.sqrt(max(share * (1 - share), 0.05) * (1 / places + 1 / here)))


def test_the_page_takes_what_is_stored(hand, causes):
    assert causes.is_of(hand.item.dissection)
    for verb, aim in (("Add", ADD), ("Remove", REMOVE)):
        assert proposal(hand.item, hand.model, "door", verb) == causes.proposal("door", aim)


def test_what_is_stored_is_worth_showing(causes):
    assert causes.contexts["door"].grew["wall"] > 0.6 > 0.05 > causes.contexts["door"].grew["sky"]
    assert causes.contexts["window"].grew["wall"] > 0.3 > 0.05 > causes.contexts["window"].grew["sky"]
    assert causes.contexts["chimney"].grew["roof"] > 0.5
    assert causes.concepts["foliage"].gone > 0.9 and causes.removed("foliage") > 0.95


@pytest.mark.parametrize(
    ("concept", "ground", "not_in_the_sky"),
    [("door", "wall", True), ("window", "wall", True), ("chimney", "roof", False)],  # chimneys do grow in the sky
)
def test_painting_grows_what_is_stored_there(hand, causes, concept, ground, not_in_the_sky):
    table, shares = causes.contexts[concept], {}
    for place in (ground, "sky"):
        grew = hand.grew(concept, place)
        shares[place] = np.mean(grew)
        assert len(grew) >= 20
        assert abs(shares[place] - table.grew[place]) < 3 * error(table.grew[place], table.places[place], len(grew))
    if not_in_the_sky:
        assert shares["sky"] < 0.1 < shares[ground]


def test_trees_that_are_painted_over_go_as_often_as_is_stored(hand, causes):
    number, effect = hand.segmenter.concepts.index("foliage"), causes.concepts["foliage"]
    gone = []
    for picture, labels in enumerate(hand.before):
        region = torch.from_numpy(labels == number).float()
        if region.sum() >= threshold(len(labels)):
            left = (hand.paint("foliage", "Remove", picture, region) == number).sum()
            gone.append(left <= GONE * float(region.sum()))
    assert len(gone) >= 8
    assert abs(np.mean(gone) - effect.gone) < 3 * error(effect.gone, effect.painted, len(gone))


def test_its_seeds_are_new():
    assert not set(SEEDS) & {*Plan().evaluation, *Plan().selection}


def test_the_app_opens_with_its_seed_and_a_link_names_another(open_app):
    app = open_app("interventions", seed=None)
    assert app.number_input(key="seed").value == session.DEFAULT_SEED
    app = open_app("interventions", seed="0")
    assert app.number_input(key="seed").value == 0
