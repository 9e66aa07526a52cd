"""Points of the latent space written as text, and latents as files; both come back to the bit.

A point is one of

    17          the latent of seed 17
    17~3        its neighbour number 3, at 0.4 radians; 17~3~1 is a neighbour of that
    3-7+12      latent arithmetic
    @2.5:0.25   a place in the plane of seeds (x : y)
    z:AACAPw..  the numbers themselves, float32 in base64
    17#2        any of these, as class 2 of a conditional network

so that a list of them, with commas, fits into a link, a file's settings or a command.
"""

import base64
import io
import json
import re
import zipfile
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pgan_core.latents import (
    MAX_SEED,
    check_latents,
    classes_from_seeds,
    combine,
    latents_from_seeds,
    neighbours,
    seed_plane,
    seed_plane_classes,
)

NUMBERS, PLACE, CLASS = "z:", "@", "#"
TERM = re.compile(r"([+-]?)(\d+(?:~\d+)*)")
MAX_POINTS = 10_000  # of a file: more is a mistake
MAX_BYTES = 2**28  # unpacked
SUFFIXES = (".npz", ".json")


def point_latent(text: str, latent_dim: int) -> Tensor:
    """The latent that a text means, 1 x latent_dim. Raises ValueError, one sentence, for anything else."""
    text, _ = _parts(text)
    if text.startswith(NUMBERS):
        return _numbers(text, latent_dim)
    if place := _place(text):
        return seed_plane(*place, latent_dim)
    terms = TERM.findall(text)
    if not terms or "".join(sign + term for sign, term in terms) != text or any(not s for s, _ in terms[1:]):
        raise ValueError(f"{text[:40]!r} is not a point: a point is a seed (17), a neighbour (17~3) or a sum (3-7+12)")
    latents = torch.cat([_neighbour(term, latent_dim) for _, term in terms])
    return latents if text == terms[0][1] else combine(latents, [-1.0 if sign == "-" else 1.0 for sign, _ in terms])


def points_latents(texts: Sequence[str], latent_dim: int) -> Tensor:
    """The latents of several points, N x latent_dim."""
    if not texts:
        raise ValueError("no point was given; at least one is needed")
    return torch.cat([point_latent(text, latent_dim) for text in texts])


def points_classes(texts: Sequence[str], classes: int, label: int | None = None) -> Tensor | None:
    """The classes of several points as one-hot rows N x classes: all `label` where one is chosen. None without classes.

    A seed's own class is that of `classes_from_seeds`; its neighbours have it, too, and a sum has its first seed's. A
    place in the plane of seeds blends the classes around it; plain numbers are of class 0. `#2` says another class.
    """
    if label is not None or not classes:
        chosen = classes_from_seeds(range(len(texts)), classes, label)
        return None if chosen is None else torch.eye(classes)[chosen]
    return torch.cat([_class_row(*_parts(text), classes) for text in texts])


def _class_row(text: str, class_: int | None, classes: int) -> Tensor:
    """One point's class, 1 x classes."""
    if class_ is None and (place := _place(text)):
        return seed_plane_classes(*place, classes)
    first = re.search(r"\d+", text)
    seed = 0 if text.startswith(NUMBERS) or not first else int(first[0])
    return torch.eye(classes)[classes_from_seeds([seed], classes, class_)]


def _parts(text: str) -> tuple[str, int | None]:
    """A point's text without its class, and the class."""
    text, mark, class_ = text.strip().partition(CLASS)
    if mark and not re.fullmatch(r"\d{1,9}", class_):
        raise ValueError(f"the class of a point is a whole number (17#2), not {class_[:40]!r}")
    return text, int(class_) if mark else None


def _place(text: str) -> tuple[float, float] | None:
    """x and y of a place in the plane of seeds; None for every other point."""
    found = re.fullmatch(r"@(-?\d+(?:\.\d+)?):(-?\d+(?:\.\d+)?)", text)
    return (float(found[1]), float(found[2])) if found else None


def latent_text(z: Tensor, class_: int | None = None) -> str:
    """The text of a latent's own numbers (D), and of a class."""
    numbers = NUMBERS + base64.urlsafe_b64encode(np.asarray(z.cpu(), "<f4").tobytes()).decode()
    return numbers if class_ is None else f"{numbers}{CLASS}{class_}"


def _numbers(text: str, latent_dim: int) -> Tensor:
    try:
        values = np.frombuffer(base64.b64decode(text[len(NUMBERS) :], altchars="-_", validate=True), "<f4")
    except ValueError as error:
        raise ValueError("the numbers of a point (z:...) are cut or changed") from error
    return check_latents(values.astype(np.float32)[None], latent_dim)


def _neighbour(term: str, latent_dim: int) -> Tensor:
    """17~3~1 to a latent: each number after the first is a neighbour of what stands before."""
    seed, *steps = map(int, term.split("~"))
    z = latents_from_seeds([seed], latent_dim)
    for step in steps:
        if step > MAX_SEED:
            raise ValueError(f"neighbours are numbered 0 to {MAX_SEED}, not {step}")
        z = neighbours(z, [step])
    return z


def seed_list(text: str) -> list[int]:
    """`0-63` or `5,9,20-23` as seeds in order. Raises ValueError for anything else, and for a backward range."""
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not found:
            raise ValueError(f"seeds are written 0-63 or 5,9,20-23, not {text!r}")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise ValueError(f"the seeds {part.strip()} go backwards")
        if last - first >= 10**6:
            raise ValueError(f"the seeds {part.strip()} are more than a million")
        seeds += range(first, last + 1)
    return seeds


# ---- files -------------------------------------------------------------------------------------------------------


def to_npz(z: Tensor, settings: dict) -> bytes:
    """Latents N x D as .npz: `latents` float32, and `settings` as JSON text."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, latents=z.cpu().numpy().astype(np.float32), settings=np.array(json.dumps(settings)))
    return buffer.getvalue()


def to_json(z: Tensor, settings: dict) -> bytes:
    """Latents N x D as JSON {"latents": rows, "settings": ...}; the shortest text that gives each float32 again."""
    rows = [[float(str(value)) for value in row] for row in z.cpu().numpy().astype(np.float32)]
    return json.dumps({"latents": rows, "settings": settings}).encode()


def from_file(data: bytes, name: str, latent_dim: int) -> Tensor:
    """Latents out of an .npz (its array `latents`, `z` or only one), .npy or .json file: N x latent_dim float32.

    Nothing in the file is executed. Raises ValueError, one sentence that begins with the file's name.
    """
    try:
        z = check_latents(_rows(data), latent_dim)
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(
            f"{name}: {error if isinstance(error, ValueError) else 'cannot be read as latents'}"
        ) from error
    if len(z) > MAX_POINTS:
        raise ValueError(f"{name}: {len(z)} latents are more than {MAX_POINTS}")
    return z


def settings_in(data: bytes) -> dict:
    """The settings that a latent file of ours carries; empty for every other file."""
    try:
        if data[:2] != b"PK":
            return dict(json.loads(data)["settings"])
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return dict(json.loads(str(arrays["settings"])))
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError, OSError, RecursionError):
        return {}


def _rows(data: bytes) -> np.ndarray:
    """The array of a file, told apart by its content."""
    if data[:2] == b"PK":
        if sum(member.file_size for member in zipfile.ZipFile(io.BytesIO(data)).infolist()) > MAX_BYTES:
            raise ValueError(f"unpacked it is larger than {MAX_BYTES >> 20} MiB")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            names = [name for name in ("latents", "z") if name in arrays.files] or arrays.files
            if not names or (len(arrays.files) > 1 and names == arrays.files):
                raise ValueError(f"there is no array `latents`, only {', '.join(arrays.files) or 'nothing'}")
            rows = arrays[names[0]]
    elif data[:6] == b"\x93NUMPY":
        rows = np.load(io.BytesIO(data), allow_pickle=False)
    else:
        rows = _json_rows(data)
    if rows.dtype.kind not in "fiu":
        raise ValueError("the latents are not numbers")
    return rows[None] if rows.ndim == 1 else rows.reshape(len(rows), -1) if rows.ndim > 2 else rows


def _json_rows(data: bytes) -> np.ndarray:
    try:
        content = json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError("this is neither .npz, .npy nor JSON") from error
    rows = content.get("latents") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows:
        raise ValueError("JSON latents are a list of lists of numbers, or stand under `latents`")
    try:
        return np.array(rows, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError("the latents are of different lengths, or are not numbers") from error
