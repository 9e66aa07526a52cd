"""Uploads as training sets: what is taken, and one sentence for what is not."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from dashboard.pages.training import own_pictures
from pgan_core.picture_data import DataError
from pgan_core.training import picture_files


def png(width=20, height=16, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(
        buffer, kind
    )
    return buffer.getvalue()


def zipped(files, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


PICTURE = png()


def test_pictures_and_a_zip_of_them_are_the_same_set(tmp_path):
    files = [(f"{i:03d}.png", PICTURE) for i in range(200)]
    read = own_pictures.read(files, 8, tmp_path)
    assert read.shape == (200, 3, 8, 8) and read.dtype == np.uint8
    assert np.array_equal(read, own_pictures.read([("all.ZIP", zipped(files))], 8, tmp_path))
    assert not list(tmp_path.iterdir()), "the upload is not kept"


@pytest.mark.parametrize(
    "files, sentence",
    [
        ([(f"{i}.png", PICTURE) for i in range(199)], "199 pictures"),
        ([(f"{i}.png", PICTURE if i else b"no picture") for i in range(200)], "not a readable picture"),
        ([(f"{i}.png", PICTURE if i else png(6, 6)) for i in range(200)], "6 pixels"),
        ([("a.zip", b"no zip")], "not a readable zip"),
        ([("a.zip", zipped([])), ("b.png", PICTURE)], "not both"),
    ],
    ids=["too few", "not pictures", "too small", "no zip", "zip and pictures"],
)  # fmt: skip
def test_what_cannot_be_trained_on_gets_one_sentence(tmp_path, files, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        own_pictures.read(files, 8, tmp_path)
    assert str(tmp_path) not in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_files, "MOST_BYTES", 1_000_000)
    bomb = zipped([(f"{i}.png", bytes(10_000)) for i in range(200)], compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    with pytest.raises(DataError, match="unpacks to 200 pictures of 2 MB"):
        own_pictures.read([("bomb.zip", bomb)], 8, tmp_path)


def symlink(name, target):
    link = zipfile.ZipInfo(name)
    link.create_system, link.external_attr = 3, 0o120777 << 16
    return link, target.encode()


def header_of(width, height):
    """A PNG that says it is so large; its pixels are those of a small one."""
    content = bytearray(PICTURE)
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def damaged():
    """A zip whose compressed data are no longer what was compressed."""
    content = bytearray(zipped([("a.png", bytes(5000))], compression=zipfile.ZIP_DEFLATED))
    content[36:42] = b"\xff" * 6
    return bytes(content)


@pytest.mark.parametrize(
    "files, sentence",
    [
        ([(f"{i}.png", b"") for i in range(200)], "0.png is not a readable picture"),
        ([symlink(f"{i}.png", "/etc/passwd") for i in range(200)], "0.png is not a readable picture"),
        ([("line\nbreak\x1b[2J" + "long" * 60 + f"{i}.png", b"") for i in range(200)], "long0.png is not a readable"),
        ([(f"{i}.txt", PICTURE) for i in range(200)], "holds 0 pictures"),
    ],
    ids=["empty files", "links to files of the server", "names that do not print", "other files"],
)  # fmt: skip
def test_hostile_zips_get_one_sentence(tmp_path, files, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        own_pictures.read([("a.zip", zipped(files))], 8, tmp_path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200


def test_a_damaged_zip_gets_one_sentence(tmp_path):
    with pytest.raises(DataError, match="The upload is not a readable zip file"):
        own_pictures.read([("a.zip", damaged())], 8, tmp_path)


def test_names_that_no_file_may_have_are_taken(tmp_path):
    assert len(own_pictures.read([(f"a\ud800/../{i}\0.png", PICTURE) for i in range(200)], 8, tmp_path)) == 200


def test_too_many_pictures_too_large_ones_and_too_much_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(picture_files, "MOST_PICTURES", 250)
    with pytest.raises(DataError, match="251 pictures of 0 MB; at most 250"):
        own_pictures.read([("a.zip", zipped([(f"{i}.png", b"") for i in range(251)]))], 8, tmp_path)
    huge = header_of(9000, 8000)
    with pytest.raises(DataError, match="9000 x 8000 pixels, more than can be opened safely"):
        own_pictures.read([(f"{i}.png", PICTURE if i else huge) for i in range(200)], 8, tmp_path)
    monkeypatch.setattr(own_pictures, "MOST_BYTES", 1_000_000)
    with pytest.raises(DataError, match="more than 1 MB together"):
        own_pictures.read([("a.zip", bytes(1_000_001))], 8, tmp_path)


def test_names_that_climb_out_of_the_folder_write_nothing(tmp_path):
    files = [(f"../{i}.png", PICTURE) for i in range(200)]
    place = tmp_path / "inside"
    place.mkdir()
    assert len(own_pictures.read([("a.zip", zipped(files))], 8, place)) == 200
    assert list(tmp_path.iterdir()) == [place]
