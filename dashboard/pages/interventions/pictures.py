"""Pictures before and after edits, computed from the activations that are kept at the earliest edited layer."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import Later
from dashboard.load import load
from dissection.effects.trial import Trial, high_levels
from dissection.interventions import Edit
from dissection.scoring.job import latents_and_labels
from pgan_core.latents import MAX_SEED
from pgan_core.pictures import to_floats, to_uint8

WALL, WALL_LARGE = 12, 4  # other seeds; for pictures above 256 pixels
KEPT_BYTES = 2**26  # of one layer's kept activations: two dozen of them are 1.6 GB
LEVEL_SEEDS = range(1_000_000, 1_000_064)  # the sample on which high levels of units are taken


def wall_size(model: session.Model) -> int:
    """How many other pictures are shown: fewer large ones, and fewer while the server is full."""
    return WALL if model.generator.resolution <= 256 and not load().is_full else WALL_LARGE


def next_seeds(seed: int, count: int) -> tuple[int, ...]:
    """The next seeds; after the largest comes 0."""
    return tuple((seed + i) % (MAX_SEED + 1) for i in range(1, count + 1))


def pictures(model: session.Model, seeds: Sequence[int], edits: Mapping[str, Sequence[Edit]]) -> np.ndarray:
    """uint8 N x R x R x 3 of the seeds after edits; only what follows the first edited layer is computed."""
    with torch.inference_mode():
        return to_uint8(run(model, tuple(seeds), edits))


def run(model: session.Model, seeds: tuple[int, ...], edits: Mapping[str, Sequence[Edit]]) -> torch.Tensor:
    """The same as floats N x C x R x R, unclamped."""
    generator = session.prepared(model)
    first = next((name for name in generator.layer_names if edits.get(name)), None)
    z = latents_and_labels(generator, seeds, model.label)
    start = (first, kept_at(model.identity, first, seeds, model)) if first is not None else None
    images = generator.run(z, start=start, edits=edits if start else None).images
    assert images is not None  # only a run that stops early has none
    return images


def kept_at(identity: str, layer: str, seeds: tuple[int, ...], model: session.Model) -> torch.Tensor:
    """Activations N x U x h x w of a layer, kept unless huge, so that edits recompute only what follows."""
    side, units = next((s.resolution, s.out_features) for s in model.generator.specs if s.name == layer)
    large = 4 * len(seeds) * units * side**2 > KEPT_BYTES
    return activations(model, layer, seeds) if large else _kept(identity, layer, seeds, model)


def activations(model: session.Model, layer: str, seeds: tuple[int, ...]) -> torch.Tensor:
    """A layer's activations N x U x h x w."""
    generator = session.prepared(model)
    with torch.inference_mode():
        return generator.run(latents_and_labels(generator, seeds, model.label), stop=layer).activations[layer]


@st.cache_resource(max_entries=24, show_spinner=False)
def _kept(identity: str, layer: str, seeds: tuple[int, ...], _model: session.Model) -> torch.Tensor:
    return activations(_model, layer, seeds)


@st.cache_resource(max_entries=32, show_spinner=Later("Measuring how strong units get"))
def strong_levels(identity: str, layer: str, _model: session.Model) -> np.ndarray:
    """The level that each unit exceeds in 0.5% of places, U: what `add` sets units to."""
    return high_levels(Trial(session.prepared(_model), layer, None, LEVEL_SEEDS, label=_model.label)).numpy()


@session.cached(max_entries=64)
def before(model: session.Model, seeds: tuple[int, ...]) -> np.ndarray:
    """The unedited pictures."""
    return pictures(model, seeds, {})


def segmented(segmenter, images: np.ndarray) -> np.ndarray | None:
    """Label maps N x H x W of uint8 pictures N x R x R x 3, or None without a segmenter that needs nothing else."""
    if segmenter is None or getattr(segmenter, "layers", ()):
        return None
    found = segmenter(to_floats(images))
    return (found[:, 0] if found.dim() == 4 else found).cpu().numpy()
