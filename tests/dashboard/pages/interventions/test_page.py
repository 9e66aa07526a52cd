"""The Interventions page: its parts by themselves, and the page run by Streamlit's own test runner."""

import base64
import json

import numpy as np
import pytest
import torch

from dashboard.pages.interventions import choice, figures
from dashboard.pages.interventions.choice import parse_units
from dashboard.pages.interventions.history import History, edits_in, words
from dashboard.pages.interventions.paint_view import region_of
from dashboard.shared.link_text import pack
from dissection import dissect
from dissection.effects.proposals import Proposal
from dissection.interventions import EditError, ablate, copy, insert, scale, to_json
from dissection.segmenters.toytown import load_toytown
from pgan_core import load_checkpoint
from tests.small_run import write_run

LAYERS = ["8x8/conv1", "16x16/conv0"]


# ---- the parts ---------------------------------------------------------------------------------------------------


def test_what_is_drawn_arrives_as_a_region():
    drawn = np.zeros((32, 32), bool)
    drawn[3:7, 10:20] = True
    act = {"kind": "draw", "side": 32, "mask": base64.b64encode(np.packbits(drawn).tobytes()).decode()}
    assert np.array_equal(region_of(act).numpy(), drawn)


@pytest.mark.parametrize(
    "act",
    [{"side": 0, "mask": ""}, {"side": 32, "mask": "%"}, {"side": 32, "mask": "AAAA"}, {"side": 32}, {"side": 9999}],
)
def test_what_the_browser_never_sends_is_refused(act):
    with pytest.raises(ValueError, match="region"):
        region_of(act)


def test_history_undoes_redoes_resets_and_forgets():
    kept, edits = History("m"), [ablate([u]) for u in range(4)]
    for edit in edits[:3]:
        kept.add("8x8/conv1", edit)
    kept.move("undo")
    assert kept.edits() == {"8x8/conv1": edits[:2]}
    kept.move("redo")
    kept.move("redo")
    assert kept.at == 3
    kept.move("undo")
    kept.add("8x8/conv1", edits[3])
    assert [edit for _, edit in kept.steps] == [edits[0], edits[1], edits[3]]
    kept.move("reset")
    assert kept.edits() == {} and kept.at == 0


def test_a_link_carries_edits_and_a_broken_one_gets_one_sentence():
    region = torch.zeros(64, 64)
    region[5:20, 7:9] = 1
    edits = {"8x8/conv1": [insert([1, 2], [0.5, 3.0], region, strength=0.5), scale([0], 2.0)]}
    text = pack(to_json(edits))
    assert len(text) < 600
    again = edits_in(text)["8x8/conv1"]
    assert again[0].units == (1, 2) and torch.equal(again[0].region, region) and again[1].factor == 2
    for broken in (text[:-9], "x", "%%", "", "AAAA"):
        with pytest.raises(EditError):
            edits_in(broken)


def test_edits_are_told_in_words():
    region = torch.ones(4, 4)
    names = {("8x8/conv1", (1, 2)): "foliage"}
    assert words("8x8/conv1", ablate([1, 2], region), names) == "remove foliage"
    assert words("8x8/conv1", insert([3], 2.0, strength=0.5), names) == "add unit 3 of 8x8/conv1 everywhere, 50%"
    assert words("8x8/conv1", scale([1, 2], 0.4), names) == "less foliage everywhere"
    assert words("8x8/conv1", insert([3], 0.0), names) == "add unit 3 of 8x8/conv1 everywhere"  # at level 0


def test_copied_maps_stand_in_a_link_and_in_words():
    maps, region = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.zeros(16, 16)
    region[4:6, 4:8] = 1
    edit = copy([0, 2], maps, region)
    again = edits_in(pack(to_json({"8x8/conv1": [edit]})))["8x8/conv1"][0]
    x = torch.zeros(2, 3, 8, 8)
    assert torch.equal(again(x), edit(x)) and again(x).any()
    assert words("8x8/conv1", edit, {}) == "copy 2 units of 8x8/conv1"
    assert words("8x8/conv1", copy([0], maps), {}) == "copy unit 0 of 8x8/conv1 everywhere"


def test_unit_numbers_are_read():
    assert parse_units("3, 17 20-22", 30) == (3, 17, 20, 21, 22)
    assert parse_units("1, x, 99, 2", 30) == (1, 2)


def test_figures_hold_what_they_are_given():
    change = np.array([-0.9, 0.1])
    bars = figures.effects(["sky", "door"], change, change - 0.1, change + 0.1, np.zeros((3, 2)), "sky")
    assert list(bars.data[0].y) == [-0.9, 0.1] and len(bars.data) == 2
    unknown = figures.effects(["sky", "sun"], np.array([-0.5, np.nan]), change, change, np.full((3, 2), np.nan), "sky")
    assert list(unknown.data[0].x) == ["sky"] and len(unknown.data) == 1
    lines = figures.curve({"a": ([0, 1], [1, 0.5]), "b": ([0, 5, 9], [1, 0.9, 0.8])})
    assert [line.name for line in lines.data] == ["a", "b"] and list(lines.data[1].x) == [0, 5, 9]
    grown = figures.context_bars(["sky", "wall", "sun"], [0.1, 4.0, 0.5], [460, 153, 3], [0.06, 0.48, 0.0], "door")
    bars = grown.data[0]
    assert [x.split("<")[0] for x in bars.x] == ["wall", "sun", "sky"] and list(bars.text) == ["48%", "0%", "6%"]
    assert bars.marker.opacity[1] < bars.marker.opacity[0] == bars.marker.opacity[2] == 1
    shares = figures.alphas(np.array([0.1, 0.9, 0.5]), [1, 0])
    assert [list(trace.x) for trace in shares.data] == [["1", "0"], ["2"]]
    assert shares.layout.xaxis.categoryarray == ("1", "2", "0")
    loss = figures.losses([4.0, 2.0, 1.0, 0.0], 2)
    assert list(loss.data[1].x) == [0.5, 2.5] and list(loss.data[1].y) == [3.0, 0.5]
    heat = figures.matrix(np.array([[1.0, -2.0], [0.0, 3.0]]), [4, 7], ["sky", "door"])
    assert heat.data[0].z.shape == (2, 2) and list(heat.data[0].x) == ["4", "7"]


# ---- the page ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dissected(tmp_path_factory):
    """A folder with one model and its dissection."""
    folder = tmp_path_factory.mktemp("dissected")
    paths = write_run(folder / "run", seed=1)
    for path in paths[:-1]:
        path.unlink()
    generator = load_checkpoint(paths[-1]).generator
    segmenter = load_toytown()
    segmenter.name = "toytown"
    dissect(generator, LAYERS, segmenter, 40, seed=7).save(folder / "dissection")
    return folder


@pytest.fixture
def open_page(dissected, open_app, monkeypatch):
    def run(**query):
        monkeypatch.setenv("PGGAN_LAB_MODELS", str(dissected))
        return open_app("interventions", **query)

    return run


def fine(app):
    assert not app.exception, app.exception
    assert not app.error, app.error
    return app


def history_of(app) -> History:
    return app.session_state["interventions_history"]


def test_the_page_proposes_units_for_every_concept(open_page):
    app = fine(open_page())
    concepts = app.selectbox(key="interventions_concept")
    assert len(concepts.options) == 16 and concepts.options[-1] == "units by hand"
    app = fine(concepts.set_value("units by hand").run())
    assert app.text_input(key="interventions_units").value == "0"


def test_all_units_are_no_concepts(open_page):
    app = fine(open_page(interventions_concept="sky", interventions_count="all", interventions_verb="Copy"))
    assert any("more than half of the units" in info.value for info in app.info)
    assert "sky" not in app.session_state["interventions_names"].values()


def test_without_a_dissection_units_are_chosen_by_hand(open_app):
    app = fine(open_app("interventions", interventions_units="1,2"))
    assert any("no dissection yet" in info.value for info in app.info)
    assert app.text_input(key="interventions_units").value == "1,2"


def test_a_link_restores_edits_and_a_broken_one_is_told(open_page):
    text = pack(to_json({"8x8/conv1": [ablate([1, 3])]}))
    app = fine(open_page(interventions_edits=text))
    assert history_of(app).edits()["8x8/conv1"][0].units == (1, 3)
    app = open_page(interventions_edits="nonsense")
    assert not app.exception and "link" in app.warning[0].value
    app = open_page(interventions_edits=pack(to_json({"64x64/conv1": [ablate([1])]})))
    assert "no layer 64x64/conv1" in app.warning[0].value


def test_copied_maps_of_another_size_are_told(open_page):
    text = pack(to_json({"8x8/conv1": [copy([1], torch.ones(3, 16, 16))]}))
    app = open_page(interventions_edits=text)
    assert not app.exception and "8 x 8 cells" in app.warning[0].value


def test_all_units_copied_everywhere_give_the_other_picture(open_page, dissected):
    from dashboard import session
    from dashboard.pages.interventions import pictures
    from dashboard.pages.interventions.choice import Choice

    model = session.open_model("run/16x16-end", dissected / "run" / "16x16-end.safetensors")
    every = tuple(range(next(spec.out_features for spec in model.generator.specs if spec.name == "8x8/conv1")))
    edit = Choice("8x8/conv1", every, "Copy", 1.0, "", None, source=5).edit(model, None)
    found = pictures.pictures(model, (3,), {"8x8/conv1": [edit]})
    assert np.array_equal(found, pictures.before(model, (5,)))


@pytest.mark.parametrize("step", ["3", "0", "999", "x"])
def test_the_picture_to_copy_from_is_chosen_on_the_wall(open_page, step):
    app = fine(open_page(interventions_verb="Copy", interventions_source=step))
    assert any("click the one to copy from" in html.proto.body for html in app.get("html"))


@pytest.mark.parametrize("view", ["Effect", "Curve", "Each unit", "Search", "Context"])
def test_causes_are_measured_on_demand(open_page, view):
    app = fine(open_page(interventions_view=view, interventions_concept="sky", interventions_pictures="24"))
    go = next(button for button in app.button if button.key and button.key.startswith("interventions_go"))
    app = fine(go.click().run(timeout=400))
    assert app.get("plotly_chart")


def test_artifact_units_are_ranked_and_compared(open_page):
    app = fine(open_page(interventions_view="Artifacts", interventions_concept="sky"))
    app = fine(app.button(key="interventions_rank").click().run(timeout=400))
    text = next(field for field in app.text_input if field.key.startswith("interventions_artifacts"))
    assert 1 <= len(text.value.split(", ")) <= 3
    assert not any(button.key == "interventions_rank" for button in app.button)
    assert any("mean score goes from" in words.value for words in app.markdown)
    assert any("between two such sets of scenes it is" in text.value for text in app.markdown)


def test_files_carry_what_makes_them_again(open_page, dissected):
    from dashboard import session
    from dashboard.pages.interventions import files

    model = session.open_model("run/16x16-end", dissected / "run" / "16x16-end.safetensors")
    kept = History(model.identity)
    kept.add("8x8/conv1", ablate([1]))
    settings = files.settings_of(model, kept)
    assert settings["edits"][0]["units"] == [1] and json.dumps(settings)
    assert files.picture_file(model, kept).startswith(b"\x89PNG")
    assert files.film_file(model, kept).startswith(b"GIF8")


def test_best_stays_chosen_while_what_is_best_changes(open_page, monkeypatch):
    """A browser remembers an option by its words: those that change from run to run come back as words."""

    def proposal(item, model, concept, verb="Remove"):
        return Proposal(concept, LAYERS[verb == "Add"], (0, 1, 2) if verb == "Add" else (0, 1))

    monkeypatch.setattr(choice, "proposal", proposal)
    app = fine(open_page(interventions_concept="sky"))
    offered, labels = [], []
    for verb in ("Remove", "Add"):
        fine(app.segmented_control(key="interventions_verb").select(verb).run())
        boxes = [app.selectbox(key=f"interventions_{name}") for name in ("layer", "count")]
        assert [box.value for box in boxes] == ["best", "best"]
        offered.append([box.options for box in boxes])
        labels.append([box.label for box in boxes])
    assert offered[0] == offered[1]
    assert labels == [
        [f"Layer (best: {LAYERS[0]})", "Units (best: 2)"],
        [f"Layer (best: {LAYERS[1]})", "Units (best: 3)"],
    ]
