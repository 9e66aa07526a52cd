"""The static site of a generator: its files, what it says of the network, and refusals in one sentence."""

import json

import pytest
import torch

from pgan_core import Generator, GeneratorConfig, website
from pgan_core.__main__ import main
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.latents import inputs_from_seeds
from pgan_core.paths import WEB


@pytest.fixture(scope="module")
def generator():
    config = GeneratorConfig(resolution=16, channels=(12, 10, 8), latent_dim=12, label_dim=3, output="tanh")
    return Generator(config, seed=4).requires_grad_(False)


def test_a_site_of_a_checkpoint(generator, tmp_path, capsys):
    save_checkpoint(tmp_path / "mine.safetensors", generator)
    assert main(["export", str(tmp_path / "mine.safetensors"), "--out", str(tmp_path / "site")]) == 0
    assert "python -m http.server" in capsys.readouterr().out
    files = {path.name for path in (tmp_path / "site").iterdir()}
    page = {path.name for path in WEB.iterdir()} - {"built.json"}
    assert files == page | {"generator.onnx", "model.json", "card.jpg"}
    facts = json.loads((tmp_path / "site/model.json").read_text())
    assert facts["name"] == "mine" and facts["labels"] == 3 and facts["output"] == "tanh"
    assert facts["resolutions"] == [4, 8, 16] and facts["fading"] == [8, 16]
    assert [layer["name"] for layer in facts["layers"]] == list(generator.layer_names)
    for kind in facts["runtime"].values():
        assert kind["bytes"] == (tmp_path / "site" / kind["file"]).stat().st_size


def test_the_check_picture_is_seed_0s(generator):
    check = website.check_picture(generator, half=False)
    z, labels = inputs_from_seeds(generator, [0])
    picture = generator(z, labels)[0].detach()
    means = torch.tensor(check["means"]).reshape(3, 8, 8)
    for y, x in ((0, 0), (7, 3)):
        square = picture[:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean(dim=(1, 2))
        torch.testing.assert_close(means[:, y, x], square, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("norm", "labels", "expected"), [("joint", 0, True), ("joint", 3, False), ("both", 3, True)])
def test_a_network_that_sees_the_length_of_latents_is_said_to(norm, labels, expected):
    config = GeneratorConfig(resolution=8, channels=(6, 6), latent_dim=8, label_dim=labels, latent_norm=norm)
    generator = Generator(config, seed=1).requires_grad_(False)
    z, chosen = inputs_from_seeds(generator, [0, 1])
    same = torch.allclose(generator(3 * z, chosen), generator(z, chosen), atol=1e-4)
    assert same == expected == website.network_and_facts(generator)[1]["normalizesLatents"]


def test_precision_is_the_weights(generator, tmp_path):
    sizes = []
    for half in (True, False):
        website.write_site(generator, tmp_path / str(half), name="x", half=half)
        sizes.append((tmp_path / str(half) / "generator.onnx").stat().st_size)
    assert sizes[1] - sizes[0] > 1.5 * sum(layer.weight.numel() for layer in generator.layers.values())


def test_what_cannot_be_exported_is_said(tmp_path, capsys, monkeypatch, generator):
    assert main(["export", str(tmp_path / "none.pkl"), "--out", str(tmp_path / "site")]) == 1
    assert "There is no file" in capsys.readouterr().err
    monkeypatch.setattr(website, "WEB", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="npm ci"):
        website.write_site(generator, tmp_path / "site", name="x")
    assert not (tmp_path / "site").exists()
