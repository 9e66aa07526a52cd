"""Going on from checkpoints: the shipped one and its raw generator, published ones, and growth to another size."""

import pytest
import torch

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, load_checkpoint
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.paths import ASSETS
from pgan_core.training.networks import open_start, resized, restore
from pgan_core.training.settings import TrainingError

SHIPPED = ASSETS / "toytown128" / "final.safetensors"


def small(size=8, channels=(6, 4), **options):
    return Generator(GeneratorConfig(size, channels, latent_dim=4, **options), seed=1)


def latents(count=2, size=4):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0))


def test_the_shipped_model_with_the_raw_generator_beside_it():
    start = open_start([SHIPPED])
    raw = load_checkpoint(SHIPPED.with_name("raw.safetensors"), weights="raw").generator
    shipped = load_checkpoint(SHIPPED)
    z = latents(2, 128)
    where = {"resolution": 16}
    assert torch.equal(start.networks.generator(z, **where), raw(z, **where))
    assert torch.equal(start.networks.average(z, **where), shipped.generator(z, **where))
    images = shipped.generator(z, **where)
    assert torch.equal(start.networks.discriminator(images, **where), shipped.discriminator(images, **where))
    assert (start.resolution, start.alpha, start.made_fresh) == (128, 1.0, ())
    assert start.kimg == pytest.approx(4794.816)


def test_a_grown_network_makes_the_pictures_that_it_made(tmp_path):
    generator = small()
    save_checkpoint(tmp_path / "a.safetensors", generator, Discriminator(DiscriminatorConfig(8, (6, 4))))
    start = open_start([tmp_path / "a.safetensors"], grow_to=32)
    assert start.networks.generator.config.channels == (6, 4, 4, 4)
    assert start.networks.discriminator.resolution == 32 and start.made_fresh == ("raw generator",)
    before = generator(latents())
    assert torch.equal(start.networks.average(latents(), resolution=8), before)
    old = start.networks.generator(latents(), resolution=16, alpha=0.0)
    assert torch.equal(old, before.repeat_interleave(2, 2).repeat_interleave(2, 3))
    chosen = open_start([tmp_path / "a.safetensors"], grow_to=16, feature_maps=(6, 4, 2))
    assert chosen.networks.generator.config.channels == (6, 4, 2)
    with pytest.raises(TrainingError, match="has 6, 4 feature maps"):
        open_start([tmp_path / "a.safetensors"], grow_to=16, feature_maps=(8, 4, 2))


def test_what_a_checkpoint_does_not_hold_is_made(tmp_path):
    save_checkpoint(tmp_path / "raw.safetensors", generator_raw=small(latent_norm="latent", output="tanh"))
    start = open_start([tmp_path / "raw.safetensors"], discriminator_maps=(8, 8))
    assert start.made_fresh == ("average", "discriminator") and start.kimg is None
    assert start.networks.generator.config.output == "tanh"  # the file's own options stay
    assert start.networks.discriminator.config.channels == (8, 8)
    assert start.networks.average is not start.networks.generator


def test_a_moment_of_a_fade_is_kept(tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", small(stored_alpha=0.25))
    start = open_start([tmp_path / "a.safetensors"])
    assert (start.resolution, start.alpha) == (8, 0.25)


def test_conditional_checkpoints_are_refused_in_one_sentence(tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", small(label_dim=3))
    with pytest.raises(TrainingError, match="conditional on labels"):
        open_start([tmp_path / "a.safetensors"])


def test_a_smaller_size_shares_the_weights():
    generator = small()
    part = resized(generator, 4, (6,))
    assert part.layers["4x4/conv"].weight.data_ptr() == generator.layers["4x4/conv"].weight.data_ptr()
    assert set(part.layers) == {name for name in generator.layers if name.startswith("4x4/")}


def test_constants_of_a_checkpoint_come_back_from_a_snapshot(tmp_path):
    from pgan_core.training.networks import describe

    generator = small()
    generator.layers["8x8/conv0"].c = 0.5
    save_checkpoint(tmp_path / "a.safetensors", generator)
    networks = open_start([tmp_path / "a.safetensors"]).networks
    state = {role: network.state_dict() for role, network in networks.by_role().items()}
    again = restore({**state, "networks": describe(networks)}, settings=None)
    assert again.generator.layers["8x8/conv0"].c == 0.5
    assert torch.equal(again.average(latents()), generator(latents()))
