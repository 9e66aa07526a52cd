"""What do pixel norm and local response normalisation do to the feature vector at one place?"""

import numpy as np
import streamlit as st
import torch

from dashboard import session
from dashboard.language import N_, _
from dashboard.pages.quality import figures_variation as figures
from dashboard.shared import other_models
from dashboard.shared.charts import chart
from dashboard.shared.images import image_wall
from dashboard.shared.page import formula_box
from pgan_core.layers import local_response_norm, pixel_norm
from pgan_core.pictures import enlarge, to_uint8

SCALES = [0.01, 0.1, 1, 10, 100, 1000]
EQUATION = (
    r"\begin{gathered} b_c = \frac{a_c}{\sqrt{\tfrac{1}{N}\sum_{j=1}^{N} a_j^2 + \epsilon}} \\[.8em]"
    r" b_c = \frac{a_c}{\bigl(k + \alpha \sum_{|j-c| \le 2} a_j^2\bigr)^{\beta}} \end{gathered}"
)
WORDS = N_(
    "Pixel norm (above) gives the feature vector at every place the same length: multiply the activations by "
    "1000 and nothing changes. Local response normalisation (below) looks at five neighbouring features "
    "only; with its constants, small activations are merely multiplied by a common factor. Only pixel norm "
    "keeps two competing networks from driving each other's signals up."
)
WHERE = N_("Karras et al. 2018, section 4.2; Krizhevsky et al. 2012, section 3.3 (n = 5, k = 2, α = 1e-4, β = 0.75)")


def draw(model: session.Model, seed: int) -> None:
    """The feature vector of one layer at one place, scaled by a factor, before and after both norms."""
    if not model.grows:
        other_models.why_not(model, _("it has no pixel norm. This is what one would do to its features."))
    shown, _alpha = model.generator.moment()
    sizes = {name: int(name.partition("x")[0]) for name in model.generator.layer_names if not name.endswith("/rgb")}
    names = [name for name, size in sizes.items() if size <= shown]
    layer, place, scale = controls(names)
    activation, picture = activations(model, seed, layer)
    rows, columns = activation.shape[1:]
    row, column = min(int(place[0] * rows), rows - 1), min(int(place[1] * columns), columns - 1)
    vector = torch.from_numpy(scale * activation[:, row, column])[None]
    left, right = st.columns([1, 3], gap="medium")
    with left:
        image_wall(marked(picture, row, column, rows)[None], "quality-place", 1, size=256)
        st.caption(
            _("{layer}, row {row} and column {column} of {rows}×{columns}: {features} features").format(
                layer=layer, row=row + 1, column=column + 1, rows=rows, columns=columns, features=vector.shape[1]
            )
        )
    named = {
        _("a: after the non-linearity"): vector,
        _("Pixel norm"): pixel_norm(vector),
        _("Local response norm"): local_response_norm(vector[..., None])[..., 0],
    }
    with right:
        titles = {
            _("{name} (root mean square {rms:.3g})").format(name=name, rms=rms(v)): v[0].numpy()
            for name, v in named.items()
        }
        chart(figures.feature_vectors(titles), key="quality_vectors")
    formula_box(EQUATION, _(WORDS), _(WHERE))


def controls(names: list[str]) -> tuple[str, tuple[float, float], float]:
    """The layer, the place as shares of the picture's height and width, and a factor on the activations."""
    which, down, across, by = st.columns([1.2, 1, 1, 1.6], gap="medium", vertical_alignment="bottom")
    layer = which.selectbox(
        _("Layer"),
        names,
        names.index("8x8/conv1") if "8x8/conv1" in names else 0,
        key="quality_layer",
        bind="query-params",
    )
    row = down.slider(_("Down"), 0, 100, 70, 5, format="%d%%", key="quality_row", bind="query-params")
    column = across.slider(_("Across"), 0, 100, 50, 5, format="%d%%", key="quality_column", bind="query-params")
    scale = by.select_slider(_("Activations times"), SCALES, 1, key="quality_scale", bind="query-params")
    return layer, (row / 100, column / 100), float(scale)


@session.cached(max_entries=64)
def activations(model: session.Model, seed: int, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """C x H x W after the layer's non-linearity for the seed's picture, and the picture."""
    with torch.inference_mode():
        z, labels = session.inputs(model, seed, 1)
        run = session.prepared(model).run(z, labels=labels, keep=[layer])
    return run.activations[layer][0].float().cpu().numpy(), to_uint8(run.images)[0]


def rms(vector: torch.Tensor) -> float:
    return float(vector.square().mean().sqrt())


def marked(picture: np.ndarray, row: int, column: int, places: int) -> np.ndarray:
    """The picture enlarged, with a frame around one place of a grid of places x places."""
    large = enlarge(picture, 256).copy()
    step = large.shape[0] // places
    top, left = row * step, column * step
    edge = 3
    frame = large[max(0, top - edge) : top + step + edge, max(0, left - edge) : left + step + edge]
    inside = large[top : top + step, left : left + step].copy()
    frame[:] = (255, 60, 60)
    large[top : top + step, left : left + step] = inside
    return large
