"""Models: which network is in this file, and is it read correctly?"""

import math
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import streamlit as st

from dashboard import library, session
from dashboard.language import N_, _, said
from dashboard.limits import limits
from dashboard.pages.models import catalogue
from dashboard.pages.models import facts as model_facts
from dashboard.pages.models.check import self_check
from dashboard.shared import other_models
from dashboard.shared.page import header, plain
from dashboard.shared.progress import queue
from dashboard.upload_folders import own, root, used
from pgan_core import CheckpointError
from pgan_core.checkpoints.conversion import convert
from pgan_core.checkpoints.reader_options import READER_OPTIONS, ReaderOption

OPTIONS = (  # of reading a file: their names and values
    N_("weights"), N_("output"), N_("score"), N_("normalize latents"), N_("fused"), N_("stddev group"), N_("alpha"),
    N_("ema"), N_("raw"), N_("linear"), N_("tanh"), N_("clamp"), N_("sigmoid"), N_("True"), N_("False"),
)  # fmt: skip
UNREADABLE = (CheckpointError, ValueError, OSError)
AS_STORED = N_("as stored")


# ---- choosing ----------------------------------------------------------------------------------------------------


def choose_section() -> None:
    """Choose a model of this server, one used before, one joined from two files, or an upload."""
    names, current = list(session.offered()), st.session_state.get("model", "")
    tries = st.session_state.get("models_tries", 0)  # a refused partner must not stay chosen
    left, right = st.columns([3, 2], gap="medium")
    with left:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            at = names.index(current) if current in names else None
            picked = st.selectbox(_("Models on this server"), names, at, key=f"models_pick_{current}")
            others, placeholder = [name for name in names if name != current], _("a discriminator in another file")
            partner = st.selectbox(
                _("Joined with"), others, None, key=f"models_partner_{current}_{tries}", placeholder=placeholder
            )
        if picked and picked != current:
            session.choose(picked)
        if partner:
            open_new(session.join(current, partner))
        others = [name for name in session.recent() if name != current]
        again = st.pills(_("Recently used"), others, key=f"models_recent_{current}") if others else None
        if again:
            session.choose(again)
    with right:
        upload_section()


def upload_section() -> None:
    """Upload one file, or several that belong together; a file that cannot be read changes nothing."""
    count = st.session_state.get("models_uploads", 0)  # a new uploader each time: the old one would keep its files
    uploads = st.file_uploader(
        _("Upload"), accept_multiple_files=True, key=f"models_upload_{count}",
        help=_(
            "A checkpoint of any published Progressive GAN. If generator and discriminator are in separate "
            "files, choose both at once. Add an expected.npz to compare outputs with it. No code in a file is "
            "ever run."
        ),
    )  # fmt: skip
    if not uploads:
        return
    st.session_state["models_uploads"] = count + 1
    files = [(upload.name, upload.getvalue()) for upload in uploads]
    if all(name == library.EXPECTED for name, _ in files):
        refuse(_("{expected} belongs to a checkpoint: choose both at once.").format(expected=library.EXPECTED))
    try:
        name = session.upload(files)
    except ValueError as error:
        refuse(said(error))
    open_new(name)


def open_new(name: str) -> None:
    """Show a new model, or say in one sentence why not and change nothing. Reruns the page."""
    try:
        session.open_model(name, session.offered()[name], session.device())
    except UNREADABLE as error:
        session.forget(name)
        st.session_state["models_tries"] = st.session_state.get("models_tries", 0) + 1
        refuse(f"{name}: {said(error)}")
    session.choose(name)


def refuse(sentence: str) -> NoReturn:
    """Say why something was refused, until another model is chosen. Reruns the page."""
    st.session_state["models_refused"] = (st.session_state.get("model", ""), sentence)
    st.rerun()


# ---- options, conversion, unloading ------------------------------------------------------------------------------


def options_section(model: session.Model) -> None:
    """Controls for everything that a file may leave open; Apply reads the file again with them."""
    st.subheader(_("What the file leaves open"))
    if not model.grows:
        reason = _("these options are not for it, and it cannot be written as a safetensors file of PGGAN Lab.")
        other_models.why_not(model, reason)
    said, is_off = dict(model.options), not model.grows
    with st.form(f"models_options_{model.file_identity}", border=False):
        columns, told = st.columns(len(READER_OPTIONS)), {}
        for column, (name, option) in zip(columns, READER_OPTIONS.items(), strict=True):
            with column:
                key = f"models_{name}_{model.file_identity}"
                told[name] = option_control(name, option, said.get(name), key, is_off)
        if st.form_submit_button(
            _("Apply"), icon=":material/refresh:", help=_("Read the file again with these options"), disabled=is_off
        ):
            read_again(model, {name: value for name, value in told.items() if value is not None})


def option_control(name: str, option: ReaderOption, said: Any, key: str, is_off: bool) -> Any:
    """The control of one option, greyed where `is_off`; None where it says nothing."""
    label, meaning = _(name.replace("_", " ")), _(option.meaning)
    if option.values:
        shown = [AS_STORED, *option.values]
        at = shown.index(said) if said in shown else 0
        chosen = st.selectbox(
            label, shown, at, format_func=lambda value: _(str(value)), help=meaning, key=key, disabled=is_off
        )
        return None if chosen == AS_STORED else chosen
    most = None if math.isinf(option.most) else option.kind(option.most)
    least = option.kind(0)
    return st.number_input(
        label, least, most, said, placeholder=_(AS_STORED), help=meaning, key=key, disabled=is_off
    )  # fmt: skip


def read_again(model: session.Model, told: dict) -> None:
    """Read the file with these options, or say in one sentence why not and change nothing. Reruns the page."""
    try:
        session.open_model(model.name, model.path, model.device, tuple(sorted(told.items())))
    except UNREADABLE as error:
        refuse(f"{model.name}: {said(error)}")
    st.session_state.pop("models_refused", None)
    session.tell(model.name, told)
    st.rerun()


def converted(model: session.Model) -> bytes:
    """The model as a safetensors file in our format, with averaged and raw weights where the file has both."""
    said = {name: value for name, value in model.options if name != "weights"}
    files = library.files(model.path)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "converted.safetensors"
        convert(files if len(files) > 1 else files[0], path, **said)
        return path.read_bytes()


def actions(model: session.Model) -> None:
    """Download as safetensors; unload; remove an upload."""
    with st.container(horizontal=True):
        name = f"{Path(model.name).name.partition('.')[0]}.safetensors"
        st.download_button(
            _("Download as safetensors"), lambda: converted(model), name, "application/octet-stream",
            icon=":material/download:", on_click="ignore", key="models_download", disabled=not model.grows,
        )  # fmt: skip
        if st.button(_("Unload"), icon=":material/eject:", key="models_unload", help=_("Free its memory")):
            unload(model)
        is_upload = model.name in st.session_state.get("uploads", {})
        if is_upload and st.button(_("Remove from the list"), icon=":material/delete:", key="models_remove"):
            session.unload()
            session.forget(model.name)
            st.rerun()


def unload(model: session.Model) -> None:
    """Free the memory and stop; at the next click the sidebar reads the file again."""
    freed = 4 * sum(model.info["parameters"].values())
    session.unload()
    st.info(
        _("{name} is unloaded: {size} of weights are free. Any click loads it again.").format(
            name=model.name, size=model_facts.size(freed)
        )
    )
    st.stop()


def server_section() -> None:
    """What this server holds and does, beside its limits."""
    most, (running, waiting, kept) = limits(), queue().counts()
    mine, everybody = (used(folder) / 1e6 for folder in (own(), Path(root().name)))
    st.caption(
        _(
            "This server holds {models} of {most_models} models in memory, results of "
            "{kept:,.0f} of {results_mb:,} MB, and uploads of {everybody:,.0f} of {uploads_mb:,} MB (yours "
            "{mine:,.0f} of {uploads_mb_each:,}); the oldest go first. {running} of {workers} pieces of heavy "
            "work run, and {waiting} of {queue} wait."
        ).format(
            models=session.models_in_memory(),
            most_models=most.models_in_memory,
            kept=kept / 1e6,
            results_mb=most.results_mb,
            everybody=everybody,
            uploads_mb=most.uploads_mb,
            mine=mine,
            uploads_mb_each=most.uploads_mb_each,
            running=running,
            workers=most.workers,
            waiting=waiting,
            queue=most.queue,
        )
    )


# ---- the catalogue -----------------------------------------------------------------------------------------------


def words(release: catalogue.Release) -> str:
    """A released network in the list."""
    line = _("{name}, {pixels} pixels, {format}")
    return line.format(name=release.name, pixels=release.pixels, format=release.format)


def catalogue_section() -> None:
    """Publicly released networks as text with links, and a button that downloads one file."""
    st.subheader(_("Publicly released networks"))
    st.markdown(
        _(
            "Their authors publish them under their own licences. Nothing is downloaded unless you click; a file "
            "that you downloaded yourself can be uploaded above."
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        releases = {f"{r.name}, {r.pixels} pixels, {r.format}": r for r in catalogue.CATALOGUE if r.url}
        name = st.selectbox(
            _("File"),
            list(releases),
            format_func=lambda name: words(releases[name]),
            key="models_release",
            width=460,
            bind="query-params",
        )
        clicked = st.button(_("Download to this server"), icon=":material/cloud_download:", key="models_fetch")
    if clicked:
        fetch(releases[name])
    if about := st.session_state.get("models_fetched"):
        st.markdown(about)
    st.markdown(catalogue.table())


def fetch(release: catalogue.Release) -> None:
    """Download one file, say what it is, and open it."""
    st.session_state.pop("models_fetched", None)
    bar = st.progress(0.0, text=_("Downloading {url}").format(url=release.url))

    def show(done: int, total: int) -> None:
        bar.progress(min(1.0, done / max(total, done)))

    try:
        fetched = catalogue.fetch(release, show)
    except CheckpointError as error:
        st.error(plain(said(error)))
        return
    finally:
        bar.empty()
    st.session_state["models_fetched"] = fetched.words
    open_new(session.upload([(fetched.name, fetched.data)]))


# ---- the page ----------------------------------------------------------------------------------------------------


def main() -> None:
    """Draw the page. Its names are not the script's own: the controls' functions would keep the model alive."""
    header(_("Which network is in this file, and is it read correctly?"))
    choose_section()
    name = st.session_state.get("model", "")
    refused_beside, sentence = st.session_state.get("models_refused", ("", ""))
    if sentence and refused_beside == name:
        st.error(plain(sentence))
    try:
        files = session.offered()
        read = session.open_model(name, files[name], session.device(), session.options(name)) if name in files else None
        model = read and session.in_class(read)
    except UNREADABLE as error:
        st.error(plain(f"{name}: {said(error)}"))
        if session.options(name) and st.button(_("Read it as stored"), icon=":material/undo:", key="models_as_stored"):
            session.tell(name, {})
            st.rerun()
        model = None
    if model is not None:
        left, right = st.columns([2, 3], gap="medium")
        with left:
            st.html(model_facts.card(model))
            model_facts.explain(model)
        with right:
            self_check(model)
        options_section(model)
        actions(model)
    server_section()
    catalogue_section()


main()
