"""pro_gan_pytorch 1 to 3: the reference files to 3e-5, and files of the same layouts with other sizes."""

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

OLD = ("akanimax_v1", "akanimax_v2")
NEW = ("akanimax_v3", "akanimax_v3_0", "akanimax_v3_cond")
OPTIONS = {"pixel_norm_skip": ("4x4/dense",)}


def opened(name: str, generator: str = "GAN_GEN_SHADOW_4.pth", **options):
    folder = FIXTURES / name
    if name in NEW:
        return load_checkpoint(folder / "checkpoint.bin", **options)
    return load_checkpoint([folder / generator, folder / "GAN_DIS_4.pth"], **options)


@pytest.mark.parametrize("name", [*OLD, *NEW])
def test_images_and_scores_of_every_moment(name):
    want, checkpoint = expected(name), opened(name)
    nominal = "nominal_scale_" if name == "akanimax_v1" else ""
    base, labels = (2 if name in NEW else 0), want.get("labels")
    assert_close(checkpoint.generator(want["z"]), want[f"{nominal}images"], "images")
    for key, depth, images in ending(want, f"{nominal}images_depth"):
        depth, alpha = depth.split("_alpha")
        at = {"resolution": 4 << (int(depth) - base), "alpha": float(alpha)}
        assert_close(checkpoint.generator(want["z"], **at), images, key)
    for key, depth, scores in ending(want, f"{nominal}d_scores_depth"):
        depth, alpha = depth.split("_alpha")
        at = {"resolution": 4 << (int(depth) - base), "alpha": float(alpha)}
        assert_close(checkpoint.discriminator(want[f"d_images_depth{depth}"], labels, **at), scores, key)
    twice = None if labels is None else labels.repeat(2)
    assert_close(checkpoint.discriminator(want["d_images8"], twice), want[f"{nominal}d_scores8"], "d_scores8")


@pytest.mark.parametrize("name", ["akanimax_v2", *NEW])
def test_raw_weights_and_activations(name):
    want, checkpoint = expected(name), opened(name)
    raw = opened(name, "GAN_GEN_4.pth", weights="raw")
    assert_close(raw.generator(want["z"]), want["images_G_nonema"], "images_G_nonema")
    first = 4 if name in NEW else 8
    for key, number, activation in ending(want, "act_layers"):
        size = first << int(number)
        point = f"{size}x{size}/{'conv' if size == 4 else 'conv1'}:norm"
        assert_close(checkpoint.generator.run(want["z"], keep=[point]).activations[point], activation, key)


def test_a_file_of_the_cpu_is_the_same_without_module():
    for name in OLD:
        one, other = (opened(name, f"GAN_GEN_SHADOW_4{end}.pth").generator for end in ("", "_cpu"))
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_version_1_with_the_true_scales():
    """The scales that its file does not hold, put back: what the published network gave, activations too."""
    want, made = expected("akanimax_v1"), opened("akanimax_v1").generator
    for key in layers_of(made, 2):
        if key.endswith(".weight"):
            module = key.removesuffix(".weight")
            made.layers[our_name(module)].c = float(want[f"true_scale_G.{module}"])
    assert_close(made(want["z"]), want["images"], "images")
    for key, number, activation in ending(want, "act_layers"):
        point = f"{8 << int(number)}x{8 << int(number)}/conv1:norm"
        assert_close(made.run(want["z"], keep=[point]).activations[point], activation, key)


def our_name(module: str) -> str:
    """Our name of a generator's layer in versions 1 and 2."""
    if module.startswith("initial_block"):
        return "4x4/dense" if module.endswith("1") else "4x4/conv"
    kind, block, *conv = module.split(".")
    if kind == "rgb_converters":
        return f"{4 << int(block)}x{4 << int(block)}/rgb"
    return f"{8 << int(block)}x{8 << int(block)}/conv{int(conv[0][-1]) - 1}"


def test_the_stored_ends_and_groups():
    assert opened("akanimax_v3").discriminator.config.from_rgb_activation
    assert not opened("akanimax_v3_0").discriminator.config.from_rgb_activation
    assert opened("akanimax_v2").discriminator.config.stddev == StddevConfig(group_size=None)
    assert opened("akanimax_v3").info["weights"] == "ema"
    assert "gen_optim" in opened("akanimax_v3").info["unused"]


def layers_of(made, version: int) -> dict[str, torch.Tensor]:
    """A network's tensors under the names of version 1, 2 or 3."""
    state, top = {}, len(made.config.channels) - 1
    for name, layer in made.layers.items():
        size, kind = int(name.partition("x")[0]), name.partition("/")[2]
        block = int(math.log2(size)) - 2
        is_generator = "4x4/dense" in made.layers
        number = block if is_generator else top - block
        first, final = ("layers.0", f"layers.{top}") if version == 3 else ("initial_block", "final_block")
        key = f"layers.{number if version == 3 else block - 1}.conv_{int(kind[-1:] == '1') + 1}"
        weight = layer.weight.detach()
        if kind == "dense":
            key, weight = f"{first}.conv_1", weight.unflatten(0, (-1, 4, 4)).permute(3, 0, 1, 2)
        elif kind == "conv":
            key = f"{first}.conv_2" if is_generator else f"{final}.conv_1"
        elif kind == "rgb":
            key = f"rgb_converters.{block}"
        elif kind == "from_rgb":
            key = f"from_rgb.{number}.0" if version == 3 else f"rgb_to_features.{block}"
        elif kind == "dense0":
            key, weight = f"{final}.conv_2", weight.unflatten(1, (-1, 4, 4))
        elif kind == "dense1":
            key, weight = f"{final}.conv_3", weight[:, :, None, None]
        inner = {1: ".deconv" if kind == "dense" else ".conv"}.get(version, "")
        state[f"{key}{inner}.weight"] = weight.contiguous()
        state[f"{key}.bias"] = layer.bias.detach()
    return state


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(1, 9), st.sampled_from([1, 2, 3]), st.booleans())
def test_other_widths_and_sizes(channels, latent_dim, version, prefixed):
    norm = "joint" if version == 3 else "off"
    made = random_generator(channels, latent_dim=latent_dim, latent_norm=norm, **OPTIONS)
    group = StddevConfig(group_size=4 if version == 3 else None)
    judge = random_discriminator(channels, from_rgb_activation=version == 3, stddev=group)

    def constant(name: str, weight: torch.Tensor) -> float:
        if version > 1:
            return he(weight)
        return 1 / math.sqrt(len(weight)) if name == "4x4/dense" else he(weight, 1.0)  # torch's transposed fan-in

    made, judge = rescaled(made, constant), rescaled(judge, constant)
    if version == 3:
        parts = [{"conf": {"use_eql": True}, "state_dict": layers_of(network, 3)} for network in (made, judge)]
        checkpoint = load_checkpoint(saved({"generator": parts[0], "discriminator": parts[1]}))
    else:
        prefix = "module." if prefixed else ""
        states = [{prefix + k: v for k, v in layers_of(network, version).items()} for network in (made, judge)]
        checkpoint = load_checkpoint([saved(state) for state in states])
    z = latents(3, latent_dim)
    assert torch.allclose(checkpoint.generator(z), made(z), atol=1e-5)
    assert torch.allclose(checkpoint.discriminator(made(z)), judge(made(z)), rtol=1e-4, atol=1e-4)
    assert checkpoint.generator.config == made.config and checkpoint.info["unused"] == []


def test_what_does_not_fit_is_said():
    state = layers_of(random_generator((4, 4), latent_dim=4, **OPTIONS), 2)
    for key, value, sentence in (
        ("initial_block.conv_2.bias", None, "`initial_block.conv_2.bias` is missing"),
        ("rgb_converters.1.weight", None, "`rgb_converters.1.weight` is missing"),
        ("layers.0.conv_2.weight", torch.zeros(4, 4, 5, 5), "any x any x 3 x 3 was expected"),
    ):
        spoiled = {k: v for k, v in (state | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a checkpoint of pro_gan_pytorch.*{sentence}"):
            load_checkpoint(saved(spoiled))
    with pytest.raises(CheckpointError, match="2 of the files hold a generator"):
        load_checkpoint([saved(state), saved(state)])
