"""How far are two sets of pictures apart, level by level, and what does "sliced" mean?"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.language import N_, _, p_
from dashboard.load import counted
from dashboard.pages.quality import figures, sources
from dashboard.pages.quality.counts import ENOUGH, STORED, count_control, stored
from dashboard.pages.quality.slices import one_slice, pyramid_pictures
from dashboard.shared import later
from dashboard.shared.charts import chart, once
from dashboard.shared.images import image_wall
from dashboard.shared.page import formula_box, plain
from dashboard.shared.progress import with_progress
from pgan_core.metrics import METRICS, Evaluation, Measured, Sets, measure
from pgan_core.pictures import enlarge

COUNTS = [64, 256, 1024, 4096]
FEW, MORE = 256, 1024  # "enough" is few, or more where few cannot tell the sets apart
LOOKED_AT = 16  # pictures whose pyramids and patches are shown
TOLD_APART = 1.25  # distance over floor
EQUATION = (
    r"\begin{aligned} \mathrm{SWD} &= 10^3 \cdot \mathbb{E}_d\, W(Ad, Bd) \\"
    r" W(a, b) &= \tfrac{1}{M} \textstyle\sum_i |\mathrm{sort}(a)_i - \mathrm{sort}(b)_i| \end{aligned}"
)
WORDS = N_(
    "128 patches of 7×7 pixels are cut out of every picture at every level of a Laplacian pyramid. Projected "
    "onto a random direction d, each patch is one number. Both lists are sorted and paired; their mean gap "
    "is the distance along that line. 512 lines are averaged. Coarse levels see layout, fine ones texture."
)
WHERE = N_("Karras et al. 2018, section 5. Each set is normalised by its own mean and deviation.")


def draw(model: session.Model, seed: int) -> None:
    """Choose two sources; bars with the floor, pyramids, patches and one slice."""
    kept = stored(model.path) if model.label is None else None  # it is of pictures of every class
    if kept and not kept.is_current:
        st.warning(_("The stored results are of older weights than this model's, so the sets are compared now."))
        kept = None
    real, fake, count = controls(model, kept)
    if real == sources.TOWN and fake == model.name and not model.grows:
        stand_in = _("Toy Town scenes only stand in here: bring pictures like those that {name} was trained on.")
        st.caption(stand_in.format(name=plain(model.name)))
    size = min(sources.native_size(real), sources.native_size(fake), sources.LARGEST)
    if size < 16:
        st.info(_("The distance needs pictures of 16 pixels or more; these have {size}.").format(size=size))
        return
    is_stored = kept is not None and count == STORED and (real, fake) == (sources.TOWN, model.name)
    result = kept if kept and is_stored else compared(real, fake, size, count, seed)
    left, side = st.columns([3, 1.15], gap="medium")
    with left:
        for key, found in result.measured.items():
            if isinstance(found.generated, dict) and isinstance(found.real, dict):
                metric, name = METRICS[key], _("{fake} against {real}").format(fake=_(fake), real=_(real))
                bars = once(figures.level_bars, found.generated, found.real, name, _(metric.title), metric.reference)
                chart(bars, key=f"quality_bars_{key}")
    with side:
        verdict(result, size, is_stored)
    formula_box(EQUATION, _(WORDS), _(WHERE))
    few = min(result.count, LOOKED_AT)
    pyramids(real, fake, size, few, seed)
    slice_section(real, fake, size, few, seed)


def compared(real: str, fake: str, size: int, count: int | str, seed: int) -> Evaluation:
    """The comparison of so many pictures, or (of a word) of enough; of fewer where a source has no more."""
    wanted = count if isinstance(count, int) else MORE
    most = min([n for n in (sources.most(real), sources.most(fake)) if n], default=wanted)
    if isinstance(count, int):
        return compare(real, fake, size, min(count, most), seed)
    result = compare(real, fake, size, min(FEW, most), seed)
    return result if told_apart(result) or most <= FEW else compare(real, fake, size, min(MORE, most), seed)


def told_apart(result: Evaluation) -> bool:
    """Whether every distance stands clearly above its floor."""
    pairs = [found.headline for key, found in result.measured.items() if METRICS[key].has_floor]
    return all(value > TOLD_APART * floor for value, floor in pairs if floor is not None)


def controls(model: session.Model, kept: Evaluation | None) -> tuple[str, str, int | str]:
    """The two sources and the number of pictures."""
    names = sources.offered()
    first, second, number, bring = st.columns([1.7, 1.7, 4.5, 1.4], vertical_alignment="bottom")
    real = first.selectbox(_("Real pictures"), names, 0, format_func=_, key="quality_real", bind="query-params")
    # one key a model: another model in the sidebar is compared at once, whatever was chosen for the last one
    fake = second.selectbox(
        _("Compared with"),
        names,
        names.index(model.name),
        format_func=_,
        key=f"quality_fake_{model.name}",
        bind="query-params",
    )
    with number:
        count = count_control([ENOUGH, *COUNTS], ENOUGH, kept, key="quality_count")
    with bring:
        sources.upload_control()
    return real, fake, count


def compare(real: str, fake: str, size: int, count: int, seed: int) -> Evaluation:
    """Every metric of two sources, with a progress bar."""

    def work(progress):
        reals = sources.pictures(real, size, count, sources.REAL, seed, part(progress, 0.0, 0.1))
        again = sources.pictures(real, size, count, sources.AGAIN, seed, part(progress, 0.1, 0.2))
        fakes = sources.pictures(fake, size, count, sources.COMPARED, seed, part(progress, 0.2, 0.4))
        found = measure(Sets(reals, fakes, again, seed, progress=part(progress, 0.4, 1.0)))
        return Evaluation(count, found)

    key = ("quality", tuple(METRICS), sources.identity(real), sources.identity(fake), size, count, seed)
    return with_progress(key, work, _("Comparing {count} pictures at {size}×{size}").format(count=count, size=size))


def part(progress: Callable[[float], None], begin: float, end: float) -> Callable[[float], None]:
    """Progress of a part of the work, as shares of the whole."""
    return lambda share: progress(begin + share * (end - begin))


def verdict(result: Evaluation, size: int, is_stored: bool) -> None:
    """One number a metric beside the bars, and how to read them."""
    for key, found in result.measured.items():
        metric, value = METRICS[key], found.headline[0]
        average = _("Average {measure}").format(measure=_(metric.short.lower()))
        label = average if isinstance(found.generated, dict) else _(metric.title)
        st.metric(
            label, metric.text(value), beside(key, found), delta_color="off", delta_arrow="off", help=_(metric.help)
        )  # fmt: skip
    st.caption(
        _(
            "{count:,} pictures a set at {size}×{size}, {when}. Even two sets of real pictures lie apart: that "
            "distance is the floor, and only what is above it counts. More pictures lower the floor; the paper "
            "uses 16,384."
        ).format(count=result.count, size=size, when=_("measured beforehand") if is_stored else _("measured now"))
    )
    if not told_apart(result):
        st.caption(_("**This is too close to the floor to tell the sets apart.** Take more pictures."))


def beside(key: str, found: Measured) -> str | None:
    """The line below a metric's number: the ratio to its floor, or the value of real pictures."""
    metric, (value, real) = METRICS[key], found.headline
    if real is None:
        return None
    return (
        _("{ratio:.1f} × the floor").format(ratio=value / max(real, 1e-9))
        if metric.has_floor
        else _("real: {text}").format(text=metric.text(real))
    )


@session.cached(max_entries=32)
def slices(key: tuple, size: int, seed: int, line: int, _real: np.ndarray, _fake: np.ndarray):
    """`one_slice`, kept by `key`, which says what the sets are."""
    return one_slice(_real, _fake, size, seed=seed, line=line)


@st.fragment
@counted
def pyramids(real: str, fake: str, size: int, count: int, seed: int) -> None:
    """The Laplacian pyramids of one real and one compared picture, side by side."""
    title, number = st.columns([2.2, 1], vertical_alignment="bottom")
    title.subheader(_("The Laplacian pyramid"))
    chosen = number.slider(_("Picture"), 1, min(count, 32), 1, key="quality_picture", bind="query-params") - 1
    if not later.seen("quality_pyramids"):
        return
    columns = st.columns(2, gap="large")
    for column, source, role in zip(columns, (real, fake), (sources.REAL, sources.COMPARED), strict=True):
        picture = sources.pictures(source, size, chosen + 1, role, seed)[chosen]
        levels = {"picture": picture.transpose(1, 2, 0)} | pyramid_pictures(picture)
        with column:
            st.markdown(f"**{_(source)}**")
            captions = [figures.level_name(name) for name in levels]
            image_wall(
                np.stack([enlarge(level, size) for level in levels.values()]), f"quality-pyramid-{role}", len(levels),
                captions, size=128,
            )  # fmt: skip
    st.caption(
        _(
            "Every level but the coarsest holds the detail that the next one lacks. Grey is zero; contrast is "
            "enlarged four times."
        )
    )


@st.fragment
@counted
def slice_section(real: str, fake: str, size: int, count: int, seed: int) -> None:
    """Patches as they are compared, and one random direction drawn."""
    st.subheader(_("One slice"))
    levels = [size >> i for i in range(int(np.log2(size // 16)) + 1)]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        level = st.segmented_control(
            p_("pyramid", "Level"),
            levels,
            default=levels[0],
            format_func=figures.level_name,
            key=f"quality_level_{size}",
            required=True,
            bind="query-params",
        )
    line = session.recall("quality_line", 0)
    if right.button(_("Another direction"), icon=":material/casino:", key="quality_turn"):
        line += 1
    session.remember("quality_line", line, default=0)
    if not later.seen("quality_slice"):
        return
    roles = ((real, sources.REAL), (fake, sources.COMPARED))
    sets = [sources.pictures(source, size, count, role, seed) for source, role in roles]
    key = (sources.identity(real), sources.identity(fake), count)
    found = slices(key, level, seed, line, *sets)
    chart(figures.slice_figure(found.sorted, found.positions, (_(real), _(fake))), key="quality_slice")
    st.markdown(
        _("The shaded gap is the distance on this line: **{distance:.0f}** (× 1000).").format(
            distance=1e3 * found.distance
        )
    )
    shown = [found.direction[None], *found.patches]
    columns = st.columns([1.4, 5, 5], gap="medium")
    titles = (_("Direction"), _("Patches: {real}").format(real=_(real)), _("Patches: {fake}").format(fake=_(fake)))
    for i, (column, patches, title) in enumerate(zip(columns, shown, titles, strict=True)):
        with column:
            st.markdown(f"**{title}**")
            captions = [f"{place:+.1f}" for place in found.positions[i - 1]] if i else None
            image_wall(
                drawn(patches, 4.0 if i == 0 else 0.25), f"quality-patches-{i}", 6 if i else 1, captions, size=64
            )
    st.caption(
        _(
            "Patches are normalised by their own set. The number is a patch's place on the line, a tick in the "
            "left figure."
        )
    )


def drawn(patches: np.ndarray, gain: float) -> np.ndarray:
    """Patches around zero (N x 7 x 7 x 3) as pictures around grey; with gain 0.25 they range over ±2 deviations."""
    return np.rint(127.5 + 255 * gain * patches).clip(0, 255).astype(np.uint8)
