"""What pages share: the loaded model, the seed, cached calls, and the view that a link restores.

    model = session.model()            # the sidebar's; stops the page with one sentence if it cannot be read
    seed = session.seed()
    z, labels = session.inputs(model, seed, 16)

    @session.cached(max_entries=8)     # shared by all browsers; a Model is hashed by its identity
    def wall(model, seed, count): ...

    st.slider("Pictures", 4, 24, 12, key="growth_count", bind="query-params")

A control with `key="<page>_<name>"` and `bind="query-params"` (Streamlit's own) keeps its value when people change
pages and appears in the address, so a link restores it. `recall` and `remember` do this for values without a widget.
"""

import functools
import hashlib
import math
import re
import shutil
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
import torch

from dashboard import library, links
from dashboard.language import N_, Later, _, said
from dashboard.limits import limits
from dashboard.load import load
from dashboard.shared.page import plain
from dashboard.shared.progress import queue
from dashboard.startup import give_back_soon, returned_when_gone
from dashboard.upload_folders import make_room, new_folder
from pgan_core import CheckpointError, Discriminator, Generator, load_checkpoint
from pgan_core.adapters import AdaptedGenerator
from pgan_core.checkpoints import Checkpoint
from pgan_core.checkpoints.reader_options import READER_OPTIONS
from pgan_core.latents import following_seeds, inputs_from_seeds
from pgan_core.own_generators import OwnGenerator

DEFAULT_SEED = 28  # of the shipped model: a clear day, bare walls and roof to draw on, and a tree on either side
BY_SEED = N_("by seed")  # the class of a seed, unless one is chosen
RECENT = 6  # models in the list of recently used models
MODELS_IN_MEMORY = limits().models_in_memory


@dataclass(frozen=True)
class Model:
    """A loaded checkpoint as pages see it; never changed, shared by all browsers.

    It names the networks and does not hold them: Streamlit keeps what a page gave it to call later, and with that the
    page's Model, as long as the browser stays. What is let go of meanwhile is read again.
    """

    name: str  # as in the sidebar and in links
    path: Path
    device: str
    options: tuple[tuple[str, Any], ...]  # given to load_checkpoint for what the file leaves open
    file_identity: str  # changes with the file, the options and the device: the cache key of the network
    label: int | None = None  # the class chosen in the sidebar; None: by seed

    @property
    def identity(self) -> str:
        """Changes whenever a seed's picture may change: the cache key of what is computed from it."""
        return self.file_identity if self.label is None else f"{self.file_identity}-{self.label}"

    @property
    def checkpoint(self) -> Checkpoint:
        """The networks and what the file says of them. Raises what load_checkpoint raises if it is read again."""
        if (kept := opened(self.file_identity)) is not None:
            return kept
        return _load(str(self.path), _own(self.name, self.path), self.device, self.options, self.file_identity)

    @property
    def networks(self) -> dict[str, Generator | Discriminator]:
        """The networks that the file holds, by name."""
        pair = {"generator": self.checkpoint.generator, "discriminator": self.checkpoint.discriminator}
        return {name: network for name, network in pair.items() if network is not None}

    @property
    def generator(self) -> Generator:
        """The generator. ValueError where the file has none; `session.model()` stops pages that need one before."""
        if self.checkpoint.generator is None:
            raise ValueError(f"{self.name} has no generator")
        return self.checkpoint.generator

    @property
    def discriminator(self) -> Discriminator:
        """The discriminator. ValueError where the file has none; ask `networks` first."""
        if self.checkpoint.discriminator is None:
            raise ValueError(f"{self.name} has no discriminator")
        return self.checkpoint.discriminator

    @property
    def grows(self) -> bool:
        """Whether it is a Progressive GAN: it has a size for every step of its growth, pixel norm, and stored weights.

        An adapted generator of another kind has its layers and its pictures, and nothing of these.
        """
        return not isinstance(self.checkpoint.generator, AdaptedGenerator)

    @property
    def info(self) -> dict:
        return self.checkpoint.info


# --- the model -------------------------------------------------------------------------------------------------


def offered() -> dict[str, Path]:
    """Name -> file of every model this browser may choose: the library's and its own uploads."""
    uploads = st.session_state.get("uploads", {})
    return library.models() | {name: path for name, path in uploads.items() if path.exists()}


def model(needs_generator: bool = True, may_be_lighter: bool = False) -> Model:
    """The chosen model, loaded. The page stops with one sentence without a model, or without a needed generator.

    may_be_lighter: while the server is full an earlier, smaller stage of the same run may stand in, and is named.
    """
    name = st.session_state.get("model")
    files = offered()
    if may_be_lighter and name in files and load().is_full and (stage := library.lighter(files[name])) is not None:
        name = next((other for other, path in files.items() if path == stage), name)
        st.info(
            _("Many people are here just now: until it is calmer, this page shows the smaller {name}.").format(
                name=plain(name)
            )
        )
    if name not in files:
        st.info(_("There is no model yet: put a checkpoint into assets/ or upload one on the Models page."))
        st.stop()
    try:
        chosen = in_class(open_model(name, files[name], device(), options(name)))
    except (CheckpointError, ValueError, OSError) as error:
        st.error(plain(f"{name}: {said(error)}"))
        st.stop()
    if needs_generator and "generator" not in chosen.networks:
        st.info(
            _(
                "This page needs a generator, and {name} has none. Choose another model in the sidebar, or join "
                "the two files on the Models page."
            ).format(name=plain(name))
        )
        st.stop()
    return chosen


def open_model(name: str, path: Path, device: str = "cpu", options: tuple = ()) -> Model:
    """The model in a file, loaded once and kept; raises what load_checkpoint raises."""
    stat, own = path.stat(), _own(name, path)
    text = f"{path}|{stat.st_mtime_ns}|{stat.st_size}|{device}|{options}" + (f"|{own}" if own else "")
    model = Model(name, path, device, options, hashlib.sha256(text.encode()).hexdigest()[:16])
    _load(str(path), own, device, options, model.file_identity)
    return model


def _own(name: str, path: Path) -> OwnGenerator | None:
    """The generator for the file's weights, where the server's owner named one."""
    own = library.own_generators().get(name)
    return own if own is not None and own.file == path else None


@st.cache_resource(max_entries=MODELS_IN_MEMORY, show_spinner=Later("Reading the checkpoint"))
def _load(path: str, own: OwnGenerator | None, device: str, options: tuple, identity: str) -> Checkpoint:
    files = library.files(Path(path))
    if own is not None:
        checkpoint = own.checkpoint(device)
    else:
        checkpoint = load_checkpoint(files if len(files) > 1 else files[0], device=device, **dict(options))
    for network in (checkpoint.generator, checkpoint.discriminator):
        if network is not None:
            returned_when_gone(network)
    _loaded()[identity] = checkpoint
    return checkpoint


@functools.cache
def _loaded() -> weakref.WeakValueDictionary[str, Checkpoint]:
    return weakref.WeakValueDictionary()


def opened(identity: str) -> Checkpoint | None:
    """The checkpoint of a model that is in memory, by `Model.file_identity`."""
    return _loaded().get(identity)


def models_in_memory() -> int:
    """How many opened models this server holds."""
    return len(_loaded())


def prepared(model: Model) -> Generator:
    """The generator prepared for inference: the same pictures in about half the time."""
    return _prepare(model.file_identity, model.generator)


@st.cache_resource(max_entries=MODELS_IN_MEMORY, show_spinner=False)
def _prepare(identity: str, _generator: Generator) -> Generator:
    return returned_when_gone(_generator.prepared())


def unload() -> None:
    """Free the memory of all models and of every kept result; each loads again when it is asked for.

    All of them, because kept activations and results do not say which model they came from.
    """
    st.cache_resource.clear()
    st.cache_data.clear()
    queue().clear()
    give_back_soon()  # by then the calling script has let go of the model


def choose(name: str, **options: Any) -> None:
    """Show another model on every page from now on; `options` go to load_checkpoint. Reruns the page."""
    st.session_state["next_model"] = name
    if options:
        tell(name, options)
    st.rerun()


def upload(files: list[tuple[str, bytes]]) -> str:
    """Store uploaded files (name, content) for this browser; returns the name for `choose`.

    Several files make one model (a generator and its discriminator). An `expected.npz` is stored beside them.
    Older uploads make room where the limits ask for it. Raises ValueError for files that are too large.
    """
    make_room(sum(len(data) for _, data in files))
    folder, paths = new_folder(), []
    for name, data in files:
        path = folder / (re.sub(r"[^\w.+ -]", "_", Path(name).name).lstrip(".")[-100:] or "upload")
        if path.exists():
            path = folder / f"{len(paths)}-{path.name}"
        path.write_bytes(data)
        paths.append(path)
    return offer([path for path in paths if path.name != library.EXPECTED])


def join(*names: str) -> str:
    """Join several offered files, such as a generator's and its discriminator's; returns the new model's name."""
    folder = new_folder()
    paths = [offered()[name] for name in names]
    for i, path in enumerate(paths):
        (folder / f"{i}-{path.name}").symlink_to(path)
    if (expected := library.expected(paths[0])) is not None:
        (folder / library.EXPECTED).symlink_to(expected)
    return offer([folder / f"{i}-{path.name}" for i, path in enumerate(paths)], " + ".join(names))


def offer(paths: list[Path], name: str | None = None) -> str:
    """Add the files of one folder to this browser's models; returns a name that no other model has."""
    name = name or " + ".join(path.name for path in paths)
    taken, number = offered(), 1
    unique = name
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    st.session_state.setdefault("uploads", {})[unique] = paths[0] if len(paths) == 1 else paths[0].parent
    return unique


def forget(name: str) -> None:
    """Delete an uploaded or joined model of this browser from the disk and from its list."""
    path = st.session_state.get("uploads", {}).pop(name)
    shutil.rmtree(path if path.is_dir() else path.parent, ignore_errors=True)
    st.session_state["recent"] = [other for other in recent() if other != name]


def recent() -> list[str]:
    """The models that this browser has shown, the latest first."""
    there = offered()
    return [name for name in st.session_state.get("recent", []) if name in there]


def note_use(name: str) -> None:
    """Move a model to the front of `recent`."""
    st.session_state["recent"] = [name, *(other for other in recent() if other != name)][:RECENT]


def options(name: str) -> tuple[tuple[str, Any], ...]:
    """The options for load_checkpoint, chosen on the Models page or given by the link."""
    if "options" not in st.session_state:  # the first run: a link's options are for the model that it names
        st.session_state["options"] = {name: _told(st.query_params.get("read", ""))}
    return st.session_state["options"].get(name, ())


def _told(text: str) -> tuple[tuple[str, Any], ...]:
    """A link's "alpha:0.25,output:tanh" as options; unknown names and unreadable values are left out and reported."""
    found = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition(":")
        try:
            found[key] = READER_OPTIONS[key].parse(value)
        except (KeyError, ValueError):
            links.miss(f"read_{key}", value, N_("as stored"))
    return tuple(sorted(found.items()))


def tell(name: str, options: dict[str, Any]) -> None:
    """Open this model with these options from now on."""
    st.session_state.setdefault("options", {})[name] = tuple(sorted(options.items()))


def carry_options(name: str) -> None:
    """Write the shown model's options into the address, so that a link restores them."""
    if told := options(name):
        st.query_params["read"] = ",".join(f"{key}:{value}" for key, value in told)
    else:
        st.query_params.pop("read", None)


def devices() -> list[str]:
    """The devices that torch can use on this machine, the CPU first."""
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
    """A random seed, 0 to 9999. The rolls of a session follow from its first seed, so they can be repeated."""
    dice = st.session_state.setdefault("rolls", np.random.default_rng(seed()))
    return int(dice.integers(10_000))


def in_class(model: Model) -> Model:
    """The model with the sidebar's class, if it has that class."""
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
    """A value without a widget: this session's, else the link's, else the default, which also gives the type."""
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
    """Store a value for `recall` and in the address; one that equals the default is removed from both."""
    links.settle(key)
    if value == default:
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)
    else:
        st.session_state[key] = value
        st.query_params[key] = f"{value:.6g}" if isinstance(value, float) else str(value)
