"""What is in an opened checkpoint: the card of facts, what was assumed, where it differs from the paper, its keys."""

import html
from dataclasses import asdict
from typing import Any

import streamlit as st

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.shared.page import plain
from pgan_core import DiscriminatorConfig, GeneratorConfig

SIZE_FIELDS = {  # sizes: no departure from the paper
    "resolution", "channels", "latent_dim", "label_dim", "image_channels", "rgb_resolutions", "outputs", "dense_width",
    "stored_resolution", "stored_alpha",
}  # fmt: skip
KINDS = (  # of files, and what is odd about pictures, as `pgan_core.checkpoints` names them
    N_("a pickle"), N_("a torch zip archive"), N_("a safetensors file"), N_("a torch file"), N_("The file is text"),
    N_("a safetensors file of PGGAN Lab"), N_("a dictionary of {count} entries ({keys})"),
    N_("The pictures are almost flat: their values spread by {std} only."),
    N_("{share} of the values lie beyond -1 and 1: a wrong scale, or a tanh that the file does not store?"),
    N_(
        "Neighbouring pixels hardly agree (correlation {correlation}; pictures of this size have more than {least}): "
        "this looks like noise."
    ),
    N_("All pictures are nearly the same: they differ by {spread} only."),
)  # fmt: skip
UNSAID = N_("the file does not say")
WEIGHTS = {"ema": N_("averaged (EMA)"), "raw": N_("raw, as the optimizer left them")}


def card(model: session.Model) -> str:
    """The facts about an opened file as an HTML list."""
    info = model.info
    rows = {
        _("Format"): info["format"],
        _("Container"): f"{said(info['container'])}, {size(info['bytes'])}",
        _("Resolution"): f"{info['resolution']} × {info['resolution']}",
        _("Stored moment"): moment(info),
        _("Feature maps"): ", ".join(map(str, info["channels"])),
        _("Latent"): _latent(info),
        _("Labels"): ", ".join(map(str, info["attributes"])) if "attributes" in info else "",
        **{
            _(name.capitalize()): _("{count:,} parameters").format(count=count)
            for name, count in info["parameters"].items()
        },
        _("Weights"): _(WEIGHTS.get(info["weights"], UNSAID)),
        _("Raw weights of"): info.get("metadata", {}).get("of", ""),
        _("Name, licence"): _licence(info.get("metadata", {})),
    }
    cells = "".join(f"<dt>{label}</dt><dd>{html.escape(str(value))}</dd>" for label, value in rows.items() if value)
    return f'<dl class="lab-card" data-testid="models-card">{cells}</dl>'


def size(count: int) -> str:
    """Bytes in words: 97.7 MB."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"


def moment(info: dict) -> str:
    """The moment of training that the file holds; empty for a finished network."""
    if (info["stored_resolution"], info["alpha"]) == (info["resolution"], 1.0):
        return ""
    r = info["stored_resolution"]
    return f"{r} × {r}, α = {info['alpha']:.3g}"


def _latent(info: dict) -> str:
    if info["latent_dim"] is None:
        return ""
    labels = " + " + _("{label_dim} labels").format(label_dim=info["label_dim"]) if info["label_dim"] else ""
    return _("{latent_dim} numbers{labels}").format(latent_dim=info["latent_dim"], labels=labels)


def _licence(metadata: dict) -> str:
    return ", ".join(str(metadata[key]) for key in ("name", "licence") if metadata.get(key))


def departures(info: dict) -> dict[str, Any]:
    """Options that make these networks another function than the paper's: name -> value."""
    found = {}
    for name, kind in (("generator", GeneratorConfig), ("discriminator", DiscriminatorConfig)):
        if name not in info:
            continue
        paper = asdict(kind())
        for option, value in info[name].items():
            if option in paper and option not in SIZE_FIELDS and value != paper[option]:
                found[f"{name}: {option}"] = _difference(value, paper[option])
    return found


def _difference(value: Any, paper: Any) -> Any:
    """The settings of a group that differ."""
    if isinstance(value, dict) and isinstance(paper, dict):
        return ", ".join(f"{key} = {v}" for key, v in value.items() if v != paper.get(key))
    return value


def explain(model: session.Model) -> None:
    """What was assumed, what differs from the paper, and every key of the file, folded away below the card."""
    info = model.info
    if info["format"] == "own":
        text = _("The server's owner names this network's code, {source}, and its inputs; the file holds its weights.")
        st.markdown(text.format(source=plain(info["source"])))
        return
    if info["assumed"]:
        st.markdown(_("**Assumed**, because the file does not say (change it below):"))
        st.markdown("\n".join(f"- {plain(said(sentence))}" for sentence in info["assumed"].values()))
    else:
        st.markdown(_("**Assumed**: nothing. The file says everything."))
    with st.expander(
        _("Keys: {used} used, {unused} not used").format(used=len(info["used"]), unused=len(info["unused"]))
    ):
        if model.grows:
            differs = departures(info)
            words = ", ".join(f"`{name}` = `{value}`" for name, value in differs.items())
            st.markdown(
                _("**Unlike the paper:** {words}.").format(words=words)
                if differs
                else _("**Like the paper** in every option.")
            )
        st.markdown(
            _("Layout: {layout}. Published by: {source}.").format(
                layout=plain(said(info["layout"])), source=plain(said(info["source"]))
            )
        )
        for label, keys in ((N_("used"), info["used"]), (N_("not used"), info["unused"])):
            st.text_area(
                _("Keys {which}").format(which=_(label)),
                "\n".join(keys) or _("none"),
                height=140,
                key=f"models_keys_{label}",
            )
