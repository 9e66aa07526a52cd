"""InterFaceGAN and HiGAN: the reference files to 3e-5, fades blended as in the official code, other sizes and lods."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.layers import upsample
from tests.pgan_core.checkpoints.published import (
    FIXTURES,
    assert_close,
    ending,
    expected,
    latents,
    random_generator,
    rescaled,
    saved,
    widths,
)


@pytest.fixture(
    params=[f"{peer}_{kind}" for peer in ("interfacegan", "higan") for kind in ("nofused", "fused", "fade_lod")]
)
def case(request):
    """(expected arrays, the opened file)."""
    return expected(request.param), load_checkpoint(FIXTURES / request.param / "checkpoint.pth")


def test_images_blend_as_the_official_code(case):
    want, opened = case
    assert_close(opened.generator(want["z"]), want["images_tf_official"], "images_tf_official")
    if float(want["lod_stored"]) == 0:
        assert_close(opened.generator(want["z"]), want["images"], "images")
        assert "fade" not in opened.info["assumed"]
    else:
        assert "round" in opened.info["assumed"]["fade"]
    if "z_preprocessed" in want:  # only the direction of a latent counts
        preprocessed = opened.generator(want["z_preprocessed"], resolution=opened.generator.resolution, alpha=1.0)
        assert_close(preprocessed, want["images_of_preprocessed"], "images_of_preprocessed")


def test_whole_lods(case):
    want, opened = case
    full = opened.generator.resolution
    for name, lod, images in ending(want, "images_lod_"):
        if "." not in lod:
            small = opened.generator(want["z"], resolution=full >> int(lod), alpha=1.0)
            assert_close(upsample(small, 1 << int(lod)), images, name)


def test_activations(case):
    want, opened = case
    names = [name for name, _, _ in ending(want, "act_layer")]
    points = opened.generator.layer_names[: len(names)]
    run = opened.generator.run(want["z"], resolution=opened.generator.resolution, alpha=1.0, keep=points)
    for name, point in zip(names, points, strict=True):
        assert_close(run.activations[point], want[name], name)


def test_every_key_is_used(case):
    _, opened = case
    assert opened.info["unused"] == [] and len(opened.info["used"]) == 25
    assert opened.discriminator is None and opened.info["weights"] == "ema"


def _layout(made, fused: bool, lod: float) -> dict[str, torch.Tensor]:
    """A generator's tensors under the published names."""
    state, count = {"lod": torch.tensor(lod)}, 0
    for name, layer in made.layers.items():
        size, kind = int(name.partition("x")[0]), name.partition("/")[2]
        weight, key = layer.weight.detach(), f"layer{count}"
        count += kind != "rgb"
        if kind == "rgb":
            key = f"output{size.bit_length() - 3}"
        if kind == "dense":
            weight = weight.unflatten(0, (-1, 4, 4)).permute(0, 3, 1, 2).flip(2, 3)
        if fused and kind == "conv0":
            state[f"{key}.weight"] = weight.flip(2, 3).permute(2, 3, 1, 0)
        else:
            state[f"{key}.conv.weight"] = weight
        state[f"{key}.wscale.bias"] = layer.bias.detach()
    return state


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(1, 9), st.floats(0, 2), st.booleans(), st.booleans(), st.sampled_from(["", "module."]))
def test_other_widths_sizes_and_lods(channels, latent_dim, lod, fused, wrapped, prefix):
    lod = round(min(lod, len(channels) - 1), 2)
    moment = {"stored_resolution": (2 << len(channels)) >> int(lod), "stored_alpha": 1 - lod % 1}
    made = random_generator(channels, latent_dim=latent_dim, **moment)
    made = rescaled(made, lambda name, weight: made.layers[name].c)
    state = {prefix + key: value for key, value in _layout(made, fused, lod).items()}
    opened = load_checkpoint(saved({"state_dict": state} if wrapped else state))
    z = latents(3, latent_dim)
    assert torch.allclose(opened.generator(z), made(z), atol=1e-6)  # a stored lod is a float32
    assert opened.info["unused"] == []


def test_what_does_not_fit_is_said():
    state = _layout(random_generator((4, 4), latent_dim=4), fused=True, lod=0.0)
    for key, value, sentence in (
        ("layer3.conv.weight", None, "`layer3.conv.weight` is missing"),
        ("layer2.weight", torch.zeros(3, 3, 5, 4), "8x8/conv0 has a weight of shape"),
        ("layer1.conv.weight", torch.zeros(4, 0, 3, 3), "`layer1.conv.weight` is empty"),
        ("layer1.wscale.bias", torch.zeros(4, dtype=torch.int64), "holds int64, not weights"),
    ):
        spoiled = {k: v for k, v in (state | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a PGGAN generator of InterFaceGAN.*{sentence}"):
            load_checkpoint(saved(spoiled))
