"""How does the distance fall over the stages of training?"""

from pathlib import Path

import streamlit as st

from dashboard import library, session
from dashboard.pages.quality import figures, sources
from dashboard.pages.quality.counts import STORED, count_control
from dashboard.shared.charts import chart
from dashboard.shared.progress import with_progress
from pgan_core import CheckpointError, load_checkpoint
from pgan_core.metrics import ms_ssim_of_pairs, swd_with_floor
from pgan_core.metrics.picture_sets import generated_pictures
from pgan_core.metrics.stored import read_stored

COUNTS = [64, 256, 1024]
MEASURING = "Measuring the stages"


def draw(model: session.Model, seed: int) -> None:
    """Every snapshot of the model's run against Toy Town at that snapshot's size."""
    paths = library.stages(model.path)
    if len(paths) < 2:
        st.info(f"{model.name} stands alone: there are no other snapshots of its run beside it.")
        return
    kept = {path: found for path in paths if (found := read_stored(path))}
    # one stage's stored measures are no course of training: then the stages are measured now
    offered = next(iter(kept.values())) if len(kept) > 1 else None
    count = count_control(COUNTS, COUNTS[0], offered, key="quality_stage_count")
    if count == STORED:
        rows = [stored_row(path, found) for path, found in kept.items()]
    else:
        key = (
            "quality-stages",
            tuple((str(path), path.stat().st_mtime_ns) for path in paths),
            count,
            seed,
            model.label,
        )
        try:
            rows = with_progress(key, lambda progress: measure(paths, count, seed, model, progress), MEASURING)
        except CheckpointError as error:
            st.error(f"The stages cannot be compared: {error}")
            return
    if not rows:
        st.info("No snapshot of this run makes pictures of 16 pixels or more.")
        return
    names = [row["name"] for row in rows]
    chart(
        figures.stage_lines(names, [row["distance"] for row in rows], [row["floor"] for row in rows]),
        key="quality_stages",
    )
    st.caption(
        f"{rows[0]['count']} pictures of every snapshot against as many real ones reduced to its size. A level begins "
        "when the network has grown to it; the coarsest, 16×16, sees layout and colours, the finer ones texture."
    )
    st.dataframe([table_row(row, list(rows[-1]["distance"])) for row in rows], hide_index=True)


def table_row(row: dict, levels: list) -> dict:
    """Column -> value of one stage; levels that it has not grown to stay empty."""
    distances = {figures.level_name(level): row["distance"].get(level) for level in levels}
    numbers = distances | {"floor (average)": row["floor"]["average"]}
    similar = {"MS-SSIM": round(row["ms_ssim"], 3), "MS-SSIM of real": round(row["ms_ssim_real"], 3)}
    rounded = {name: value if value is None else round(value, 1) for name, value in numbers.items()}
    return {"stage": row["name"]} | rounded | similar


def stored_row(path: Path, kept: dict) -> dict:
    """A row as `measure` makes it, of what was measured beforehand."""
    similar = kept["ms_ssim"]
    return {
        "name": path.stem, "count": kept["count"], "distance": kept["swd_x1e3"], "floor": kept["swd_x1e3_floor"],
        "ms_ssim": similar["generated"], "ms_ssim_real": similar["real"],
    }  # fmt: skip


def measure(paths: list, count: int, seed: int, model: session.Model, progress) -> list[dict]:
    """One row a snapshot of 16 pixels or more, oldest first."""
    rows = []
    for i, path in enumerate(paths):
        generator = load_checkpoint(path, device=model.device).generator
        if generator is not None and 16 <= generator.resolution <= sources.LARGEST:
            size = generator.resolution
            real, again = (sources.pictures(sources.TOWN, size, count, role) for role in (sources.REAL, sources.AGAIN))
            fake = generated_pictures(generator.prepared(), count, seed=seed, label=model.label)
            rows.append(
                {
                    "name": path.stem,
                    "count": count,
                    "ms_ssim": float(ms_ssim_of_pairs(fake).mean()),
                    "ms_ssim_real": float(ms_ssim_of_pairs(real).mean()),
                    **swd_with_floor(real, again, fake, seed=seed),
                }
            )
        progress((i + 1) / len(paths))
    return rows
