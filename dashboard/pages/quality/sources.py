"""Where the compared pictures come from: Toy Town, a model of the sidebar, or the visitor's own files."""

import hashlib
from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import session
from dashboard.language import N_, _, said
from dissection.world.town import SIZES, town
from pgan_core.latents import MAX_SEED
from pgan_core.metrics.picture_sets import generated_pictures
from pgan_core.metrics.swd import COARSEST
from pgan_core.picture_data import PICTURE_SUFFIXES, read_picture, to_size
from pgan_core.progress import Progress

TOWN, UPLOAD = N_("Toy Town scenes"), N_("Uploaded pictures")
REAL, AGAIN, COMPARED = range(3)  # the roles of sets; AGAIN: other real pictures, for the floor
LARGEST = max(SIZES)  # pixels; larger pictures are reduced before they are compared
TOWN_SEED = 2_000_000_000  # towns that no training set was drawn from
CHUNK, MODEL_CHUNK = 64, 16  # pictures that are made and kept together: scenes; a model's, fewer of large ones


def offered() -> list[str]:
    """Names of all sources: Toy Town, every model of the sidebar, and this browser's uploads, if any."""
    uploads = [UPLOAD] if "quality_uploads" in st.session_state else []
    return [TOWN, *session.offered(), *uploads]


def identity(source: str) -> str:
    """A text that differs whenever the pictures do: part of the key of results."""
    if source == UPLOAD:
        return st.session_state["quality_uploads"][0]
    return TOWN if source == TOWN else _model(source).identity


def native_size(source: str) -> int:
    """Side of the pictures as the source has them."""
    if source == TOWN:
        return LARGEST
    if source == UPLOAD:
        return st.session_state["quality_uploads"][1].shape[-1]
    return _model(source).generator.resolution


def pictures(
    source: str, size: int, count: int, role: int, seed: int = 0, progress: Progress | None = None
) -> np.ndarray:
    """uint8 count x 3 x size x size of a source; each role (REAL, AGAIN, COMPARED) has its own pictures.

    A model's COMPARED pictures begin with the sidebar's `seed`, as on every page. Fewer pictures are the first of
    more. Raises ValueError where a source has none.
    """
    if source == UPLOAD:
        uploaded = st.session_state["quality_uploads"][1]
        half = len(uploaded) // 2
        return to_size((uploaded[:half] if role == REAL else uploaded[half:])[:count], size)
    chunk = CHUNK if source == TOWN else max(4, min(MODEL_CHUNK, 2**20 // native_size(source) ** 2))
    chunks = []
    for first in range(0, count, chunk):
        if source == TOWN:
            chunks.append(_town_chunk(size, role, first))
        else:
            start = (seed + first + 2_000_000 * (COMPARED - role)) % (MAX_SEED + 1)
            chunks.append(_model_chunk(_model(source), size, start, chunk))
        if progress:
            progress(min(1.0, (first + chunk) / count))
    return np.concatenate(chunks)[:count]


def most(source: str) -> int | None:
    """The most pictures that a set of this source can have: half of the uploads (the other half gives the floor)."""
    return len(st.session_state["quality_uploads"][1]) // 2 if source == UPLOAD else None


@session.cached(max_entries=256)
def _town_chunk(size: int, role: int, first: int) -> np.ndarray:
    return next(town(CHUNK, size, TOWN_SEED + role, start=first))[0]


@session.cached(max_entries=1024)
def _model_chunk(model: session.Model, size: int, seed: int, count: int) -> np.ndarray:
    """Pictures are reduced to `size` before they are cached: at most 3 MB."""
    return to_size(generated_pictures(session.prepared(model), count, seed=seed, label=model.label), size)


def _model(name: str) -> session.Model:
    model = session.open_model(name, session.offered()[name], session.device(), session.options(name))
    if "generator" not in model.networks:
        raise ValueError(f"{name} has no generator to draw pictures from.")
    return session.in_class(model)


def upload_control() -> None:
    """A control for files of one's own, which become one more source in this browser."""
    with st.popover(_("Bring pictures")):
        files = st.file_uploader(
            _("Square pictures of one size"), [suffix.removeprefix(".") for suffix in sorted(PICTURE_SUFFIXES)],
            accept_multiple_files=True, key="quality_files",
        )  # fmt: skip
        if not files:
            return
        digest = hashlib.sha256(b"".join(file.getvalue() for file in files)).hexdigest()[:16]
        if st.session_state.get("quality_uploads", ("",))[0] != digest:
            try:
                st.session_state["quality_uploads"] = (digest, read_uploads(files))
            except ValueError as error:
                st.error(said(error))
                return
            st.rerun()
        st.success(
            _("{count} pictures. Choose “{upload}” as a source.").format(
                count=len(st.session_state["quality_uploads"][1]), upload=_(UPLOAD)
            )
        )


def read_uploads(files: Sequence[UploadedFile]) -> np.ndarray:
    """Uploaded picture files as uint8 N x 3 x R x R, R the largest power of two that divides the first one's side.

    Raises ValueError with one sentence: fewer than 4, not square, sizes that do not divide, or no pictures at all.
    """
    if len(files) < 4:
        raise ValueError(f"At least 4 pictures are needed, two to compare and two for the floor; got {len(files)}.")
    side = read_picture(files[0], name=files[0].name).shape[-1]
    size = min(LARGEST, side & -side)
    if size < COARSEST:
        raise ValueError(f"{files[0].name}: the side must be a multiple of {COARSEST} pixels, found {side}.")
    return np.stack([read_picture(file, size, name=file.name) for file in files])
