"""The dissections that a page can show: found in the model folders, uploaded, or computed here."""

import functools
import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard import library, session, work
from dashboard.language import N_, Later, _, said
from dashboard.shared.jobs import ENDED
from dashboard.shared.progress import apart, queue
from dissection import Dissection, DissectionError
from dissection.output.overlays import Material, make_material, palette
from dissection.result import ARRAYS, SETTINGS
from dissection.scoring.job import fingerprint
from dissection.segmenters import SegmenterError
from dissection.segmenters.registry import load_segmenter
from dissection.world.town import CONCEPTS, PALETTE
from pgan_core import Generator

TOWN = (  # Toy Town's concepts
    N_("sky"), N_("sun"), N_("moon"), N_("cloud"), N_("mountain"), N_("grass"), N_("road"), N_("wall"), N_("roof"),
    N_("window"), N_("door"), N_("chimney"), N_("trunk"), N_("foliage"), N_("fence"), N_("unlabelled"),
)  # fmt: skip
MAX_UPLOAD = 400 << 20  # bytes of an uploaded dissection's two files


@dataclass(frozen=True)
class Found:
    """A dissection, its key in caches, and whether it was made from the loaded model."""

    name: str
    dissection: Dissection
    key: str
    own: bool  # its pictures can be made again with the loaded model


@session.cached(max_entries=32)
def weights_of(model: session.Model) -> str:
    """The fingerprint that a dissection keeps of its generator."""
    return fingerprint(model.generator)


def found(model: session.Model) -> list[Found]:
    """Dissections of this model, the largest sample first, then those that the viewer uploaded or computed."""
    mine = weights_of(model)
    rows = [(name, read, key) for name, read, key in stored() if read.info.get("weights_sha256") == mine]
    rows.sort(key=lambda row: -row[1].info.get("samples", 0))
    brought = [(name, read, key) for name, (read, key) in st.session_state.get("dissections", {}).items()]
    return [Found(name, read, key, read.info.get("weights_sha256") == mine) for name, read, key in rows + brought]


def stored() -> list[tuple[str, Dissection, str]]:
    """Name, dissection and key of every readable dissection below the model folders."""
    rows = []
    for folder in library.folders():
        for path in sorted(library.below(folder, SETTINGS)):
            stamp = path.stat().st_mtime_ns
            try:
                read = _load(str(path.parent), stamp)
            except DissectionError as error:
                st.warning(said(error))
                continue
            name = path.parent.relative_to(folder).as_posix()
            rows.append((name if name != "." else folder.name, read, f"{path}|{stamp}"))
    return rows


@st.cache_resource(max_entries=24, show_spinner=False)
def _load(folder: str, changed: int) -> Dissection:
    return Dissection.load(folder)


def keep(name: str, dissection: Dissection) -> None:
    """Offer a dissection to this browser."""
    content = f"{name}|{dissection.info}|{dissection.concepts}"
    key = hashlib.sha256(content.encode()).hexdigest()[:16]
    st.session_state.setdefault("dissections", {})[name] = dissection, key


def bring(files: dict[str, bytes]) -> Dissection:
    """The dissection in two uploaded files. Raises DissectionError in one sentence."""
    if sum(map(len, files.values())) > MAX_UPLOAD:
        raise DissectionError(f"These files are larger than {MAX_UPLOAD >> 20} MiB.")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            if name in (ARRAYS, SETTINGS):
                (Path(folder) / name).write_bytes(content)
        missing = {ARRAYS, SETTINGS} - set(files)
        if missing:
            raise DissectionError(f"A dissection is two files, {ARRAYS} and {SETTINGS}; upload {min(missing)} as well.")
        return Dissection.load(folder)


def work_key(model: session.Model, layers: tuple[str, ...], segmenter: str, samples: int, threshold) -> tuple:
    """Names a new dissection of this model, from the sidebar's seed on."""
    return ("dissect", weights_of(model), layers, segmenter, samples, session.seed(), threshold, model.label)


def is_under_way(model: session.Model, *settings) -> bool:
    """Whether a dissection with these settings of `work_key` waits or runs, whoever asked for it."""
    return (job := queue().find(work_key(model, *settings))) is not None and job.state not in ENDED


def compute(
    model: session.Model, layers: tuple[str, ...], segmenter: str, samples: int, threshold: str | float
) -> Dissection | None:
    """A new dissection of a model, as `dissect_apart`, from the sidebar's seed on."""
    key = work_key(model, layers, segmenter, samples, threshold)
    return dissect_apart(key, model.generator, layers, segmenter, samples, session.seed(), model.label, threshold)


def dissect_apart(
    key: tuple,
    generator: Generator,
    layers: tuple[str, ...],
    segmenter: str,
    samples: int,
    seed: int,
    label: int | None,
    threshold: str | float,
) -> Dissection | None:
    """A new dissection, made in a process of its own under a bar with the time left; None while there is none.

    One that was cancelled or broke off goes on from where it was.  key: names it among all that are made.
    """
    folder = Path(_folder().name) / hashlib.sha256(repr(key).encode()).hexdigest()[:24]
    return apart(
        key, _("Dissecting"), work.dissection, generator, layers, segmenter, samples, seed, label, threshold, folder
    )


@functools.cache
def _folder() -> tempfile.TemporaryDirectory:
    """Where unfinished dissections lie, for as long as the server lives."""
    return tempfile.TemporaryDirectory(prefix="pggan-lab-")


@st.cache_resource(max_entries=6, show_spinner=Later("Loading the segmenter"))
def segmenter_for(spec: str, _generator: Generator, identity: str):
    """The segmenter that a text names; clusters are fitted to the generator that `identity` stands for."""
    return load_segmenter(spec, _generator)


def segmenter_of(item: Found, model: session.Model):
    """The segmenter that a dissection was made with, or None where it is not available."""
    spec = str(item.dissection.info.get("segmenter", "")).partition(" ")[0]
    if not item.own or spec.partition(":")[0] not in ("toytown", "clusters", "faces"):
        return None
    try:
        return segmenter_for(spec, model.generator, model.file_identity)
    except SegmenterError:
        return None


def words(names: Iterable[str]) -> list[str]:
    """Concepts in the reader's language; those of other people's segmenters stay as they are."""
    return [_(name) for name in names]


def colours(concepts: tuple[str, ...]) -> np.ndarray:
    """The concepts' colours, C x 3: Toy Town's own, or ones that differ."""
    return PALETTE if concepts == CONCEPTS else palette(len(concepts))


def material(item: Found, model: session.Model, layer: str, images, labelled: bool = False) -> Material:
    """Pictures, maps and (if asked) label maps of some images of a dissection's sample."""
    segmenter = segmenter_of(item, model) if labelled else None
    indexes = tuple(sorted({int(image) for image in images}))
    return make_again(
        item.key, layer, indexes, segmenter is not None, item.dissection, session.prepared(model), segmenter
    )


@st.cache_resource(max_entries=16, show_spinner=Later("Rendering the sample's pictures"))
def make_again(
    key: str, layer: str, images: tuple[int, ...], labelled: bool, _dissection: Dissection, _generator, _segmenter=None
) -> Material:
    """`make_material`, cached; `key` stands for the dissection and its generator."""
    return make_material(_generator, _dissection, layer, images, _segmenter)
