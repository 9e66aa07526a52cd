"""The networks: the paper's sizes, TensorFlow's numbers through the fade, walks that can start anywhere."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.generator import generator_layers
from pgan_core.layers import upsample
from tests.pgan_core.official import canonical_name, official_networks

FIXTURES = Path(__file__).parents[1] / "fixtures/numeric/pggan"
SMALL = {"resolution": 32, "channels": (12, 12, 8, 6)}


@pytest.fixture(scope="module")
def generator():
    return Generator(GeneratorConfig(latent_dim=12, **SMALL), seed=1).requires_grad_(False)


@pytest.fixture(scope="module")
def discriminator():
    return Discriminator(DiscriminatorConfig(**SMALL), seed=2).requires_grad_(False)


@pytest.fixture(scope="module")
def z():
    return torch.randn(4, 12, generator=torch.Generator().manual_seed(3))


def test_the_official_networks_have_23_1_million_parameters():
    for network in (Generator(GeneratorConfig()), Discriminator(DiscriminatorConfig())):
        assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 23.1


def test_the_constants_are_the_official_ones():
    ours = {s.name: s.constant for s in generator_layers(GeneratorConfig())}
    theirs = {}
    with open(FIXTURES / "wscale_and_shapes.csv") as file:
        for row in csv.DictReader(file):
            if row["network"] == "G" and row["resolution"] == "1024" and row["variable"].endswith("weight"):
                theirs[canonical_name(row["variable"][2:-7], 1024)] = float(row["wscale_constant_in_graph"])
    assert theirs.keys() == ours.keys()
    for name, constant in theirs.items():
        assert math.isclose(ours[name], constant, rel_tol=1e-6), name


@pytest.fixture(scope="module")
def tf_networks():
    generator, discriminator, data = official_networks()
    return generator.requires_grad_(False), discriminator.requires_grad_(False), data


@pytest.mark.parametrize("case", range(8))
def test_pictures_and_scores_are_the_official_ones_at_every_lod(tf_networks, case):
    generator, discriminator, data = tf_networks
    lod = float(data["lods"][case])
    resolution, alpha = 32 >> math.floor(lod), 1 - (lod - math.floor(lod))
    images = generator(torch.from_numpy(data["z"]), resolution=resolution, alpha=alpha)
    expected = torch.from_numpy(data["G_out"][case])
    torch.testing.assert_close(upsample(images, 32 // resolution), expected, atol=3e-5, rtol=3e-5)
    scores = discriminator(torch.from_numpy(data["images_for_D"]), resolution=resolution, alpha=alpha)
    torch.testing.assert_close(scores, torch.from_numpy(data["D_scores"][case, :, 0]), atol=3e-5, rtol=3e-5)


@pytest.mark.parametrize("resolution", [4, 8, 16, 32])
def test_alpha_0_is_the_enlarged_lower_resolution_and_alpha_1_the_newer_alone(generator, z, resolution):
    if resolution > 4:
        below = upsample(generator(z, resolution=resolution // 2))
        torch.testing.assert_close(generator(z, resolution=resolution, alpha=0.0), below, atol=1e-6, rtol=0)
    rgb = f"{resolution}x{resolution}/rgb"
    alone = generator.run(z, resolution=resolution, stop=rgb).activations[rgb]
    assert torch.equal(generator(z, resolution=resolution, alpha=1.0), alone)


def test_the_discriminator_fades_from_the_lower_resolution_to_the_newer(discriminator, generator, z):
    images = generator(z)
    halved = torch.nn.functional.avg_pool2d(images, 2)
    torch.testing.assert_close(discriminator(images, resolution=32, alpha=0.0), discriminator(halved, resolution=16))
    assert torch.equal(discriminator(images, resolution=16), discriminator(halved, resolution=16))
    ends = discriminator(images, resolution=32, alpha=0.0), discriminator(images, resolution=32, alpha=1.0)
    middle = discriminator(images, resolution=32, alpha=0.5)
    assert not torch.allclose(middle, ends[0]) and not torch.allclose(middle, ends[1])


@pytest.mark.parametrize("alpha", [0.0, 0.35, 1.0])
def test_a_walk_started_anywhere_ends_in_the_same_picture_to_the_bit(generator, z, alpha):
    points = [point for point, _ in generator._walk(32)]
    whole = generator.run(z, alpha=alpha, keep=points)
    assert whole.activations.keys() == set(points)
    for point in points:
        if point.endswith("/rgb") and point != "32x32/rgb":
            continue
        again = generator.run(z, alpha=alpha, start=(point, whole.activations[point]))
        assert torch.equal(again.images, whole.images), point


def test_a_walk_from_inside_needs_no_latent_unless_a_fade_needs_its_old_branch(generator, z):
    kept = generator.run(z, keep=["32x32/conv0"]).activations["32x32/conv0"]
    assert torch.equal(generator.run(None, start=("32x32/conv0", kept)).images, generator(z))
    with pytest.raises(ValueError, match="old branch is made from z"):
        generator.run(None, alpha=0.5, start=("32x32/conv0", kept))


def test_edits_act_after_keep_and_only_on_what_follows(generator, z):
    edit = {"16x16/conv0": [lambda x: x * 0, lambda x: x + 1]}
    edited = generator.run(z, keep=["16x16/conv0", "8x8/conv1", "16x16/conv0:norm"], edits=edit)
    plain = generator.run(z, keep=["16x16/conv0", "8x8/conv1"])
    assert torch.equal(edited.activations["16x16/conv0"], plain.activations["16x16/conv0"])
    assert torch.allclose(edited.activations["16x16/conv0:norm"], torch.ones(()))  # both edits, in order
    assert not torch.allclose(edited.images, plain.images)
    resumed = generator.run(None, start=("16x16/conv0", plain.activations["16x16/conv0"]), edits=edit)
    assert torch.equal(resumed.images, edited.images)
    faded = generator.run(z, alpha=0.5, edits={"16x16/conv0": edit["16x16/conv0"]}, keep=["32x32/conv1"])
    again = generator.run(
        z, alpha=0.5, edits=edit, start=("32x32/conv1", faded.activations["32x32/conv1"])
    )  # the old branch is remade from z, with the edits that precede it
    assert torch.equal(again.images, faded.images)


def test_stop_keeps_its_point_and_makes_no_picture(generator, z):
    result = generator.run(z, stop="8x8/conv0:pre")
    assert result.images is None and list(result.activations) == ["8x8/conv0:pre"]


@pytest.mark.parametrize(
    "wrong",
    [{"keep": ["8x8/conv"]}, {"stop": "8x8"}, {"edits": {"8x8/rgb": []}}, {"start": ("8x8/rgb", torch.zeros(1))}],
)
def test_a_name_that_the_walk_does_not_pass_is_refused(generator, z, wrong):
    with pytest.raises(ValueError, match="8x8"):
        generator.run(z, **wrong)


def test_bad_requests_get_one_sentence(generator, discriminator, z):
    with pytest.raises(ValueError, match="pictures of 4, 8, 16, 32 pixels, not 64"):
        generator(z, resolution=64)
    with pytest.raises(ValueError, match="0 to 1"):
        generator(z, alpha=1.5)
    with pytest.raises(ValueError, match="12 numbers each, not 11"):
        generator(z[:, :11])
    with pytest.raises(ValueError, match="takes no labels"):
        generator(z, labels=torch.tensor([0, 1, 2, 0]))
    with pytest.raises(ValueError, match="at 16 or 32 pixels were expected"):
        discriminator(torch.zeros(4, 3, 8, 8), resolution=16)


def test_arrays_and_other_kinds_of_numbers_are_converted(generator, discriminator, z):
    images, same = generator(z), {"rtol": 0, "atol": 1e-6}
    for other in (z.numpy(), z.double(), z.double().numpy(), z.tolist(), z.numpy().astype(">f4")):
        torch.testing.assert_close(generator(other), images, **same)
    torch.testing.assert_close(generator.prepared()(z.double().numpy()), generator.prepared()(z), **same)
    assert torch.isfinite(generator(np.ones((1, 12), np.int64))).all()
    scores = discriminator(images)
    torch.testing.assert_close(discriminator(images.detach().double().numpy()), scores, rtol=0, atol=1e-4)
    conditional = Generator(GeneratorConfig(4, (4,), latent_dim=3, label_dim=2))
    torch.testing.assert_close(
        conditional(np.ones((2, 3)), np.array([0, 1], np.uint8)), conditional(torch.ones(2, 3), torch.tensor([0, 1]))
    )


@pytest.mark.parametrize(
    ("latents", "words"),
    [
        (np.array([["a"] * 12]), "latents are numbers"),
        ([[1.0], [1.0, 2.0]], "latents are rows of equal length"),
        ("12", "latents are numbers"),
        (torch.ones(1, 12, dtype=torch.complex64), "real numbers, not complex64"),
        (torch.ones(1, 12, dtype=torch.bool), "real numbers, not bool"),
        (np.ones(12), r"latents are N x 12, not \(12,\)"),
    ],
)
def test_latents_that_are_no_numbers_get_one_sentence(generator, latents, words):
    with pytest.raises(ValueError, match=words):
        generator(latents)


def test_pictures_of_whole_numbers_get_one_sentence(discriminator):
    for pictures in (np.zeros((1, 3, 32, 32), np.uint8), torch.zeros(1, 3, 32, 32, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"from -1 to 1, not (uint8|int64)"):
            discriminator(pictures)


def test_labels_are_one_hot_indices_or_appended():
    generator = Generator(GeneratorConfig(latent_dim=12, label_dim=3, **SMALL), seed=1).requires_grad_(False)
    z = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    expected = generator(z, labels=rows)
    assert torch.equal(generator(z, labels=torch.tensor([1, 2])), expected)
    assert torch.equal(generator(torch.cat([z, rows], dim=1)), expected)
    assert not torch.allclose(generator(z, labels=torch.tensor([0, 2])), expected)
    for wrong in (None, torch.tensor([3, 0]), torch.tensor([1]).repeat(2, 2)):
        with pytest.raises(ValueError, match="class indices"):
            generator(z, labels=wrong)
    with pytest.raises(ValueError, match="2 latents need 2 labels, not 3"):
        generator(z, labels=torch.tensor([0, 1, 2]))


def test_a_stored_moment_is_shown_at_full_size(z):
    config = GeneratorConfig(latent_dim=12, stored_resolution=16, stored_alpha=0.25, **SMALL)
    generator = Generator(config, seed=1).requires_grad_(False)
    assert torch.equal(generator(z), upsample(generator(z, resolution=16, alpha=0.25)))
    assert torch.equal(generator(z, resolution=16), generator(z, resolution=16, alpha=0.25))


def test_a_variant_is_another_function_on_the_same_weights(generator, discriminator, z):
    before = generator(z)
    for arguments in ({"pixel_norm": "off"}, {"pixel_norm": "lrn"}, {"pixel_norm": "batch"}, {"equalized": False}):
        twin = generator.variant(**arguments)
        assert twin.layers["4x4/conv"] is generator.layers["4x4/conv"]
        assert not torch.allclose(twin(z), before)
    torch.testing.assert_close(generator.variant(fused=True)(z), before, atol=1e-4, rtol=1e-4)
    assert torch.equal(generator.variant()(z), before) and torch.equal(generator(z), before)
    assert not torch.allclose(discriminator.variant(equalized=False)(before), discriminator(before))
    plain = generator.run(z, keep=["8x8/conv0:norm"]).activations["8x8/conv0:norm"]
    torch.testing.assert_close(plain.square().mean(1), torch.ones(4, 8, 8), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="on, off, lrn, batch"):
        generator.variant(pixel_norm="layer")


def test_where_norm_comes_first_it_stands_before_the_nonlinearity(z):
    generator = Generator(GeneratorConfig(latent_dim=12, pixel_norm="before", **SMALL), seed=1).requires_grad_(False)
    kept = generator.run(z, keep=["8x8/conv0:norm", "8x8/conv0:pre", "8x8/conv0"]).activations
    assert torch.equal(kept["8x8/conv0:norm"], kept["8x8/conv0:pre"])
    assert torch.equal(torch.nn.functional.leaky_relu(kept["8x8/conv0:pre"], 0.2), kept["8x8/conv0"])


def test_the_minibatch_stddev_map_sees_a_collapsed_batch(discriminator):
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    name = "4x4/minibatch_stddev"
    varied = discriminator.run(images, keep=[name]).activations[name]
    alike = discriminator.run(images[:1].repeat(4, 1, 1, 1), keep=[name]).activations[name]
    assert varied.shape == (4, 1, 4, 4) and alike.max() < 1e-3 < varied.min()


def test_an_empty_batch_is_refused(discriminator):
    with pytest.raises(ValueError, match="N at least 1"):
        discriminator(torch.zeros(0, 3, 32, 32))


def test_a_fresh_network_is_the_same_for_the_same_seed(z):
    config = GeneratorConfig(latent_dim=12, **SMALL)
    assert torch.equal(Generator(config, seed=5)(z), Generator(config, seed=5)(z))
    assert not torch.allclose(Generator(config, seed=5)(z), Generator(config, seed=6)(z))
