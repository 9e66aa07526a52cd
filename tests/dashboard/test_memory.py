"""Unloading lets go of a network, and its memory goes back to the system."""

import gc
import shutil
import time
import weakref
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import session, startup
from dashboard.pages.growth import runs as growth_runs
from dashboard.pages.models import check as model_check
from dissection import dissect
from dissection.segmenters.toytown import load_toytown
from dissection.unit_profiles import measure_profiles
from pgan_core import Generator, load_checkpoint


class Network:
    pass


def are_gone(references, seconds=20):
    """Whether all are let go of; a collection does nothing while another thread collects, so more than one is tried."""
    end = time.monotonic() + seconds
    while any(reference() is not None for reference in references) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.05)
    return all(reference() is None for reference in references)


def test_memory_is_given_back_once_the_last_reference_is_gone(monkeypatch):
    calls = []
    monkeypatch.setattr(startup, "give_back_soon", lambda: calls.append(1))
    network = startup.returned_when_gone(Network())
    assert not calls
    del network
    gc.collect()
    assert calls == [1]


def test_giving_back_is_harmless():
    startup.give_back()


def test_nothing_holds_a_network_after_unloading(model_folder):
    model = session.open_model("a", model_folder / "first" / "16x16-end.safetensors")
    growth_runs.final_growth(model, 0, 2)
    model_check.samples(model, 0)
    alive = [weakref.ref(network) for network in (model.generator, session.prepared(model), model.discriminator)]
    del model
    gc.collect()
    assert all(network() is not None for network in alive)  # kept for the next visitor
    session.unload()
    assert are_gone(alive)


def test_what_was_let_go_of_is_read_again(model_folder):
    model = session.open_model("a", model_folder / "first" / "8x8-end.safetensors")
    weight = model.generator.layers["4x4/conv"].weight.clone()
    alive = [weakref.ref(model.checkpoint)]
    session.unload()
    assert are_gone(alive)
    assert (model.generator.layers["4x4/conv"].weight == weight).all()


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("growth", {}),
        ("activations", {}),
        ("architecture", {}),
        ("quality", {"quality_count": "64"}),
        ("dissection", {}),
    ]
    + [("latents", {"latents_view": view}) for view in ("Walk", "Plane", "Directions")]
    + [("interventions", {}), ("initialization", {}), ("lessons", {})],
)
def test_the_button_lets_go_of_the_network_at_once(open_app, page, query):
    """Wherever the visitor was before: what a page gives to Streamlit to call later must not hold the page."""
    assert_nothing_is_left(lambda: open_app(page, **query))


@pytest.mark.parametrize("view", ["Concepts", "Search", "One unit"])
def test_a_dissections_views_let_go_of_it_too(open_app, model_folder, monkeypatch, tmp_path, view):
    shutil.copytree(model_folder / "first", tmp_path / "first")
    generator = load_checkpoint(tmp_path / "first" / "16x16-end.safetensors").generator
    dissect(generator, ["8x8/conv1"], load_toytown(), 20).save(tmp_path / "dissection")
    measure_profiles(generator, ["8x8/conv1"], 20).save(tmp_path / "dissection")
    del generator
    monkeypatch.setattr("dashboard.library.folders", lambda: [tmp_path])

    def visited():
        app = open_app("dissection", dissection_view=view)
        assert app.segmented_control(key="dissection_view").value == view
        assert len(app.get("plotly_chart")) == {"Concepts": 2, "Search": 1, "One unit": 4}[view]
        return app

    assert_nothing_is_left(visited)


def assert_nothing_is_left(visited: Callable[[], AppTest]) -> None:
    """No generator that a visit opened is alive once the button has let go of it."""
    session.unload()
    gc.collect()
    others = {id(o) for o in gc.get_objects() if issubclass(type(o), Generator)}  # of other tests
    app = visited()
    app.switch_page("pages/models/page.py").run()
    alive = [weakref.ref(o) for o in gc.get_objects() if issubclass(type(o), Generator) and id(o) not in others]
    app.button(key="models_unload").click().run()
    assert "is unloaded" in app.info[0].value
    assert alive and are_gone(alive)
