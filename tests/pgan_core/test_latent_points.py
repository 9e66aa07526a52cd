"""Points as text, seed lists, and latent files."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pgan_core.latent_points import (
    from_file,
    latent_text,
    point_latent,
    points_latents,
    seed_list,
    settings_in,
    to_json,
    to_npz,
)
from pgan_core.latents import latents_from_seeds, neighbours, seed_plane

floats = arrays(np.float32, (2, 5), elements=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False))


def test_points_are_what_they_say():
    z = latents_from_seeds([3, 7, 12], 16)
    assert torch.equal(point_latent(" 7 ", 16), z[1:2])
    assert torch.equal(point_latent("7~2", 16), neighbours(z[1], [2]))
    assert torch.equal(point_latent("7~2~0", 16), neighbours(neighbours(z[1], [2]), [0]))
    assert torch.allclose(point_latent("3-7+12", 16)[0], z[0] - z[1] + z[2], atol=1e-6)
    assert torch.allclose(point_latent("-7", 16), -z[1:2])
    assert torch.equal(point_latent("@2.5:-0.25", 16), seed_plane(2.5, -0.25, 16))
    assert points_latents(["3", "12"], 16).shape == (2, 16)


@given(floats)
def test_numbers_come_back_to_the_bit(values):
    z = torch.from_numpy(values)
    assert torch.equal(point_latent(latent_text(z[0]), 5), z[:1])
    for data in (to_npz(z, {}), to_json(z, {})):
        assert torch.equal(from_file(data, "file", 5), z)


@pytest.mark.parametrize(
    ("text", "words"),
    [*((text, "not a point") for text in ("", "a", "1.5", "3+", "3 4", "~1")),
     ("99999999999", "seed"), ("z:abc", "cut or changed"), ("z:AAAA", "cut or changed|3 numbers|numbers each"),
     ("z:AADAfwAAAAAAAAAA", "NaN"), ("@nan:1", "not a point")],
)  # fmt: skip
def test_other_texts_are_refused_in_one_sentence(text, words):
    with pytest.raises(ValueError, match=words) as refusal:
        point_latent(text, 3)
    assert "\n" not in str(refusal.value)


def test_seed_lists():
    assert seed_list("0-3") == [0, 1, 2, 3] and seed_list("5, 9,20-22") == [5, 9, 20, 21, 22]
    for text in ("", "a", "3-", "9-3", "1,,2", "0-99999999"):
        with pytest.raises(ValueError, match="seeds"):
            seed_list(text)


def test_files_carry_their_settings():
    z, settings = latents_from_seeds([1, 2], 4), {"walk": {"points": ["1", "2"]}}
    assert settings_in(to_npz(z, settings)) == settings_in(to_json(z, settings)) == settings
    assert settings_in(b"other") == settings_in(json.dumps([[1.0]]).encode()) == {}


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_foreign_files_are_understood():
    rows = np.arange(8.0).reshape(2, 4)
    buffer = io.BytesIO()
    np.save(buffer, rows[0])
    for data in (npz(z=rows, other=rows), npz(anything=rows), npz(latents=rows.reshape(2, 4, 1, 1)),
                 json.dumps(rows.tolist()).encode()):  # fmt: skip
        assert from_file(data, "file", 4).tolist() == rows.tolist()
    assert from_file(buffer.getvalue(), "file", 4).tolist() == rows[:1].tolist()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("latents.npy", bytes(300 * 2**20))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither"),
        (b"hello", "neither"),
        (b"PK\x03\x04 cut", "file"),
        (b"\x93NUMPY\x01\x00", "file"),
        (b"[" * 100_000, "neither"),
        (b'{"a": 1}', "list of lists"),
        (b"[[1, 2, 3, 4], [1, 2]]", "different lengths"),
        (b'[["a", "b", "c", "d"]]', "not numbers"),
        (b"[[1, 2, 3, NaN]]", "NaN"),
        (json.dumps([[1.0, 2.0]]).encode(), "4 numbers each, these have 2"),
        (npz(latents=np.array([b"text"])), "not numbers"),
        (npz(a=np.zeros((1, 4)), b=np.zeros(2)), "no array `latents`"),
        (npz(latents=np.array([{}], dtype=object)), "file"),
        (npz(latents=np.zeros((10_001, 4))), "more than 10000"),
        (bomb(), "larger than 256 MiB"),
    ],
    ids=range(15),
)
def test_bad_files_are_refused_in_one_sentence(data, words):
    with pytest.raises(ValueError, match=words) as refusal:
        from_file(data, "file.npz", 4)
    assert str(refusal.value).startswith("file.npz: ") and "\n" not in str(refusal.value)
