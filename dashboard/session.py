"""What pages share: the loaded model, the seed, cached calls, and the view that a link restores.

    model = session.model()            # what the sidebar chose; stops the page with one sentence if it cannot be read
    seed = session.seed()
    z, labels = session.inputs(model, seed, 16)

    @session.cached(max_entries=8)     # shared by all browsers; a Model counts as an argument by its identity
    def wall(model, seed, count): ...

    st.slider("Pictures", 4, 24, 12, key="growth_count", bind="query-params")

A control with `key="<page>_<name>"` and `bind="query-params"` (Streamlit's own) keeps its value when people change
pages and stands in the address, so that a link restores it. Values that are no widget's: `recall` and `remember`.
"""

import hashlib
import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
import torch

from dashboard import library, links
from dashboard.shared.page import plain
from dashboard.startup import give_back_soon, returned_when_gone
from dashboard.upload_folders import new_folder
from pgan_core import CheckpointError, Discriminator, Generator, load_checkpoint
from pgan_core.latents import following_seeds, inputs_from_seeds

DEFAULT_SEED = 28  # of the shipped model: a clear day, bare walls and roof to draw on, and a tree on either side
BY_SEED = "by seed"  # the class of a seed, unless one is chosen
RECENT = 6  # models in the list of recently used ones
MODELS_IN_MEMORY = 4  # all browsers together; an official 1024 x 1024 pair takes about 200 MB
OPTIONS = {  # what a link may say about a file, and how its text is read
    "weights": str,
    "output": str,
    "score": str,
    "alpha": float,
    "stddev_group": int,
    "normalize_latents": lambda text: text == "True",
    "fused": lambda text: text == "True",
}


@dataclass(frozen=True)
class Model:
    """A loaded checkpoint as pages see it; never changed, shared by all browsers."""

    name: str  # as in the sidebar and in links
    path: Path
    device: str
    options: tuple[tuple[str, Any], ...]  # what load_checkpoint was told about what the file leaves open
    file_identity: str  # differs whenever the file, the options or the device differ: the key of the network itself
    checkpoint: Any
    label: int | None = None  # the class that the sidebar chose for every picture; by seed if None

    @property
    def identity(self) -> str:
        """Differs whenever a seed's picture may differ: the key of caches."""
        return self.file_identity if self.label is None else f"{self.file_identity}-{self.label}"

    @property
    def generator(self) -> Generator | None:
        return self.checkpoint.generator

    @property
    def discriminator(self) -> Discriminator | None:
        return self.checkpoint.discriminator

    @property
    def info(self) -> dict:
        return self.checkpoint.info


# --- the model -------------------------------------------------------------------------------------------------


def offered() -> dict[str, Path]:
    """Name -> file of every model this browser may choose: the library's and its own uploads."""
    uploads = st.session_state.get("uploads", {})
    return library.models() | {name: path for name, path in uploads.items() if path.exists()}


def model(require: str = "generator") -> Model:
    """The chosen model, loaded; a page that cannot go on without it stops here with one sentence.

    `require` is "generator", "discriminator", "both" or "none".
    """
    name = st.session_state.get("model")
    files = offered()
    if name not in files:
        st.info("There is no model yet: put a checkpoint into assets/ or upload one on the Models page.")
        st.stop()
    try:
        chosen = in_class(open_model(name, files[name], device(), options(name)))
    except (CheckpointError, ValueError, OSError) as error:
        st.error(plain(f"{name}: {error}"))
        st.stop()
    needed = ("generator", "discriminator") if require == "both" else (require,)
    for part in needed:
        if part != "none" and getattr(chosen, part) is None:
            st.info(
                f"This page needs a {part}, and {plain(name)} has none. Choose another model in the sidebar, or join "
                "the two files on the Models page."
            )
            st.stop()
    return chosen


def open_model(name: str, path: Path, device: str = "cpu", options: tuple = ()) -> Model:
    """A model by its file, from memory where it is there; raises what load_checkpoint raises."""
    stat = path.stat()
    text = f"{path}|{stat.st_mtime_ns}|{stat.st_size}|{device}|{options}"
    identity = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Model(name, path, device, options, identity, _load(str(path), device, options, identity))


@st.cache_resource(max_entries=MODELS_IN_MEMORY, show_spinner="Reading the checkpoint")
def _load(path: str, device: str, options: tuple, identity: str) -> Any:
    files = library.files(Path(path))
    checkpoint = load_checkpoint(files if len(files) > 1 else files[0], device=device, **dict(options))
    for network in (checkpoint.generator, checkpoint.discriminator):
        if network is not None:
            returned_when_gone(network)
    return checkpoint


def prepared(model: Model) -> Generator:
    """The generator's inference form: the same walk and pictures in about half the time, for pages that only look."""
    return _prepare(model.file_identity, model.generator)


@st.cache_resource(max_entries=MODELS_IN_MEMORY, show_spinner=False)
def _prepare(identity: str, _generator: Generator) -> Generator:
    return returned_when_gone(_generator.prepared())


def unload() -> None:
    """Give the model's memory back, with everything computed from any model; it loads again when asked for.

    Other models in memory are read again, too: kept activations and results do not say whose they are.
    """
    st.cache_resource.clear()
    st.cache_data.clear()
    give_back_soon()  # once the script that calls this has let go of the model


def choose(name: str, **options: Any) -> None:
    """Show another model on every page from now on; `options` go to load_checkpoint. Reruns the page."""
    st.session_state["next_model"] = name
    if options:
        tell(name, options)
    st.rerun()


def upload(files: list[tuple[str, bytes]]) -> str:
    """Keep uploaded files (name, content) for this browser; the name under which `choose` finds them is returned.

    Several files belong together (a generator and its discriminator). An `expected.npz` among them is put beside.
    """
    folder, paths = new_folder(), []
    for name, data in files:
        path = folder / (re.sub(r"[^\w.+ -]", "_", Path(name).name).lstrip(".")[-100:] or "upload")
        if path.exists():
            path = folder / f"{len(paths)}-{path.name}"
        path.write_bytes(data)
        paths.append(path)
    return offer([path for path in paths if path.name != library.EXPECTED])


def join(*names: str) -> str:
    """One model of several offered files, such as a generator's and its discriminator's; returns its name."""
    folder = new_folder()
    paths = [offered()[name] for name in names]
    for i, path in enumerate(paths):
        (folder / f"{i}-{path.name}").symlink_to(path)
    if (expected := library.expected(paths[0])) is not None:
        (folder / library.EXPECTED).symlink_to(expected)
    return offer([folder / f"{i}-{path.name}" for i, path in enumerate(paths)], " + ".join(names))


def offer(paths: list[Path], name: str | None = None) -> str:
    """Add files of one folder to this browser's models; returns the name, made different from all others."""
    name = name or " + ".join(path.name for path in paths)
    taken, number = offered(), 1
    unique = name
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    st.session_state.setdefault("uploads", {})[unique] = paths[0] if len(paths) == 1 else paths[0].parent
    return unique


def forget(name: str) -> None:
    """Delete an uploaded or joined model of this browser from the disk and from the choice."""
    path = st.session_state.get("uploads", {}).pop(name)
    shutil.rmtree(path if path.is_dir() else path.parent, ignore_errors=True)
    st.session_state["recent"] = [other for other in recent() if other != name]


def recent() -> list[str]:
    """The models that this browser looked at, the latest first."""
    return [name for name in st.session_state.get("recent", []) if name in offered()]


def note_use(name: str) -> None:
    """Put a model at the head of `recent`."""
    st.session_state["recent"] = [name, *(other for other in recent() if other != name)][:RECENT]


def options(name: str) -> tuple[tuple[str, Any], ...]:
    """What load_checkpoint is told for this model: chosen on the Models page, or carried by the link."""
    if "options" not in st.session_state:  # the first view: a link speaks of the model that it names, of no other
        st.session_state["options"] = {name: _told(st.query_params.get("read", ""))}
    return st.session_state["options"].get(name, ())


def _told(text: str) -> tuple[tuple[str, Any], ...]:
    """A link's "alpha:0.25,output:tanh" as options; what is unknown or no value of its kind is left out and said."""
    found = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition(":")
        try:
            found[key] = OPTIONS[key](value)
        except (KeyError, ValueError):
            links.miss(f"read_{key}", value, "as stored")
    return tuple(sorted(found.items()))


def tell(name: str, options: dict[str, Any]) -> None:
    """Give load_checkpoint these options for this model from now on."""
    st.session_state.setdefault("options", {})[name] = tuple(sorted(options.items()))


def carry_options(name: str) -> None:
    """Keep what the shown model's reader was told in the address, so that a link restores it."""
    if told := options(name):
        st.query_params["read"] = ",".join(f"{key}:{value}" for key, value in told)
    else:
        st.query_params.pop("read", None)


def devices() -> list[str]:
    """The devices of this machine that torch can use; the CPU is always there."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def device() -> str:
    return st.session_state.get("device", devices()[-1])


# --- seeds and pictures ----------------------------------------------------------------------------------------


def seed() -> int:
    """The seed in the sidebar."""
    return int(st.session_state.get("seed", DEFAULT_SEED))


def label() -> int | None:
    """The class in the sidebar; None where each seed has its own."""
    chosen = str(st.session_state.get("class", BY_SEED))
    return int(chosen) if chosen.isdigit() else None


def roll() -> int:
    """Another seed, 0 to 9999. A session's rolls follow from the seed that it opened with, as all chance here does."""
    dice = st.session_state.setdefault("rolls", np.random.default_rng(seed()))
    return int(dice.integers(10_000))


def in_class(model: Model) -> Model:
    """The model with the sidebar's class, where it has that class."""
    chosen, classes = label(), model.info.get("label_dim") or 0
    return model if chosen is None or chosen >= classes else replace(model, label=chosen)


def inputs(model: Model, seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Latents and classes of the seeds seed, seed + 1, ...: the same pictures as `sample --seeds` gives."""
    return inputs_from_seeds(model.generator, following_seeds(seed, count), model.label)


# --- caches and links ------------------------------------------------------------------------------------------


def cached(max_entries: int = 16, spinner: str | bool = False) -> Callable:
    """`st.cache_data` for functions of a Model: bounded, shared by all browsers, keyed by the model's identity."""
    return st.cache_data(
        max_entries=max_entries, show_spinner=spinner, hash_funcs={Model: lambda model: model.identity}
    )


def recall(key: str, default: Any) -> Any:
    """A value that no widget holds: of this session, else of the link, else the default (which gives the type)."""
    if key in st.session_state:
        return st.session_state[key]
    asked = st.query_params.get(key, default)
    try:
        value = type(default)(asked)
        if isinstance(value, str) or math.isfinite(value):
            return value
    except ValueError:
        pass
    links.miss(key, asked, default)
    return default


def remember(key: str, value: Any, default: Any = None) -> None:
    """Keep a value for `recall` and in the address; one that equals the default is kept in neither."""
    if value == default:
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)
    else:
        st.session_state[key] = value
        st.query_params[key] = f"{value:.6g}" if isinstance(value, float) else str(value)
