import argparse
import json
import os
import pickle
import shlex

import pytest
import torch
from safetensors.torch import save_file

from dissection.__main__ import main
from pgan_core import CheckpointError, load_checkpoint
from pgan_core.adapters import AdaptedGenerator
from pgan_core.checkpoints.conversion import convert
from pgan_core.dcgan import dcgan
from pgan_core.models import load_generator, model_file
from pgan_core.module_weights import load_weights
from pgan_core.own_generators import OwnGenerator, add_generator_options, declared, made_by, own_generator
from tests import own_generators
from tests.own_generators import CLASSES, LATENT, TOML

CONDITIONAL = "tests.own_generators:conditional"


@pytest.fixture
def trained():
    """A conditional generator whose weights are others than its factory's."""
    module = own_generators.conditional()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.5)
    return module


def is_loaded(module, like):
    pairs = zip(module.state_dict().items(), like.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for (name, a), b in pairs if not name.endswith("num_batches_tracked"))


# ---- files of weights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "netG."])
@pytest.mark.parametrize("name", [None, "netG_state_dict"])
def test_the_state_dict_that_fits_is_found(tmp_path, trained, prefix, name):
    state = {prefix + key: value for key, value in trained.state_dict().items()}
    other = torch.nn.Conv2d(3, 4, 3).state_dict()
    torch.save(state if name is None else {"epoch": 3, "netD_state_dict": other, name: state}, tmp_path / "g.pt")
    module = own_generators.conditional()
    load_weights(module, tmp_path / "g.pt")
    assert is_loaded(module, trained)


def test_safetensors_are_read_too(tmp_path, trained):
    save_file({f"generator.{key}": value for key, value in trained.state_dict().items()}, tmp_path / "g.safetensors")
    module = own_generators.conditional()
    assert load_weights(module, tmp_path / "g.safetensors") == "generator"
    assert is_loaded(module, trained)


def test_averaged_weights_are_taken_unless_raw_ones_are_asked_for(tmp_path, trained):
    raw = own_generators.conditional()
    torch.save({"G": raw.state_dict(), "G_ema": trained.state_dict()}, tmp_path / "g.pt")
    for weights, expected in (("ema", trained), ("raw", raw)):
        module = own_generators.conditional()
        load_weights(module, tmp_path / "g.pt", weights)
        assert is_loaded(module, expected)


def test_what_does_not_fit_is_named(tmp_path, trained):
    state = trained.state_dict()
    for change, sentence in (
        ({"net.0.weight": torch.zeros(2, 2)}, r"`net.0.weight` has the shape \(2, 2\), \(24, 12, 4, 4\) was expected"),
        ({"net.9.weight": torch.zeros(2)}, "it holds `net.9.weight` as well"),
        ({"embed.bias": torch.full((8,), torch.nan)}, "NaN"),
    ):
        torch.save(state | change, tmp_path / "g.pt")
        with pytest.raises(CheckpointError, match=sentence):
            load_weights(own_generators.conditional(), tmp_path / "g.pt")
    torch.save({key: value for key, value in state.items() if key != "embed.bias"}, tmp_path / "g.pt")
    with pytest.raises(CheckpointError, match=r"`embed.bias` is missing"):
        load_weights(own_generators.conditional(), tmp_path / "g.pt")


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def test_a_file_of_weights_executes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "g.pt").write_bytes(pickle.dumps({"state_dict": Bomb()}))
    with pytest.raises(CheckpointError):
        load_weights(own_generators.conditional(), tmp_path / "g.pt")
    assert not (tmp_path / "exploded").exists()


# ---- factories ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec, sentence",
    [
        ("tests.own_generators", "--generator is module:factory"),
        ("no_such_module:make", "cannot be imported"),
        ("tests.own_generators:nothing", "has no nothing"),
        ("tests.own_generators:seeded", "is called without arguments"),
        ("builtins:dict", "returned a dict, not a torch.nn.Module"),
    ],
)
def test_a_wrong_factory_is_one_sentence(spec, sentence):
    with pytest.raises(ValueError, match=sentence):
        made_by(spec)


# ---- the shell ---------------------------------------------------------------------------------------------------


def test_the_shell_dissects_a_generator_of_ones_own(tmp_path, trained, capsys):
    torch.save(trained.state_dict(), tmp_path / "g.pt")
    own = ["--generator", CONDITIONAL, "--latent-dim", str(LATENT), "--label-dim", str(CLASSES), "--output", "tanh"]
    asked = ["--segmenter", "clusters:3", "--all-layers", "--samples", "24", "--out", str(tmp_path / "out")]
    assert main(["run", str(tmp_path / "g.pt"), *own, *asked]) == 0
    found = json.loads((tmp_path / "out/dissection.json").read_text())
    assert "4x4/net.2" in json.dumps(found) and "8x8/net.6" in json.dumps(found)
    assert main(["report", str(tmp_path / "out"), "--checkpoint", str(tmp_path / "g.pt"), *own]) == 0
    assert (tmp_path / "out/report.html").stat().st_size > 10_000


def test_the_shell_names_what_is_missing(tmp_path, trained, capsys):
    torch.save(trained.state_dict(), tmp_path / "g.pt")
    end = ["--all-layers", "--out", str(tmp_path / "out")]
    for said, sentence in (
        (["--generator", CONDITIONAL], "needs --latent-dim"),
        (["--latent-dim", "16"], "name it by --generator"),
        (["--generator", CONDITIONAL, "--latent-dim", "16"], "does not make pictures of latents N x 16"),
        (
            ["--generator", "tests.own_generators:residual", "--latent-dim", "16"],
            "does not hold the weights of Residual",
        ),
    ):
        assert main(["run", str(tmp_path / "g.pt"), *said, *end]) == 1
        assert sentence in capsys.readouterr().err


# ---- a server's own ----------------------------------------------------------------------------------------------


def test_a_toml_file_declares_generators_by_name(tmp_path, trained, monkeypatch):
    torch.save(trained.state_dict(), tmp_path / "g.pt")
    (tmp_path / "generators.toml").write_text(TOML)
    monkeypatch.setenv("PGGAN_LAB_GENERATORS", str(tmp_path / "generators.toml"))
    generator = load_generator("shapes")
    assert isinstance(generator, AdaptedGenerator) and is_loaded(generator.module, trained)
    assert (generator.config.label_dim, generator.config.output) == (CLASSES, "tanh")
    assert model_file("shapes") == tmp_path / "g.pt"


@pytest.mark.parametrize("weights", ["ema", "raw"])
def test_what_a_command_says_of_a_declared_generator_is_read_as_the_same(tmp_path, weights):
    own = OwnGenerator(tmp_path / "g.pt", "my models:shapes", LATENT, CLASSES, "tanh", weights)
    parser = argparse.ArgumentParser()
    add_generator_options(parser, weights=True)
    assert own_generator(parser.parse_args(shlex.split(own.shell_options)), own.file) == own


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("shapes = 3", "stands outside of a"),
        (TOML + "colour = 3", "there is no key colour"),
        (TOML.replace(f"latent-dim = {LATENT}", ""), "the key latent-dim is missing"),
        (TOML.replace(f"= {LATENT}", '= "16"'), "latent-dim is '16'"),
        (TOML.replace("tanh", "sine"), "output is one of"),
        ("[", "cannot be read"),
    ],
)
def test_a_wrong_toml_file_is_one_sentence(tmp_path, monkeypatch, text, sentence):
    (tmp_path / "generators.toml").write_text(text)
    monkeypatch.setenv("PGGAN_LAB_GENERATORS", str(tmp_path / "generators.toml"))
    with pytest.raises(ValueError, match=sentence):
        declared()


# ---- built in ----------------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"netG_state_dict": state, "epoch": 1}])
def test_the_tutorials_dcgan_is_known_by_its_layout(tmp_path, wrap):
    torch.manual_seed(0)
    module = dcgan(LATENT, (12, 8), 3)
    torch.save(wrap(module.state_dict()), tmp_path / "dcgan.pth")
    checkpoint = load_checkpoint(tmp_path / "dcgan.pth")
    assert checkpoint.format == "dcgan" and checkpoint.info["latent_dim"] == LATENT
    assert not [key for key in checkpoint.info["unused"] if key != "epoch"]
    z = torch.randn(2, LATENT)
    assert torch.equal(checkpoint.generator(z), module.eval()(z))


def test_what_is_no_progressive_gan_is_not_converted(tmp_path):
    torch.save(dcgan(LATENT, (12, 8), 3).state_dict(), tmp_path / "dcgan.pth")
    with pytest.raises(CheckpointError, match="DCGAN is not a Progressive GAN, so it cannot be written"):
        convert(tmp_path / "dcgan.pth", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_broken_dcgan_is_one_sentence(tmp_path):
    state = dcgan(LATENT, (12, 8), 3).state_dict()
    state["main.3.weight"] = torch.zeros(11, 8, 4, 4)
    torch.save(state, tmp_path / "dcgan.pth")
    with pytest.raises(CheckpointError, match=r"`main.0.weight` leads to 12 maps, 11 were expected"):
        load_checkpoint(tmp_path / "dcgan.pth")
