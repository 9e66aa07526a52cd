"""github-pengge: the reference files to 3e-5 under nominal scales, and files of the same layout with other sizes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.layers import StddevConfig
from tests.pgan_core.checkpoints.published import (
    FIXTURES,
    assert_close,
    ending,
    expected,
    he,
    latents,
    random_discriminator,
    random_generator,
    rescaled,
    saved,
    widths,
)

HIDDEN, TANH = math.sqrt(2 * 1.04 / 3.04), math.sqrt(18 / 34)  # sqrt(2 / (1 + a^2)) for a^2 = 2/1.04 and 25/9
STDDEV = StddevConfig(group_size=None, per_pixel=True)


@pytest.fixture(params=["pengge", "pengge_tanh"])
def case(request):
    """(expected arrays, both files opened with what they do not hold)."""
    folder = FIXTURES / request.param
    said = {"output": "tanh", "score": "sigmoid"} if request.param == "pengge_tanh" else {}
    return expected(request.param), load_checkpoint([folder / "checkpoint-G.pth", folder / "checkpoint-D.pth"], **said)


def at(level: str) -> dict:
    """A level of theirs (1 is 4x4; a fraction mixes floor and ceiling) as our moment."""
    upper = math.ceil(float(level))
    return {"resolution": 2 << upper, "alpha": 1.0 if upper == float(level) else float(level) % 1}


def test_images_and_scores_at_every_level(case):
    want, opened = case
    assert_close(opened.generator(want["z"]), want["nominal_scale_images"], "images")
    for name, level, images in ending(want, "nominal_scale_images_level_"):
        assert_close(opened.generator(want["z"], **at(level)), images, name)
    for name, level, scores in ending(want, "nominal_scale_d_scores_level_"):
        assert_close(opened.discriminator(want["d_images"], **at(level)), scores, name)
    judge = opened.discriminator
    assert_close(judge(want["d_images"]), want["nominal_scale_d_scores"], "d_scores")
    assert_close(judge(want["d_images8"]), want["nominal_scale_d_scores8"], "d_scores8")
    assert_close(judge(want["d_images"][:1]), want["nominal_scale_d_scores_n1"], "d_scores_n1")


def test_activations_with_the_true_scales(case):
    """The scales that the file does not hold, put back."""
    want, opened = case
    made = opened.generator
    for _, module, scale in ending(want, "true_scale_G.output_layer."):
        kind, block, index = module.split(".")
        size = f"{4 << int(block)}x{4 << int(block)}"
        conv = {"2": ("dense", "conv0"), "6": ("conv", "conv1")}.get(index, ("rgb", "rgb"))[int(block) > 0]
        made.layers[f"{size}/{'rgb' if kind == 'post' else conv}"].c = float(scale)
    assert_close(made(want["z"]), want["images"], "images")
    for name, block, activation in ending(want, "act_chain"):
        size = 4 << int(block)
        point = f"{size}x{size}/{'conv1' if size > 4 else 'conv'}:norm"
        assert_close(made.run(want["z"], keep=[point]).activations[point], activation, name)


def test_every_key_is_used_and_the_scale_assumed(case):
    _, opened = case
    assert opened.info["unused"] == [] and len(opened.info["used"]) == 27 + 30
    assert "scale" in opened.info["assumed"]
    without = load_checkpoint(FIXTURES / "pengge_tanh/checkpoint-G.pth")
    assert without.generator.config.output == "linear" and "tanh_at_end" in without.info["assumed"]["output"]


def layout(made) -> dict[str, torch.Tensor]:
    """A network's tensors under the published names, each kernel twice."""
    state, top = {}, len(made.config.channels) - 1
    for name, layer in made.layers.items():
        block, kind = int(math.log2(int(name.partition("x")[0]))) - 2, name.partition("/")[2]
        if "4x4/dense1" in made.layers:
            block = top - block
        weight = layer.weight.detach()
        if kind == "dense":
            weight = weight.unflatten(0, (-1, 4, 4)).permute(0, 3, 1, 2).flip(2, 3)
        elif kind == "dense0":
            weight = weight.unflatten(1, (-1, 4, 4))
        elif kind == "dense1":
            weight = weight[:, :, None, None]
        group = {"rgb": "post", "from_rgb": "inputs"}.get(kind, "chain")
        index = {"rgb": 0, "from_rgb": 0, "dense": 1, "conv0": 1, "conv": 5, "conv1": 5, "dense0": 6, "dense1": 9}[kind]
        if kind == "conv" and "4x4/dense1" in made.layers:
            index = 2
        key = f"output_layer.{group}.{block}"
        state[f"{key}.{index}.weight"] = state[f"{key}.{index + 1}.incoming.weight"] = weight.contiguous()
        state[f"{key}.{index + 1}.bias"] = layer.bias.detach()
    return state


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(1, 9), st.sampled_from(["linear", "tanh"]))
def test_other_widths_and_sizes(channels, latent_dim, output):
    made = random_generator(channels, latent_dim=latent_dim, output=output, output_first=True)
    end = TANH if output == "tanh" else 1.0
    made = rescaled(made, lambda name, w: he(w, end) if name.endswith("/rgb") else hidden(name, w))
    judge = random_discriminator(channels, stddev=STDDEV, fade_pools_features=True)
    judge = rescaled(judge, lambda name, w: he(w, 1.0) if name == "4x4/dense1" else he(w, HIDDEN))
    opened = load_checkpoint([saved(layout(made)), saved(layout(judge))], output=output)
    z = latents(3, latent_dim)
    images = made(z, resolution=8, alpha=0.3)
    assert torch.allclose(opened.generator(z, resolution=8, alpha=0.3), images, atol=1e-5)
    scores = judge(images, resolution=8, alpha=0.3)
    assert torch.allclose(opened.discriminator(images, resolution=8, alpha=0.3), scores, rtol=1e-4, atol=1e-5)
    assert opened.generator.config == made.config and opened.info["unused"] == []


def hidden(name: str, weight: torch.Tensor) -> float:
    """The first layer's fan-in counts the 4 x 4 places of its kernel."""
    return he(weight, HIDDEN / 4) if name == "4x4/dense" else he(weight, HIDDEN)


def test_what_does_not_fit_is_said():
    state = layout(random_generator((4, 4), latent_dim=4))
    for key, value, sentence in (
        ("output_layer.chain.0.2.bias", None, "`output_layer.chain.0.2.bias` is missing"),
        ("output_layer.chain.1.5.weight", None, "`output_layer.chain.1` has 1 kernels, 2 were expected"),
        ("output_layer.post.1.0.weight", None, "its 2 blocks and 1 picture layers do not fit"),
    ):
        spoiled = {k: v for k, v in (state | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a network of github-pengge.*{sentence}"):
            load_checkpoint(saved(spoiled))
