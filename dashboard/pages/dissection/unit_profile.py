"""Below a unit's scores: is it the same when it is weak, what does it cause, what is near it, what drives it?"""

from pathlib import Path
from typing import TypeVar

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import Later, _, said
from dashboard.load import counted
from dashboard.pages.dissection import figures
from dashboard.pages.dissection.stages import earlier_view
from dashboard.pages.dissection.unit_pictures import lit_sheet, open_unit
from dashboard.shared import dissections, later
from dashboard.shared.charts import chart
from dashboard.shared.dissections import Found
from dashboard.shared.images import SHARP, data_uri
from dashboard.shared.page import open_page
from dashboard.shared.progress import with_progress
from dissection.effects import unit_effects
from dissection.effects.unit_effects import EffectStore, UnitEffects, measure_unit
from dissection.outgoing import Outgoing
from dissection.output.overlays import Material
from dissection.output.pool import SIDE, Pool, load_pool, measure_pool
from dissection.result import Dissection, DissectionError
from dissection.unit_profiles import FILE, Neighbour, UnitProfiles, measure_profiles
from pgan_core import Generator
from pgan_core.latent_points import latent_text
from pgan_core.latents import inputs_from_seeds

Stored = TypeVar("Stored", UnitProfiles, EffectStore)
TOP = 5  # pictures above the bands
STEP = 4.0  # how far a walk along a unit's direction goes to either side
SHOWN = 6  # nearest units


def profile_view(model: session.Model, item: Found, name: str, unit: int, level: float, top: Material | None) -> None:
    """The sections, where profiles are stored or computed already; else a button that computes them for all units.

    top: of the unit's top pictures.
    """
    profiles = profiles_of(model, item)
    if profiles is None or top is None or name not in profiles.layers:
        return
    st.subheader(_("From its strongest to its weakest"))
    bands(model, item, profiles, name, unit, top)
    left, right = st.columns(2)
    with left:
        peaks(profiles, name, unit, level)
    with right:
        nearest(model, item, profiles, name, unit)
        direction(model, profiles, name, unit)
    causes(model, item, name, unit)
    earlier_view(model, name, unit)


def profiles_of(model: session.Model, item: Found) -> UnitProfiles | None:
    """What is stored beside the dissection, or was computed on this server; None, and a button, where there is none."""
    if not item.own:
        return None
    if (stored := profiles_beside(item)) is not None:
        return stored
    key = ("profiles", item.key)
    asked = st.session_state.setdefault("dissection_profiled", set())
    if item.key not in asked:
        words = _("More about every unit: weak and strong pictures, nearest units, latent directions")
        place = st.empty()
        if not place.button(words, icon=":material/manage_search:", key="dissection_profile"):
            return None
        place.empty()
        asked.add(item.key)
    info = item.dissection.info
    layers, samples = list(item.dissection.layers), min(1000, int(info["samples"]))
    return with_progress(
        key,
        lambda progress: measure_profiles(
            model.generator, layers, samples, seed=info["seed"], label=info.get("label"), progress=progress
        ),
        _("Looking at every unit once more"),
        entries=4,
    )


def profiles_beside(item: Found) -> UnitProfiles | None:
    """The profiles that are stored beside a dissection; None where there are none of its network."""
    return beside(item, FILE, UnitProfiles)


def effects_of(item: Found) -> EffectStore | None:
    """The effects of every unit that are stored beside the dissection; None where there are none of this network."""
    stored = beside(item, unit_effects.FILE, EffectStore)
    return stored if stored is not None and stored.concepts == item.dissection.concepts else None


def beside(item: Found, file: str, kind: type[Stored]) -> Stored | None:
    """What a file beside a dissection holds; None where there is none, or it is of another network or broken."""
    path = _folder(item.key) / file
    stored = _load(str(path.parent), path.stat().st_mtime_ns, kind) if path.is_file() else None
    return stored if stored is not None and stored.weights == item.dissection.info.get("weights_sha256") else None


def _folder(key: str) -> Path:
    """The folder of a dissection's file, by the dissection's key."""
    return Path(key.partition("|")[0]).parent


@st.cache_resource(max_entries=12, show_spinner=False)
def _load(folder: str, changed: int, kind: type[Stored]) -> Stored | None:
    try:
        return kind.load(folder)
    except DissectionError:
        return None


@st.fragment
@counted
def bands(model: session.Model, item: Found, profiles: UnitProfiles, name: str, unit: int, top: Material) -> None:
    """The unit's five top pictures, then those that all units share, in ten bands down to the weakest."""
    if not later.seen(f"dissection_bands_{name}_{unit}", height=540):
        return
    pool = pool_of(item.key, name, item.dissection, session.prepared(model))
    scores, size = item.dissection.layers[name].scores, tuple(item.dissection.info["label_size"])
    images, highest = scores.top_images[unit, :TOP], scores.top_values[unit, :TOP]
    sheets = [lit_sheet(top, unit, images, float(scores.thresholds[unit]), size, SIDE, TOP)]
    titles = [f"{_('top')} · {highest[-1]:.3g} … {highest[0]:.3g}"]
    for k, (low, high, chosen) in enumerate(profiles.bands(name, unit, len(pool.pictures)), 1):
        sheets.append(pool.sheet(unit, chosen))
        share = _("{low:.0f} to {high:.0f}%").format(low=100 - 10 * k, high=110 - 10 * k)
        titles.append(f"{share} · {low:.3g} … {high:.3g}")
    cells = [
        f'<figure style="margin:0"><img src="{data_uri(sheet, **SHARP)}" alt="" '
        f'style="width:100%;max-width:{sheet.shape[1]}px">'
        f'<figcaption style="font-size:.8rem">{title}</figcaption></figure>'
        for sheet, title in zip(sheets, titles, strict=True)
    ]
    style = "display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:.5rem 1rem"
    st.html(f'<div data-testid="dissection-bands" style="{style}">{"".join(cells)}</div>')
    st.caption(
        _(
            "The five pictures of the sample with the unit's highest values; then {count} pictures that are the same "
            "for every unit, by its highest value in them: ten bands, down to the weakest. What lies above the unit's "
            "own level is lit."
        ).format(count=len(pool.pictures))
    )


@st.fragment
@counted
def peaks(profiles: UnitProfiles, name: str, unit: int, level: float) -> None:
    """How high the unit goes in each picture."""
    if later.seen(f"dissection_peaks_{name}_{unit}", height=270):
        chart(figures.peak_histogram(profiles.peaks[:, profiles.index(name, unit)], level), key="dissection_peaks")


@st.cache_resource(max_entries=12, show_spinner=Later("Rendering the sample's pictures"))
def pool_of(key: str, layer: str, _dissection: Dissection, _generator: Generator) -> Pool:
    """The pictures that the units of a layer share: stored beside the dissection, or drawn now."""
    try:
        stored = load_pool(_folder(key), _dissection, layer)
    except DissectionError:
        stored = None
    return stored or measure_pool(_generator, _dissection, layer)


def nearest(model: session.Model, item: Found, profiles: UnitProfiles, name: str, unit: int) -> None:
    """Buttons to the units that are active at the same places, and to those that the next layer treats alike."""
    st.markdown(_("**Nearest units**, by correlation over pictures and places, in all layers"))
    neighbours(item, profiles.nearest(name, unit)[:SHOWN], "near")
    outgoing = outgoing_of(item.key, model.generator, item.dissection)
    own, others = outgoing.nearest(name, unit) if outgoing else ([], [])
    if own:
        st.markdown(_("**By what the next layer does with them**: cosine of outgoing filters in this layer"))
        neighbours(item, own[: SHOWN // 2], "next")
    if others:
        st.markdown(_("and of what the filters add to, concept by concept, in other layers"))
        neighbours(item, others[: SHOWN // 2], "next")


@st.cache_resource(max_entries=8, show_spinner=False)
def outgoing_of(key: str, _generator, _dissection) -> Outgoing | None:
    """`Outgoing.of`, kept by the dissection's key."""
    return Outgoing.of(_generator, _dissection)


def neighbours(item: Found, found: list[Neighbour], kind: str) -> None:
    """A row of buttons that open units."""
    with st.container(horizontal=True, gap="small"):
        for other in found:
            scores = item.dissection.layers[other.layer].scores
            concept = dissections.words([item.dissection.concepts[scores.best_concept[other.unit]]])[0]
            st.button(
                f"{other.layer} · {other.unit} · {concept} ({other.similarity:.2f})",
                key=f"dissection_{kind}_{other.layer}_{other.unit}",
                type="tertiary",
                on_click=open_unit,
                args=(other.layer, other.unit),
            )


def direction(model: session.Model, profiles: UnitProfiles, name: str, unit: int) -> None:
    """The latent direction that raises the unit, and one click to a walk along it."""
    vector, explained = profiles.direction(name, unit)
    st.markdown(
        _("**What drives it:** one direction of the latent space explains {share:.0%} of its mean.").format(
            share=explained
        )
    )
    if st.button(_("Walk along it"), icon=":material/explore:", key="dissection_walk"):
        z = inputs_from_seeds(model.generator, [session.seed()])[0][0].cpu()
        along = torch.from_numpy(vector)
        flat = z - (z @ along) * along  # the seed's picture where the unit's direction is at 0
        ends = [latent_text(flat - STEP * along), latent_text(flat + STEP * along)]
        open_page("latents", {"latents_view": "Walk", "latents_points": ",".join(ends)})


def causes(model: session.Model, item: Found, name: str, unit: int) -> None:
    """What it causes: stored for every unit, or measured when it is asked for and kept."""
    st.subheader(_("What it causes"))
    stored = effects_of(item)
    if stored is not None and name in stored.off:
        show_effects(item, f"{name}_{unit}", stored.unit(name, unit), stored.pictures)
        return
    segmenter = dissections.segmenter_of(item, model)
    if segmenter is None:
        st.caption(_("Effects are measured by the dissection's segmenter, which is not available here."))
        return
    key = ("unit effects", item.key, name, unit)
    asked = st.session_state.setdefault("dissection_effects", set())
    if key not in asked and not st.button(
        _("Switch it off and on"),
        icon=":material/science:",
        key="dissection_measure",
        help=_("24 pictures, beside 8 random units of its layer"),
    ):
        return
    asked.add(key)
    try:
        effects: UnitEffects = with_progress(
            key,
            lambda progress: measure_unit(
                model.generator, item.dissection, segmenter, name, unit, label=model.label, progress=progress
            ),
            _("Switching it off and on"),
        )
    except ValueError as error:
        st.caption(said(error))
        return
    show_effects(item, f"{name}_{unit}", effects, len(unit_effects.SEEDS))


@st.fragment
@counted
def show_effects(item: Found, key: str, effects: UnitEffects, pictures: int) -> None:
    """The changes of the concepts that change most, switched off and on, beside random units; key: the unit's."""
    if not later.seen(f"dissection_effects_{key}", height=330):
        return
    names = dissections.words(item.dissection.concepts)
    largest = np.maximum(np.abs(effects.off), np.abs(effects.on))
    order = [int(c) for c in np.argsort(-largest, kind="stable") if c and largest[c] > 0][:8]
    for column, title, own, random in zip(
        st.columns(2),
        (_("switched off"), _("on at {level:.3g}").format(level=effects.level)),
        (effects.off, effects.on),
        (effects.random_off, effects.random_on),
        strict=True,
    ):
        with column:
            figure = figures.unit_effects(own[order], random[:, order], [names[c] for c in order], title)
            chart(figure, key=f"dissection_effects_{'off' if own is effects.off else 'on'}")
    st.caption(
        _(
            "Change of the share of pixels that each concept covers, over {pictures} pictures. Grey: the range of "
            "{count} random units."
        ).format(pictures=pictures, count=len(effects.random_off))
    )
