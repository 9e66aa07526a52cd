"""Unloading lets go of a network, and its memory goes back to the system."""

import gc
import weakref

from dashboard import session, startup
from dashboard.pages.growth import runs as growth_runs
from dashboard.pages.models import check as model_check
from pgan_core import Generator


class Network:
    pass


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
    gc.collect()
    assert not any(network() for network in alive)


def test_the_button_lets_go_of_the_network_at_once(open_app):
    session.unload()
    gc.collect()
    others = [o for o in gc.get_objects() if issubclass(type(o), Generator)]  # of other tests
    app = open_app("models")
    alive = [weakref.ref(o) for o in gc.get_objects() if issubclass(type(o), Generator) and o not in others]
    app.button(key="models_unload").click().run()
    assert "is unloaded" in app.info[0].value
    gc.collect()
    assert alive and not any(network() for network in alive)
