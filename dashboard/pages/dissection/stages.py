"""Units over the stages of training: when does the first unit of a concept appear?"""

import numpy as np
import streamlit as st

from dashboard import library, session
from dashboard.language import Later, _, joined
from dashboard.pages.dissection import figures
from dashboard.pages.dissection.unit_pictures import PICTURES, strip, strip_html, unit_title
from dashboard.shared import dissections
from dashboard.shared.charts import chart
from dashboard.shared.controls import BOUND
from dissection import Dissection
from dissection.result import LayerDissection
from dissection.scoring.job import fingerprint
from pgan_core import Generator

SAMPLES = 300


def stages_view(model: session.Model, layer: str) -> None:
    """Interpretable units by concept at every stored stage of the model's run, in one layer or all."""
    if len(library.stages(model.path)) < 2:
        st.info(_("This model comes without snapshots of its training."))
        return
    generators = stage_generators(model)
    read = stage_dissections(generators, layer)
    if not read:
        return
    concepts = next(iter(read.values())).concepts
    counts = {name: count(dissection, layer) for name, dissection in read.items()}
    colours = figures.concept_colours(dissections.colours(concepts))
    figure = figures.units_by_place(counts, concepts, colours, _("stage (thousand pictures seen)"))
    chart(figure, key="dissection_stages", download="png")
    st.markdown(first_units(counts, concepts))
    if layer != "all layers":
        follow_unit(read, generators, layer)


def stage_generators(model: session.Model) -> dict[str, tuple[Generator, str]]:
    """The generator and the fingerprint of every stage of the model's run, the oldest first."""
    paths = library.stages(model.path)
    return {stage_name(path): stage_generator(str(path), path.stat().st_mtime_ns, model.device) for path in paths}


def earlier_view(model: session.Model, layer: str, unit: int) -> None:
    """One unit's concept and top pictures at every stage of the model's run, when they are asked for."""
    if len(library.stages(model.path)) < 2:
        return
    st.subheader(_("At earlier stages of training"))
    if not st.toggle(_("Show the same unit at every stage"), key="dissection_earlier", **BOUND):
        return
    generators = stage_generators(model)
    stage_strips(stage_dissections(generators, layer), generators, layer, unit)


def count(dissection: Dissection, layer: str) -> np.ndarray:
    """Interpretable units by concept in one layer or all, C; zeros where the stage has no such layer yet."""
    parts = dissection.layers.values() if layer == "all layers" else filter(None, [dissection.layers.get(layer)])
    size = len(dissection.concepts)
    return sum((part.concept_counts(size) for part in parts), np.zeros(size, np.int64))


def first_units(counts: dict[str, np.ndarray], concepts) -> str:
    """In which stage each concept's first unit appears: one line per stage."""
    seen, lines = set(), []
    for stage, found in counts.items():
        new = [_(concepts[c]) for c in np.flatnonzero(found) if c not in seen]
        seen |= set(np.flatnonzero(found).tolist())
        if new:
            lines.append(_("- **{stage}**: first units for {concepts}").format(stage=stage, concepts=joined(new)))
    return "\n".join(lines) or _("No stage has an interpretable unit here.")


def stage_name(path) -> str:
    facts = library.facts(path) or {}
    return f"{facts.get('stage', path.stem)} ({library.kimg(path):.0f})"


def stage_dissections(generators: dict[str, tuple[Generator, str]], layer: str) -> dict[str, Dissection]:
    """The stored dissections of the stages; missing ones are made here if the viewer says so."""
    stored = {read.info.get("weights_sha256"): read for _, read, _ in dissections.stored()}
    wanted = {
        name: tuple(generator.layer_names) if layer == "all layers" else (layer,)
        for name, (generator, _) in generators.items()
        if layer == "all layers" or layer in generator.layer_names
    }
    found = {}
    for name, layers in wanted.items():
        read = stored.get(generators[name][1])
        found[name] = read if read is not None and set(layers) <= set(read.layers) else None
    missing = [name for name, read in found.items() if read is None]
    if missing and make_them(len(missing)):
        for name in missing:
            generator, weights = generators[name]
            settings = wanted[name], "toytown", SAMPLES, 0, None, "iqr"
            found[name] = dissections.dissect_apart(("dissect", weights, *settings), generator, *settings)
    return {name: read for name, read in found.items() if read is not None}


def make_them(number: int) -> bool:
    """Whether the viewer wants the missing stages dissected now."""
    return st.toggle(
        _(
            "Dissect {number} stages now, {samples} pictures each, with the Toy Town segmenter"
        ).format(number=number, samples=SAMPLES),
        key="dissection_stages_now", bind="query-params",
    )  # fmt: skip


@st.cache_resource(max_entries=24, show_spinner=Later("Reading the stages"))
def stage_generator(path: str, changed: int, device: str) -> tuple[Generator, str]:
    """A stage's generator and its fingerprint."""
    generator = library.snapshot(path, device)
    return generator, fingerprint(generator)


def follow_unit(read: dict[str, Dissection], generators: dict[str, tuple[Generator, str]], layer: str) -> None:
    """One unit at every stage that has the layer: its best concept then, and its top pictures."""
    there = {name: dissection.layers[layer] for name, dissection in read.items() if layer in dissection.layers}
    if not there:
        return
    units = min(len(part.mean) for part in there.values())
    unit = st.number_input(
        _("The same unit at every stage"), 0, units - 1, key="dissection_followed", width=220, bind="query-params"
    )
    stage_strips(read, generators, layer, unit)


def stage_strips(
    read: dict[str, Dissection], generators: dict[str, tuple[Generator, str]], layer: str, unit: int
) -> None:
    """The unit at every stage that has it, two beside each other."""
    there = {name: found.layers[layer] for name, found in read.items() if layer in found.layers}
    there = {name: part for name, part in there.items() if unit < len(part.mean)}
    for start in range(0, len(there), 2):
        for column, (name, part) in zip(st.columns(2, gap="medium"), list(there.items())[start:][:2], strict=False):
            with column:
                stage_strip(name, read[name], part, generators[name], layer, unit)


def stage_strip(
    name: str, dissection: Dissection, part: LayerDissection, made_by: tuple[Generator, str], layer: str, unit: int
) -> None:
    """The unit's title and lit top pictures at one stage."""
    generator, mark = made_by
    images = part.scores.top_images[unit, :PICTURES]
    key = f"{mark}|{dissection.info['seed']}|{dissection.info['samples']}|{dissection.info['rule']}"
    material = dissections.make_again(key, layer, tuple(sorted(map(int, images))), False, dissection, generator)
    picture = strip(
        material, part, unit, images, "Lit region", level=part.scores.thresholds[unit], concept=0, palette=None,
        size=dissection.info["label_size"],
    )  # fmt: skip
    title = unit_title(part, unit, dissection.concepts, f"{name},")
    st.html(title + strip_html(picture, f"top pictures of unit {unit} at {name}", "stage-strip"))
