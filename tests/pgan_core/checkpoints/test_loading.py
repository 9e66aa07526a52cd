"""load_checkpoint over all families: our own files bring everything back, arguments, joined files, info, the shell."""

import json

import pytest
import torch

from pgan_core.__main__ import main
from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.checkpoints.native import save_checkpoint
from tests.pgan_core.checkpoints.published import FIXTURES, latents, random_discriminator, random_generator, saved

FILES = [path for path in sorted(FIXTURES.glob("*/*")) if path.suffix != ".npz"]
TRIPLE = FIXTURES / "tf_official_fade_lod/checkpoint.pkl"
PAIR = [FIXTURES / "nashory_fade" / f"{kind}_R5_T150.pth.tar" for kind in ("gen", "dis")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_safetensors_and_back_changes_nothing(path, tmp_path):
    """Of every reference file, to the bit: stored weights, constants, configurations."""
    opened = load_checkpoint(path)
    save_checkpoint(tmp_path / "ours.safetensors", opened.generator, opened.discriminator)
    again = load_checkpoint(tmp_path / "ours.safetensors")
    assert again.format == "pggan-lab" and again.info["unused"] == []
    for before, after in ((opened.generator, again.generator), (opened.discriminator, again.discriminator)):
        assert (before is None) == (after is None)
        if before is not None:
            assert before.config == after.config and not after.training
            pairs = zip(before.state_dict().items(), after.state_dict().items(), strict=True)
            assert all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)
            constants = [(m.c, m.bias_c) for m in before.layers.values()]
            assert constants == [(m.c, m.bias_c) for m in after.layers.values()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_info_is_plain_and_accounts_for_every_key(path):
    info = load_checkpoint(path).info
    json.dumps(info)  # plain values only
    assert not set(info["used"]) & set(info["unused"]) and len(info["used"]) > 10
    assert info["parameters"] and info["resolution"] in info["resolutions"]
    assert all(isinstance(sentence, str) and sentence for sentence in info["assumed"].values())


def test_ours_keeps_raw_weights_and_metadata(tmp_path):
    averaged, raw = random_generator((4, 3), latent_dim=5), random_generator((4, 3), latent_dim=5)
    with torch.no_grad():
        raw.layers["4x4/conv"].bias += 1
    judge = random_discriminator((4, 3))
    save_checkpoint(tmp_path / "f", averaged, judge, generator_raw=raw, metadata={"kimg": 12})
    z = latents(2, 5)
    for weights, made in (("ema", averaged), ("raw", raw)):
        opened = load_checkpoint(tmp_path / "f", weights=weights)
        assert torch.equal(opened.generator(z), made(z)) and opened.info["weights"] == weights
        assert opened.info["metadata"] == {"kimg": 12}


def test_arguments_override_what_the_file_says():
    as_stored = load_checkpoint(TRIPLE)
    said = load_checkpoint(TRIPLE, output="tanh", alpha=1.0, normalize_latents=False, stddev_group=2, score="sigmoid")
    z = latents(4, as_stored.generator.config.latent_dim)
    unnormalised = said.generator(z)
    assert unnormalised.abs().max() <= 1
    assert said.generator.config.latent_norm == "off" and said.info["alpha"] == 1.0
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(said.discriminator(images[:2]), said.discriminator(images[[0, 1, 0, 1]])[:2]) is False
    assert ((said.discriminator(images) > 0) & (said.discriminator(images) < 1)).all()
    assert said.discriminator.config.stddev.group_size == 2
    assert all("as you said" in said.info["assumed"][name] for name in ("output", "alpha", "stddev_group", "score"))
    whole = load_checkpoint(TRIPLE, stddev_group=0).discriminator.config.stddev
    assert whole.group_size is None


def test_arguments_without_effect_are_told():
    assumed = load_checkpoint(FIXTURES / "ptrblck/checkpoint.pth", weights="raw", score="sigmoid").info["assumed"]
    assert "no effect" in assumed["score"] and "only averaged" in assumed["weights"]
    assert "only raw" in load_checkpoint(FIXTURES / "pengge/checkpoint-G.pth").info["assumed"]["weights"]


@pytest.mark.parametrize(
    "said", [{"weights": "best"}, {"output": "relu"}, {"alpha": 1.5}, {"fused": "yes"}, {"stddev_group": -1}]
)
def test_bad_arguments_are_value_errors(said):
    with pytest.raises(ValueError, match=next(iter(said))):
        load_checkpoint(TRIPLE, **said)


def test_two_files_become_one_checkpoint():
    opened = load_checkpoint(PAIR)
    assert opened.generator is not None and opened.discriminator is not None
    assert set(opened.info["parameters"]) == {"generator", "discriminator"} and len(opened.info["files"]) == 2
    assert load_checkpoint(PAIR[::-1]).info["files"] == [path.name for path in PAIR]
    judge = load_checkpoint(PAIR[1])
    assert judge.generator is None and judge.info["latent_dim"] is None


def test_files_that_do_not_belong_together():
    for files, sentence in (
        ([PAIR[0], FIXTURES / "pengge/checkpoint-D.pth"], "different layouts: nashory, github-pengge"),
        ([PAIR[1], PAIR[1]], "2 of the files hold a discriminator"),
        ([], "No file was given"),
    ):
        with pytest.raises(CheckpointError, match=sentence):
            load_checkpoint(files)


def test_stored_weights_stay_as_the_file_holds_them():
    """The constant is not folded in, and nothing holds on to the file's memory."""
    state = torch.load(FIXTURES / "pengge/checkpoint-G.pth", weights_only=True)
    layer = load_checkpoint(FIXTURES / "pengge/checkpoint-G.pth").generator.layers["8x8/conv1"]
    assert torch.equal(layer.weight, state["output_layer.chain.1.5.weight"])
    assert layer.weight.untyped_storage().nbytes() == layer.weight.nbytes


def test_half_and_double_precision_files_open():
    state = torch.load(FIXTURES / "gandissect_layer_names/checkpoint.pth", weights_only=True)
    z = latents(2, 20)
    wanted = load_checkpoint(saved(state)).generator(z)
    for dtype, tolerance in ((torch.float64, 0.0), (torch.float16, 0.05), (torch.bfloat16, 0.5)):
        made = load_checkpoint(saved({key: value.to(dtype) for key, value in state.items()})).generator
        assert made.layers["4x4/conv"].weight.dtype == torch.float32
        assert (made(z) - wanted).abs().max() <= tolerance


def test_info_and_convert_from_a_shell(tmp_path, capsys):
    assert main(["info", str(TRIPLE)]) == 0
    printed = capsys.readouterr().out
    assert "tkarras-tf" in printed and "alpha 0.4" in printed and "unused    G/4x4/Conv/weight" in printed
    assert main(["info", *map(str, PAIR), "--json", "--alpha", "0.25"]) == 0
    assert json.loads(capsys.readouterr().out)["alpha"] == 0.25
    out = tmp_path / "out.safetensors"
    assert main(["convert", str(TRIPLE), str(out)]) == 0
    z = latents(2, 24)
    for weights in ("ema", "raw"):
        one, other = (load_checkpoint(path, weights=weights).generator(z) for path in (TRIPLE, out))
        assert torch.equal(one, other)
    assert load_checkpoint(out).info["metadata"]["converted_from"]["format"] == "tkarras-tf"
    (tmp_path / "text").write_text("no network")
    assert main(["convert", str(tmp_path / "text"), str(out)]) == 1
    assert "The file is text" in capsys.readouterr().err
