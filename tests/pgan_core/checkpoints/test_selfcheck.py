"""The self-check tells noise from pictures and right from slightly wrong; conversion keeps every network to the bit."""

import io
import zipfile

import numpy as np
import pytest
import torch

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.checkpoints.conversion import convert
from pgan_core.checkpoints.selfcheck import (
    MAX_EXPECTED_BYTES,
    agreement,
    output_statistics,
    read_expected,
    shuffled,
)
from tests.pgan_core.checkpoints.published import FIXTURES


def test_statistics_of_known_pictures():
    left = torch.zeros(4, 3, 32, 32)
    left[..., :16] = 1.5
    left[2:] *= -1
    found = output_statistics(left)
    assert found.mean == 0 and (found.smallest, found.largest) == (-1.5, 1.5)
    assert found.outside == 0.5
    assert found.std == pytest.approx((1.5**2 / 2) ** 0.5, rel=1e-3)
    assert found.neighbours == pytest.approx(1 - 1 / 31, abs=0.04)  # one edge in 31 steps, across only


def test_smooth_pictures_pass_and_each_fault_is_named():
    generator = torch.Generator().manual_seed(0)
    ramp = torch.linspace(-1, 1, 32).expand(1, 1, 32, 32)
    good = 0.9 * ramp * torch.rand(8, 3, 1, 1, generator=generator) - 0.2 * torch.rand(8, 3, 1, 1, generator=generator)
    assert output_statistics(good).complaints == []
    for images, word in (
        (torch.randn(8, 3, 32, 32, generator=generator) * 0.4, "noise"),
        (shuffled(good), "noise"),
        (good * 8, "beyond"),
        (good * 0.01, "flat"),
        (good[:1].expand(8, -1, -1, -1), "same"),
    ):
        assert any(word in sentence for sentence in output_statistics(images).complaints), word


def test_shuffling_keeps_every_pixel_together():
    images = torch.arange(2 * 3 * 16.0).reshape(2, 3, 4, 4)
    moved = shuffled(images)
    assert not torch.equal(moved, images)
    assert torch.equal(moved.flatten(2).sort().values, images.flatten(2))
    assert torch.equal(moved[:, 1] - moved[:, 0], images[:, 1] - images[:, 0])


@pytest.mark.parametrize("name", ["ganzoo_fade", "genforce_converted", "interfacegan_fade_lod", "mmgen_fade"])
def test_agreement_holds_for_the_published_files(name):
    found = agreement(
        load_checkpoint(FIXTURES / name / "checkpoint.pth"), read_expected(FIXTURES / name / "expected.npz")
    )
    assert any(a.holds for a in found if "images" in a.name)
    assert all(a.holds for a in found if "scores" in a.name)


def test_agreement_sees_what_no_eye_sees():
    """A wrong group size changes scores by a few thousandths, a missing tanh the pictures."""
    expected = read_expected(FIXTURES / "genforce_train_tanh_fade/expected.npz")
    path = FIXTURES / "genforce_train_tanh_fade/checkpoint.pth"
    said = {a.name: a.holds for a in agreement(load_checkpoint(path, output="tanh"), expected)}
    unsaid = {a.name: a.holds for a in agreement(load_checkpoint(path), expected)}
    grouped = {a.name: a.holds for a in agreement(load_checkpoint(path, output="tanh", stddev_group=4), expected)}
    assert said == {"images": True, "d_scores": True, "d_scores8": True}
    assert unsaid == said | {"images": False}
    assert grouped == said | {"d_scores8": False}


def test_raw_weights_are_compared_with_raw_pictures():
    expected = read_expected(FIXTURES / "ganzoo/expected.npz")
    found = agreement(load_checkpoint(FIXTURES / "ganzoo/checkpoint.pth", weights="raw"), expected)
    assert {a.name: a.holds for a in found}["images_netG"]


@pytest.mark.parametrize(("name", "matching"), [("GEN", "images_G_nonema"), ("GEN_SHADOW", "images")])
def test_a_file_that_does_not_say_which_weights_it_holds_is_compared_with_both(name, matching):
    folder = FIXTURES / "akanimax_v2"
    found = agreement(load_checkpoint(folder / f"GAN_{name}_4.pth"), read_expected(folder / "expected.npz"))
    assert [a.name for a in found if a.holds] == [matching]


def test_expectations_of_another_network_and_broken_ones_are_one_sentence(tmp_path):
    checkpoint = load_checkpoint(FIXTURES / "ganzoo/checkpoint.pth")
    with pytest.raises(CheckpointError, match="belongs to another network"):
        agreement(checkpoint, read_expected(FIXTURES / "interfacegan_fused/expected.npz"))
    for content in (b"", b"text", _npz({"z": np.array([{}], dtype=object)}), _bomb()):
        with pytest.raises(CheckpointError, match="expected"):
            read_expected(content)
    with pytest.raises(CheckpointError, match="expected"):
        read_expected(tmp_path / "expected.npz")


def _npz(arrays: dict) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _bomb() -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("z.npy", "w", force_zip64=True) as entry,
    ):
        for _ in range(MAX_EXPECTED_BYTES // 2**20 + 1):
            entry.write(bytes(2**20))
    return file.getvalue()


@pytest.mark.parametrize("name", ["ganzoo_fade", "genforce_converted_cond", "interfacegan_fused", "mmgen_fade"])
def test_converting_changes_nothing_to_the_bit(name, tmp_path):
    source, out = FIXTURES / name / "checkpoint.pth", tmp_path / "out.safetensors"
    written = convert(source, out)
    for weights in ("ema", "raw"):
        old, new = load_checkpoint(source, weights=weights), load_checkpoint(out, weights=weights)
        z = torch.randn(4, old.generator.config.latent_dim + old.generator.config.label_dim)
        assert new.info["weights"] == old.info["weights"]
        assert new.generator.config == old.generator.config
        assert torch.equal(new.generator(z), old.generator(z))
        for layer, stored in old.generator.layers.items():
            assert torch.equal(new.generator.layers[layer].weight, stored.weight)
        if old.discriminator is not None:
            images = torch.randn(4, 3, old.discriminator.resolution, old.discriminator.resolution)
            assert torch.equal(new.discriminator(images), old.discriminator(images))
    assert written == ["generator"] if name.startswith("interfacegan") else len(written) == 3
    assert new.info["metadata"]["converted_from"]["format"] == old.info["format"]


def test_what_the_caller_says_is_converted_too(tmp_path):
    source, out = FIXTURES / "genforce_train_tanh_fade/checkpoint.pth", tmp_path / "out.safetensors"
    convert(source, out, output="tanh", stddev_group=4)
    opened = load_checkpoint(out)
    assert opened.generator.config.output == "tanh" and opened.discriminator.config.stddev.group_size == 4
