"""How does the distance fall over the stages of training?"""

from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import library, session
from dashboard.language import N_, _, said
from dashboard.pages.quality import figures, sources
from dashboard.pages.quality.counts import count_control, stored
from dashboard.shared.charts import chart
from dashboard.shared.progress import with_progress
from dashboard.shared.tables import table
from pgan_core import CheckpointError, load_checkpoint
from pgan_core.metrics import METRICS, Evaluation, Sets
from pgan_core.metrics import measure as measure_sets
from pgan_core.metrics.picture_sets import generated_pictures
from pgan_core.progress import Progress

COUNTS = [64, 256, 1024]
MEASURING = N_("Measuring the stages")


def draw(model: session.Model, seed: int) -> None:
    """Every snapshot of the model's run against Toy Town at that snapshot's size."""
    paths = library.stages(model.path)
    if len(paths) < 2:
        st.info(
            _("{name} is the only snapshot of its run here, so there is nothing to compare it with.").format(
                name=model.name
            )
        )
        return
    kept = {path.stem: found for path in paths if (found := stored(path)) and found.is_current}
    # one stage's results are no curve: then all stages are measured now
    offered = next(iter(kept.values())) if len(kept) > 1 and model.label is None else None
    count = count_control(COUNTS, COUNTS[0], offered, key="quality_stage_count")
    rows = kept
    if isinstance(count, int):
        files = tuple((str(path), path.stat().st_mtime_ns) for path in paths)
        key = ("quality-stages", tuple(METRICS), files, count, seed, model.label)
        try:
            rows = with_progress(key, lambda progress: measure(paths, count, seed, model, progress), _(MEASURING))
        except CheckpointError as error:
            st.error(_("The stages cannot be compared: {error}").format(error=said(error)))
            return
    if not rows:
        st.info(_("No snapshot of this run makes pictures of 16 pixels or more."))
        return
    last = list(rows.values())[-1]
    for key, newest in last.measured.items():
        if isinstance(newest.generated, dict):
            found = {name: row.measured[key] for name, row in rows.items()}
            values, real = ([getattr(one, kind) for one in found.values()] for kind in ("generated", "real"))
            chart(
                figures.stage_lines(list(found), values, real, _(METRICS[key].title), METRICS[key].reference),
                key=f"quality_stages_{key}",
            )
    st.caption(
        _(
            "{count:,} pictures of every snapshot against as many real ones, reduced to its size. A level begins "
            "when the network has grown to it. The coarsest, 16×16, sees layout and colours; the finer ones see "
            "texture."
        ).format(count=last.count)
    )
    shown = pd.DataFrame([{"stage": name} | table_row(row, last) for name, row in rows.items()])
    table(shown, key="quality_stages_table")


def table_row(row: Evaluation, last: Evaluation) -> dict[str, float | None]:
    """Column -> value of one stage; None for levels that it has not grown to."""
    columns = {}
    for key, newest in last.measured.items():
        metric, found = METRICS[key], row.measured[key]
        value, real = found.headline
        if isinstance(newest.generated, dict) and isinstance(found.generated, dict):
            levels = {figures.level_name(level): found.generated.get(level) for level in newest.generated}
            named = levels | {_("{reference} (average)").format(reference=_(metric.reference)): real}
        else:
            named = {_(metric.short): value, _("{measure} of real").format(measure=_(metric.short)): real}
        columns |= {name: number if number is None else round(number, metric.digits) for name, number in named.items()}
    return columns


def measure(
    paths: list[Path], count: int, seed: int, model: session.Model, progress: Progress
) -> dict[str, Evaluation]:
    """Snapshot -> its metrics, oldest first; only snapshots that make 16 pixels or more."""
    rows = {}
    for i, path in enumerate(paths):
        generator = load_checkpoint(path, device=model.device).generator
        if generator is not None and 16 <= generator.resolution <= sources.LARGEST:
            size = generator.resolution
            real, again = (sources.pictures(sources.TOWN, size, count, role) for role in (sources.REAL, sources.AGAIN))
            fake = generated_pictures(generator.prepared(), count, seed=seed, label=model.label)
            rows[path.stem] = Evaluation(count, measure_sets(Sets(real, fake, again, seed)))
        progress((i + 1) / len(paths))
    return rows
