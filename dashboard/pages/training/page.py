"""Training: how does a Progressive GAN learn?"""

import time

import numpy as np
import streamlit as st

from dashboard import library, session
from dashboard.language import N_, _, said
from dashboard.load import counted
from dashboard.pages.training import own_pictures, runs
from dashboard.pages.training.presets import MINUTES, PRESETS, SIZES, own_arguments
from dashboard.pages.training.view import training_view
from dashboard.shared.export import export_bar
from dashboard.shared.images import image_wall
from dashboard.shared.page import header, open_page, plain
from dashboard.upload_folders import new_folder
from pgan_core.picture_data import DataError
from pgan_core.training import control
from pgan_core.training.branches import IDEAS

RUN, KEY = "training_run", "training_key"  # in the address: the run, and what lets its browser change it
REFUSED = (runs.RunError, DataError, ValueError, OSError)
RATES = (0.00025, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.008, 0.016)
WEIGHTS = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
MINIBATCHES = (4, 8, 16, 32, 64, 128)
WAIT_SECONDS = 3.0  # for the moment that a branch starts from


# ---- which run ---------------------------------------------------------------------------------------------------


def show_run(run: runs.Run | None) -> None:
    """Shows this run from now on. Reruns the page."""
    session.remember(RUN, run.name if run else "", default="")
    if run and run.about.get("key"):
        st.session_state.setdefault("training_keys", {})[run.name] = run.about["key"]
        session.remember(KEY, run.about["key"], default="")
    st.session_state.pop("training_refused", None)
    st.rerun()


STATES = (  # of a run, as `runs` names them, and the ideas that a branch leaves out
    N_("starting"), N_("running"), N_("paused"), N_("finished"), N_("stopped"), N_("failed"), N_("killed"),
    N_("without {idea}"), N_("branch"), N_("pixel norm"), N_("minibatch stddev"), N_("growing"), N_("equalized scale"),
    N_("Your pictures, {size}×{size}, {minutes} minutes"),
)  # fmt: skip


def is_mine(run: runs.Run) -> bool:
    """Whether this browser began the run, or may change it because it was begun in a shell of this machine."""
    key = run.about.get("key")
    known = st.session_state.get("training_keys", {}).values()
    return key is None or key in known or key == session.recall(KEY, "")


def refuse(error: Exception) -> None:
    """One sentence, kept until something else is done. Reruns the page."""
    st.session_state["training_refused"] = said(error)
    st.rerun()


def begin(title: str, arguments, prepare=None) -> None:
    """Begins a run of this browser and shows it; one that trains already is stopped by its owner first."""
    mine = [run for run in runs.runs() if run.name in st.session_state.get("training_keys", {}) and run.at_work]
    if mine:
        refuse(
            runs.RunError(
                _("Your run “{title}” is still training: stop it first, or watch it to its end.").format(
                    title=said(mine[0].title)
                )
            )
        )
    try:
        run = runs.start(title, arguments, prepare)
    except REFUSED as error:
        refuse(error)
    else:
        show_run(run)


# ---- the first screen --------------------------------------------------------------------------------------------


def start_section() -> None:
    """The presets, and pictures of one's own."""
    st.markdown(_("Start one, and watch it learn. It goes on when you close this page."))
    for (name, preset), column in zip(PRESETS.items(), st.columns(len(PRESETS)), strict=True):
        with column.container(border=True, height="stretch"):
            kind = "primary" if name == "toy16" else "secondary"
            if st.button(_(preset.title), key=f"training_start_{name}", type=kind, width="stretch"):
                begin(preset.title, preset.arguments)
            st.markdown(_(preset.words))
    with st.expander(_("Your own pictures"), icon=":material/photo_library:"):
        own_section()


def own_section() -> None:
    """Upload, preview, start."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        uploads = st.file_uploader(
            _("A zip file, or at least {fewest} PNG, JPEG or WebP pictures").format(fewest=own_pictures.FEWEST),
            accept_multiple_files=True,
            key="training_upload",
            type=["zip", "png", "jpg", "jpeg", "webp"],
        )
        size = st.segmented_control(_("Size"), SIZES, default=16, key="training_size", required=True)
        minutes = st.segmented_control(_("Minutes"), MINUTES, default=10, key="training_minutes", required=True)
    if not uploads:
        right.markdown(
            _("Pictures are cropped to squares around their centre and scaled down. They stay on this server.")
        )
        return
    identity = tuple(upload.file_id for upload in uploads), size
    if st.session_state.get("training_own", (None, None))[0] != identity:
        try:
            read = own_pictures.read([(upload.name, upload.getvalue()) for upload in uploads], size, new_folder())
        except REFUSED as error:
            st.session_state["training_own"] = identity, said(error)
        else:
            st.session_state["training_own"] = identity, read
    images = st.session_state["training_own"][1]
    if isinstance(images, str):
        right.error(plain(images))
        return
    with right:
        some = images[np.linspace(0, len(images) - 1, 16).astype(int)].transpose(0, 2, 3, 1)
        image_wall(some, "training-preview", columns=8, size=48)
        st.markdown(_("{count:,} pictures, as they will be trained on").format(count=len(images)))
        if st.button(_("Train on them"), type="primary", key="training_start_own"):
            title = f"Your pictures, {size}×{size}, {minutes} minutes"
            begin(title, own_arguments(size, minutes), lambda folder: own_pictures.store(images, folder))


def list_section(found: list[runs.Run]) -> None:
    """Every run on this server."""
    if not found:
        return
    st.subheader(_("Runs on this server"))
    for run in found:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if picture := run.picture():
                st.image(picture, width=48)
            if st.button(
                plain(said(run.title)), key=f"training_open_{run.name}", type="tertiary", icon=":material/visibility:"
            ):
                show_run(run)
            status, _sentence = run.status()
            whose = _("yours") if run.name in st.session_state.get("training_keys", {}) else ""
            st.markdown(
                f":gray[{', '.join(filter(None, [_(status), whose, _('kept') if run.about.get('kept') else '']))}]"
            )


# ---- a run -------------------------------------------------------------------------------------------------------


@st.fragment
@counted
def live(run: runs.Run, mine: bool) -> None:
    """The live view and what depends on how the run stands; only this runs again when something happens."""
    status, _sentence = run.status()
    told = training_view(run.name, status, mine, key=f"training_view_{run.name}")
    if told.command and mine:
        try:
            obey(run, told.command)
        except REFUSED as error:
            st.error(plain(said(error)))
    if mine:
        change_section(run, status)
        branch_section(run, told.moment)
    ended_section(run, status, mine)


def obey(run: runs.Run, command: str) -> None:
    """What a button of the live view asks for."""
    if command == "resume":
        runs.go_on(run)
        st.rerun(scope="fragment")
    control.send(run.folder, command)


def change_section(run: runs.Run, status: str) -> None:
    """Rates, penalty and minibatch, while it trains."""
    if status not in ("running", "paused"):
        return
    frame = run.frame()
    with (
        st.expander(_("Change the training"), icon=":material/tune:"),
        st.form(f"training_change_{run.name}", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        weight = "gradient_weight" if frame.get("loss") == "wgan-gp" else "r1_gamma"
        now = {
            "learning_rate": nearest(RATES, frame.get("stage_rate")),
            weight: nearest(WEIGHTS, frame.get("gradient_weight" if weight == "gradient_weight" else "gamma")),
            "minibatch": nearest(MINIBATCHES, frame.get("minibatch")),
        }
        titles = {"learning_rate": (_("Learning rate"), RATES), weight: (_("Penalty weight"), WEIGHTS)}
        titles["minibatch"] = (_("Minibatch"), MINIBATCHES)
        chosen = {
            name: st.select_slider(title, values, now[name], key=f"training_{name}_{run.name}")
            for name, (title, values) in titles.items()
        }
        if st.form_submit_button(_("Apply"), icon=":material/check:"):
            changed = {name: value for name, value in chosen.items() if value != now[name]}
            if changed:
                control.send(run.folder, "change", values=changed)
            st.markdown(_("Changed: see the marks on the curves.") if changed else _("Nothing is changed."))


def nearest(values: tuple, value: float | None):
    """The one of some values that lies nearest; their middle one without a value."""
    return values[len(values) // 2] if value is None else min(values, key=lambda each: abs(each - value))


def branch_section(run: runs.Run, moment: str | None) -> None:
    """A second run that starts from a moment of this one, without one of the paper's ideas."""
    if run.about.get("branch_of"):
        return
    with st.expander(_("Branch off: the same network, one idea less"), icon=":material/alt_route:"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            ways = [f"without {idea}" for idea in IDEAS] + [N_("unchanged")]
            way = st.segmented_control(
                _("The branch trains"),
                ways,
                default=ways[0],
                format_func=said,
                key=f"training_way_{run.name}",
                required=True,
            )
            where = _("from the chosen moment") if moment else _("from now")
            clicked = st.button(
                _("Branch off {where}").format(where=where),
                icon=":material/alt_route:",
                key=f"training_branch_{run.name}",
            )
        st.markdown(
            _(
                "It starts from the same weights and trains beside this run. Rewind above to start from an "
                "earlier moment."
            )
        )
        if clicked:
            try:
                runs.branch_off(
                    run, moment or moment_now(run), way.removeprefix("without ") if way != "unchanged" else None
                )
            except REFUSED as error:
                st.error(plain(said(error)))
            else:
                st.rerun()


def moment_now(run: runs.Run) -> str:
    """The newest moment of the film strip; one of this very moment if the run trains. Raises RunError for none."""
    before = run.moments()
    if run.at_work:
        control.send(run.folder, "moment")
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end and len(run.moments()) == len(before):
            time.sleep(0.05)
    found = run.moments()
    if not found:
        raise runs.RunError("The run has no moment yet to branch off from.")
    return found[-1]["name"]


def open_model(name: str, page: str) -> None:
    """Goes to a page with this model chosen in the sidebar."""
    st.session_state["next_model"] = name
    open_page(page, {})


def ended_section(run: runs.Run, status: str, mine: bool) -> None:
    """The run among the models; name, download, delete, link."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        newest = runs.newest_stage(run)
        name = next((name for name, path in library.models().items() if path == newest), None) if newest else None
        if name and st.button(_("Watch it grow"), icon=":material/stairs:", key=f"training_growth_{run.name}"):
            open_model(name, "growth")
        if name and st.button(_("Look inside"), icon=":material/layers:", key=f"training_inside_{run.name}"):
            open_model(name, "activations")
        with st.popover(_("Name and link"), icon=":material/label:"):
            if mine:
                title = st.text_input(_("Name"), said(run.title), key=f"training_name_{run.name}")
                if st.button(_("Keep under this name"), key=f"training_keep_{run.name}"):
                    try:
                        runs.rename(run, title)
                    except runs.RunError as error:
                        st.error(plain(said(error)))
                    else:
                        st.rerun()
            st.markdown(_("Others watch it, and cannot change it, with this link:"))
            st.code(f"{(st.context.url or '').partition('?')[0]}?{RUN}={run.name}", language=None)
        if (
            mine
            and status not in runs.AT_WORK
            and st.button(_("Delete"), icon=":material/delete:", key=f"training_delete_{run.name}")
        ):
            parent = runs.find(run.about.get("branch_of", ""))
            runs.delete(run)
            show_run(parent)
    if newest:
        files = {f"{run.name}.safetensors": newest.read_bytes, f"{run.name}.zip": lambda: runs.archive(run)}
        labels = dict(zip(files, (_("Network"), _("Whole run")), strict=True))
        export_bar(files, key=f"training_{run.name}", labels=labels)


def run_section(run: runs.Run) -> None:
    """One run, or a run and its branch side by side."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(said(run.title))}**", width="stretch")
        if st.button(_("All runs"), icon=":material/arrow_back:", key="training_back", type="tertiary"):
            show_run(None)
    branches = [other for other in runs.runs() if other.about.get("branch_of") == run.name]
    if not branches:
        live(run, is_mine(run))
        return
    for column, shown in zip(st.columns(2, gap="medium"), [run, branches[0]], strict=True):
        with column:
            without = shown.about.get("without")
            st.markdown(
                _("**Without {without}**").format(without=said(without))
                if without
                else _("**Branch**")
                if shown != run
                else _("**The run itself**")
            )
            live(shown, is_mine(shown))


# ---- the page ----------------------------------------------------------------------------------------------------

header(_("How does a Progressive GAN learn?"), _("PGGAN, sections 2 and 3"))
asked = session.recall(RUN, "")
run = runs.find(asked) if asked else None
if sentence := st.session_state.get("training_refused"):
    st.error(plain(sentence))
if asked and run is None:
    st.warning(plain(_("There is no run {asked} on this server.").format(asked=asked)))
if run is None:
    start_section()
    list_section(runs.runs())
    runs.expect()
else:
    run_section(run)
