"""Directions on the Latents page: principal ones of a layer, of the first layer's weights, and of concepts."""

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.load import counted
from dashboard.pages.latents.directions_view import STEPS, Dial, directions_view, strip_latents
from dashboard.pages.latents.key_points import KeyPoints
from dashboard.pages.latents.points import keep
from dashboard.pages.latents.runs import Look, drawn_sheet, pictures
from dashboard.pages.latents.sprites import sprite_sheet
from dashboard.shared import drawn_here
from dashboard.shared.controls import BARE, BOUND
from dashboard.shared.export import export_bar
from dashboard.shared.page import formula_box
from dashboard.shared.progress import with_progress
from dissection.concept_directions import concept_names, learn_direction, load_directions
from dissection.segmenters.toytown import load_toytown
from pgan_core.directions import Directions, principal_directions, sefa_directions
from pgan_core.latent_points import latent_text, point_latent, points_classes, to_json, to_npz
from pgan_core.latents import truncate
from pgan_core.pictures import contact_sheet, encode_png

SOURCES = ["GANSpace", "SeFa", N_("Concepts")]
SHOWN, EDGE = 6, 192  # sliders at most; pixels of a picture at most
SAMPLES = 512  # pictures that a concept's direction is learned from
CONCEPTS = ("more foliage", "night instead of day", "more road")  # at first, as far as they are saved
WORDS = {
    "GANSpace": (
        r"u_k=\arg\min_u\sum_j\lVert z_j-\mu-\textstyle\sum_k u_k\,x_{jk}\rVert^2",
        N_(
            "Principal components of the layer's activations over 1,000 latents, each **mapped back to the "
            "latent space** by regression, because this network has no mapping network. The percentage is the "
            "component's share of the layer's variance; one σ is one standard deviation along it."
        ),
        N_("Härkönen et al. 2020 (GANSpace), section 3.2"),
    ),
    "SeFa": (
        r"A^{\mathsf T}A\,n=\lambda\,n",
        N_(
            "No samples are needed: these are the directions that the **first layer's weight** A stretches most, "
            "the eigenvectors of AᵀA. The percentage is each one's share of the sum of the eigenvalues."
        ),
        N_("Shen & Zhou 2021 (SeFa), section 3.2"),
    ),
    "Concepts": (
        r"d\propto\Sigma_g^{-1}\,\bar g,\qquad g(z)=\nabla_z\,s(z)",
        N_(
            "A segmenter measures which share s of a picture is, say, foliage; the gradient g tells how s changes "
            "with z. **Fisher's linear discriminant** of the gradients at {samples} latents is the direction that "
            "raises s most reliably. The percentage is the share of pictures in which s rises along it."
        ),
        N_("After Shen et al. 2020 (InterFaceGAN), section 3, with a segmenter in place of the classifier"),
    ),
}


def found_directions(model: session.Model, source: str, layer: str, look: Look) -> dict[str, Directions]:
    """The directions by name, one vector each, from memory or under a bar."""
    if source == "SeFa":
        found = sefa_directions(model.generator, count=SHOWN)
    else:
        found = with_progress(
            ("ganspace", model.identity, layer, look.label),
            lambda progress: principal_directions(
                session.prepared(model), layer, count=SHOWN, label=look.label, progress=progress
            ),
            _("Principal components of {layer}").format(layer=layer),
        )
    return {f"direction {k + 1}": found.only(k) for k in range(len(found.vectors))}


def found_concepts(model: session.Model, names: list[str], look: Look) -> dict[str, Directions]:
    """The directions of concepts by name, from memory or each under a bar."""
    segmenter = load_toytown(device=model.generator.device)
    saved = {} if look.label is not None else saved_concepts(model)
    return {
        name: saved.get(name)
        or with_progress(
            ("concept", model.identity, look.label, name),
            lambda progress, name=name: learn_direction(
                model.generator, segmenter, name, label=look.label, samples=SAMPLES, progress=progress
            ),
            _("Learning the direction of “{name}”").format(name=said(name)),
        )
        for name in names
    }


@session.cached(max_entries=8)
def saved_concepts(model: session.Model) -> dict[str, Directions]:
    """The directions that lie beside the model's file, learned beforehand."""
    return load_directions(model.path.with_suffix(".concepts.json"), model.path)


def choose_concepts(model: session.Model) -> list[str]:
    """The names of the concepts whose directions to show; saved ones cost nothing, the others are learned."""
    saved = saved_concepts(model)
    start = [name for name in CONCEPTS if name in saved] or CONCEPTS[:1]
    return st.multiselect(
        _("Concepts"), concept_names(load_toytown()), start, max_selections=SHOWN, key="latents_concepts",
        format_func=said,        label_visibility="collapsed", bind="query-params",
    )  # fmt: skip


def dial(found: dict[str, Directions], orthogonal: bool) -> Dial:
    """The directions together; if `orthogonal`, each is made so to those before it."""
    names = list(found)
    together = Directions(
        torch.cat([found[name].vectors for name in names]), np.concatenate([found[name].shares for name in names]),
        found[names[0]].kind,
    )  # fmt: skip
    together = together.orthogonal() if orthogonal else together
    meanings = ["of pictures gain" if direction.kind == "concept" else "explained" for direction in found.values()]
    notes = tuple(f"{100 * share:.1f}% {meaning}" for share, meaning in zip(together.shares, meanings, strict=True))
    return Dial(together, tuple(names), notes)


@session.cached(max_entries=32)
def strips(
    model: session.Model, text: str, look: Look, which: str, sigmas: tuple[float, ...], _dial: Dial
) -> np.ndarray:
    """The pictures of all sliders, uint8 N x r x r x 3; `which` names the dial, whose arrays are no key."""
    return pictures(session.prepared(model), *strip_inputs(model, text, look, sigmas, _dial), look)


def strip_inputs(
    model: session.Model, text: str, look: Look, sigmas: tuple[float, ...], dial: Dial
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Their latents and classes."""
    z = truncate(point_latent(text, model.info["latent_dim"]), look.truncation)
    return strip_latents(dial, z, sigmas), points_classes([text], model.info["label_dim"], look.label)


def controls(model: session.Model) -> tuple[str, str, bool]:
    """Where directions come from, at which layer, and whether they are made orthogonal."""
    sources = SOURCES if model.grows else SOURCES[:1]  # SeFa reads PGGAN's first layer, concepts are Toy Town's
    if st.session_state.get("latents_source", sources[0]) not in sources:
        st.session_state["latents_source"] = sources[0]
    source = st.segmented_control(
        _("Source"), sources, default=SOURCES[0], key="latents_source", format_func=_, required=True, **BARE
    )  # fmt: skip
    layer = ""
    if source == "GANSpace":
        names = model.generator.layer_names
        layer = st.selectbox(
            _("Layer"), names, min(3, len(names) - 1), key="latents_layer", width=190, **BARE
        )  # fmt: skip
    orthogonal = st.toggle(
        _("Orthogonal"),
        key="latents_orthogonal",
        help=_("Remove from each direction what it shares with those above it"),
        **BOUND,
    )
    return source, layer, orthogonal


def directions_section(model: session.Model, points: KeyPoints, look: Look, place, here: bool) -> None:
    """Sliders along directions from the chosen key point. `place` is where the controls go.

    here: this browser draws the pictures.
    """
    with place:
        source, layer, orthogonal = controls(model)
    try:
        with st.container():  # the bar's place: what follows stays where it is
            if source == "Concepts":
                found = found_concepts(model, choose_concepts(model), look)
            else:
                found = found_directions(model, source, layer, look)
        if not found:
            st.info(_("Choose a concept."))
            return
        chosen = dial(found, orthogonal)
    except ValueError as error:
        st.error(_("No directions were found: {error}.").format(error=said(error)))
        return
    sliders(model, points, look, chosen, f"{source} {layer} {'orthogonal' * orthogonal}".strip(), here)
    latex, words, where = WORDS[source]
    formula_box(latex, _(words).format(samples=SAMPLES), _(where))


@st.fragment
@counted
def sliders(model: session.Model, points: KeyPoints, look: Look, dial: Dial, source: str, here: bool) -> None:
    """The sliders and the actions on the point that they reach; only this runs again when a slider is let go."""
    drawn_here.leave_if_failed(here)
    sigmas = read_sigmas(len(dial.names))
    point, which = points.points[points.chosen], f"{source}/{'/'.join(dial.names)}/{dial.notes}"
    if here:
        sheet = drawn_sheet(model, *strip_inputs(model, point.text, look, sigmas, dial), look, EDGE)
    else:
        sheet = sprite_sheet(strips(model, point.text, look, which, sigmas, dial), EDGE)
    identity = f"{model.identity}/{look}/{point.text}/{which}/{sigmas}/{here}"
    directions_view(dial, sheet, sigmas, identity=identity, key="latents_directions", changed=keep_sigmas)
    z = dial.directions.move(point_latent(point.text, model.info["latent_dim"]), sigmas)
    moves = [[name, sigma] for name, sigma in zip(dial.names, sigmas, strict=True)]
    settings = {**look.settings(model), "point": point.text, "directions": source, "sigmas": moves}
    with st.container(horizontal=True, gap="small"):
        if st.button(_("Reset to 0"), icon=":material/restart_alt:", key="latents_zero"):
            keep_sigmas([])
            st.rerun(scope="fragment")
        if st.button(
            _("Use as key point"), icon=":material/add_location:", key="latents_take", disabled=not any(sigmas)
        ):
            keep(points.put(latent_text(z[0], class_of(model, point.text, look))))
            keep_sigmas([])
            st.rerun()
        files = {
            "directions.png": lambda: encode_png(
                contact_sheet(strips(model, point.text, look, which, sigmas, dial)[:-2], STEPS), settings
            ),
            "directions.npz": lambda: to_npz(dial.directions.vectors, settings),
            "latent.json": lambda: to_json(z, settings),
        }
        labels = {
            "directions.png": _("PNG strips"), "directions.npz": _("Directions, npz"),
            "latent.json": _("Latent, JSON"),
        }  # fmt: skip
        export_bar(files, key="latents_directions", labels=labels)


def class_of(model: session.Model, text: str, look: Look) -> int | None:
    """The class of a point, the largest share of a blend; None for a model without classes."""
    rows = points_classes([text], model.info["label_dim"], look.label)
    return None if rows is None else int(rows.argmax())


def read_sigmas(count: int) -> tuple[float, ...]:
    """The sliders' values: this session's, else the link's."""
    text = session.recall("latents_sigmas", "")
    try:
        values = [min(max(float(part), -3.0), 3.0) for part in text.split(",") if part]
    except ValueError:
        values = []
    return tuple((values + [0.0] * count)[:count])


def keep_sigmas(values: list[float]) -> None:
    """Into the session and the address."""
    session.remember("latents_sigmas", ",".join(f"{value:g}" for value in values), "")
