"""Edits against gandissect's own InstrumentedModel and server records (tests/fixtures/numeric/interventions)."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dissection import ablate, insert
from dissection.interventions import EditError, copy, from_json, scale, to_json
from pgan_core import load_checkpoint

FIXTURES = Path(__file__).parents[1] / "fixtures/numeric/interventions"
LAYER, NEXT = "8x8/conv1", "16x16/conv0"  # gandissect's layer4 and layer5


@pytest.fixture(scope="module")
def reference():
    with np.load(FIXTURES / "interventions.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files if file[name].dtype.kind != "U"}


@pytest.fixture(scope="module")
def generator():
    return load_checkpoint(FIXTURES / "state_dict.pth").generator


CASES = {
    "ablate_all": lambda r, u: ablate(u),
    "ablate_all_alpha0.5": lambda r, u: ablate(u, strength=0.5),
    "ablate_region_max": lambda r, u: ablate(u, r["mask_image_res"]),
    "ablate_region_mean": lambda r, u: insert(u, 0.0, r["mask_image_res"], pooling="mean"),
    "insert_all": lambda r, u: insert(u, r["insert_values"]),
    "insert_region_max": lambda r, u: insert(u, r["insert_values"], r["mask_image_res"]),
    "insert_region_mean": lambda r, u: insert(u, r["insert_values"], r["mask_image_res"], pooling="mean"),
    "insert_region_alpha0.5": lambda r, u: insert(u, r["insert_values"], r["mask_image_res"], strength=0.5),
    # a replacement without an ablation replaces all; this one is the batch's own activation, last picture first
    "replacement_only_default_ablation_1": lambda r, u: insert(None, r["feat_base/layer4"].flip(0)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_edit_gives_gandissects_picture_and_next_layer(generator, reference, case):
    edit = CASES[case](reference, reference["units"].tolist())
    result = generator.run(reference["z"], edits={LAYER: [edit]}, keep=[LAYER, NEXT])
    torch.testing.assert_close(result.images, reference[f"image_{case}"], atol=1e-5, rtol=0)
    if f"feat_layer5_{case}" in reference:
        torch.testing.assert_close(result.activations[NEXT], reference[f"feat_layer5_{case}"], atol=1e-5, rtol=0)
    kept = reference["feat_base/layer4"]  # what is kept is what stood there before the edit
    torch.testing.assert_close(result.activations[LAYER], kept, atol=1e-5, rtol=0)


def test_a_region_is_pooled_to_the_layer_as_published(reference):
    ones = torch.ones(1, 1, 8, 8)
    for pooling in ("max", "mean"):
        edited = insert([0], 0.0, reference["mask_image_res"], pooling=pooling)(ones)
        torch.testing.assert_close(1 - edited[0, 0], reference[f"mask_layer_{pooling}"][0])


def server_edits(record: dict) -> dict:
    """A gandissect server record as our edits."""
    names = {"layer4": "8x8/conv1", "layer6": "16x16/conv1"}
    region = None
    if "mask" in record:
        bits = np.array([int(bit) for bit in record["mask"]["bitstring"]], dtype=np.float32)
        region = torch.from_numpy(bits.reshape(record["mask"]["shape"]))
    edits = {}
    for one in record["ablations"]:
        edit = insert(
            [one["unit"]],
            one.get("value", 0.0),
            region,
            strength=one.get("alpha", 1.0),
            pooling=record.get("maskpooling", "max"),
        )
        edits.setdefault(names[one["layer"]], []).append(edit)
    return edits


@pytest.mark.parametrize("sequence", ["1", "1_2", "2_1", "1_2_3"])
def test_several_records_are_composed_in_order_as_the_server_does(generator, reference, sequence):
    records = json.loads((FIXTURES / "interventions.json").read_text())
    edits = {}
    for number in sequence.split("_"):
        for layer, todo in server_edits(records[int(number) - 1]).items():
            edits.setdefault(layer, []).extend(todo)
    images = generator.run(reference["z"], edits=edits).images
    torch.testing.assert_close(images, reference[f"image_server_{sequence}"], atol=1e-5, rtol=0)


def test_an_empty_edit_changes_nothing_to_the_bit(generator, reference):
    base = generator(reference["z"])
    nothing = torch.zeros(32, 32)
    for edits in ({}, {LAYER: []}, {LAYER: [ablate([])]}, {LAYER: [insert([1], 5.0, nothing), scale([2], 1.0)]}):
        assert torch.equal(generator.run(reference["z"], edits=edits).images, base)


def test_ablating_all_units_of_a_layer_is_zeros_there(generator, reference):
    edited = generator.run(reference["z"], edits={LAYER: [ablate(None)]})
    zeros = generator.run(None, start=(LAYER, torch.zeros(4, 32, 8, 8)))
    assert torch.equal(edited.images, zeros.images)


def test_only_the_chosen_place_and_units_change():
    x = torch.randn(2, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    region = torch.zeros(16, 16)
    region[0, 15] = 1  # one pixel of the picture: one cell of the layer
    edited = insert([1, 3], [7.0, -2.0], region)(x)
    assert edited[:, 1, 0, 3].tolist() == [7.0, 7.0] and edited[:, 3, 0, 3].tolist() == [-2.0, -2.0]
    edited[:, [1, 3], 0, 3] = x[:, [1, 3], 0, 3]
    assert torch.equal(edited, x)


def test_a_region_for_each_picture_and_regions_smaller_than_the_layer():
    x = torch.ones(2, 1, 4, 4)
    regions = torch.zeros(2, 2, 2)
    regions[1, 1, 1] = 1
    edited = ablate([0], regions)(x)
    assert torch.equal(edited[0], x[0]) and edited[1, 0, 2:, 2:].sum() == 0 and edited[1].sum() == 12


def test_scale_and_copy():
    x = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    other = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(2))
    assert torch.equal(scale([2], 3.0)(x)[:, 2], x[:, 2] * 3)
    copied = copy([0, 2], other)(x)
    assert torch.equal(copied[0, [0, 2]], other[[0, 2]]) and torch.equal(copied[0, 1], x[0, 1])
    assert torch.equal(copy(None, other)(x)[0], other)


def test_edits_survive_json(generator, reference):
    region = (torch.arange(64).reshape(8, 8) % 4) / 3 * (85 * 3 / 255)  # in steps of 1/255
    edits = {LAYER: [insert([3, 5], [1.5, -0.25], region, strength=0.5), scale([1], 2.0)], NEXT: [ablate(None)]}
    again = from_json(to_json(edits))
    assert list(again) == list(edits)
    images = [generator.run(reference["z"], edits=e).images for e in (edits, again)]
    assert torch.equal(*images)


def test_a_file_keeps_the_verb_and_an_older_one_without_it_opens():
    edits = [insert([1], 0.0), ablate([1]), scale([1], 0.5), scale([1], 2.0), copy([0], torch.ones(1, 2, 2))]
    text = to_json({LAYER: edits})
    assert [edit.verb for edit in from_json(text)[LAYER]] == ["add", "remove", "less", "more", "copy"]
    older = json.loads(text)
    for record in older["edits"]:
        del record["verb"]
    assert [edit.verb for edit in from_json(json.dumps(older))[LAYER]] == ["remove", "remove", "less", "more", "copy"]


def test_copied_maps_survive_json_where_their_region_is(generator, reference):
    other = generator.run(reference["z"][2:3], stop=LAYER).activations[LAYER]
    region = torch.zeros(64, 64)
    region[10:30, 40:50] = 1
    edits = {LAYER: [copy([3, 5, 8], other, region, strength=0.75), copy(None, other, 1 - region)]}
    text = to_json(edits)
    images = [generator.run(reference["z"], edits=e).images for e in (edits, from_json(text))]
    assert torch.equal(*images)
    packed = json.loads(text)["edits"][0]["maps"]
    values = np.frombuffer(base64.b64decode(packed["values"]), "<f4").reshape(packed["size"])
    assert values.shape == (3, 8, 8) and np.count_nonzero(values.any(0)) <= 3 * 2  # the cells that the region touches
    everywhere = {LAYER: [copy(None, other)]}
    same = generator.run(reference["z"], edits=from_json(to_json(everywhere))).images
    assert torch.equal(same[0], same[3])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"edits": 3}',
        '{"edits": [{"layer": "8x8/conv1", "units": [0]}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [-1], "value": 0}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1, 1], "value": 0}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "value": [1, 2]}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "value": 1e999}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "value": 1, "strength": 2}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "value": 1, "run": "rm"}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "value": 1, "verb": "<b>"}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "value": 1, "region": {"size": [9, 9], "steps": "AA=="}}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "value": 1, "region": {"size": [1e9, 1e9], "steps": ""}}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "value": 1, "region": {"size": [1, 1], "steps": "*"}}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "maps": {"size": [1, 2, 2], "values": "AAAA"}}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "maps": {"size": [2, 1, 1], "values": "AAAAAAAAAAA="}}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "maps": {"size": [1, 1, 1], "values": "AADAfw=="}}]}',
        '{"edits": [{"layer": "8x8/conv1", "units": [1], "maps": {"size": [1, 1e9, 1e9], "values": ""}}]}',
        "[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
def test_a_bad_file_of_edits_gets_one_sentence(text):
    with pytest.raises(EditError) as error:
        from_json(text)
    assert "\n" not in str(error.value)


def test_bad_edits_are_refused():
    with pytest.raises(EditError, match="no unit 9; the layer has units 0 to 4"):
        ablate([9])(torch.zeros(1, 5, 2, 2))
    with pytest.raises(EditError, match="0 to 1"):
        ablate([0], torch.full((4, 4), 1.5))
    with pytest.raises(EditError, match="can't be written"):
        to_json({LAYER: [insert([0, 1], torch.zeros(3, 2, 2, 2))]})
    with pytest.raises(EditError, match="2 units take as many maps, not 3"):
        insert([0, 1], torch.zeros(3, 2, 2))
    with pytest.raises(EditError, match="maps of 1 x 2 x 2 cannot replace maps of 1 x 4 x 4"):
        copy([1], torch.zeros(3, 2, 2))(torch.zeros(1, 3, 4, 4))
