"""What the Quality page shows: spoiled sets, one slice, the stddev layer from inside, minibatch discrimination."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.pages.quality.slices import one_slice, pyramid_pictures
from dashboard.pages.quality.spoil import add_noise, blur, collapse, shift_colours
from dashboard.pages.quality.stddev_steps import minibatch_discrimination, more_alike, stddev_input, stddev_steps
from dissection.world.town import town
from pgan_core import Discriminator, DiscriminatorConfig
from pgan_core.layers import StddevConfig, group_stddev, minibatch_stddev
from pgan_core.metrics import inception_score, ms_ssim_of_pairs, sliced_wasserstein
from pgan_core.metrics.inception import thumbnail_classifier

FEW = {"patches_per_image": 64, "repeats": 1, "directions": 128}


@pytest.fixture(scope="module")
def scenes():
    """Two sets of 64 Toy Town scenes at 32 x 32."""
    return tuple(next(town(64, 32, seed))[0] for seed in (1, 2))


@pytest.fixture(scope="module")
def discriminator():
    config = DiscriminatorConfig(resolution=8, channels=(6, 5))
    return Discriminator(config, seed=3).eval()


@pytest.mark.parametrize("damage", [lambda x: blur(x, 0), lambda x: shift_colours(x, 0), lambda x: collapse(x, 0)])
def test_strength_zero_changes_nothing(scenes, damage):
    assert (damage(scenes[0]) == scenes[0]).all()


def test_the_measures_answer_as_the_page_says(scenes):
    real, other = scenes
    classify = thumbnail_classifier(real)

    def answer(x):
        distance = sliced_wasserstein(real, x, **FEW)
        return distance[32], distance[16], float(ms_ssim_of_pairs(x).mean()), inception_score(classify(x), 1)[0]

    fine, coarse, similarity, score = answer(other)
    blurred, shifted, noisy, few = map(
        answer, (blur(other, 1.0), shift_colours(other, 40), add_noise(other, 24), collapse(other, 3))
    )
    assert blurred[0] > 2 * fine and blurred[1] < 1.5 * coarse
    assert shifted[0] == pytest.approx(fine, rel=0.1) and shifted[1] == pytest.approx(coarse, rel=0.1)
    assert shifted[3] < 0.7 * score
    assert noisy[0] > 2 * fine and noisy[1] < 1.5 * coarse
    assert few[1] > 1.3 * coarse and few[2] > 1.2 * similarity and few[3] < 0.9 * score


def test_collapse_keeps_so_many_pictures(scenes):
    assert len(np.unique(collapse(scenes[0], 5).reshape(64, -1), axis=0)) == 5


def test_one_slice_is_a_line_of_the_distance(scenes):
    found = one_slice(*scenes, 16, patches_per_image=8)
    assert np.linalg.norm(found.direction) == pytest.approx(1, rel=1e-5)
    for patches, positions, ordered in zip(found.patches, found.positions, found.sorted, strict=True):
        np.testing.assert_allclose((patches * found.direction).sum(axis=(1, 2, 3)), positions, atol=1e-4)
        assert len(ordered) == 64 * 8 and (np.diff(ordered) >= 0).all()
        assert np.isclose(ordered[:, None], positions, atol=1e-4).any(axis=0).all()
    assert found.distance == pytest.approx(np.abs(found.sorted[0] - found.sorted[1]).mean())
    assert one_slice(*scenes, 16, line=1).distance != found.distance


def test_pyramid_pictures_end_in_the_low_pass(scenes):
    levels = pyramid_pictures(scenes[0][0])
    assert {size: level.shape for size, level in levels.items()} == {32: (32, 32, 3), 16: (16, 16, 3)}
    assert abs(levels[16].mean() - scenes[0][0].mean()) < 4
    flat = pyramid_pictures(np.full((3, 32, 32), 90, np.uint8))
    assert (flat[32] == 128).all() and (flat[16] == 90).all()


@settings(deadline=None, max_examples=20)
@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_stddev_falls_with_similarity(share, seed):
    z = torch.randn(8, 5, generator=torch.Generator().manual_seed(seed))
    mixed = more_alike(z, share)
    assert torch.allclose(mixed[0], z[0])
    features, alike = (x[:, :, None, None] for x in (z, mixed))
    plain = StddevConfig(eps=0.0)
    assert torch.allclose(group_stddev(alike, plain), (1 - share) * group_stddev(features, plain), atol=1e-5)


@pytest.mark.parametrize("group_size", [4, 2, None])
@pytest.mark.parametrize("grouping", ["strided", "consecutive"])
def test_the_opened_layer_is_the_one_that_judges(discriminator, group_size, grouping):
    config = replace(discriminator.config.stddev, grouping=grouping)
    network = discriminator.variant(stddev=config)
    images = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        steps = stddev_steps(network, images, group_size)
        features = stddev_input(network, images)
        kept = network.run(images, keep=["4x4/minibatch_stddev"]).activations["4x4/minibatch_stddev"]
        if group_size == 4:
            np.testing.assert_allclose(steps.scores, network(images), rtol=1e-5)
            np.testing.assert_allclose(steps.extra_map, kept[:, 0], rtol=1e-5)
        else:
            assert not np.allclose(steps.scores, network(images))
    assert features.shape == (8, 6, 4, 4) and steps.stddev.shape == (8 // (group_size or 8), 6, 4, 4)
    np.testing.assert_allclose(steps.average[steps.group], steps.extra_map[:, 0, 0], rtol=1e-5)
    mine = features.numpy()[steps.group == 0]
    np.testing.assert_allclose(steps.stddev[0], np.sqrt(mine.var(axis=0) + 1e-8), rtol=1e-4, atol=1e-6)


def test_stddev_needs_the_layer_and_an_even_batch(discriminator):
    images = torch.zeros(6, 3, 8, 8)
    with pytest.raises(ValueError, match="cannot be divided"):
        stddev_steps(discriminator, images, 4)
    without = Discriminator(DiscriminatorConfig(resolution=8, channels=(6, 5), stddev=None))
    with pytest.raises(ValueError, match="no minibatch-stddev layer"):
        stddev_steps(without, images, 2)


def test_the_layer_still_equals_its_parts():
    x = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for config in (StddevConfig(), StddevConfig(group_size=None), StddevConfig(per_pixel=True, unbiased=True)):
        parts = group_stddev(x, config).mean(dim=1 if config.per_pixel else (1, 2, 3), keepdim=True)
        found = minibatch_stddev(x, config)
        assert torch.allclose(found[: len(parts)], parts.expand_as(found[: len(parts)]))


def test_minibatch_discrimination_knows_who_resembles_whom():
    features = torch.randn(6, 40, generator=torch.Generator().manual_seed(0))
    features[3] = features[0]
    others, closeness = minibatch_discrimination(features, kernels=8)
    assert others.shape == (6, 8) and closeness.shape == (6, 6)
    np.testing.assert_allclose(closeness, closeness.T, rtol=1e-5)
    np.testing.assert_allclose(np.diag(closeness), 1, rtol=1e-6)
    assert closeness[0, 3] == pytest.approx(1, abs=1e-5) and closeness[0, 1] < 0.5
    np.testing.assert_allclose(others.mean(axis=1), closeness.sum(axis=1) - 1, rtol=1e-4)
    same, _ = minibatch_discrimination(features[:1].expand(6, -1))
    np.testing.assert_allclose(same, 5, rtol=1e-5)


def test_thumbnail_classifier_gives_probabilities(scenes):
    p = thumbnail_classifier(scenes[0], classes=6)(scenes[1])
    assert p.shape == (64, 6)
    np.testing.assert_allclose(p.sum(dim=1), 1, rtol=1e-5)
