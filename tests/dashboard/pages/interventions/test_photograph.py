"""Photographs on the Interventions page: uploads that can and cannot be read, and the page itself."""

import io
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from dashboard.pages.interventions import photograph
from dashboard.shared.progress import queue
from dissection.projection import Projection
from pgan_core.picture_data import DataError
from pgan_core.training.picture_files import square_picture


def encoded(kind: str, size=(40, 30), mode="RGB", **options) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


# ---- uploads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "1", "I;16"])
def test_every_kind_of_png_is_read(mode):
    assert square_picture("a.png", encoded("PNG", mode=mode), 1024).shape == (30, 30, 3)


def test_a_camera_s_picture_is_upright_and_not_too_large():
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter to the right
    content = encoded("JPEG", (300, 200), exif=turned)
    plain = square_picture("a.jpg", encoded("JPEG", (300, 200)), 64).astype(int)
    assert np.abs(square_picture("a.jpg", content, 64).astype(int) - np.rot90(plain, -1)).max() < 20
    assert square_picture("a.jpg", encoded("JPEG", (1, 1)), 64).shape == (1, 1, 3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"<svg/>",
        encoded("PNG")[:60],
        encoded("JPEG")[:200],
        b"\x89PNG",
    ],
)
def test_a_broken_upload_gets_one_sentence(content):
    with pytest.raises(DataError, match="not a readable picture"):
        square_picture("a.png", content, 1024)


def test_a_picture_that_would_fill_the_memory_is_not_decoded():
    header = bytearray(encoded("PNG", (8, 8), "L"))
    header[16:24] = (9000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    with pytest.raises(DataError, match="9000 x 9000 pixels, more than can be opened"):
        square_picture("a.png", bytes(header), 1024)


# ---- the page ----------------------------------------------------------------------------------------------------


def test_a_photograph_is_uploaded_projected_and_found_by_its_link(open_app, monkeypatch):
    app = open_app("interventions", interventions_picture="a photograph")
    assert not app.exception and any("Upload a photograph" in info.value for info in app.info)
    app.file_uploader(key="interventions_upload").set_value(("broken.png", b"no picture", "image/png")).run()
    assert not app.exception and "not a readable picture" in app.error[0].value
    app.file_uploader(key="interventions_upload").set_value(("house.png", encoded("PNG"), "image/png")).run(timeout=400)
    assert not app.exception and not app.error
    assert any("interventions-projection" in html.proto.body for html in app.get("html"))
    digest = app.session_state[photograph.LINK]
    other = open_app("interventions", interventions_picture="a photograph", interventions_photograph=digest)
    assert any("interventions-projection" in html.proto.body for html in other.get("html"))
    queue().clear()
    gone = open_app("interventions", interventions_picture="a photograph", interventions_photograph=digest)
    assert any("no longer keeps" in info.value for info in gone.info)


def test_the_upload_is_changed_at_its_own_size():
    image = torch.zeros(1, 3, 8, 8)
    nothing = torch.zeros(1)
    found = Projection(nothing, "4x4/conv", nothing, nothing, image, 0.0, 0.0)
    shown = photograph.Photograph("a", np.zeros((8, 8, 3), np.uint8), np.full((30, 30, 3), 99, np.uint8), found)
    model = SimpleNamespace(device="cpu")
    assert shown.with_change(model, {}).shape == (1, 8, 8, 3)
    assert (shown.with_change(model, {}, full=True) == shown.original).all()
