"""Streamed statistics are those of the whole tensor."""

import numpy as np
import pytest
import torch

from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.histograms import Bins
from pgan_core.inspection import (
    discriminator_statistics,
    generator_statistics,
    minibatch_stddev_numbers,
    weight_statistics,
)
from pgan_core.layers import StddevConfig

BINS = Bins(-3, 3, 40)


def _small_generator(**options):
    return Generator(GeneratorConfig(resolution=16, channels=(12, 8, 6), latent_dim=10, **options), seed=1)


def _small_discriminator(**options):
    return Discriminator(DiscriminatorConfig(resolution=16, channels=(12, 8, 6), **options), seed=2)


def _noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pixel_norm", ["after", "before"])
@pytest.mark.parametrize("budget", [1, 2**30])
@torch.inference_mode()
def test_streamed_statistics_are_those_of_the_whole_tensor(pixel_norm, budget):
    generator, z = _small_generator(pixel_norm=pixel_norm), _noise(7, 10)
    statistics = generator_statistics(generator, z, BINS, budget=budget)
    assert len(statistics) == 3 * len(generator.layer_names)
    whole = generator.run(z, keep=list(statistics)).activations
    for point, x in whole.items():
        found, x = statistics[point], x.numpy()
        assert np.array_equal(found.histogram.counts, np.histogram(x, 40, range=(-3, 3))[0])
        assert found.histogram.total == x.size
        assert (found.mean, found.std) == pytest.approx((x.mean(), x.std()), abs=1e-5)
        assert found.largest == pytest.approx(np.abs(x).max())
        assert np.allclose(found.unit_std, x.std(axis=(0, 2, 3)), atol=1e-5)
        assert found.dead == (x.max(axis=(0, 2, 3)) <= 0).mean()


@torch.inference_mode()
def test_batch_normalisation_sees_the_whole_batch_whatever_the_budget():
    generator, z = _small_generator().variant(pixel_norm="batch"), _noise(5, 10)
    found = generator_statistics(generator, z, BINS, budget=1)["8x8/conv1:norm"]
    whole = generator.run(z, keep=["8x8/conv1:norm"]).activations["8x8/conv1:norm"]
    assert np.array_equal(found.histogram.counts, np.histogram(whole.numpy(), 40, range=(-3, 3))[0])


@torch.inference_mode()
def test_a_unit_that_is_never_above_0_is_dead():
    generator = _small_generator()
    generator.layers["8x8/conv1"].bias[[2, 5]] = -100
    statistics = generator_statistics(generator, _noise(3, 10), BINS)
    assert statistics["8x8/conv1"].dead == statistics["8x8/conv1:pre"].dead == 2 / 8
    assert statistics["8x8/conv0"].dead == 0


@torch.inference_mode()
def test_without_pixel_norm_magnitudes_are_those_of_the_changed_network():
    generator, z = _small_generator(), _noise(2, 10)
    changed = generator_statistics(generator.variant(pixel_norm="off", equalized=False), z, BINS)
    kept = generator.variant(pixel_norm="off", equalized=False).run(z, keep=["16x16/conv1"]).activations
    assert changed["16x16/conv1"].std == pytest.approx(float(kept["16x16/conv1"].std(correction=0)), rel=1e-5)


@torch.inference_mode()
def test_progress_rises_to_1_and_can_stop_the_work():
    seen = []
    generator_statistics(_small_generator(), _noise(3, 10), BINS, progress=seen.append, budget=1)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generator_statistics(_small_generator(), _noise(3, 10), BINS, progress=stop)


@torch.inference_mode()
def test_discriminator_statistics_and_the_stddev_number():
    discriminator, images = _small_discriminator(), _noise(8, 3, 16, 16)
    statistics = discriminator_statistics(discriminator, images, BINS)
    whole = discriminator.run(images, keep=list(statistics)).activations
    for point, x in whole.items():
        assert np.array_equal(statistics[point].histogram.counts, np.histogram(x.numpy(), 40, range=(-3, 3))[0])
    numbers = minibatch_stddev_numbers(discriminator, images)
    below = discriminator.run(images, keep=["8x8/conv1"]).activations["8x8/conv1"]
    pooled = torch.nn.functional.avg_pool2d(below, 2)
    group = pooled[[0, 2, 4, 6]]  # strided: sample i is in group i mod (8 / 4)
    assert numbers[0] == pytest.approx(float((group.var(dim=0, correction=0) + 1e-8).sqrt().mean()), rel=1e-5)
    assert numbers[0] == numbers[2] != numbers[1]
    assert minibatch_stddev_numbers(_small_discriminator(stddev=None), images) is None


@torch.inference_mode()
def test_a_discriminators_walk_goes_on_from_a_kept_point_to_the_bit():
    discriminator, images = _small_discriminator(stddev=StddevConfig(group_size=2)), _noise(4, 3, 16, 16)
    kept = discriminator.run(images, keep=["16x16/conv1", "8x8/conv1:pre"], alpha=0.3)
    for point, x in kept.activations.items():
        again = discriminator.run(images, start=(point, x), alpha=0.3)
        assert torch.equal(again.scores, kept.scores)


def test_weights_as_stored_and_as_used():
    generator = _small_generator()
    found = weight_statistics(generator, "8x8/conv0", BINS, BINS)
    weight = generator.layers["8x8/conv0"].weight.detach().numpy()
    assert np.array_equal(found.stored.counts, np.histogram(weight, 40, range=(-3, 3))[0])
    assert found.effective_std == pytest.approx(found.stored_std * (2 / (12 * 9)) ** 0.5, rel=1e-6)
    assert found.constant == pytest.approx((2 / (12 * 9)) ** 0.5)
    assert found.bias.shape == (8,)
    with pytest.raises(ValueError, match="no layer 8x8/conv7"):
        weight_statistics(generator, "8x8/conv7", BINS, BINS)
