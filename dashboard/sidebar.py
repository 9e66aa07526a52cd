"""The sidebar: the model and its card, the seed with its dice, and class and device where there is a choice."""

import streamlit as st

from dashboard import language, session
from dashboard.language import _
from dashboard.shared import drawn_here
from dashboard.shared.page import style
from dashboard.shared.share import share_button
from pgan_core import CheckpointError
from pgan_core.latents import MAX_SEED

DRAWN_HERE = ("interventions", "latents")  # pages whose pictures the viewer's browser can draw


def draw(page: str) -> None:
    """Draw the sidebar of a page, by its name in the address; pages read its values through `dashboard.session`."""
    style()
    with st.sidebar:
        name = _choose()
        _seed()
        class_place = st.container()
        if page in DRAWN_HERE:
            drawn_here.choose()
        devices = session.devices()
        if len(devices) > 1:
            st.selectbox(_("Device"), devices, len(devices) - 1, key="device", bind="query-params")
        share_button()
        if name is not None:
            _show_card(name, class_place)
        language.choose()


def _choose() -> str | None:
    """Choose a model; returns its name, or None where there is none to choose."""
    names = list(session.offered())
    if not names:
        st.caption(_("There are no models in assets/."))
        return None
    chosen = st.session_state.pop("next_model", None)
    if chosen in names:
        st.session_state["model"] = chosen
    return st.selectbox(_("Model"), names, key="model", bind="query-params")


def _show_card(name: str, class_place) -> None:
    session.carry_options(name)
    try:
        model = session.open_model(name, session.offered()[name], session.device(), session.options(name))
    except (CheckpointError, ValueError, OSError):
        return  # the page says what is wrong with it
    session.note_use(name)
    with class_place:
        _class(model)
    st.html(card(model))


def card(model: session.Model) -> str:
    """The model card as HTML: resolution, parameters, latent size, device."""
    rows = {_("Format"): model.checkpoint.format}
    if "generator" in model.networks:
        rows[_("Resolution")] = f"{model.generator.resolution} × {model.generator.resolution}"
        rows[_("Latent size")] = str(model.info["latent_dim"])
        if model.info["label_dim"]:
            rows[_("Classes")] = str(model.info["label_dim"])
        rows[_("Generator")] = _("{millions} param.").format(millions=_millions(model.generator))
    if "discriminator" in model.networks:
        rows[_("Discriminator")] = _("{millions} param.").format(millions=_millions(model.discriminator))
    rows[_("Device")] = model.device.upper()
    cells = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows.items())
    return f'<dl class="lab-card" data-testid="model-card">{cells}</dl>'


def _millions(network) -> str:
    count = sum(parameter.numel() for parameter in network.parameters())
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"


def _seed() -> None:
    number, dice = st.columns([3, 1], vertical_alignment="bottom", gap="small")
    number.number_input(_("Seed"), 0, MAX_SEED, session.DEFAULT_SEED, step=1, key="seed", bind="query-params")
    dice.button(_("Another seed"), icon=":material/casino:", on_click=_roll, help=_("Another seed"), width="stretch",
                key="dice")  # fmt: skip


def _class(model: session.Model) -> None:
    """Choose the class of every picture, where the model has classes; one that it lacks is reset."""
    classes = model.info.get("label_dim") or 0
    choices = [session.BY_SEED, *map(str, range(classes))]
    if st.session_state.get("class", session.BY_SEED) not in choices:
        st.session_state["class"] = session.BY_SEED
    if classes:
        by_seed = _("By seed: the seed mod {classes}").format(classes=classes)
        st.selectbox(_("Class"), choices, key="class", bind="query-params", format_func=_, help=by_seed)


def _roll() -> None:
    st.session_state["seed"] = session.roll()
