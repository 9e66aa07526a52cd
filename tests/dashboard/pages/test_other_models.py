"""Generators that are no Progressive GANs on every page: what applies works, what does not says why."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from dashboard import library, session
from dissection.__main__ import main as dissection_main
from pgan_core.__main__ import main as core_main
from pgan_core.adapters import adapt
from pgan_core.paths import ASSETS
from tests import own_generators
from tests.own_generators import CLASSES, LATENT


@pytest.fixture
def declared(tmp_path, monkeypatch):
    torch.save(own_generators.conditional().state_dict(), tmp_path / "g.pt")
    (tmp_path / "generators.toml").write_text(own_generators.TOML)
    monkeypatch.setenv("PGGAN_LAB_GENERATORS", str(tmp_path / "generators.toml"))
    return "shapes"


@pytest.mark.parametrize(
    "page, reason",
    [
        ("growth", "trained at one size"),
        ("architecture", "table 2 does not describe it"),
        ("activations", "no pixel norm"),
        ("initialization", "not stored as N(0, 1)"),
        ("latents", ""),
        ("dissection", ""),
        ("interventions", ""),
        ("models", ""),
    ],
)
def test_every_page_opens_and_says_what_does_not_apply(open_app, declared, page, reason):
    app = open_app(page, model=declared)
    assert not app.exception and not app.error
    assert app.session_state["model"] == declared
    said = [info.value for info in app.info]
    assert not reason or [text for text in said if "is a Conditional, not a Progressive GAN" in text and reason in text]


def test_the_models_page_greys_what_is_for_progressive_gans(open_app, declared):
    """A download that cannot be written only failed in the server's log."""
    app = open_app("models", model=declared)
    assert [info.value for info in app.info if "is a Conditional, not a Progressive GAN: these options" in info.value]
    buttons = {button.label: button for button in (*app.button, *app.get("download_button"))}
    assert buttons["Apply"].disabled and buttons["Download as safetensors"].proto.disabled
    assert {box.label: box for box in app.selectbox}["output"].disabled
    assert not [text.value for text in app.markdown if "the paper" in text.value]
    assert "its inputs; the file holds its weights" in words_of(app) and "The file says everything" not in words_of(app)


def words_of(app) -> str:
    return " ".join(text.value for text in (*app.markdown, *app.caption))


def test_no_sentence_speaks_of_a_pixel_norm_that_is_not_there(open_app, declared):
    app = open_app("interventions", model=declared)
    assert "chosen units' maps (as they leave the layer)" in words_of(app) and "pixel norm" not in words_of(app)
    app = open_app("activations", model=declared)
    assert "Pixel norm" not in words_of(app)


def test_the_plane_says_that_a_blends_length_matters(open_app, declared):
    app = open_app("latents", model=declared, latents_view="Plane")
    assert "does not normalise its latents, so their length changes" in words_of(app)


@pytest.mark.parametrize("is_installed", [True, False])
def test_a_new_dissection_begins_with_a_segmenter_for_any_pictures(open_app, declared, monkeypatch, is_installed):
    """Toy Town's sees houses in faces."""
    monkeypatch.setattr("dissection.segmenters.faces.is_installed", lambda: is_installed)
    app = open_app("dissection", model=declared)
    assert [info.value for info in app.info if "has no dissection yet" in info.value]
    chosen = app.segmented_control(key="dissection_by_other")
    assert chosen.value == "Clusters" and ("Faces" in chosen.options) == is_installed


def test_quality_says_what_stands_in_and_what_would_be(open_app, declared):
    app = open_app("quality", model=declared, quality_count="64")
    assert "Toy Town scenes only stand in here: bring pictures like those that shapes" in words_of(app)
    app = open_app("quality", model=declared, quality_part="Pixel norm")
    assert [info.value for info in app.info if "no pixel norm. This is what one would do" in info.value]


def test_lessons_of_a_model_that_is_not_here_are_greyed(open_app, declared, monkeypatch):
    """They spoke of towns beside somebody's faces."""
    app = open_app("lessons", model=declared)
    assert [
        info.value
        for info in app.info
        if "toytown128/final, which this server does not offer, cannot begin" in info.value
    ]
    begin = [button for button in app.button if button.label == "Begin"]
    assert begin and all(button.disabled for button in begin)
    monkeypatch.setattr("dashboard.library.folders", lambda: [ASSETS])
    app = open_app("lessons", model=declared)
    assert not app.info and not any(button.disabled for button in app.button if button.label == "Begin")


@pytest.mark.parametrize("part, command", [("Concepts", "shares"), ("Nearest training scenes", "nearest")])
def test_a_command_of_the_quality_page_opens_the_generator(open_app, declared, tmp_path, capsys, part, command):
    shown = open_app("quality", model=declared, quality_part=part).code[0].value.split()
    assert shown[3:5] == [command, "g.pt"]
    for seed in range(4):
        pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{seed}.png")
    place = {"g.pt": str(tmp_path / "g.pt"), "SEGMENTER": "toytown", "OTHER_PICTURES": str(tmp_path)}
    place |= dict.fromkeys(("PICTURES", "TRAINING_SET"), str(tmp_path))
    arguments = [place.get(word) or word for word in shown[3:]] + [
        {"nearest": "--control", "shares": "--count"}[command],
        "4",
    ]
    main = {"dissection": dissection_main, "pgan_core": core_main}[shown[2]]
    assert main(arguments) == 0, capsys.readouterr().err


def test_a_wrong_toml_file_leaves_the_other_models(monkeypatch, tmp_path, caplog):
    (tmp_path / "generators.toml").write_text("[x]\nfile = 3")
    monkeypatch.setenv("PGGAN_LAB_GENERATORS", str(tmp_path / "generators.toml"))
    assert library.models() and not library.own_generators()
    assert "[x]" in caplog.text


@torch.no_grad()
def test_an_adapted_generator_is_sent_to_another_process(declared):
    model = session.open_model(declared, library.models()[declared])
    assert not model.grows
    sent = pickle.loads(pickle.dumps(model.generator))
    z, labels = session.inputs(model, 0, 3)
    name = sent.layer_names[0]
    kept = sent.run(z, labels=labels, keep=[name]).activations[name]
    assert torch.equal(kept, model.generator.run(z, labels=labels, keep=[name]).activations[name])
    assert adapt(own_generators.conditional(), LATENT, CLASSES).layer_names == sent.layer_names
