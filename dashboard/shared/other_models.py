"""Generators that are no Progressive GANs: what a page shows of them, and why it does not show the rest."""

import shlex

import pandas as pd
import streamlit as st
import torch

from dashboard import library, session
from dashboard.language import _
from dashboard.shared.images import image_wall
from dashboard.shared.page import plain
from pgan_core.pictures import to_uint8

PICTURES = 24


def why_not(model: session.Model, reason: str) -> None:
    """One sentence in place of what this model does not have; `reason` completes it."""
    kind = getattr(model.generator.config, "module", model.checkpoint.format)
    st.info(
        _("{name} is a {kind}, not a Progressive GAN: {reason}").format(
            name=plain(model.name), kind=plain(kind), reason=reason
        ),
        icon=":material/block:",
    )


def in_a_shell(model: session.Model) -> str:
    """The model's file as an argument of a command, with what the server's owner says of a generator of their own."""
    own, file = library.own_generators().get(model.name), shlex.quote(model.path.name)
    return file if own is None or own.file != model.path else f"{file} {own.shell_options}"


@session.cached(max_entries=8)
def pictures_of(model: session.Model, seed: int):
    """uint8 N x r x r x 3: the pictures of the seeds from `seed` on."""
    with torch.inference_mode():
        return to_uint8(session.prepared(model)(*session.inputs(model, seed, PICTURES)))


def pictures(model: session.Model) -> None:
    """A wall of pictures."""
    image_wall(pictures_of(model, session.seed()), "other_pictures", columns=8)


def layers(model: session.Model) -> None:
    """The layers that hold units, in order."""
    names = {"layer": _("layer"), "size": _("size"), "units": _("units")}
    rows = [(spec.name, f"{spec.resolution} × {spec.resolution}", spec.out_features) for spec in model.generator.specs]
    st.dataframe(pd.DataFrame(rows, columns=list(names.values())), hide_index=True, key="other_layers")
