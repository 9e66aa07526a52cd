"""NVIDIA's Theano pickles: the reference file to 3e-5, and lists of other widths, sizes, lods and settings."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.layers import upsample
from tests.pgan_core.checkpoints.pickled import pickled, theano_network
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

FILE = FIXTURES / "theano_legacy_synth/checkpoint.pkl"


def test_images_scores_and_every_level_of_detail():
    want, opened = expected("theano_legacy_synth"), load_checkpoint(FILE)
    assert_close(opened.generator(want["z"]), want["images"], "images")
    assert_close(load_checkpoint(FILE, weights="raw").generator(want["z"]), want["images_G_nonema"], "images_G_nonema")
    for name in ("d_scores", "d_scores8"):
        assert_close(opened.discriminator(want[name.replace("scores", "images")]), want[name], name)
    for name, lod, array in [*ending(want, "images_lod_"), *ending(want, "d_scores_lod_")]:
        level, fraction = divmod(float(lod), 1)
        at = {"resolution": 16 >> int(level), "alpha": 1 - fraction}
        if name.startswith("images"):
            assert_close(upsample(opened.generator(want["z"], **at), 1 << int(level)), array, name)
        else:
            assert_close(opened.discriminator(want["d_images"], **at), array, name)


def test_activations():
    want, opened = expected("theano_legacy_synth"), load_checkpoint(FILE)
    points = opened.generator.layer_names
    run = opened.generator.run(want["z"], keep=[f"{point}:norm" for point in points])
    for point in points:
        size, kind = point.split("/")
        name = f"G_act_{size}_{kind.capitalize()}"
        assert_close(run.activations[f"{point}:norm"], want[name], name)
    judged = opened.discriminator.run(want["d_images"], keep=["16x16/conv1", "8x8/conv0", "4x4/conv", "4x4/dense0"])
    for point, activation in judged.activations.items():
        size, kind = point.split("/")
        assert_close(activation, want[f"D_act_{size}_{kind.capitalize()}"], point)


def test_the_stored_scale_is_the_constant_and_every_value_is_accounted_for():
    opened = load_checkpoint(FILE)
    specs = {spec.name: spec.constant for spec in opened.generator.specs}
    ratios = [opened.generator.layers[name].c / constant for name, constant in specs.items()]
    assert all(0.8 < ratio < 1.25 for ratio in ratios) and len({round(ratio, 3) for ratio in ratios}) > 3
    assert len(opened.info["used"]) == 28 + 31 and len(opened.info["unused"]) == 27


def values(made, scaled: bool) -> list[np.ndarray]:
    """A network's stored weights as the list of the Theano code."""

    def of(name: str) -> list[np.ndarray]:
        layer, kind = made.layers[name], name.partition("/")[2]
        w = layer.weight.detach().numpy()
        if kind == "dense":
            w = w.reshape(-1, 4, 4, w.shape[1]).transpose(0, 3, 1, 2)
        elif kind == "dense0":
            w = w.reshape(len(w), -1, 4, 4)[:, :, ::-1, ::-1]
        elif kind in ("rgb", "from_rgb"):
            w = w[:, :, 0, 0].T
        else:
            w = w.T if w.ndim == 2 else w[:, :, ::-1, ::-1]
        scale = [np.float32(layer.c)] if scaled else []
        return [np.ascontiguousarray(w), *scale, layer.bias.detach().numpy()]

    sizes = [f"{4 << i}x{4 << i}" for i in range(len(made.config.channels))]
    if "4x4/dense" in made.layers:
        order = ["4x4/dense", "4x4/conv", *(f"{s}/{c}" for s in sizes[1:] for c in ("conv0", "conv1"))]
        order += [f"{s}/rgb" for s in reversed(sizes)]
    else:
        order = [f"{sizes[-1]}/from_rgb"]
        for size, below in zip(sizes[:0:-1], sizes[-2::-1], strict=True):
            order += [f"{size}/conv0", f"{size}/conv1", f"{below}/from_rgb"]
        order += ["4x4/conv", "4x4/dense0", "4x4/dense1"]
    return [array for name in order for array in of(name)]


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(1, 9), st.floats(0, 3), st.booleans(), st.booleans(), st.integers(0, 4))
def test_other_widths_sizes_lods_and_settings(channels, latent_dim, lod, scaled, leaky, protocol):
    lod = round(min(lod, len(channels) - 1), 2)
    at = {"stored_resolution": (2 << len(channels)) >> int(lod), "stored_alpha": 1 - lod % 1}
    made = random_generator(channels, latent_dim=latent_dim, activation="leaky_relu" if leaky else "relu", **at)
    made = rescaled(made, lambda name, weight: 0.31 if scaled else 1.0)
    judge = random_discriminator(channels, **at)
    judge = rescaled(judge, lambda name, weight: 0.17 if scaled else 1.0)
    spec = {"use_wscale": scaled, "use_leakyrelu": leaky}
    triple = [
        theano_network(name, values(network, scaled), lod, **spec)
        for name, network in zip("GDG", (made, judge, made), strict=True)
    ]
    opened = load_checkpoint(pickled(tuple(triple), protocol), stddev_group=4)
    z = latents(3, latent_dim)
    assert torch.allclose(opened.generator(z), made(z), rtol=1e-5, atol=1e-6)
    images = torch.rand(3, 3, made.resolution, made.resolution, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(opened.discriminator(images), judge(images), rtol=1e-4, atol=1e-5)
    assert torch.equal(opened.generator.layers["4x4/dense"].weight, made.layers["4x4/dense"].weight)


def test_what_does_not_fit_is_said():
    made = values(random_generator((4, 4), latent_dim=4), scaled=True)
    for spoiled, spec, sentence in (
        (made[:-1], {}, "a multiple of 3 was expected"),
        (made[3:], {}, "5 layers, a multiple of 3 was expected"),
        ([made[3], *made[1:]], {}, r"param_values\[0\]` has the shape"),
        (made, {"use_batchnorm": True}, "its setting use_batchnorm is True, which makes another network"),
    ):
        with pytest.raises(CheckpointError, match=f"Taken for a Theano pickle.*{sentence}"):
            load_checkpoint(pickled(theano_network("G", spoiled, **spec)))
