"""Floats to pictures and files."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from pgan_core.pictures import contact_sheet, encode, encode_gif, encode_mp4, enlarge, to_uint8


def test_to_uint8_clamps_rounds_and_moves_channels():
    values = torch.tensor([-1.5, -1.0, 0.0, 0.5, 1.0, 7.0]).reshape(1, 1, 2, 3)
    pixels = to_uint8(values)
    assert pixels.shape == (1, 2, 3, 3) and pixels.dtype == np.uint8
    assert pixels[0, ..., 0].ravel().tolist() == [0, 0, 128, 191, 255, 255]
    colour = torch.stack([torch.full((2, 2), c) for c in (-1.0, 0.0, 1.0)])[None]
    assert to_uint8(colour.numpy())[0, 0, 0].tolist() == [0, 128, 255]


def test_enlarge_repeats_pixels_and_leaves_large_ones():
    small = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    large = enlarge(small, 8)
    assert large.shape == (1, 8, 8, 3)
    assert np.array_equal(large[:, ::4, ::4], small) and np.array_equal(large[:, 3::4, 3::4], small)
    assert enlarge(large, 4) is large


def test_contact_sheet_places_row_after_row():
    images = np.stack([np.full((2, 2, 3), value, np.uint8) for value in (10, 20, 30)])
    sheet = contact_sheet(images, 2, gap=1, background=7)
    assert sheet.shape == (5, 5, 3)
    assert sheet[0, 0, 0] == 10 and sheet[0, 3, 0] == 20 and sheet[3, 0, 0] == 30 and sheet[3, 3, 0] == 7
    assert sheet[2, 0, 0] == 7


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return [np.full((33, 48, 3), value, np.uint8) + rng.integers(0, 3, 3, dtype=np.uint8) for value in (20, 120, 220)]


def test_files_hold_the_frames(frames):
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(frames[0])))), frames[0])
    gif = Image.open(io.BytesIO(encode_gif(frames, fps=10)))
    assert gif.n_frames == 3 and gif.info["duration"] == 100 and gif.info["loop"] == 0
    gif.seek(2)
    assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - frames[2]).max() < 12


def test_mp4_decodes_to_the_frames(frames):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    import subprocess

    data = encode_mp4(frames, fps=10)
    assert data[4:8] == b"ftyp"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    decoded = np.frombuffer(raw, np.uint8).reshape(3, 32, 48, 3)
    for shown, frame in zip(decoded, frames, strict=True):
        assert np.abs(shown.astype(int) - frame[:32]).max() < 10


def test_ffmpeg_that_fails_is_one_sentence(frames):
    with pytest.raises(ValueError, match="could not write the video"):
        encode_mp4(frames, fps=-1)
