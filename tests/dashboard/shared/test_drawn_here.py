"""Who draws a page's pictures, and what the engine of a visitor's browser is served."""

import hashlib
import json

from starlette.requests import Request

from dashboard import engine, session
from dashboard.load import Load, counted, load
from dashboard.shared import drawn_here
from pgan_core.paths import WEB


def answer(handler, **parameters):
    return handler(Request({"type": "http", "path_params": parameters, "headers": []}))


def test_a_models_network_is_served_and_nothing_else(model_folder):
    model = session.open_model("first", sorted(model_folder.glob("first/*.safetensors"))[-1])
    *_, identity, _ = engine.network_address(model.file_identity).split("/")
    said = json.loads(answer(engine.facts, identity=identity).body)
    assert [layer["name"] for layer in said["layers"]] == list(model.generator.layer_names)
    network = answer(engine.network, identity=identity)
    assert len(network.body) == said["network"]["bytes"] and "immutable" in network.headers["cache-control"]
    for runtime in said["runtime"].values():
        *_, build, name = runtime["file"].split("/")
        assert answer(engine.file, build=build, file=name).path == WEB / name
    assert answer(engine.facts, identity="0123456789abcdef").status_code == 404


def test_the_engine_is_that_of_the_page():
    _, build, name = engine.engine_address().split("/")
    assert hashlib.sha256((WEB / name).read_bytes()).hexdigest().startswith(build)
    assert answer(engine.file, build=build, file=name).path == WEB / name
    for wrong in ({"build": "0", "file": name}, {"build": build, "file": "built.json"}):
        assert answer(engine.file, **wrong).status_code == 404


def test_automatic_is_the_browser_while_the_server_is_busy(open_app, monkeypatch):
    def captions():
        return [caption.value for caption in app.sidebar.caption]

    monkeypatch.setattr(Load, "is_full", property(lambda _: False))
    app = open_app("latents")
    assert app.sidebar.selectbox(key=drawn_here.KEY).value == "automatic" and not captions()
    monkeypatch.setattr(Load, "is_full", property(lambda _: True))
    app.run()
    assert captions() == ["The server is busy, so this browser draws."]
    app.session_state[drawn_here.FAILED] = "no WebAssembly"
    app.run()
    assert captions() == ["This browser cannot draw (no WebAssembly), so the server does."]
    assert not app.exception


def test_a_part_of_a_page_counts_once():
    running = load()._here

    @counted
    def part():
        seen.append(len(running))

    seen = []
    part()
    with load().run():
        part()
        seen.append(len(running))
    assert seen == [1, 1, 1] and not running
