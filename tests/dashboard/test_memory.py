"""Unloading lets go of a network, and its memory goes back to the system."""

import gc
import time
import weakref

import pytest

from dashboard import session, startup
from dashboard.pages.growth import runs as growth_runs
from dashboard.pages.models import check as model_check
from pgan_core import Generator


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
    session.unload()
    gc.collect()
    others = {id(o) for o in gc.get_objects() if issubclass(type(o), Generator)}  # of other tests
    app = open_app(page, **query)
    app.switch_page("pages/models/page.py").run()
    alive = [weakref.ref(o) for o in gc.get_objects() if issubclass(type(o), Generator) and id(o) not in others]
    app.button(key="models_unload").click().run()
    assert "is unloaded" in app.info[0].value
    assert alive and are_gone(alive)
