"""How far are two sets of pictures apart, level by level, and what does "sliced" mean?"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from dashboard import session
from dashboard.pages.quality import figures, sources
from dashboard.pages.quality.counts import ENOUGH, STORED, count_control
from dashboard.pages.quality.slices import one_slice, pyramid_pictures
from dashboard.shared.charts import chart
from dashboard.shared.images import image_wall
from dashboard.shared.page import formula_box
from dashboard.shared.progress import with_progress
from pgan_core.metrics import ms_ssim_of_pairs, swd_with_floor
from pgan_core.metrics.stored import read_stored
from pgan_core.pictures import enlarge

COUNTS = [64, 256, 1024, 4096]
FEW, MORE = 256, 1024  # "enough" is few, or more where few cannot tell the sets apart
TOLD_APART = 1.25  # distance over floor
EQUATION = (
    r"\begin{aligned} \mathrm{SWD} &= 10^3 \cdot \mathbb{E}_d\, W(Ad, Bd) \\"
    r" W(a, b) &= \tfrac{1}{M} \textstyle\sum_i |\mathrm{sort}(a)_i - \mathrm{sort}(b)_i| \end{aligned}"
)
WORDS = (
    "128 patches of 7×7 pixels are cut out of every picture at every level of a Laplacian pyramid. Along a random "
    "direction d each patch is one number; sorting both lists pairs them up, and the mean gap is the distance on that "
    "line. 512 lines are averaged. Coarse levels see layout, fine ones texture."
)
WHERE = "Karras et al. 2018, section 5. Each set is normalised by its own mean and deviation."


def draw(model: session.Model, seed: int) -> None:
    """Choose two sources; bars with the floor, pyramids, patches and one slice."""
    kept = read_stored(model.path)
    real, fake, count = controls(model, kept)
    size = min(sources.native_size(real), sources.native_size(fake), sources.LARGEST)
    if size < 16:
        st.info(f"The distance needs pictures of 16 pixels or more; these have {size}.")
        return
    if count == STORED and (real, fake) == (sources.TOWN, model.name):
        result = stored_result(kept)
    else:
        result = measured(real, fake, size, ENOUGH if count == STORED else count, seed)
    count = result["count"]
    bars, side = st.columns([3, 1.15], gap="medium")
    with bars:
        chart(figures.distance_bars(result["distance"], result["floor"], f"{fake} against {real}"), key="quality_bars")
    with side:
        verdict(result, size, count)
    formula_box(EQUATION, WORDS, WHERE)
    few = min(count, 64)  # enough to look at
    pyramids(real, fake, size, few, seed)
    slice_section(real, fake, size, few, seed)


def measured(real: str, fake: str, size: int, count: int | str, seed: int) -> dict:
    """The comparison of so many pictures, or of ENOUGH; of fewer where a source has no more."""
    most = min([n for n in (sources.most(real), sources.most(fake)) if n], default=MORE if count == ENOUGH else count)
    if count != ENOUGH:
        return compare(real, fake, size, min(count, most), seed)
    result = compare(real, fake, size, min(FEW, most), seed)
    return result if told_apart(result) or most <= FEW else compare(real, fake, size, min(MORE, most), seed)


def told_apart(result: dict) -> bool:
    """Whether the distance stands clearly above what equals give."""
    return result["distance"]["average"] > TOLD_APART * result["floor"]["average"]


def stored_result(kept: dict) -> dict:
    """What `evaluate --beside` measured, in the form of `compare`."""
    similar = kept["ms_ssim"]
    named = {"distance": "swd_x1e3", "floor": "swd_x1e3_floor", "count": "count"}
    return {name: kept[key] for name, key in named.items()} | {"ms_ssim": [similar["real"], similar["generated"]]}


def controls(model: session.Model, kept: dict | None) -> tuple[str, str, int | str]:
    """The two sources and the number of pictures; what was measured beforehand comes first and costs nothing."""
    names = sources.offered()
    first, second, number, bring = st.columns([1.8, 1.8, 3.4, 1.5], vertical_alignment="bottom")
    real = first.selectbox("Real pictures", names, 0, key="quality_real", bind="query-params")
    # a key of its own for each model: the compared pictures are the sidebar's model until another source is chosen
    fake = second.selectbox(
        "Compared with", names, names.index(model.name), key=f"quality_fake_{model.name}", bind="query-params"
    )
    with number:
        count = count_control([ENOUGH, *COUNTS], ENOUGH, kept, key="quality_count")
    with bring:
        sources.upload_control()
    return real, fake, count


def compare(real: str, fake: str, size: int, count: int, seed: int) -> dict:
    """Distance, floor and MS-SSIM of two sources; made under a bar."""

    def work(progress):
        reals = sources.pictures(real, size, count, sources.REAL, seed, part(progress, 0.0, 0.1))
        again = sources.pictures(real, size, count, sources.AGAIN, seed, part(progress, 0.1, 0.2))
        fakes = sources.pictures(fake, size, count, sources.COMPARED, seed, part(progress, 0.2, 0.4))
        found = swd_with_floor(reals, again, fakes, seed=seed, progress=part(progress, 0.4, 1.0))
        return found | {"ms_ssim": [float(ms_ssim_of_pairs(x).mean()) for x in (reals, fakes)], "count": count}

    key = ("quality", sources.identity(real), sources.identity(fake), size, count, seed)
    return with_progress(key, work, f"Comparing {count} pictures at {size}×{size}")


def part(progress: Callable[[float], None], begin: float, end: float) -> Callable[[float], None]:
    """Progress of a part of the work, as shares of the whole."""
    return lambda share: progress(begin + share * (end - begin))


def verdict(result: dict, size: int, count: int) -> None:
    """Two numbers beside the bars, and how to read them."""
    distance, floor = result["distance"]["average"], result["floor"]["average"]
    st.metric(
        "Average distance",
        f"{distance:.1f}",
        f"{distance / max(floor, 1e-9):.1f} × the floor",
        delta_color="off",
        delta_arrow="off",
    )
    real, fake = result["ms_ssim"]
    st.metric(
        "MS-SSIM of random pairs", f"{fake:.3f}", f"real: {real:.3f}", delta_color="off", delta_arrow="off",
        help="Multi-scale structural similarity, 0 to 1. Higher than among real pictures: too little variation.",
    )  # fmt: skip
    st.caption(
        f"{count:,} pictures a set at {size}×{size}. Few pictures give a distance even between equals: that is the "
        "floor, and only what stands above it is a difference. The paper uses 16,384."
    )
    if not told_apart(result):
        st.caption("**So many pictures cannot tell these sets apart**: the distance is close to the floor. Take more.")


@session.cached(max_entries=32)
def slices(key: tuple, size: int, seed: int, line: int, _real: np.ndarray, _fake: np.ndarray):
    """One slice, by what the sets are."""
    return one_slice(_real, _fake, size, seed=seed, line=line)


@st.fragment
def pyramids(real: str, fake: str, size: int, count: int, seed: int) -> None:
    """The Laplacian pyramids of one real and one compared picture, side by side."""
    title, number = st.columns([2.2, 1], vertical_alignment="bottom")
    title.subheader("The Laplacian pyramid")
    chosen = number.slider("Picture", 1, min(count, 32), 1, key="quality_picture", bind="query-params") - 1
    columns = st.columns(2, gap="large")
    for column, source, role in zip(columns, (real, fake), (sources.REAL, sources.COMPARED), strict=True):
        picture = sources.pictures(source, size, chosen + 1, role, seed)[chosen]
        levels = {"picture": picture.transpose(1, 2, 0)} | pyramid_pictures(picture)
        with column:
            st.markdown(f"**{source}**")
            captions = [name if name == "picture" else figures.level_name(name) for name in levels]
            image_wall(
                np.stack([enlarge(level, size) for level in levels.values()]), f"quality-pyramid-{role}", len(levels),
                captions, size=128,
            )  # fmt: skip
    st.caption(
        "Every level but the coarsest holds what the next one lacks: grey is zero, contrast four times enlarged."
    )


@st.fragment
def slice_section(real: str, fake: str, size: int, count: int, seed: int) -> None:
    """Patches as they are compared, and one random direction drawn."""
    st.subheader("One slice")
    levels = [size >> i for i in range(int(np.log2(size // 16)) + 1)]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        level = st.segmented_control(
            "Level",
            levels,
            default=levels[0],
            format_func=figures.level_name,
            key=f"quality_level_{size}",
            required=True,
            bind="query-params",
        )
    line = session.recall("quality_line", 0)
    if right.button("Another direction", icon=":material/casino:", key="quality_turn"):
        line += 1
    session.remember("quality_line", line, default=0)
    roles = ((real, sources.REAL), (fake, sources.COMPARED))
    sets = [sources.pictures(source, size, count, role, seed) for source, role in roles]
    key = (sources.identity(real), sources.identity(fake), count)
    found = slices(key, level, seed, line, *sets)
    chart(figures.slice_figure(found.sorted, found.positions, (real, fake)), key="quality_slice")
    st.markdown(f"The shaded gap is the distance on this line: **{1e3 * found.distance:.0f}** (× 1000).")
    shown = [found.direction[None], *found.patches]
    columns = st.columns([1.4, 5, 5], gap="medium")
    titles = ("Direction", f"Patches: {real}", f"Patches: {fake}")
    for i, (column, patches, title) in enumerate(zip(columns, shown, titles, strict=True)):
        with column:
            st.markdown(f"**{title}**")
            captions = [f"{place:+.1f}" for place in found.positions[i - 1]] if i else None
            image_wall(
                drawn(patches, 4.0 if i == 0 else 0.25), f"quality-patches-{i}", 6 if i else 1, captions, size=64
            )
    st.caption("Patches are normalised by their set; the number is the patch's place on the line.")


def drawn(patches: np.ndarray, gain: float) -> np.ndarray:
    """Patches around zero (N x 7 x 7 x 3) as pictures around grey; gain 0.25 shows two deviations each way."""
    return np.rint(127.5 + 255 * gain * patches).clip(0, 255).astype(np.uint8)
