"""nashory: the reference files to 3e-5 under nominal scales, and files of the same layout with other sizes."""

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

STDDEV = StddevConfig(group_size=None, per_pixel=True)


def files(name: str) -> list:
    return [FIXTURES / name / f"{kind}_R5_T150.pth.tar" for kind in ("gen", "dis")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nashory_stab", {}),
        ("nashory_tanh_latnorm", {"output": "tanh", "score": "sigmoid"}),
        ("nashory_fade", {"alpha": 0.35}),
    ],
)
def test_images_and_scores(name, said):
    want, opened = expected(name), load_checkpoint(files(name), **said)
    assert_close(opened.generator(want["z"]), want["nominal_scale_images"], "images")
    assert_close(opened.discriminator(want["d_images"]), want["nominal_scale_d_scores"], "d_scores")
    assert_close(opened.discriminator(want["d_images8"]), want["nominal_scale_d_scores8"], "d_scores8")
    assert {"resl", "optimizer"} >= set(opened.info["unused"])
    assert opened.generator.config.latent_norm == ("joint" if name == "nashory_tanh_latnorm" else "off")


def test_fades_and_the_alpha_that_is_not_stored():
    """A reloaded network in transition has alpha 0 in the published code: the old picture."""
    want = expected("nashory_fade")
    for key, alpha, images in ending(want, "nominal_scale_images_alpha_"):
        assert_close(load_checkpoint(files("nashory_fade"), alpha=float(alpha)).generator(want["z"]), images, key)
    for key, alpha, scores in ending(want, "nominal_scale_d_scores_alpha_"):
        judge = load_checkpoint(files("nashory_fade")[1], alpha=float(alpha)).discriminator
        assert_close(judge(want["d_images"]), scores, key)
    opened = load_checkpoint(files("nashory_fade"))
    assert_close(opened.generator(want["z"]), want["nominal_scale_images_alpha_0"], "without arguments")
    assert opened.info["alpha"] == 0 and "old picture" in opened.info["assumed"]["alpha"]
    assert opened.generator.resolutions == (16, 32)


@pytest.mark.parametrize("name", ["nashory_stab", "nashory_tanh_latnorm"])
def test_activations_with_the_true_scales(name):
    want = expected(name)
    made = load_checkpoint(files(name)[0], output="tanh" if "tanh" in name else None).generator
    scales = [float(scale) for _, _, scale in ending(want, "true_scale_G.model.")]
    assert len(scales) == len(made.layers)
    for layer, scale in zip(made.layers.values(), scales, strict=True):
        layer.c = scale
    assert_close(made(want["z"]), want["images"], "images")
    for key, module, activation in ending(want, "act_"):
        size = {"first_block": "4x4", "to_rgb_block": None}.get(module, module.rpartition("_")[2])
        if size is not None:
            point = f"{size}/{'conv' if size == '4x4' else 'conv1'}:norm"
            assert_close(made.run(want["z"], keep=[point]).activations[point], activation, key)


def layout(made, fading: bool, latent_norm: bool) -> dict[str, torch.Tensor]:
    """A network's tensors under the published names, in a transition to its full size or after it."""
    state, top, is_generator = {}, made.resolution, "4x4/dense" in made.layers
    for name, layer in made.layers.items():
        size, kind = int(name.partition("x")[0]), name.partition("/")[2]
        weight, inner = layer.weight.detach(), "conv"
        a, b = (size // 2, size) if is_generator else (size, size // 2)
        block = "concat_block.layer2." if fading and size == top else f"intermediate_{a}x{a}_{b}x{b}."
        if kind in ("rgb", "from_rgb"):
            word = "to_rgb" if kind == "rgb" else "from_rgb"
            lower = f"concat_block.layer1.low_resl_{word}.{word}_block."
            place = f"{word}_block." if not fading else ("concat_block.layer2." if size == top else lower)
            key = f"{place}high_resl_{word}.{0 if is_generator else 1}"
        elif kind in ("conv0", "conv1"):
            key = f"{block}high_resl_block.{1 if kind == 'conv0' else 4}"
        elif kind == "dense":
            key = f"first_block.{int(latent_norm)}"
            weight = weight.unflatten(0, (-1, 4, 4)).permute(0, 3, 1, 2).flip(2, 3)
        elif kind == "conv":
            key = f"first_block.{3 + latent_norm}" if is_generator else "last_block.2"
        elif kind == "dense0":
            key, weight = "last_block.5", weight.unflatten(1, (-1, 4, 4))
        else:
            key, inner = "last_block.8", "linear"
        state[f"model.{key}.{inner}.weight"] = weight.contiguous()
        state[f"model.{key}.bias"] = layer.bias.detach()
    return state


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(1, 9), st.booleans(), st.booleans(), st.sampled_from(["", "module."]))
def test_other_widths_and_sizes(channels, latent_dim, fading, latent_norm, prefix):
    full = 2 << len(channels)
    sizes = {"rgb_resolutions": (full // 2, full) if fading else (full,), "stored_alpha": 0.35 if fading else 1.0}
    if fading and len(channels) == 2:
        sizes["rgb_resolutions"] = None  # 4 and 8 are all there are
    norm = "joint" if latent_norm else "off"
    made = random_generator(channels, latent_dim=latent_dim, latent_norm=norm, output_first=True, **sizes)
    made = rescaled(made, lambda name, w: he(w, 0.25 if name == "4x4/dense" else 1.0))
    judge = random_discriminator(channels, stddev=STDDEV, **sizes)
    judge = rescaled(judge, lambda name, w: he(w, 1.0))
    states = [layout(made, fading, latent_norm), layout(judge, fading, latent_norm)]
    contents = [{"resl": 5.0, "state_dict": {prefix + k: v for k, v in s.items()}, "optimizer": {}} for s in states]
    opened = load_checkpoint([saved(content) for content in contents], alpha=0.35)
    z = latents(3, latent_dim)
    assert torch.allclose(opened.generator(z), made(z), atol=1e-5)
    assert torch.allclose(opened.discriminator(made(z)), judge(made(z)), rtol=1e-4, atol=1e-5)
    assert opened.generator.config == made.config


def test_what_does_not_fit_is_said():
    state = layout(random_generator((4, 4), latent_dim=4, rgb_resolutions=(8,)), False, False)
    for key, value, sentence in (
        ("model.first_block.3.conv.weight", None, "`model.first_block` has 1 kernels, 2 were expected"),
        ("model.first_block.0.bias", None, "`state_dict.model.first_block.0.bias` is missing"),
        ("model.to_rgb_block.high_resl_to_rgb.0.conv.weight", None, "no to_rgb layer for 8 pixels"),
    ):
        spoiled = {k: v for k, v in (state | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a network of nashory.*{sentence}"):
            load_checkpoint(saved({"state_dict": spoiled}))
