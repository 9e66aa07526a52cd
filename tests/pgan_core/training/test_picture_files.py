"""Pictures of a folder or a zip: cropped, resized, and refused in one sentence."""

import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pgan_core.picture_data import DataError
from pgan_core.training import picture_files
from pgan_core.training.picture_files import load_pictures


def picture(width=40, height=20, kind="PNG", colour=(255, 0, 0)):
    """A red picture with blue margins left and right of its middle square."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:] = (0, 0, 255)
    edge = (width - height) // 2
    pixels[:, edge : width - edge] = colour
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind, lossless=True)
    return file.getvalue()


@pytest.fixture(params=["folder", "zip"])
def place(request, tmp_path):
    """A function that writes named contents and says where."""

    def write(contents):
        if request.param == "folder":
            for name, content in contents.items():
                (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "set" / name).write_bytes(content)
            return tmp_path / "set"
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        return tmp_path / "set.zip"

    return write


def test_the_middle_square_is_taken_in_the_order_of_names(place):
    path = place({"b/2.webp": picture(kind="WEBP", colour=(0, 255, 0)), "a.png": picture(), "notes.txt": b"no picture"})
    images = load_pictures(path)
    assert images.shape == (2, 3, 16, 16) and images.dtype == np.uint8  # 16: the largest that enlarges none
    assert (images[0, 0] == 255).all() and (images[0, 2] == 0).all()
    assert (images[1, 1] > 250).all() and (images[1, 2] < 5).all()
    assert load_pictures(path, 8).shape == (2, 3, 8, 8)


@pytest.mark.parametrize(
    ("contents", "options", "sentence"),
    [
        ({"a.txt": b"text"}, {}, "no picture|0 pictures"),
        ({"a.png": picture()}, {"at_least": 200}, "1 pictures; from 200"),
        ({"a.png": picture()}, {"resolution": 64}, "20 pixels: it cannot train 64"),
        ({"a.png": picture()}, {"resolution": 12}, "power of two"),
        ({"a.png": b"not a picture"}, {}, "not a readable picture"),
        ({"a.png": picture()[:60]}, {}, "not a readable picture"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_in_one_sentence(place, contents, options, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        load_pictures(place(contents), **options)
    assert "\n" not in str(caught.value)


def test_a_zip_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_files, "MOST_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(1_000_000))
    with pytest.raises(DataError, match="unpacks to 1 pictures of 1 MB"):
        load_pictures(tmp_path / "bomb.zip")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 torn off")
    with pytest.raises(DataError, match="not a readable zip"):
        load_pictures(tmp_path / "broken.zip")
    monkeypatch.setattr(picture_files, "MOST_PIXELS", 100)
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        archive.writestr("a.png", picture())
    with pytest.raises(DataError, match="40 x 20 pixels"):
        load_pictures(tmp_path / "large.zip")
