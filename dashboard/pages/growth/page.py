"""Growth: how does a Progressive GAN grow from 4x4 to full size, and what does that save?"""

import streamlit as st

from dashboard import library, session
from dashboard.language import N_, _, said
from dashboard.load import counted
from dashboard.pages.growth import figures
from dashboard.pages.growth.runs import (
    changing_rates,
    default_count,
    final_growth,
    picture_costs,
    picture_counts,
    run_schedule,
    snapshot_growth,
)
from dashboard.pages.growth.track import Track
from dashboard.pages.growth.view import early_view, growth_view, schedules_view
from dashboard.shared import later, lesson_panel, other_models
from dashboard.shared.charts import chart, once
from dashboard.shared.controls import BARE
from dashboard.shared.export import export_bar
from dashboard.shared.page import formula_box, header
from pgan_core import CheckpointError
from pgan_core.costs import cumulative_cost, pictures_that_fit, saving
from pgan_core.growth import Schedule, official_schedule
from pgan_core.pictures import encode, encode_gif, encode_mp4

FINAL, SNAPSHOTS = N_("Final network at lower resolutions"), N_("Snapshots from training")
OFFICIAL = N_("the official 1024×1024 run")
WALL = '[data-testid="growth-wall"] canvas[data-ready]'
GPU_MEMORY = 16 * 10**9  # of the cards of 2018
ABOUT_FINAL = N_(
    "Every moment is drawn with the weights of the loaded file. A coarse to-RGB layer stops learning when "
    "its fade ends while the layers below it keep changing, so its colours drift. Snapshots from training do "
    "not drift."
)
ABOUT_SNAPSHOTS = N_(
    "The averaged weights saved during training. Each snapshot is drawn at the moment of growth that it was saved at."
)
EQUATION = r"x = (1-\alpha)\;\mathrm{up}_{2\times}\!\left(x_{r/2}\right) + \alpha\;x_r"
WORDS = N_(
    "Training starts at 4×4 and doubles the resolution step by step. New layers are **faded in**: the "
    "picture blends the old branch, enlarged, with the new one, whose weight α rises from 0 to 1. This "
    "spares the trained layers a sudden shock. The discriminator grows in step, and real images are blended "
    "in the same way."
)
WHERE = N_("Karras et al. 2018, section 2, figure 2. α is the new branch's weight; in some code it is the old one's.")


# ---- what is shown -----------------------------------------------------------------------------------------------


def thousands(number: float) -> str:
    return f"{number:,.0f}".replace(",", "\u202f")


def controls(has_stages: bool, resolution: int) -> tuple[str, int]:
    """How growth is shown, and the wall's columns; large pictures take long, so there are fewer of them."""
    counts = picture_counts(resolution)
    if st.session_state.get("growth_pictures", counts[0]) not in counts:
        del st.session_state["growth_pictures"]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        ways = [FINAL, SNAPSHOTS] if has_stages else [FINAL]
        way = st.segmented_control(
            _("Shown as"), ways, default=FINAL, key="growth_way", format_func=_, required=True, **BARE
        )
        st.space("small")
        st.markdown(_("Pictures"), width="content")
        default = default_count(resolution)
        count = st.segmented_control(
            _("Pictures"), counts, default=default, key="growth_pictures", required=True, **BARE
        )
        lesson_panel.invitation("growing")
    return way, round(count**0.5)


@st.fragment
@counted
def show(track: Track, addresses: list[str], columns: int, identity: str) -> None:
    """Pictures, equation and exports; only this runs again on the server when the scrubber is let go."""
    start = session.recall("growth_at", track.end)
    t = growth_view(track, addresses, columns, start=start, identity=identity, key="growth_view", place_key="growth_at")
    formula_box(EQUATION, _(WORDS), _(WHERE))
    st.markdown(_(ABOUT_FINAL if track.smooth else ABOUT_SNAPSHOTS))
    files = {
        "growth.png": lambda: encode(track.wall(track.nearest(t).sheet)),
        "growth.gif": lambda: encode_gif(film(track)),
        "growth.mp4": lambda: encode_mp4(film(track)),
    }
    export_bar(files, key="growth")


def film(track: Track) -> list:
    """The walls from the first moment to the last; snapshots and finished resolutions are held for six frames."""
    sheets = [track.wall(number) for number in range(len(track.sheets))]
    return [sheets[point.sheet] for point in track.points for _ in range(1 if point.alpha < 1 and track.smooth else 6)]


# ---- what growing costs ------------------------------------------------------------------------------------------


@st.fragment
@counted
def costs_section(model: session.Model, own: Schedule | None) -> None:
    """What a picture and a run cost, for the loaded model or for the official run."""
    st.subheader(_("What growing saves"))
    runs = [N_("this run") if own else N_("this network, official schedule"), OFFICIAL]
    run = st.segmented_control(
        _("Costs of"), runs, default=runs[0], format_func=_, key="growth_costs", bind="query-params", required=True
    )
    if not later.seen("growth", after=WALL):
        return
    costs = picture_costs(None if run == OFFICIAL else model)
    if not costs:
        return  # two files that share no size
    chart(once(figures.picture_costs, costs), key="growth_picture_costs")
    small, large = min(costs), max(costs)
    both = run == OFFICIAL or "discriminator" in model.networks
    networks = _("both networks together") if both else _("the generator (the file holds no discriminator)")
    held = {size: thousands(pictures_that_fit([costs[size]], GPU_MEMORY)) for size in (small, large)}
    st.markdown(
        _(
            "The layer outputs for one {large}×{large} picture take **{megabytes:.1f} MB** in {networks}; "
            "training needs several times that. A 16 GB GPU holds the outputs of **{held_large}** such pictures, but "
            "of {held_small} at {small}×{small}. This is why full size forces small minibatches."
        ).format(
            large=large,
            megabytes=costs[large].activation_bytes / 1e6,
            networks=networks,
            held_large=held[large],
            held_small=held[small],
            small=small,
        )
    )
    schedule = own if own and run != OFFICIAL else official_schedule(resolution=large)
    if set(costs) >= {stage.resolution for stage in schedule.stages}:
        run_section(schedule, {size: cost.multiply_adds for size, cost in costs.items()})
    else:
        st.markdown(_("The saving over a whole run is shown for networks that hold every resolution of the schedule."))


def run_section(schedule: Schedule, multiply_adds: dict[int, int]) -> None:
    """What the run costs against one at full size from the start."""
    full_size = 1000 * schedule.total_kimg * multiply_adds[schedule.resolution]
    corners = cumulative_cost(schedule, multiply_adds)
    chart(once(figures.run_cost, schedule, corners, full_size), key="growth_run_cost")
    st.markdown(
        _(
            "Over {total_kimg} thousand pictures, growing progressively costs **{saving:.1f} times less** than "
            "training at full size from the start. The paper reports comparable quality 2 to 6 times faster, "
            "depending on the final size (section 2)."
        ).format(total_kimg=thousands(schedule.total_kimg), saving=saving(schedule, multiply_adds))
    )


# ---- the page ----------------------------------------------------------------------------------------------------

model = session.model(may_be_lighter=True)
stages = tuple((str(path), path.stat().st_mtime_ns) for path in library.stages(model.path))
head = st.container()
with head:
    header(_("How does a Progressive GAN grow?"), _("PGGAN, section 2 and figure 2"))
    if not model.grows:
        other_models.why_not(model, _("it was trained at one size. These are its pictures."))
        other_models.pictures(model)
        st.stop()
    way, columns = controls(len(stages) > 1, model.generator.resolution)
seed = session.seed()
try:
    with st.container():  # the bar's place: what follows stays where it is
        if way == SNAPSHOTS:
            track, addresses = snapshot_growth(model, stages, seed, columns)
        else:
            track, addresses = final_growth(
                model, seed, columns, first=lambda sheet: early_view(sheet, columns, head, key="growth_early")
            )
except (CheckpointError, ValueError) as error:
    st.error(_("The growth cannot be shown: {error}").format(error=said(error)))
    st.stop()
show(track, addresses, columns, f"{model.identity}/{way}/{seed}/{columns}")
own = run_schedule(model)
st.subheader(_("The training schedule"))
schedules = ({_("This run"): own} if own else {}) | {_("Official code, 1 GPU"): official_schedule()}
schedules_view(schedules, track.phases, start=session.recall("growth_at", track.end), key="growth_schedules")
if own and (note := changing_rates(model)):
    st.caption(note)
costs_section(model, own)
