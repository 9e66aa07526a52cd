"""The inference form gives the generator's pictures and everything that `run` can do."""

import pytest
import torch

from pgan_core import Generator, GeneratorConfig

CONFIGS = {
    "paper": {},
    "norm first": {"pixel_norm": "before"},
    "relu, no norm": {"activation": "relu", "pixel_norm": "off", "latent_norm": "off"},
    "eps outside, tanh": {"pixel_norm_eps_outside": True, "pixel_norm_eps": 1e-5, "output": "tanh"},
    "labels": {"label_dim": 3, "latent_norm": "both"},
}


@pytest.fixture(scope="module", params=CONFIGS)
def generator(request):
    config = GeneratorConfig(resolution=32, channels=(12, 12, 8, 6), latent_dim=12, **CONFIGS[request.param])
    return Generator(config, seed=1).requires_grad_(False)


@pytest.fixture(scope="module")
def z(generator):
    return torch.randn(3, 12 + generator.config.label_dim, generator=torch.Generator().manual_seed(3))


def test_the_pictures_are_the_same_to_rounding(generator, z):
    fast = generator.prepared()
    for resolution, alpha in [(4, None), (8, 0.3), (32, 0.5), (32, 1.0)]:
        expected = generator(z, resolution=resolution, alpha=alpha)
        torch.testing.assert_close(fast(z, resolution=resolution, alpha=alpha), expected, atol=1e-4, rtol=1e-4)


def test_wide_layers_take_fewer_products_and_give_the_same_pictures():
    generator = Generator(GeneratorConfig(resolution=32, channels=(512, 512, 96, 8), latent_dim=16), seed=2)
    fast = generator.requires_grad_(False).prepared()
    wide = {name for name, layer in fast.layers.items() if layer.fewer_products is not None}
    assert wide == {"8x8/conv0", "16x16/conv0", "16x16/conv1"}
    z = torch.randn(3, 16, generator=torch.Generator().manual_seed(4))
    points = [point for point, _ in generator._walk(32)]
    expected, got = generator.run(z, keep=points), fast.run(z, keep=points)
    torch.testing.assert_close(got.images, expected.images, atol=1e-4, rtol=1e-4)
    for point in points:
        torch.testing.assert_close(got.activations[point], expected.activations[point], atol=1e-4, rtol=1e-4)
    again = fast.run(z, start=("16x16/conv0", got.activations["16x16/conv0"]))
    assert torch.equal(again.images, got.images)
    plain = generator.prepared(torch.bfloat16).layers.values()  # half precision has instructions of its own
    assert not any(layer.fewer_products for layer in plain)


def test_every_point_can_be_kept_and_started_from_to_the_bit(generator, z):
    fast = generator.prepared()
    points = [point for point, _ in generator._walk(32)]
    expected = generator.run(z, keep=points)
    whole = fast.run(z, keep=points)
    assert torch.equal(whole.images, fast(z))  # keeping changes nothing
    for point in points:
        torch.testing.assert_close(whole.activations[point], expected.activations[point], atol=1e-4, rtol=1e-4)
        if not point.endswith("/rgb"):
            kept = whole.activations[point].clone()
            again = fast.run(z, start=(point, whole.activations[point]))
            assert torch.equal(again.images, whole.images), point
            assert torch.equal(whole.activations[point], kept)  # the caller's tensor is not written to


def test_edits_act_as_on_the_generator(generator, z):
    edits = {"8x8/conv1": [lambda x: x * 0.5], "16x16/conv0": [lambda x: x + 1]}
    expected = generator.run(z, edits=edits).images
    torch.testing.assert_close(generator.prepared().run(z, edits=edits).images, expected, atol=1e-4, rtol=1e-4)


def test_a_variant_is_prepared_as_it_is(generator, z):
    changed = generator.variant(pixel_norm="lrn", equalized=False)
    expected = changed(z)  # large: the constants are off
    assert (changed.prepared()(z) - expected).abs().max() < 1e-3 * expected.abs().max()
    with pytest.raises(ValueError, match="prepare the generator's variant"):
        generator.prepared().variant("off")


def test_bfloat16_gives_float32_pictures_that_look_the_same(generator, z):
    images = generator.prepared(torch.bfloat16)(z)
    expected = generator(z)
    assert images.dtype == torch.float32
    error = (images - expected).square().mean().sqrt() / expected.square().mean().sqrt()
    assert 0 < error < 0.05


def test_a_prepared_form_is_prepared_once(generator):
    fast = generator.prepared()
    assert fast.prepared() is fast
    with pytest.raises(ValueError, match="prepare the generator itself"):
        fast.prepared(torch.bfloat16)


def test_the_generator_itself_is_left_as_it_was(generator, z):
    before = generator(z)
    generator.prepared()(z)
    assert torch.equal(generator(z), before)


def test_a_prepared_network_asks_for_no_gradients():
    config = GeneratorConfig(resolution=8, channels=(6, 6), latent_dim=4, label_dim=3, label_embedding=True)
    assert not Generator(config).prepared()(torch.randn(2, 4), torch.tensor([0, 2])).requires_grad
