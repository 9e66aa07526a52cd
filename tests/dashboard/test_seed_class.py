"""A seed of a conditional model: one picture on every page and in a dissection, in its own class or in a chosen one."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from dashboard import session
from dashboard.pages.activations import layer_runs
from dashboard.pages.growth import runs as growth_runs
from dashboard.pages.interventions import pictures as interventions
from dashboard.pages.latents.runs import Look, pictures, point_inputs
from dashboard.pages.models import check as model_check
from dashboard.pages.quality import sources
from dashboard.pages.quality.stddev import batch_of
from dissection.dissect import dissect
from dissection.effects.trial import Trial
from dissection.interventions import insert, to_json
from dissection.interventions_cli import run_edit
from dissection.output.overlays import make_material
from pgan_core.pictures import to_uint8

CONDITIONAL = Path(__file__).resolve().parents[1] / "fixtures" / "checkpoints" / "tf_official_cond" / "checkpoint.pkl"
SEED = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model_folder):
    """A conditional model and one without classes."""
    path = tmp_path_factory.mktemp("conditional")
    shutil.copy(CONDITIONAL, path / "conditional.pkl")
    shutil.copy(model_folder / "first" / "16x16-end.safetensors", path / "plain.safetensors")
    return path


@pytest.fixture(params=[None, 1])
def model(folder, request, monkeypatch):
    """The model as a page gets it where the sidebar's class is by seed, or chosen."""
    monkeypatch.setattr(session, "label", lambda: request.param)
    return session.in_class(session.open_model("conditional.pkl", folder / "conditional.pkl"))


def expected(model) -> np.ndarray:
    generator = model.generator
    z = torch.from_numpy(np.random.RandomState(SEED).randn(1, generator.config.latent_dim).astype(np.float32))
    label = SEED % generator.config.label_dim if model.label is None else model.label
    assert label != 0
    with torch.inference_mode():
        return to_uint8(generator(z, torch.tensor([label])))[0].astype(int)


class Bright:
    """A segmenter of two concepts."""

    concepts = ("no label", "dark", "bright")

    def __call__(self, images):
        return (images.mean(dim=1) > 0).long() + 1


def test_a_seed_is_the_same_picture_on_every_page(model, monkeypatch):
    want = expected(model)
    generator = model.generator
    size = generator.resolution
    monkeypatch.setattr(sources, "_model", lambda name: model)
    shown = {}
    for first in (SEED, SEED - 1):  # at another place of the batch, too
        at = SEED - first
        z, labels = session.inputs(model, first, 4)
        with torch.inference_mode():
            shown["inputs", at] = to_uint8(session.prepared(model)(z, labels))[at]
        shown["quality", at] = sources.pictures("conditional", size, 4, sources.COMPARED, first)[at].transpose(1, 2, 0)
        shown["stddev", at] = to_uint8(batch_of(model, first, 4, 0.0)[0])[at]
        shown["models", at] = model_check.samples(model, first).pictures[at]
        shown["activations", at] = layer_runs.full_picture(model, layer_runs.Setting("generator", first, 4), at)
        sheet = growth_runs.final_growth(model, first, 2)[0].sheets[-1]
        step = sheet.shape[1] // (2 * size)
        shown["growth", at] = np.split(sheet, 2, axis=1)[at][: size * step : step, ::step]
    look = Look(size, 1.0, model.label)
    shown["latents"] = pictures(session.prepared(model), *point_inputs(model, ("3", str(SEED)), look), look)[1]
    shown["interventions"] = interventions.pictures(model, [3, SEED], {})[1]
    nothing = {generator.layer_names[-1]: [insert([0], 0.0, strength=0.0)]}
    shown["interventions, edited"] = interventions.pictures(model, [3, SEED], nothing)[1]
    shown["causes"] = to_uint8(Trial(generator, generator.layer_names[0], None, [3, SEED], label=model.label).images())[
        1
    ]
    found = dissect(generator, generator.layer_names[0], Bright(), 8, seed=3, label=model.label)
    assert found.info.get("label") == model.label
    shown["dissection"] = make_material(generator, found, generator.layer_names[0], [SEED - 3]).pictures[0]
    for where, picture in shown.items():
        assert np.abs(picture.astype(int) - want).max() <= 1, where


def test_the_shell_edits_the_same_picture(model, tmp_path):
    (tmp_path / "edit.json").write_text(to_json({model.generator.layer_names[-1]: [insert([0], 0.0, strength=0.0)]}))
    arguments = SimpleNamespace(
        checkpoint=str(model.path), edit=tmp_path / "edit.json", seeds=f"3,{SEED}", out=tmp_path, before=False,
        device="cpu", label=model.label,
    )  # fmt: skip
    assert run_edit(arguments) == 0
    with Image.open(tmp_path / f"{SEED:05d}.png") as image:
        assert np.abs(np.asarray(image).astype(int) - expected(model)).max() <= 1
        assert json.loads(image.text["settings"]).get("label") == model.label


def test_a_model_in_another_class_is_another_key_of_caches_and_the_same_network(folder, monkeypatch):
    read = session.open_model("conditional.pkl", folder / "conditional.pkl")
    models = []
    for label in (None, 0, 1, 99):
        monkeypatch.setattr(session, "label", lambda label=label: label)
        models.append(session.in_class(read))
    assert [model.label for model in models] == [None, 0, 1, None]
    assert len({model.identity for model in models}) == 3
    assert len({id(session.prepared(model)) for model in models}) == 1


def classes(app) -> list:
    return [box for box in app.sidebar.selectbox if box.label == "Class"]


def test_the_sidebar_offers_classes_where_there_are_any_and_a_link_chooses_one(folder, open_app, monkeypatch):
    app = open_app("models", model="first/16x16-end")
    assert not classes(app)
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(folder))
    app = open_app("models", model="conditional.pkl", **{"class": "1"})
    assert not app.exception and classes(app)[0].value == "1" and app.session_state["class"] == "1"
    app.switch_page("pages/latents/page.py").run()
    assert not app.exception and classes(app)[0].value == "1"
    app.sidebar.selectbox(key="model").select("plain").run()
    assert not app.exception and not classes(app)
    app.sidebar.selectbox(key="model").select("conditional.pkl").run()
    assert not app.exception and classes(app)[0].value == "by seed"
