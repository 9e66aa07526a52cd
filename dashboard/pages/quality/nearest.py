"""Did the network learn scenes by heart? Generated pictures beside the training pictures nearest to them."""

import html
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _, language
from dashboard.pages.quality import figures_nearest as figures
from dashboard.shared import other_models
from dashboard.shared.charts import chart
from dashboard.shared.images import data_uri, whole
from dashboard.shared.page import formula_box
from pgan_core.metrics import nearest_files
from pgan_core.pictures import enlarge

COMMAND = "python -m pgan_core nearest {} --real TRAINING_SET --held-out OTHER_PICTURES"
EQUATION = r"d(x, y) = \sqrt{\tfrac{1}{n} \textstyle\sum_i (x_i - y_i)^2}"
WORDS = {
    "pixels": (
        N_(
            "The root mean square difference of all pixels, in levels of 255. It finds copies and blurred "
            "copies; a sharp copy moved by one pixel already counts as far, as the grey curve shows. Night "
            "scenes have less contrast than day scenes, hence the two humps."
        )
    ),
    "layout": (
        N_(
            "The same difference after smoothing the pictures, reducing them to 16×16 and subtracting each "
            "channel's mean: blind to brightness and hardly affected by a shift of one pixel. What counts is "
            "where houses and trees stand."
        )
    ),
}
NAMES = (  # of measures and of curves
    N_("Pixels"),
    N_("Structure"),
    N_("Layout"),
    N_("generated"),
    N_("held out"),
    N_("training"),
    N_("moved by one pixel"),
)
WHERE = N_("⇋: the scene's mirror image is nearer; training shows both. Karras et al. 2018, appendix.")


def draw(model: session.Model, seed: int) -> None:
    """What `python -m pgan_core nearest` stored beside the model: distances, then pictures with their neighbours."""
    folder = nearest_files.beside(model.path)
    changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
    found = stored(str(model.path), changed)
    if found is None:
        st.info(_("The nearest training pictures of this model have not been searched for yet. From a shell:"))
        st.code(COMMAND.format(other_models.in_a_shell(model)), language="bash", wrap_lines=True)
        return
    result = found[0]
    names = list(result["measures"])
    measure = st.segmented_control(
        _("Compare by"), names, default=names[0], key="quality_nearest", bind="query-params", required=True,
        format_func=lambda name: _(name.capitalize()),
    )  # fmt: skip
    near = result["measures"][measure]
    curves, side = st.columns([3, 1.15], gap="medium")
    with curves:
        chart(figures.nearest_curves(near["nearest"]), key="quality_nearest_curves")
    with side:
        verdict(near["nearest"], result["real_count"])
    st.subheader(_("Generated pictures, each with its nearest training scenes"))
    st.html(wall(str(model.path), changed, measure, language(), found))
    formula_box(EQUATION, _(WORDS.get(measure, "")), _(WHERE))


@session.cached(max_entries=8)
def stored(path: str, changed: int) -> tuple[dict, np.ndarray] | None:
    """The folder beside a model's file; read again when it has changed."""
    return nearest_files.read(Path(path))


def verdict(nearest: dict[str, list[float]], total: int) -> None:
    """The medians side by side, and how to read them."""
    generated, held_out = nearest["generated"], nearest.get("held out")
    note = _("held-out scenes: {median:.1f}").format(median=np.median(held_out)) if held_out else None
    st.metric(
        _("Median distance to the nearest"),
        f"{np.median(generated):.1f}",
        note,
        delta_color="off",
        delta_arrow="off",
    )
    text = _("{generated:,} generated pictures, {total:,} training scenes.").format(
        generated=len(generated), total=total
    )
    if held_out:
        share = nearest_files.share_below(generated, held_out)
        text += " " + _(
            "If the network had memorised scenes, orange would lie far to the left of blue. **{share:.1f}%** of the "
            "generated pictures are nearer than the nearest 1% of held-out scenes, which no network has seen."
        ).format(share=100 * share)
    st.caption(text)


@session.cached(max_entries=8)
def wall(path: str, changed: int, measure: str, code: str, _found: tuple[dict, np.ndarray]) -> str:
    """HTML: every generated picture, framed, with its neighbours by the measure and their distances.

    code: the language of its words, which is part of the key.
    """
    result, rows = _found
    found = result["measures"][measure]["neighbours"]
    begin, end = nearest_files.columns(result, measure)
    groups = []
    for i, (pictures, neighbours) in enumerate(zip(rows, found, strict=True)):
        cells = [cell(pictures[0], _("seed {seed}").format(seed=result["seed"] + i), figures.FAKE)]
        for picture, near in zip(pictures[begin:end], neighbours, strict=True):
            mirrored = " ⇋" if near["mirrored"] else ""
            cells.append(
                cell(
                    picture,
                    f"{near['distance']:.1f}{mirrored}",
                    title=_("training scene {scene}").format(scene=near["scene"]),
                )
            )
        grid = f"display:grid;grid-template-columns:repeat({end - begin + 1},1fr);gap:.35rem"
        groups.append(f'<div style="{grid}">{"".join(cells)}</div>')
    columns = "display:grid;grid-template-columns:1fr 1fr;gap:.5rem 1.6rem"
    return f'<div data-testid="quality-nearest" style="{columns}">{"".join(groups)}</div>'


def cell(picture: np.ndarray, caption: str, frame: str = "transparent", title: str = "") -> str:
    """One picture, enlarged by nearest neighbour, with a line below it."""
    large = enlarge(picture, 128)
    source = data_uri(large)
    return (
        f'<figure style="margin:0" title="{html.escape(title)}"><img src="{source}" alt="" '
        f'style="{whole(large.shape[1])};outline:3px solid {frame};outline-offset:-3px">'
        f'<figcaption style="font-size:.9rem;text-align:center">{html.escape(caption)}</figcaption></figure>'
    )
