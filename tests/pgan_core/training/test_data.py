"""Real images: the file, the pyramid, the fade, and draws that depend on seed and step alone."""

import io
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pgan_core.picture_data import DataError, box_average, load_images
from pgan_core.training.data import RealImages, fade
from pgan_core.training.streams import Draws

OFFICIAL = Path(__file__).parents[2] / "fixtures" / "growth" / "tf_losses.npz"


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (12, 3, 16, 16), dtype=np.uint8)


@pytest.mark.parametrize("name", ["0", "0.3", "1", "1.75", "2"])
def test_reals_fade_as_in_the_official_code(name):
    """There the picture is enlarged to full size in the end; ours stays small."""
    with np.load(OFFICIAL) as file:
        small, expected = torch.from_numpy(file["process_reals_in"]), file[f"process_reals_lod{name}"]
    images = fade(small.float() / 127.5 - 1, 1 - float(name) % 1)
    factor = expected.shape[-1] // images.shape[-1]
    enlarged = images.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    torch.testing.assert_close(enlarged, torch.from_numpy(expected), atol=1e-6, rtol=0)


def test_pyramid_is_the_rounded_mean_of_square_boxes(pixels):
    for size in (8, 4):
        boxes = pixels.reshape(12, 3, size, 16 // size, size, 16 // size).astype(np.float64)
        expected = np.rint(boxes.mean(axis=(3, 5)))
        assert np.array_equal(box_average(pixels, size, chunk=5), expected)
    assert box_average(pixels, 16) is pixels


def test_batches_depend_on_seed_and_step_alone(pixels):
    reals, again = RealImages(pixels), RealImages(pixels)
    draw = {"resolution": 8, "alpha": 0.5}
    first = reals.batch(8, draws=Draws(3, step=10), **draw)
    reals.batch(8, draws=Draws(3, step=11), **draw)
    assert torch.equal(first, again.batch(8, draws=Draws(3, step=10), **draw))
    assert not torch.equal(first, again.batch(8, draws=Draws(3, step=11), **draw))
    assert not torch.equal(first, again.batch(8, draws=Draws(4, step=10), **draw))


def test_half_of_the_images_are_mirrored(pixels):
    plain = RealImages(pixels[:1], mirror=False).batch(64, resolution=16, alpha=1.0, draws=Draws(0, step=0))
    assert torch.equal(plain, plain[:1].expand_as(plain))
    assert plain.min() >= -1 and plain.max() <= 1
    both = RealImages(pixels[:1]).batch(64, resolution=16, alpha=1.0, draws=Draws(0, step=0))
    mirrored = torch.tensor([torch.equal(image, plain[0].flip(-1)) for image in both])
    straight = torch.tensor([torch.equal(image, plain[0]) for image in both])
    assert (mirrored ^ straight).all()
    assert 16 < mirrored.sum() < 48


def test_fingerprint_sees_a_single_pixel(pixels):
    before = RealImages(pixels).fingerprint()
    pixels[5, 1, 2, 3] ^= 1
    assert RealImages(pixels).fingerprint() != before


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"labels": np.zeros(3)}, "has no array `images`; it holds labels"),
        ({"images": np.zeros((2, 3, 8, 8), np.float32)}, "found float32, 2 x 3 x 8 x 8"),
        ({"images": np.zeros((2, 8, 8, 3), np.uint8)}, "found uint8, 2 x 8 x 8 x 3"),
        ({"images": np.zeros((2, 3, 12, 12), np.uint8)}, "power of two"),
        ({"images": np.zeros((0, 3, 8, 8), np.uint8)}, "found uint8, 0 x 3"),
        ({"images": np.array([None, {}], dtype=object)}, "not a readable .npz file of plain arrays"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path, arrays, sentence):
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(DataError, match=sentence) as caught:
        load_images(tmp_path / "data.npz")
    assert "\n" not in str(caught.value)


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "data.npz"
    with pytest.raises(DataError, match="does not exist"):
        load_images(path)
    path.write_bytes(b"PK\x03\x04 torn off")
    with pytest.raises(DataError, match="not a readable"):
        load_images(path)
    np.save(tmp_path / "images.npy", np.zeros((2, 3, 8, 8), np.uint8))
    with pytest.raises(DataError, match="not a readable"):
        load_images(tmp_path / "images.npy")


def test_a_file_that_promises_more_than_there_is_room_for_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "data.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 3, 1024, 1024)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue())
    with pytest.raises(DataError, match="not a readable"):
        load_images(path)
    np.savez_compressed(path, images=np.zeros((100, 3, 64, 64), np.uint8))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=10**6))
    with pytest.raises(DataError, match=r"unpacks to 1,228,\d+ bytes, and .* has room for 1,000,000"):
        load_images(path)


def test_images_that_are_too_small_are_refused(pixels):
    with pytest.raises(DataError, match="16 pixels wide and cannot train 32"):
        RealImages(pixels).level(32)
