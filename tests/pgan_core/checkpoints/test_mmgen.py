"""MMGeneration: the reference files to 3e-5, and files of the same layout with other sizes, moments and labels."""

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
    he,
    latents,
    random_discriminator,
    random_generator,
    rescaled,
    saved,
    widths,
)

NAMES = ("mmgen", "mmgen_cond", "mmgen_fade", "mmgen_nofused")


@pytest.fixture(params=NAMES)
def case(request):
    """(expected arrays, the file)."""
    return expected(request.param), FIXTURES / request.param / "checkpoint.pth"


def test_images_averaged_and_raw(case):
    want, path = case
    opened, raw = load_checkpoint(path), load_checkpoint(path, weights="raw")
    full = opened.generator.resolution
    assert_close(opened.generator(want["z"], want.get("labels"), resolution=full, alpha=1.0), want["images"], "images")
    images = raw.generator(want["z"], want.get("labels"), resolution=full, alpha=1.0)
    assert_close(images, want["images_G_nonema"], "images_G_nonema")
    assert (opened.info["weights"], raw.info["weights"]) == ("ema", "raw")


@pytest.mark.parametrize("name", ["mmgen", "mmgen_fade", "mmgen_nofused"])
def test_the_stored_moment_is_shown_at_full_size(name):
    want, opened = expected(name), load_checkpoint(FIXTURES / name / "checkpoint.pth")
    size = int(want["curr_scale_int"])
    assert (opened.info["stored_resolution"], opened.info["alpha"]) == (size, float(want["curr_transition_weight"]))
    small = opened.generator(want["z"], resolution=size)
    assert_close(small, want["images_sample_from_noise_ema"], "images_sample_from_noise_ema")
    assert torch.equal(opened.generator(want["z"]), upsample(small, opened.generator.resolution // size))


def test_fades(case):
    want, path = case
    opened = load_checkpoint(path)
    for name, moment, images in ending(want, "images_scale"):
        size, alpha = moment.split("_w")
        made = opened.generator(want["z"], want.get("labels"), resolution=int(size), alpha=float(alpha))
        assert_close(made, images, name)
    for name, moment, scores in ending(want, "d_scores_scale"):
        size, alpha = moment.split("_w")
        judged = opened.discriminator(want[f"d_images_scale{size}"], resolution=int(size), alpha=float(alpha))
        assert_close(judged, scores, name)


def test_scores_of_every_batch_size(case):
    want, path = case
    judge, full = load_checkpoint(path).discriminator, {"resolution": want["d_images"].shape[-1], "alpha": 1.0}
    assert_close(judge(want["d_images"], **full), want["d_scores"], "d_scores")
    assert_close(judge(want["d_images8"], **full), want["d_scores8"], "d_scores8")
    assert_close(judge(want["d_images"][:3], **full), want["d_scores_n3"], "d_scores_n3")


def test_activations(case):
    """Theirs are read after pixel norm, the discriminator's last before its non-linearity."""
    want, path = case
    opened = load_checkpoint(path)
    full = {"resolution": opened.generator.resolution, "alpha": 1.0}
    names = ["act_noise2feat", *(f"act_conv_blocks{i}" for i in range(len(opened.generator.layer_names) - 1))]
    points = [f"{name}:norm" for name in opened.generator.layer_names]
    run = opened.generator.run(want["z"], labels=want.get("labels"), keep=points, **full)
    for name, point in zip(names, points, strict=True):
        assert_close(run.activations[point], want[name], name)
    points = {
        "D_act_fromrgb_last": "16x16/from_rgb",
        "D_act_conv_blocks3": "16x16/conv0",
        "D_act_conv_blocks4": "16x16/conv1",
        "D_act_conv_blocks1": "8x8/conv0",
        "D_act_conv_blocks2": "8x8/conv1",
        "D_act_linear0": "4x4/dense0:pre",
    }
    verdict = opened.discriminator.run(want["d_images"], keep=list(points.values()), **full)
    for name, point in points.items():
        if name in want:
            assert_close(verdict.activations[point], want[name], name)


def test_the_convolution_that_nothing_uses_is_listed():
    info = load_checkpoint(FIXTURES / "mmgen/checkpoint.pth").info
    assert "discriminator/conv_blocks.0.conv.weight_orig" in info["unused"]
    assert {"meta", "shown_nkimg", "_next_scale_int"} <= set(info["unused"])
    assert {"_curr_scale_int", "_curr_transition_weight"} <= set(info["used"])


def _layout(network, role: str, fused: bool = False) -> dict[str, torch.Tensor]:
    """A network's tensors under the published names."""
    state = {}
    for name, layer in network.layers.items():
        size, kind = int(name.partition("x")[0]), name.partition("/")[2]
        weight, bias, level = layer.weight.detach(), layer.bias.detach(), size.bit_length() - 3
        block = f"conv_blocks.{max(0, 2 * level - (kind == 'conv0'))}.conv"
        key = {
            "dense": "noise2feat.linear",
            "rgb": f"torgb_layers.{level}.conv",
            "from_rgb": f"fromrgb_layers.{level}.conv",
        }
        key |= {"dense0": "decision.linear0", "dense1": "decision.linear1"}
        if fused and kind == "conv0":
            weight = weight.flip(2, 3).transpose(0, 1)
        at = key.get(kind, block)
        state[f"{role}.{at}.weight_orig"] = weight
        state[f"{role}.noise2feat.bias" if kind == "dense" else f"{role}.{at}.bias"] = (
            bias.reshape(1, -1, 1, 1) if kind == "dense" else bias
        )
    return state


MMGEN = {"pixel_norm_eps": 1e-5, "pixel_norm_eps_outside": True, "latent_norm_eps": 1e-6}


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(1, 9), st.integers(0, 3), st.integers(0, 3), st.floats(0, 1), st.booleans())
def test_other_widths_sizes_moments_and_labels(channels, latent_dim, label_dim, level, alpha, fused):
    full, alpha = 2 << len(channels), round(alpha, 2)
    moment = {"stored_resolution": min(full, 4 << level), "stored_alpha": alpha}
    made = random_generator(channels, latent_dim=latent_dim, label_dim=label_dim, **MMGEN, **moment)
    plain = made

    def constant(name, weight):  # a fused kernel's fan counts its OUT channels
        return he(weight.transpose(0, 1)) if fused and name.endswith("conv0") else plain.layers[name].c

    made = rescaled(plain, constant)
    judge = random_discriminator(channels, outputs=1 + label_dim, final_conv=False, fused_down=True, **moment)
    state = _layout(made, "generator_ema", fused) | _layout(judge, "discriminator")
    state |= {"_curr_scale_int": torch.tensor(min(full, 4 << level), dtype=torch.int32)}
    state |= {"_curr_transition_weight": torch.tensor(alpha)}

    opened = load_checkpoint(saved({"meta": {}, "state_dict": state}), fused=fused)
    z = latents(4, latent_dim + label_dim)
    images = made(z)
    assert images.shape[-1] == full
    assert torch.allclose(opened.generator(z), images, atol=1e-6)
    assert torch.allclose(opened.discriminator(images), judge(images), atol=1e-5)
    assert opened.info["unused"] == ["meta"] and opened.info["label_dim"] == label_dim


def test_fused_is_the_default_where_equal_widths_hide_it():
    made = random_generator((4, 4), latent_dim=4, **MMGEN).eval()
    z = latents(3, 4)
    fused = load_checkpoint(saved({"state_dict": _layout(made, "generator", fused=True)}))
    plain = load_checkpoint(saved({"state_dict": _layout(made, "generator")}), fused=False)
    assert torch.allclose(fused.generator(z), made(z), atol=1e-6)
    assert torch.allclose(plain.generator(z), made(z), atol=1e-6)
    assert fused.info["assumed"]["fused"].startswith("fused = True: no layer changes its width")
    assert fused.info["weights"] == "raw" and "alpha" in fused.info["assumed"]


def test_what_does_not_fit_is_said():
    state = _layout(random_generator((4, 4), latent_dim=4), "generator")
    state |= {"_curr_scale_int": torch.tensor(8), "_curr_transition_weight": torch.tensor(1.0)}
    for key, value, sentence in (
        ("_curr_scale_int", torch.tensor(12), "`_curr_scale_int` is 12, a size from 4 to 8 was expected"),
        ("_curr_transition_weight", torch.tensor(3.0), "alpha is the weight of the newer resolution"),
        ("generator.noise2feat.bias", torch.zeros(4), "`generator/noise2feat.bias` has the shape"),
        ("generator.torgb_layers.1.conv.weight_orig", None, "`generator/torgb_layers.1.conv.weight_orig` is missing"),
    ):
        spoiled = {k: v for k, v in (state | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a PGGAN checkpoint of MMGeneration.*{sentence}"):
            load_checkpoint(saved({"state_dict": spoiled}))
