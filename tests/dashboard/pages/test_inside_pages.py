"""Architecture, Activations and Initialization, run by Streamlit's own test runner."""

import io

import numpy as np
import pytest
import torch

from dashboard import session
from dashboard.pages.activations import layer_runs
from dashboard.pages.activations.layer_runs import Setting
from dashboard.shared.progress import Results
from pgan_core.histograms import Bins
from pgan_core.initialization import PRESETS


def page_text(app) -> str:
    return " ".join(element.value for kind in (app.markdown, app.caption) for element in kind)


def widget(app, key: str):
    """The widget of that key, whatever its kind."""
    found = [w for kind in ("button_group", "slider", "select_slider", "selectbox", "toggle", "number_input", "button")
             for w in app.get(kind) if w.key == key]  # fmt: skip
    assert found, key
    return found[0]


@pytest.mark.parametrize("page", ["architecture", "activations", "initialization"])
def test_pages_open_with_a_figure_and_an_equation(open_app, page):
    app = open_app(page)
    assert not app.exception and not app.error
    assert app.get("plotly_chart")
    assert app.latex


def test_architecture_shows_the_chosen_blocks_weights(open_app):
    app = open_app("architecture")
    assert "12 × 16 × 3 × 3" in page_text(app)
    widget(app, "architecture_layer").set_value("16x16/rgb").run()
    assert "3 × 8 × 1 × 1" in page_text(app)
    widget(app, "architecture_layer").set_value("8x8/conv0:norm").run()
    assert "mean square 1" in page_text(app)
    assert not app.exception


def test_architecture_of_the_discriminator_and_of_a_smaller_network(open_app):
    app = open_app("architecture", architecture_network="Discriminator", architecture_resolution="8")
    assert not app.exception
    rows = app.dataframe[0].value
    assert rows["Layer"].iloc[0] == "image"
    assert "8x8/from_rgb" in set(rows["Layer"]) and "16x16/from_rgb" not in set(rows["Layer"])
    assert "4x4/minibatch_stddev" in set(rows["Layer"])


def test_activations_beside_a_changed_network(open_app):
    app = open_app("activations")
    untouched = app.dataframe[0].value
    widget(app, "activations_equalized").set_value(False).run()
    assert not app.exception
    both = app.dataframe[0].value
    assert set(both["network"]) == {"Untouched", "Equalized scale off"}
    spread = both.set_index(["network", "layer"])["std"]
    assert spread["Equalized scale off", "8x8/conv0"] > 5 * spread["Untouched", "8x8/conv0"]
    assert len(untouched) == 3 * 6


@pytest.mark.parametrize("view", ["One layer", "Feature maps", "Weights"])
@pytest.mark.parametrize("network", ["Generator", "Discriminator"])
def test_every_view_of_both_networks(open_app, view, network):
    app = open_app("activations", activations_view=view, activations_network=network)
    assert not app.exception and not app.error
    assert app.get("plotly_chart")
    if network == "Discriminator" and view != "Weights":
        assert "Minibatch stddev" in page_text(app)


def test_a_preset_sets_the_controls_and_says_what_to_look_for(open_app):
    app = open_app("initialization")
    assert PRESETS[0].look_for in page_text(app)
    widget(app, "initialization_preset_4").click().run()
    assert not app.exception
    assert PRESETS[4].look_for in page_text(app)
    assert widget(app, "initialization_nonlinearity").value == "relu"


@pytest.mark.parametrize("case", ["-9", "99", "text"])
def test_a_link_to_a_preset_that_is_not_there_shows_the_first(open_app, case):
    app = open_app("initialization", initialization_case=case)
    assert not app.exception
    assert PRESETS[0].look_for in page_text(app)


def test_the_speed_experiment_runs_and_keeps_what_it_reached(open_app):
    app = open_app("initialization")
    widget(app, "initialization_count").set_value(100)
    widget(app, "initialization_train").click().run()
    assert not app.exception
    experiment = app.session_state["initialization_speed"]
    assert len(experiment.done) == experiment.total == 100
    assert not experiment.running


def test_saved_activations_are_those_of_a_whole_run(model_folder):
    model = session.open_model("16x16-end", model_folder / "first" / "16x16-end.safetensors")
    setting = Setting("generator", seed=3, count=4, norm="batch")
    found = np.load(io.BytesIO(layer_runs.activations_file(model, setting, ["8x8/conv1", "16x16/conv0:pre"])))
    z, _ = layer_runs.sample(model, setting)
    with torch.inference_mode():
        kept = model.generator.variant(pixel_norm="batch").run(z, keep=list(found)).activations
    for point in found:
        assert np.allclose(found[point], kept[point].numpy(), atol=1e-5)


def test_settings_have_titles():
    assert Setting("generator", 0, 1).title == "Untouched"
    assert Setting("generator", 0, 1, "off", False).title == "Pixel norm off, equalized scale off"
    assert Setting("generator", 0, 1, "lrn").title == "Local response normalisation"


def test_results_are_bounded():
    results = Results(max_entries=2)
    for key in "abc":
        results.put(key, key.upper())
    assert results.get("a") == (False, None)
    assert results.get("c") == (True, "C")
    assert Bins(-1, 1) == Bins(-1, 1)  # bins are part of a result's key
