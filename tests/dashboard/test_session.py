"""What pages share: identities, caches, options carried by links, values no widget holds."""

import os

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import session


def test_a_models_identity_follows_file_options_and_device(model_folder, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes((model_folder / "first" / "8x8-end.safetensors").read_bytes())
    first = session.open_model("a", path)
    assert session.open_model("renamed in the list", path).identity == first.identity
    assert session.open_model("a", path, options=(("output", "tanh"),)).identity != first.identity
    os.utime(path, ns=(1, 1))
    assert session.open_model("a", path).identity != first.identity


def test_a_loaded_model_is_shared_and_unloading_forgets_it(model_folder):
    path = model_folder / "first" / "8x8-end.safetensors"
    first = session.open_model("a", path)
    checkpoint = first.checkpoint
    assert session.open_model("a", path).checkpoint is checkpoint
    assert session.prepared(first) is session.prepared(first)
    session.unload()
    assert session.open_model("a", path).checkpoint is not checkpoint


def test_cached_functions_are_keyed_by_the_models_identity():
    calls = []

    @session.cached(max_entries=4)
    def work(model, number):
        calls.append(number)
        return number

    def model(identity):
        return session.Model("m", None, "cpu", (), identity)

    for identity, number in (("a", 1), ("a", 1), ("b", 1), ("a", 2)):
        work(model(identity), number)
    assert len(calls) == 3


def test_latents_of_neighbouring_seeds_overlap(model_folder):
    model = session.open_model("a", model_folder / "first" / "8x8-end.safetensors")
    assert session.inputs(model, 5, 3)[0][1:].equal(session.inputs(model, 6, 2)[0])


def remembering_page():
    import streamlit as st

    from dashboard import session

    at = session.recall("page_at", 1.5)
    session.remember("page_at", at + 1, default=1.5)
    st.write(f"{type(at).__name__} {at}")


@pytest.mark.parametrize(
    ("link", "shown"), [(None, "float 1.5"), ("2", "float 2.0"), ("nonsense", "float 1.5"), ("nan", "float 1.5")]
)
def test_values_of_no_widget_come_from_the_link_and_go_back_into_it(link, shown):
    app = AppTest.from_function(remembering_page, default_timeout=120)
    if link:
        app.query_params["page_at"] = link
    app.run()
    assert app.markdown[0].value == shown
    written = app.query_params["page_at"]
    assert float(written[0] if isinstance(written, list) else written) == float(shown.split()[1]) + 1
    assert app.run().markdown[0].value == f"float {float(shown.split()[1]) + 1}"


def options_page():
    import streamlit as st

    from dashboard import session

    st.write(str(session.options("a model")))
    st.write(str(session.options("another")))


def test_a_link_carries_known_options_and_only_for_the_model_it_names():
    app = AppTest.from_function(options_page, default_timeout=120)
    app.query_params["read"] = "output:tanh,alpha:0.25,path:/etc/passwd,stddev_group:many"
    app.run()
    assert app.markdown[0].value == str((("alpha", 0.25), ("output", "tanh")))
    assert app.markdown[1].value == "()"


@pytest.mark.parametrize(
    ("link", "seed"),
    [("4294967295", 2**32 - 1), *((link, session.DEFAULT_SEED) for link in ("4294967296", "-1", "text"))],
)
def test_a_link_carries_every_seed_and_nothing_else(open_app, link, seed):
    app = open_app("models", seed=link)
    assert not app.exception and app.sidebar.number_input[0].value == seed
