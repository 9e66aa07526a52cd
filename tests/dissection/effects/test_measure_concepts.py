"""All causal results of a small model: chosen, judged, saved, read; and the commands of the shell."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from dissection import dissect
from dissection.__main__ import main
from dissection.effects.attribution import first_order_effects
from dissection.effects.causal_results import FILE, CausalResults, CausalResultsError, ConceptEffect
from dissection.effects.measure_concepts import Plan, measure_concepts
from dissection.effects.proposals import ADD, REMOVE, SELECTION, Chooser, propose
from dissection.effects.trial import Trial
from dissection.interventions import ablate, to_json
from dissection.interventions_cli import markdown
from pgan_core.pictures import to_uint8
from tests.dissection.effects.painters import GREEN, LAYER, RED, RED_UNIT, Colours, painter
from tests.small_run import write_run

PLAN = Plan(
    evaluation=range(100, 140), selection=range(200, 224), control=16, draws=3, counts=(0, 1, 2), contexts=("red",)
)


@pytest.fixture(scope="module")
def dissection():
    return dissect(painter(), [LAYER], Colours(), 40, seed=0)


@pytest.fixture(scope="module")
def causes(dissection):
    return measure_concepts(painter(), dissection, Colours(), PLAN)


def test_the_first_order_effect_knows_the_unit_that_paints():
    effects = first_order_effects(painter(), [LAYER], Colours(), range(20), threads=2)[LAYER]
    assert effects[:, RED].argmin() == RED_UNIT and effects[RED_UNIT, RED] < 0
    assert effects[:, GREEN].argmin() == 2 and np.allclose(np.delete(effects[:, RED], RED_UNIT), 0)
    measured = Trial(painter(), LAYER, Colours(), range(20))
    change = (measured.pixels([ablate([RED_UNIT])]) - measured.pixels()).mean(0)[RED]
    assert change < 0  # the measurement agrees in sign


def test_units_are_chosen_on_other_pictures_and_judged(causes):
    red = causes.concepts["red"]
    assert red.units[0] == RED_UNIT and red.left == 0 and red.chosen_left == 0
    assert red.random_removed == 0 and red.others["green"] >= 0
    assert red.counts == PLAN.counts and red.curve[0] == 1 and red.curve[1] == 0
    assert causes.info["evaluation"] == [100, 140] and causes.info["selection"] == [200, 224]
    assert "blue" not in causes.concepts  # it is never painted


def test_what_was_measured_is_read_back(causes, tmp_path):
    path = causes.save(tmp_path)
    again = CausalResults.load(path)
    assert again.concepts["red"].units == causes.concepts["red"].units and again.info == causes.info
    assert again.proposal("red", REMOVE).layer == LAYER and again.proposal("blue", REMOVE) is None
    assert again.proposal("red", ADD).units[0] == RED_UNIT and again.proposal("blue", ADD) is None
    assert again.proposal("red", ADD).levels == pytest.approx(causes.added["red"].levels, abs=1e-5)
    assert again.removed("red") == 1 and again.removed("blue") == 0
    assert again.contexts["red"].gain == pytest.approx(causes.contexts["red"].gain, abs=1e-4)
    assert markdown(again) == markdown(causes) and "| red | 4x4/conv |" in markdown(causes)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": "pggan-lab causes 1"}', "\x00", "[" * 10_000])
def test_other_files_get_one_sentence(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(CausalResultsError) as error:
        CausalResults.load(tmp_path / FILE)
    assert len(str(error.value)) < 400


def test_an_unknown_concept_or_layer_is_named(dissection):
    assert propose(dissection, "red", count=2).units[0] == RED_UNIT
    with pytest.raises(ValueError, match="no concept purple"):
        propose(dissection, "purple")
    with pytest.raises(ValueError, match="no layer 8x8/conv1"):
        propose(dissection, "red", "8x8/conv1")


def test_what_is_stored_is_what_the_rule_chooses(causes, dissection):
    """A page without causes.json asks the rule for one concept and gets what the file of all concepts would say."""
    chooser = Chooser(painter(), dissection, Colours(), ["red"], seeds=PLAN.selection)
    assert chooser.propose("red", REMOVE) == causes.proposal("red", REMOVE)
    assert chooser.propose("red", ADD) == causes.proposal("red", ADD)
    assert causes.is_of(dissection) and not causes.is_of(dissect(painter(), [LAYER], Colours(), 20, seed=0))


def test_a_proposal_adds_or_removes(causes):
    x = torch.rand(1, 8, 4, 4, generator=torch.Generator().manual_seed(0)) / 4
    added, removed = (causes.proposal("red", verb).edit()(x)[0, RED_UNIT] for verb in (ADD, REMOVE))
    assert (added > x[0, RED_UNIT]).all() and (removed == 0).all()


def test_no_effect_is_measured_on_the_seeds_of_the_choice():
    assert not set(SELECTION) & set(Plan().evaluation)


def test_what_is_painted_over_is_told(causes):
    assert causes.concepts["red"].gone == 1 and 0 < causes.concepts["red"].painted <= len(PLAN.evaluation)


def test_without_probabilities_units_are_ordered_by_iou_alone(dissection):
    class Hard:
        concepts = Colours.concepts

        def __call__(self, images):
            return Colours()(images)

    chooser = Chooser(painter(), dissection, Hard(), seeds=PLAN.selection)
    assert chooser.effects == {}
    proposal = chooser.propose("red", REMOVE)
    assert proposal.by == "IoU" and proposal.units[0] == RED_UNIT and chooser.propose("blue", REMOVE) is None


# ---- the shell ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))[-1]


def test_edit_writes_the_pictures_with_their_settings(checkpoint, tmp_path, capsys):
    from pgan_core import load_checkpoint
    from pgan_core.latents import latents_from_seeds

    edits = {"8x8/conv1": [ablate([1, 2])]}
    (tmp_path / "e.json").write_text(to_json(edits))
    asked = [
        "edit",
        str(checkpoint),
        "--edit",
        str(tmp_path / "e.json"),
        "--seeds",
        "3,5-6",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*asked, "--before"]) == 0
    assert len(list((tmp_path / "out").glob("*.png"))) == 6
    generator = load_checkpoint(checkpoint).generator
    expected = to_uint8(generator.run(latents_from_seeds([3, 5, 6], 8), edits=edits).images)
    with Image.open(tmp_path / "out" / "00005.png") as picture:
        assert np.abs(np.asarray(picture).astype(int) - expected[1]).max() <= 1
        settings = json.loads(picture.text["settings"])
    assert settings["seed"] == 5 and settings["edits"][0]["units"] == [1, 2]
    assert "3 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not a file of edits"),
        ('{"edits": [{"layer": "9x9/conv1", "units": [0], "value": 0}]}', "no layer 9x9/conv1"),
        ('{"edits": [{"layer": "8x8/conv1", "units": [99], "value": 0}]}', "no unit 99"),
    ],
)
def test_a_bad_file_of_edits_gets_one_sentence(checkpoint, tmp_path, capsys, content, said):
    (tmp_path / "e.json").write_text(content)
    asked = ["edit", str(checkpoint), "--edit", str(tmp_path / "e.json"), "--out", str(tmp_path / "out")]
    assert main(asked) == 1
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_causes_says_what_is_wrong(checkpoint, tmp_path, capsys):
    assert main(["causes", str(checkpoint), "--dissection", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "is not a dissection" in capsys.readouterr().err


def test_random_units_remove_the_median_of_their_draws():
    draws = (1.0, float("nan"), 0.5, 0.2, 0.9)
    effect = ConceptEffect("8x8/conv1", (1,), "IoU", 10, 5, 0.5, 0.4, 0.6, draws, 1.0, {})
    assert effect.random_removed == pytest.approx(1 - np.nanmedian(draws))  # as the page's chart has it
