"""What commands share: models by name, places that are checked before the work, one sentence for bad input."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

import dissection.__main__
import pgan_core.__main__
from pgan_core.models import model_file, model_names
from pgan_core.paths import ASSETS
from pgan_core.shell import check_file, check_folder
from tests.small_run import write_run


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of models with the run `town`, whose last stage is `final`."""
    paths = write_run(tmp_path / "models" / "town")
    paths[-1].rename(paths[-1].with_name("final.safetensors"))
    (tmp_path / "models" / "notes.safetensors").write_bytes(b"no checkpoint")
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


def test_a_model_is_found_by_its_name_and_by_its_path(models):
    for name, file in {"town": "final", "town/final": "final", "town/8x8-end": "8x8-end"}.items():
        assert model_file(name) == models / "town" / f"{file}.safetensors"
    assert model_file("models/town/4x4-end.safetensors") == Path("models/town/4x4-end.safetensors")
    assert model_names() == ["town", "town/16x16-fade", "town/4x4-end", "town/8x8-end", "town/8x8-fade"]


def test_a_wrong_name_is_told_what_is_offered(models):
    with pytest.raises(ValueError, match=r"no file city and no model of that name; the models here: town, town/16x16"):
        model_file("city")


def test_the_shipped_models_have_names(monkeypatch):
    monkeypatch.delenv("PGGAN_LAB_MODELS", raising=False)
    assert {"toytown128", "toytown64", "toytown128/32x32-end"} <= {*model_names()}
    assert model_file("toytown64") == ASSETS / "toytown64" / "final.safetensors"


def test_places_are_checked(tmp_path):
    check_file(tmp_path / "new.png")
    check_folder(tmp_path / "new" / "deep")
    with pytest.raises(ValueError, match="there is no folder"):
        check_file(tmp_path / "nowhere" / "new.png")
    with pytest.raises(ValueError, match="is a folder"):
        check_file(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"cannot be a folder: .*file is a file"):
        check_folder(tmp_path / "file" / "deep")


def test_the_same_names_in_both_packages(models, capsys):
    assert pgan_core.__main__.main(["sample", "town/8x8-end", "--seeds", "0", "--out", "one.png"]) == 0
    assert Path("one.png").is_file()
    for main, command in ((pgan_core.__main__.main, ["info", "city"]), (dissection.__main__.main, RUN)):
        assert main([*command, *([] if main is pgan_core.__main__.main else ["--out", "out"])]) == 1
        assert "the models here: town" in capsys.readouterr().err


RUN = ["run", "city", "--all-layers"]
FILE, FOLDER = "nowhere/out.x", "taken/out"  # no folder is there; a file is in the way
CORE = {
    "sample": ["town", "--out", "nowhere/out.png"],
    "sample, single": ["town", "--out", FOLDER],
    "walk": ["town", "--out", "nowhere/out.mp4"],
    "convert": ["town", FILE],
    "evaluate": ["town", "--real", "town.npz", "--out", FILE],
    "nearest": ["town", "--real", "town.npz", "--out", FOLDER],
    "train": ["--data", "town.npz", "--out", FOLDER],
    "export": ["town", "--out", FOLDER],
}
MEANING = {
    "run": ["town", "--all-layers", "--out", FOLDER],
    "edit": ["town", "--edit", "edit.json", "--out", FOLDER],
    "causes": ["town", "--dissection", "dissection", "--out", FOLDER],
    "shares": ["town", "--real", "town.npz", "--out", FILE],
    "export, with units": ["town", "--out", FOLDER],
}
MODULES = {
    "benchmarks.ablations.__main__": ["--data", "town.npz", "--out", FOLDER],
    "pgan_core.training.export": ["--run", "run", "--out", FOLDER],
    "dissection.world.rules": ["town", "--out", FILE],
    "dissection.concept_directions": ["town", "--save", FILE],
    "dissection.segmenters.faults": ["town", "--out", FILE],
    "dissection.segmenters.sheet": ["town", "--out", FILE],
    "dissection.segmenters.train_toytown": ["--out", FILE],
    "dissection.world.town": ["--out", FILE],
}


@pytest.mark.parametrize("program", [*CORE, *MEANING, *MODULES])
def test_every_command_that_writes_looks_at_the_place_first(program, models, capsys, monkeypatch):
    def work(*_, **__):
        raise AssertionError("it began to work")

    Path("taken").touch()
    for place in ("pgan_core.checkpoints.cli", "pgan_core.checkpoints", "dissection.cli", "pgan_core.training.data"):
        module = import_module(place)
        for name in {"load_checkpoint", "convert", "RealImages"} & vars(module).keys():
            monkeypatch.setattr(module, name, work)
    arguments = {**CORE, **MEANING, **MODULES}[program]
    if program in MODULES:
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        main = import_module(program).main
    else:
        package = pgan_core if program in CORE else dissection

        def main():
            return package.__main__.main([program.partition(",")[0], *arguments])

    try:
        code, said = main(), ""
    except SystemExit as stopped:
        code, said = 1, str(stopped.code)
    said += capsys.readouterr().err
    assert code == 1 and "Traceback" not in said
    assert any(words in said for words in ("cannot be written", "cannot be a folder")), said
