"""NVIDIA's TensorFlow pickles: the reference files to 3e-5, and triples of other widths, sizes, lods and settings."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.layers import StddevConfig, upsample
from tests.pgan_core.checkpoints.pickled import pickled, tf_network
from tests.pgan_core.checkpoints.published import (
    FIXTURES,
    assert_close,
    ending,
    expected,
    latents,
    random_discriminator,
    random_generator,
    rescaled,
    widths,
)

FILES = sorted(FIXTURES.glob("tf_official_*/*.pkl"))
NAMES = {"Dense": "dense", "Conv": "conv", "Conv0": "conv0", "Conv1": "conv1"}


@pytest.fixture(params=FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def case(request):
    """(expected arrays, the opened file, its path)."""
    return expected(request.param.parent.name), load_checkpoint(request.param), request.param


def moment(full: int, lod: str) -> dict:
    """resolution and alpha of an official level of detail."""
    level, fraction = divmod(float(lod), 1)
    return {"resolution": full >> int(level), "alpha": 1 - fraction}


def test_images_averaged_and_raw(case):
    want, opened, path = case
    labels = want.get("labels")
    assert opened.format == "tkarras-tf" and opened.info["assumed"] == {}
    assert opened.info["weights"] == "ema"
    assert_close(opened.generator(want["z"], labels), want["images"], "images")
    if "images_G_nonema" in want:
        raw = load_checkpoint(path, weights="raw")
        assert raw.info["weights"] == "raw"
        assert_close(raw.generator(want["z"], labels), want["images_G_nonema"], "images_G_nonema")


def test_every_level_of_detail(case):
    want, opened, _ = case
    full = opened.generator.resolution
    for name, lod, images in ending(want, "images_lod_"):
        small = opened.generator(want["z"], want.get("labels"), **moment(full, lod))
        assert_close(upsample(small, full // small.shape[-1]), images, name)
    if opened.discriminator is not None:
        for name, lod, scores in ending(want, "d_scores_lod_"):
            assert_close(first_output(opened.discriminator(want["d_images"], **moment(full, lod))), scores, name)


def first_output(scores: torch.Tensor) -> torch.Tensor:
    return scores[:, 0] if scores.dim() == 2 else scores


def test_scores_of_every_batch_size(case):
    want, opened, _ = case
    judge = opened.discriminator
    if judge is None:
        pytest.skip("the file holds one generator")
    assert_close(first_output(judge(want["d_images"])), want["d_scores"], "d_scores")
    assert_close(first_output(judge(want["d_images8"])), want["d_scores8"], "d_scores8")
    assert_close(first_output(judge(want["images"])), want["d_scores_of_images"], "d_scores_of_images")
    assert_close(first_output(judge(want["d_images"][:1])), want["d_scores_n1"], "d_scores_n1")
    assert_close(first_output(judge(want["d_images"][:3])), want["d_scores_n3"], "d_scores_n3")
    if "d_labels" in want:
        assert_close(judge(want["d_images"])[:, 1:], want["d_labels"], "d_labels")


def test_activations(case):
    want, opened, _ = case
    full = opened.generator.resolution
    for name, layer, activation in ending(want, "G_act_"):
        size, kind = layer.removesuffix("_up").split("_")
        point = f"{size}/{NAMES[kind]}:norm"
        run = opened.generator.run(want["z"], labels=want.get("labels"), resolution=full, alpha=1.0, keep=[point])
        assert_close(run.activations[point], activation, name)
    judge = opened.discriminator
    for name, layer, activation in ending(want, "D_act_") if judge is not None else []:
        if layer.startswith("FromRGB_lod"):  # below the full size these are the fade's old branch
            size = full >> int(layer[-1])
            at, point = {"resolution": size, "alpha": 1.0}, f"{size}x{size}/from_rgb"
        elif layer == "mbstd_concat":
            at, point, activation = {}, "4x4/minibatch_stddev", activation[:, -1:]
        else:
            size, kind = layer.removesuffix("_down").split("_")
            at, point = {}, f"{size}/{NAMES.get(kind, kind.lower())}"
        assert_close(judge.run(want["d_images"], keep=[point], **at).activations[point], activation, name)


def test_stored_settings_become_the_configuration():
    gray = load_checkpoint(FIXTURES / "tf_official_gray_relu/checkpoint.pkl")
    config = gray.generator.config
    assert (config.activation, config.latent_norm, config.pixel_norm_eps, config.image_channels) == (
        "relu",
        "off",
        1e-4,
        1,
    )
    assert gray.discriminator.config.stddev == StddevConfig(group_size=16)
    plain = load_checkpoint(FIXTURES / "tf_official_nowscale_nopixelnorm/checkpoint.pkl")
    assert plain.generator.config.pixel_norm == "off" and plain.discriminator.config.stddev is None
    assert {layer.c for layer in plain.generator.layers.values()} == {1.0}
    fade = load_checkpoint(FIXTURES / "tf_official_fade_lod/checkpoint.pkl").info
    assert fade["stored_resolution"] == 32 and fade["alpha"] == pytest.approx(0.4)


def test_used_and_unused_account_for_every_key():
    info = load_checkpoint(FIXTURES / "tf_official_fused/checkpoint.pkl").info
    assert len(info["used"]) == len(set(info["used"])) == 25 + 27
    assert {key.partition("/")[0] for key in info["unused"]} == {"G"} and len(info["unused"]) == 25


def variables(made, fused: bool) -> dict[str, np.ndarray]:
    """A network's stored weights under the official names and layouts."""
    stored = {}
    for name, layer in made.layers.items():
        size, _, kind = name.partition("/")
        lod = int(math.log2(made.resolution // int(size.partition("x")[0])))
        weight = layer.weight.detach().numpy()
        key = f"{size}/{kind.capitalize()}"
        if kind in ("rgb", "from_rgb"):
            key = f"{'ToRGB' if kind == 'rgb' else 'FromRGB'}_lod{lod}"
        up, down = fused and kind == "conv0" and "4x4/dense" in made.layers, fused and "4x4/dense1" in made.layers
        if weight.ndim == 2:
            weight = weight.T
        elif up:
            key, weight = f"{key}_up", weight.transpose(2, 3, 0, 1)[::-1, ::-1]
        else:
            key, weight = f"{key}_down" if down and kind == "conv1" else key, weight.transpose(2, 3, 1, 0)
        stored[f"{key}/weight"] = np.ascontiguousarray(weight)
        stored[f"{key}/bias"] = layer.bias.detach().numpy()
    return stored


@settings(max_examples=25, deadline=None)
@given(
    channels=widths(),
    latent_dim=st.integers(1, 9),
    label_dim=st.integers(0, 3),
    lod=st.floats(0, 3),
    fused=st.booleans(),
    protocol=st.integers(0, 5),
)
def test_other_widths_sizes_lods_and_protocols(channels, latent_dim, label_dim, lod, fused, protocol):
    lod = round(min(lod, len(channels) - 1), 2)
    at = {"stored_resolution": (2 << len(channels)) >> int(lod), "stored_alpha": 1 - lod % 1}
    made = random_generator(channels, latent_dim=latent_dim, label_dim=label_dim, **at)
    made = rescaled(made, lambda name, weight: made.layers[name].c)
    judge = random_discriminator(channels, outputs=1 + label_dim, fused_down=fused, **at)
    judge = rescaled(judge, lambda name, weight: judge.layers[name].c)
    generator = tf_network("Gs", variables(made, fused), lod, label_size=label_dim)
    raw = tf_network("G", variables(random_generator(channels, latent_dim=latent_dim + label_dim), fused), lod)
    discriminator = tf_network("D", variables(judge, fused), lod)
    opened = load_checkpoint(pickled((raw, discriminator, generator), protocol))
    z, labels = latents(3, latent_dim), torch.eye(label_dim)[[0, -1, 0]] if label_dim else None
    images = made(z, labels)
    assert torch.allclose(opened.generator(z, labels), images, atol=1e-6)  # a stored lod is a float32
    assert torch.allclose(opened.discriminator(images), judge(images), atol=1e-5)
    for name, layer in made.layers.items():
        assert torch.equal(opened.generator.layers[name].weight, layer.weight)


def test_what_does_not_fit_is_said():
    made = random_generator((4, 4), latent_dim=4)
    whole = variables(made, fused=False)
    for key, value, sentence in (
        ("4x4/Conv/bias", None, "`Gs/4x4/Conv/bias` is missing"),
        ("ToRGB_lod0/weight", None, "`Gs/ToRGB_lod0/weight` is missing"),
        ("8x8/Conv0/weight", np.zeros((3, 3, 5, 4), np.float32), "8x8/conv0 has a weight of shape"),
        ("8x8/Conv0/weight", np.zeros((5, 5, 4, 4), np.float32), "has the shape .5, 5, 4, 4., 3 x 3 x any x any"),
        ("8x8/Conv1/weight", np.full((3, 3, 4, 4), np.nan, np.float32), "holds a NaN"),
        ("lod", np.float32("inf"), "`Gs/lod` is not a finite number"),
    ):
        spoiled = {k: v for k, v in (whole | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a TensorFlow pickle.*{sentence}"):
            load_checkpoint(pickled(tf_network("Gs", spoiled)))
    with pytest.raises(CheckpointError, match="its setting label_size is 'many'"):
        load_checkpoint(pickled(tf_network("Gs", whole, label_size="many")))
