"""The Dissection page, run by Streamlit's own test runner, on a small random model and its dissection."""

import shutil

import numpy as np
import pytest

from dashboard.language import catalogue
from dashboard.pages.dissection import figures
from dashboard.shared import dissections
from dissection import Dissection, DissectionError, dissect
from dissection.output.overlays import palette
from dissection.output.pool import COUNT, Pool
from dissection.segmenters.toytown import load_toytown
from dissection.world.town import CONCEPTS
from pgan_core import load_checkpoint
from tests.small_run import write_run

LAYERS = ["4x4/conv", "8x8/conv1", "16x16/conv1"]
VIEWS = ["Concepts", "Units", "Search", "One unit", "One concept", "Training", "Compare", "New"]


@pytest.fixture(scope="module")
def dissected(tmp_path_factory):
    """A folder with one model of two stages and the dissection of its last."""
    folder = tmp_path_factory.mktemp("dissected")
    paths = write_run(folder / "run", seed=1)
    for path in paths[1:-1]:
        path.unlink()
    generator = load_checkpoint(paths[-1]).generator
    segmenter = load_toytown()
    segmenter.name = "toytown"
    segmenter.accuracy = dict.fromkeys(CONCEPTS[1:], 0.9)
    dissect(generator, LAYERS, segmenter, 60, seed=7, source="last").save(folder / "dissection")
    return folder


@pytest.fixture
def open_page(dissected, open_app, monkeypatch):
    def run(**query):
        monkeypatch.setenv("PGGAN_LAB_MODELS", str(dissected))
        return open_app("dissection", **query)

    return run


def text(app) -> str:
    """Everything that the page says."""
    parts = [element.value for kind in ("markdown", "caption", "info", "error", "warning") for element in app.get(kind)]
    parts += [element.proto.body for element in app.get("html")]
    return "\n".join(map(str, parts))


def fine(app):
    assert not app.exception, app.exception
    assert not app.error, app.error
    return app


def test_the_stored_dissection_is_there_at_once(open_page):
    app = fine(open_page())
    assert app.selectbox(key="dissection_layer").value == "all layers"
    assert "60 pictures from seed 7, segmenter toytown, levels of maximal IQR." in text(app)
    assert "units** are interpretable, over 3 layers" in text(app)


def test_what_counts_as_interpretable_is_said_by_the_rule_it_was_scored_by(open_page, dissected, tmp_path, monkeypatch):
    app = open_page()
    assert "Interpretable: IoU above 0.05 and IQR above 0.01." in text(app) and "maximises **IQR**" in text(app)
    shutil.copytree(dissected / "run", tmp_path / "run")
    generator = load_checkpoint(tmp_path / "run" / "16x16-end.safetensors").generator
    dissect(generator, LAYERS[:1], load_toytown(), 20, threshold="dissect").save(tmp_path / "published")
    monkeypatch.setattr("dashboard.library.folders", lambda: [tmp_path])
    app = open_page()
    assert "Interpretable: IoU above 0.04." in text(app) and "maximises **IQR**" not in text(app)
    assert "a fixed share of the unit's values exceeds" in text(app)
    app = open_page(dissection_view="One unit")
    assert "on the whole sample" in text(app) and "half" not in text(app)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_from_a_link(open_page, view):
    app = fine(open_page(dissection_view=view, dissection_layer="8x8/conv1"))
    assert app.get("button_group")
    if view == "One unit":
        assert "At this level" in text(app)
        assert "highest pictures of unit" in text(app)
    if view == "Units":
        assert "unit-strip" in text(app) or "No unit matches" in text(app)


def test_a_unit_of_the_wall_opens_its_own_view(open_page):
    app = fine(open_page(dissection_view="Units", dissection_layer="8x8/conv1", dissection_least="0.0"))
    button = next(b for b in app.button if str(b.key).startswith("dissection_open_8x8/conv1_"))
    unit = int(button.key.rsplit("_", 1)[1])
    button.click().run()
    fine(app)
    assert app.session_state["dissection_view"] == "One unit"
    assert app.number_input(key="dissection_unit").value == unit


def test_a_search_finds_in_all_layers_and_opens_what_is_clicked(open_page):
    app = fine(open_page(dissection_view="Search", dissection_search="8x8/conv1", dissection_search_order="unit"))
    count = next(m.value for m in app.markdown if "units**" in m.value)
    part = app.dataframe[0].value
    assert set(part["layer"]) == {"8x8/conv1"} and list(part["unit"]) == list(range(10))
    assert part["pictures"].str.startswith("data:image/jpeg").all()
    assert count.split()[0] != count.split()[2]
    app.number_input(key="dissection_search_iou").set_value(1.0).run()
    assert not fine(app).dataframe and "**0 of" in text(app)


def test_the_level_moves_mask_and_iou(open_page):
    app = fine(open_page(dissection_view="One unit", dissection_layer="8x8/conv1", dissection_unit="2"))
    before = text(app)
    app.select_slider(key="dissection_level_8x8/conv1_2").set_value(10).run()
    after = text(fine(app))
    assert before != after
    assert "on the half that levels are chosen from" in after
    next(b for b in app.button if b.label == "Its own").click().run()
    assert "on the half of the sample that is scored" in text(fine(app))


def test_overlays_change_the_pictures(open_page):
    strips = set()
    for mode in ("Lit region", "Picture", "Unit", "Segmentation", "Agreement"):
        app = fine(
            open_page(
                dissection_view="One unit", dissection_layer="8x8/conv1", dissection_unit="2", dissection_overlay=mode
            )
        )
        strips.add(next(part for part in text(app).split("\n") if "dissection-highest" in part))
    assert len(strips) == 5


def test_a_new_dissection_is_computed_and_shown(open_page):
    app = fine(open_page(dissection_view="New"))
    app.session_state["dissection_samples"] = 100
    app.button(key="dissection_start").click().run(timeout=240)
    fine(app)
    assert "100 pictures from seed 0, segmenter toytown" in text(app)
    assert app.selectbox(key="dissection_name").value.startswith("100 pictures")


def test_clusters_get_names(open_page):
    app = fine(open_page(dissection_view="New"))
    app.session_state["dissection_samples"] = 100
    app.session_state["dissection_by"] = "Clusters"
    app.run()
    app.number_input(key="dissection_regions").set_value(3).run()
    app.button(key="dissection_start").click().run(timeout=240)
    fine(app)
    assert "segmenter clusters:3" in text(app)
    next(t for t in app.text_input if t.label == "region 1").input("top")
    app.button(key="dissection_rename").click().run()
    fine(app)
    assert app.selectbox(key="dissection_name").value.endswith("named")
    fine(open_page(dissection_view="One unit"))


def test_stages_show_which_concept_came_first(open_page):
    app = fine(open_page(dissection_view="Training", dissection_layer="4x4/conv", dissection_stages_now="true"))
    assert "first units for" in text(app) or "No stage has an interpretable unit" in text(app)
    assert app.number_input(key="dissection_followed").value == 0
    assert text(app).count("stage-strip") == 2


def test_another_network_has_no_stored_dissection(open_page):
    app = fine(open_page(model="run/4x4-end"))
    assert "Dissect this model" in [s.value for s in app.subheader]


def test_a_broken_dissection_is_one_sentence(dissected, open_page, tmp_path, monkeypatch, open_app):
    folder = tmp_path / "models"
    shutil.copytree(dissected, folder)
    (folder / "dissection" / "dissection.npz").write_bytes(b"nothing")
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(folder))
    app = open_app("dissection")
    assert not app.exception
    assert any("does not hold a readable dissection" in w.value for w in app.warning)


def test_files_from_elsewhere_are_checked(dissected):
    files = {path.name: path.read_bytes() for path in (dissected / "dissection").iterdir()}
    assert list(dissections.bring(files).layers) == LAYERS
    with pytest.raises(DissectionError, match=r"upload dissection\.npz as well"):
        dissections.bring({"dissection.json": b"{}", "../evil.npz": b""})
    with pytest.raises(DissectionError, match="readable"):
        dissections.bring(files | {"dissection.npz": b"PK"})


# ---- figures --------------------------------------------------------------------------------------------------------

NAMES = ["-", "sky", "door", "tree"]
COLOURS = figures.concept_colours(palette(4))


def test_bars_are_ordered_and_leave_out_what_no_unit_has():
    figure = figures.units_by_concept(np.array([0, 2, 0, 5]), NAMES, COLOURS)
    assert list(figure.data[0].x) == ["tree", "sky"]
    assert list(figure.data[0].y) == [5, 2]


def test_stacks_have_one_bar_for_each_place_and_totals_on_top():
    counts = {"4x4/conv": np.array([0, 1, 0, 0]), "8x8/conv1": np.array([0, 3, 1, 0])}
    figure = figures.units_by_place(counts, NAMES, COLOURS, "layer")
    assert [trace.name for trace in figure.data[:-1]] == ["sky", "door"]
    assert list(figure.data[-1].text) == [1, 4]


def test_ious_stand_under_their_ceilings():
    iou, ceiling = np.array([0, 0.2, 0.5, 0.1]), np.array([0, 0.3, 0.9, 0.4])
    figure = figures.unit_ious(iou, ceiling, NAMES, (0.45, 0.55), best=2)
    assert list(figure.data[0].x) == ["door", "sky", "tree"]
    assert (np.array(figure.data[0].y) >= np.array(figure.data[1].y)).all()
    assert figure.data[2].error_y.array[0] == pytest.approx(0.05)


def test_histograms_are_shares_and_coloured_above_the_level():
    figure = figures.unit_histogram(np.array([1, 2, 1]), (0.0, 3.0), 1.0)
    assert list(figure.data[0].y) == [25, 50, 25]
    assert list(figure.data[0].marker.color) == [figures.QUIET, figures.CHOSEN, figures.CHOSEN]


def test_level_curves_mark_levels_and_show_the_ceiling():
    shares = np.array([0.01, 0.1, 0.5])
    iou, ceiling = np.random.default_rng(0).random((3, 4)), np.ones((3, 4))
    figure = figures.level_curves(shares, iou, ceiling, NAMES, COLOURS, [2, 1], {"its own level": 0.1, "1% lit": 0.01})
    assert [trace.name for trace in figure.data] == ["door", "sky", "ceiling for door"]
    assert [note.text for note in figure.layout.annotations] == ["its own level", "1% lit"]
    assert list(figure.data[0].x) == pytest.approx([1, 10, 50])


def test_scatter_separates_interpretable_units():
    iou, iqr = np.array([0.1, 0.5, 0.01]), np.array([0.02, 0.3, 0.0])
    keep = np.array([True, True, False])
    figure = figures.unit_scatter(iou, iqr, NAMES[1:], (0.05, 0.01), keep)
    assert len(figure.data[0].x) == 2
    assert figure.data[1].text[0] == "unit 2: tree"


def button(app, key: str):
    return next(b for b in app.button if b.key == key)


def test_a_units_page_is_complete(open_page, monkeypatch):
    """Bands, peaks, nearest units and a direction, on demand; what it causes; a note that becomes a list."""
    drawn, sheet = [], Pool.sheet
    monkeypatch.setattr(Pool, "sheet", lambda pool, *asked: drawn.append(asked) or sheet(pool, *asked))
    app = fine(open_page(dissection_view="One unit", dissection_layer="8x8/conv1", dissection_unit="1"))
    fine(button(app, "dissection_profile").click().run())
    said = text(app)
    assert said.count("<figcaption") == 11 and "What drives it" in said
    units, pictures = zip(*drawn, strict=True)
    assert {*units} == {1} and sorted(i for band in pictures for i in band) == list(range(COUNT))
    assert len([b for b in app.button if str(b.key).startswith("dissection_near_")]) == 6
    fine(button(app, "dissection_measure").click().run())
    assert "the range of 8 random units" in text(app)
    app.text_area[-1].set_value("edges of roofs")
    app.text_input[-2].set_value("edge, roof")
    fine(next(b for b in app.button if b.label == "Keep here").click().run())
    assert next(p for p in app.get("button_group") if p.key == "dissection_tag").options == ["edge", "roof"]


def test_a_units_direction_opens_as_a_walk(open_page):
    app = fine(open_page(dissection_view="One unit", dissection_layer="8x8/conv1", dissection_unit="1"))
    fine(button(app, "dissection_profile").click().run())
    fine(button(app, "dissection_walk").click().run())
    assert app.session_state["latents_points"].count("z:") == 2


@pytest.mark.parametrize("switch", ["on", "off"])
def test_notes_for_all_can_be_switched_off(open_page, monkeypatch, switch):
    monkeypatch.setenv("PGGAN_LAB_NOTES", switch)
    app = fine(open_page(dissection_view="One unit", dissection_layer="8x8/conv1", dissection_unit="2"))
    labels = [button.label for button in app.button]
    assert "Keep here" in labels and ("Save for all" in labels) == (switch == "on")


def test_the_search_reads_each_language_by_its_own_words(open_page, dissected):
    """What is kept of a dissection's units is kept for each language."""
    read = Dissection.load(dissected / "dissection")
    concept = read.concepts[int(read.layers[LAYERS[0]].scores.best_concept[0])]
    for code in ("en", "zh", "en"):
        view, word = (catalogue(code).gettext(text) if code == "zh" else text for text in ("Search", concept))
        app = fine(open_page(dissection_view=view, dissection_search=word, language=code))
        assert app.dataframe, f"nothing is found by {word}"
        assert (r"\u5355\u5143" in app.get("plotly_chart")[0].proto.spec) == (code == "zh")  # a unit, as JSON writes it
