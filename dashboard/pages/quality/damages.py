"""What do the measures see, and what do they miss?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _
from dashboard.pages.quality import figures, sources
from dashboard.pages.quality.spoil import add_noise, blur, collapse, shift_colours
from dashboard.shared.charts import chart
from dashboard.shared.images import image_wall
from dashboard.shared.progress import with_progress
from pgan_core.metrics import METRICS, Sets, inception_score
from pgan_core.metrics import measure as measure_sets
from pgan_core.metrics.inception import thumbnail_classifier
from pgan_core.progress import Progress

COUNT, SIZE = 128, 64  # real scenes; enough to see what moves, quick enough to play with
SHOWN = 5


@dataclass(frozen=True)
class Damage:
    """One way to spoil a set."""

    name: str
    apply: Callable[..., np.ndarray]  # (pictures, strength)
    strengths: list[float]
    default: float
    unit: str
    lesson: str


DAMAGES = (
    Damage(
        N_("Blur"), blur, [0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0], 1.0, N_("σ in pixels"),
        N_(
            "The finest level of the distance sees blur at once; the coarsest hardly does. MS-SSIM and the "
            "inception score do not notice it."
        ),
    ),
    Damage(
        N_("Shift colours"), shift_colours, [10, 20, 30, 40, 60], 40, N_("levels of 255"),
        N_(
            "Every picture has the same wrong cast, which anyone can see. **The distance is blind to it**: each "
            "set is normalised by its own channel means. MS-SSIM notices only the lost contrast. A classifier "
            "that knows colours notices the cast."
        ),
    ),
    Damage(
        N_("Noise"), add_noise, [3, 6, 12, 24, 48], 12, N_("deviation in levels of 255"),
        N_(
            "Noise fills the finest level, which was nearly empty: the distance jumps there and hardly moves at "
            "coarser levels. MS-SSIM falls a little, as if the set had become more varied."
        ),
    ),
    Damage(
        N_("Collapse"), collapse, [2, 4, 8, 16, 32, 64], 8, N_("pictures kept"),
        N_(
            "Every picture is perfect, but only a few of them differ: this is what a collapsed generator looks "
            "like. The coarse levels of the distance, MS-SSIM and the inception score all notice."
        ),
    ),
)  # fmt: skip


def heading(column: str) -> str:
    """A column's name in the reader's language, whole or line by line."""
    known = _(column)
    return known if known != column else "<br>".join(map(_, column.split("<br>")))


def draw(model: session.Model, seed: int) -> None:
    """Buttons that spoil a set of real scenes; what every measure says of each damage, side by side."""
    left, right = st.columns([1.3, 1], vertical_alignment="bottom", gap="large")
    names = [damage.name for damage in DAMAGES]
    with left:
        name = st.segmented_control(
            _("Spoil the pictures"),
            names,
            default=names[1],
            format_func=_,
            key="quality_damage",
            bind="query-params",
            required=True,
        )
    chosen = DAMAGES[names.index(name)]
    strength = right.select_slider(
        _("Strength ({unit})").format(unit=_(chosen.unit)),
        chosen.strengths,
        chosen.default,
        key=f"quality_strength_{chosen.name}",
        bind="query-params",
    )
    pictures = sources.pictures(sources.TOWN, SIZE, COUNT, sources.AGAIN)
    spoiled = chosen.apply(pictures, strength)
    for column, shown, title in zip(st.columns(2, gap="large"), (pictures, spoiled), (N_("Real"), name), strict=True):
        with column:
            st.markdown(f"**{_(title)}**")
            image_wall(shown[:SHOWN].transpose(0, 2, 3, 1), f"quality-{title.split()[0].lower()}", SHOWN, size=64)
    st.markdown(_(chosen.lesson))
    columns, values = measured(chosen, strength)
    rows = [N_("untouched"), *names]
    shown = figures.answers([_(row) for row in rows], [heading(column) for column in columns], values, rows.index(name))
    chart(shown, key="quality_answers")
    st.caption(
        _(
            "{count} Toy Town scenes at {size}×{size}, compared with {count} others; MS-SSIM of random pairs of "
            "the set itself; inception score by a stand-in classifier (which of ten scenes is nearest, as 8×8 "
            "thumbnails). Damages that are not chosen have their usual strength. Colour: how far the number "
            "moved from the untouched set."
        ).format(count=COUNT, size=SIZE)
    )


def measured(chosen: Damage, strength: float) -> tuple[list[str], np.ndarray]:
    """Every measure (columns) of the untouched set and of each damage (rows); only new ones are computed."""
    jobs = [None, *((damage, strength if damage is chosen else damage.default) for damage in DAMAGES)]
    answers = []
    for job in jobs:
        key = ("quality-damage", COUNT, SIZE, tuple(METRICS), job and job[0].name, job and job[1])
        label = _("Measuring: {name}").format(name=_(job[0].name).lower()) if job else _("Measuring the untouched set")
        answers.append(with_progress(key, lambda progress, job=job: measure(job, progress), label))
    return list(answers[0]), np.array([list(answer.values()) for answer in answers])


def measure(job: tuple[Damage, float] | None, progress: Progress) -> dict[str, float]:
    """Name of the measure, in English -> its value for one spoiled set (None: untouched)."""
    real, pictures = (sources.pictures(sources.TOWN, SIZE, COUNT, role) for role in (sources.REAL, sources.AGAIN))
    if job:
        pictures = job[0].apply(pictures, job[1])
    named = {}
    for key, found in measure_sets(Sets(real, pictures, progress=progress)).items():
        short, value = METRICS[key].short, found.generated
        levels = value if isinstance(value, dict) else {"": value}
        named |= {f"{short}<br>{figures.english_level_name(level)}": number for level, number in levels.items()}
    return named | {N_("Inception<br>score"): inception_score(thumbnail_classifier(real)(pictures), 1)[0]}
