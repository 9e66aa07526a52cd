"""pytorch_GAN_zoo: the reference files to 3e-5, and files of the same layout with other sizes and settings."""

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

NAMES = ("ganzoo", "ganzoo_acgan", "ganzoo_fade", "ganzoo_tanh_nombstd_8px")
FILES = [path for name in NAMES for path in sorted((FIXTURES / name).glob("checkpoint*"))]


@pytest.fixture(params=FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def file(request):
    return request.param


def test_images_averaged_and_raw(file):
    want = expected(file.parent.name)
    assert_close(load_checkpoint(file).generator(want["z"]), want["images"], "images")
    raw = load_checkpoint(file, weights="raw")
    assert_close(raw.generator(want["z"]), want["images_netG"], "images_netG")
    assert raw.info["weights"] == "raw" and load_checkpoint(file).info["weights"] == "ema"


def test_fades(file):
    """The published alpha is the weight of the old picture."""
    want, checkpoint = expected(file.parent.name), load_checkpoint(file)
    full, alpha = checkpoint.generator.resolution, 1 - float(want["alpha_stored"])
    assert checkpoint.info["alpha"] == pytest.approx(alpha)
    for name, old, images in ending(want, "images_alpha_"):
        assert_close(checkpoint.generator(want["z"], resolution=full, alpha=1 - float(old)), images, name)
    for name, old, scores in ending(want, "d_scores_alpha_"):
        assert_close(checkpoint.discriminator(want["d_images"], resolution=full, alpha=1 - float(old)), scores, name)


def test_scores_of_every_batch_size(file):
    want, judge = expected(file.parent.name), load_checkpoint(file).discriminator
    assert_close(judge(want["d_images"]), want["d_scores"], "d_scores")
    assert_close(judge(want["d_images8"]), want["d_scores8"], "d_scores8")
    assert_close(judge(want["d_images6"]), want["d_scores6"], "d_scores6")
    assert_close(judge(want["d_images"][:1]), want["d_scores_n1"], "d_scores_n1")
    assert_close(judge(want["d_images"][:3]), want["d_scores_n3"], "d_scores_n3")


def test_activations(file):
    want, checkpoint = expected(file.parent.name), load_checkpoint(file)
    full = f"{checkpoint.generator.resolution}x{checkpoint.generator.resolution}"
    points = {"preact_formatLayer": "4x4/dense:pre", "preact_scale0": "4x4/conv:pre"}
    for name, rest, _ in ending(want, "preact_scale"):
        if "_" in rest:
            scale, conv = rest.split("_")
            points[name] = f"{4 << int(scale)}x{4 << int(scale)}/{conv}:pre"
    run = checkpoint.generator.run(want["z"], keep=list(points.values()))
    for name, point in points.items():
        assert_close(run.activations[point], want[name], name)
    points = {
        "D_preact_fromRGB": f"{full}/from_rgb:pre",
        "D_preact_groupScaleZero0": "4x4/conv:pre",
        "D_preact_groupScaleZero1": "4x4/dense0:pre",
    }
    verdict = checkpoint.discriminator.run(want["d_images"], keep=list(points.values()))
    for name, point in points.items():
        assert_close(verdict.activations[point], want[name], name)


def test_every_key_is_accounted_for():
    info = load_checkpoint(FIXTURES / "ganzoo_fade/checkpoint.pth").info
    assert sum(key.startswith("avgG/") for key in info["used"]) == 24
    assert sum(key.startswith("netG/") for key in info["unused"]) == 24
    assert {"tmp", "config/learningRate"} <= set(info["unused"])
    assert not any(key.startswith("netD/") for key in info["unused"])


def test_labels_one_hot_of_each_attribute():
    want = expected("ganzoo_acgan")
    checkpoint = load_checkpoint(FIXTURES / "ganzoo_acgan/checkpoint.pth")
    noise, labels = want["z"][:, :20], want["z"][:, 20:]
    assert_close(checkpoint.generator(noise, labels), want["images"], "images of labels given apart")
    assert checkpoint.info["attributes"]["Hair"]["values"] == ["a", "b", "c"]


def test_what_the_caller_says_wins():
    path = FIXTURES / "ganzoo_tanh_nombstd_8px/checkpoint.pth"
    z = expected("ganzoo_tanh_nombstd_8px")["z"]
    plain = load_checkpoint(path, output="linear", alpha=1.0)
    assert torch.allclose(plain.generator(z).tanh(), load_checkpoint(path, alpha=1.0).generator(z))
    assert plain.info["assumed"]["output"] == "output = linear: as you said; the file says tanh"


def _layout(network, prefix: str, names: dict[str, str]) -> dict[str, torch.Tensor]:
    """A network's tensors under the published names."""
    state = {}
    for name, layer in network.layers.items():
        size, kind = int(name.partition("x")[0]), name.partition("/")[2]
        scale = size.bit_length() - 4  # 8x8 is scale 0
        key = names[kind].format(scale=scale, next=scale + 1, conv=kind[-1]) if size > 4 else names[f"4x4/{kind}"]
        state[f"{prefix}{key}.module.weight"] = layer.weight
        state[f"{prefix}{key}.module.bias"] = layer.bias.flatten()
    return state


IN_G = {"conv0": "scaleLayers.{scale}.{conv}", "conv1": "scaleLayers.{scale}.{conv}", "rgb": "toRGBLayers.{next}"}
IN_G |= {"4x4/dense": "formatLayer", "4x4/conv": "groupScale0.0", "4x4/rgb": "toRGBLayers.0"}
IN_D = {
    "conv0": "scaleLayers.{scale}.{conv}",
    "conv1": "scaleLayers.{scale}.{conv}",
    "from_rgb": "fromRGBLayers.{next}",
}
IN_D |= {"4x4/from_rgb": "fromRGBLayers.0", "4x4/conv": "groupScaleZero.0"}
IN_D |= {"4x4/dense0": "groupScaleZero.1", "4x4/dense1": "decisionLayer"}


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(1, 9), st.integers(0, 3), st.floats(0, 1), st.booleans(), st.sampled_from(["", "module."]))
def test_other_widths_sizes_and_settings(channels, latent_dim, label_dim, old, equalized, prefix):
    def constant(name, weight):
        return he(weight) if equalized else 1.0

    options = {"slope": 0.1, "stored_alpha": 1 - old}
    made = random_generator(channels, latent_dim=latent_dim, label_dim=label_dim, output="tanh", **options)
    made = rescaled(made, constant, bias_constant=lambda c: c)
    stddev = StddevConfig(grouping="consecutive", unbiased=True, whole_if_uneven=True)
    judge = random_discriminator(channels, outputs=1 + label_dim, stddev=stddev, fades=len(channels) > 2, **options)
    judge = rescaled(judge, constant, bias_constant=lambda c: c)
    config = {"leakyReluLeak": 0.1, "alpha": old, "equalizedlR": equalized, "lossCriterion": "MSE"}
    config |= {"categoryVectorDim": label_dim, "perChannelNormalization": True}
    dense_bias = torch.randn(16 * channels[0], generator=torch.Generator().manual_seed(9))
    made.layers["4x4/dense"].bias = torch.nn.Parameter(dense_bias.reshape(-1, 4, 4), requires_grad=False)
    content = {"config": config, "avgG": _layout(made, prefix, IN_G), "netD": _layout(judge, prefix, IN_D)}

    opened = load_checkpoint(saved(content))
    z = latents(5, latent_dim + label_dim)
    images = made(z)
    assert torch.equal(opened.generator(z), images)
    assert torch.equal(opened.discriminator(images), judge(images))
    assert opened.info["weights"] == "ema" and opened.info["unused"] == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda tree: tree["avgG"].pop("groupScale0.0.module.bias"), "`avgG/groupScale0.0.module.bias` is missing"),
        (lambda tree: tree["avgG"]["toRGBLayers.1.module.weight"].fill_(float("nan")), "holds a NaN"),
        (lambda tree: tree["netD"].pop("decisionLayer.module.weight"), "`netD/decisionLayer.weight` is missing"),
        (lambda tree: tree["config"].update(alpha="half"), "its setting alpha is 'half', not a number from 0 to 1"),
        (lambda tree: tree["config"].update(alpha=2), "its setting alpha is 2, not a number"),
        (lambda tree: tree["config"].update(leakyReluLeak=1e300), "its setting leakyReluLeak is 1e"),
        (lambda tree: tree["config"].update(categoryVectorDim=99), "leaves no latent beside the labels"),
    ],
)
def test_what_does_not_fit_is_said(spoil, sentence):
    generator, discriminator = random_generator((4, 4), latent_dim=3), random_discriminator((4, 4))
    tree = {"config": {"alpha": 0}, "avgG": _layout(generator, "", IN_G), "netD": _layout(discriminator, "", IN_D)}
    tree["avgG"]["formatLayer.module.bias"] = torch.zeros(64)
    tree = {key: {name: getattr(v, "data", v) for name, v in part.items()} for key, part in tree.items()}
    assert load_checkpoint(saved(tree)).generator
    spoil(tree)
    with pytest.raises(CheckpointError, match="Taken for a checkpoint of pytorch_GAN_zoo.*" + sentence):
        load_checkpoint(saved(tree))
