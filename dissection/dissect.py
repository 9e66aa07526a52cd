"""A whole dissection: a generator's layers against a segmenter's concepts, over a sample of any size.

    dissection = dissect(generator, ["8x8/conv1"], segmenter, 1000, seed=0, progress=print)

Image i is the picture of seed `seed + i`. The sample is cut into batches, each a pure function of its number: it is
generated, segmented, and what is needed of it written to disk whole or not at all. Levels and counts are then integers
summed in order. So a killed run goes on where it was, and the work can be split over processes (torch.distributed)
that see the same folder, with the same bytes in the end. Three steps:

1. sample   pictures, label maps and activations of the images that levels are chosen from
2. levels   each unit's candidate levels, with the pixels above them in each concept (dissection.scoring.levels)
3. scores   counts of every remaining image at the chosen levels (dissection.scoring.tally)
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import torch
import torch.distributed as distributed

from dissection.result import Dissection, DissectionError, LayerDissection
from dissection.scoring import levels, tally
from dissection.scoring.job import Job, job_info, latents_and_labels, make_batch, make_job, maxima_and_moments
from dissection.scoring.progress import PhaseReport, Reporter
from dissection.scoring.score import scores_from_counts
from dissection.scoring.spool import MemorySpool, Spool
from dissection.segmenters import Segmenter
from pgan_core import Generator

UNIT_BLOCK = 8  # units whose levels are found together
BLOCK_BYTES = 1 << 28  # of their maps at most
MEMORY_BYTES = 1 << 30  # of activations at most are held in memory


def dissect(
    generator: Generator,
    layers: Sequence[str] | str,
    segmenter: Segmenter,
    samples: int = 1000,
    *,
    seed: int = 0,
    label: int | None = None,
    threshold: str | float = "iqr",
    batch: int | None = None,
    top: int = 16,
    bootstrap: int = 1000,
    source: str = "",
    work: str | Path | None = None,
    progress: Callable[[PhaseReport], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Dissection:
    """Which concept each unit of the given layers stands for, over `samples` pictures (GAN Dissection, section 3.1).

    layers: names, or "all". threshold: "iqr" (levels of maximal IQR on the first half of the sample, scores on the
    second), a fraction of each unit's values, or a published release, "gandissect" or "dissect" (see `score_units`).
    batch: pictures at a time, by default as many as make 2^17 pixels. source: a name for the record.
    work: a folder for the unfinished work, which a later call with the same arguments continues; None: nothing is
    kept if the run ends early. progress is told after each step; cancelled is asked and ends the run with `Cancelled`.
    label: the class of all pictures of a conditional generator; each seed has its own if None (`inputs_from_seeds`).

    Raises ValueError for layers that do not exist and samples that are too few, DissectionError for a `work` folder
    of another run and for a disk that is too small, each in one sentence.
    """
    job = make_job(generator, layers, segmenter, samples, seed, threshold, batch, label)
    if work is None and distributed.is_initialized():
        raise ValueError("Several processes share their work through a folder: name one as `work`.")
    reporter = Reporter(progress, cancelled)
    info = {**job_info(job), "source": source, "bootstrap": bootstrap, "top": top}
    with open_spool(job, work, info) as spool:
        sample(job, spool, reporter)
        find_levels(job, spool, reporter)
        count_scores(job, spool, reporter)
        result = assemble(job, spool, info, top, bootstrap)
    barrier()
    return result


@contextmanager
def open_spool(job: Job, work: str | Path | None, info: dict) -> Iterator[Spool | MemorySpool]:
    """Where the unfinished work lies: the folder `work`, or memory, or a temporary folder if memory is too small.

    Raises DissectionError if the disk is too small as well.
    """
    with torch.inference_mode():
        probe = job.generator.run(latents_and_labels(job.generator, [0]), keep=job.layers)
    needed = 4 * sum(maps.numel() for maps in probe.activations.values()) * job.level_stop
    if work is None and needed <= MEMORY_BYTES:
        yield MemorySpool()
        return
    with tempfile.TemporaryDirectory(prefix="dissection-") as temporary:
        spool = Spool(Path(work or temporary), info)
        free = shutil.disk_usage(spool.folder).free
        if needed > free:
            raise DissectionError(
                f"The activations need {needed / 1e9:.1f} GB in {spool.folder}, where {free / 1e9:.1f} GB are free: "
                "choose fewer pictures or layers, or another folder."
            )
        yield spool


# ---- step 1: the sample -------------------------------------------------------------------------------------------


def sample(job: Job, spool: Spool | MemorySpool, reporter: Reporter) -> None:
    """Generate and segment the images that levels are chosen from; keep their activations."""
    batches = job.batches(0, job.level_stop)
    with reporter.phase("pictures", len(mine(batches))) as step:
        for index in mine(batches):
            group = f"sample-{index:05d}"
            if not spool.has(group):
                maps, labels = make_batch(job, batches[index])
                kept = {f"maps-{k}": values.numpy() for k, values in enumerate(maps)}
                spool.write(group, labels=labels, **kept, **maxima_and_moments(maps))
            step()
    barrier()
    missing = [index for index in range(len(batches)) if not spool.has(f"sample-{index:05d}")]
    if missing:
        raise DissectionError("The work folder is not shared: this process does not see what the others wrote there.")


# ---- step 2: levels -----------------------------------------------------------------------------------------------


def find_levels(job: Job, spool: Spool | MemorySpool, reporter: Reporter) -> None:
    """Find every unit's level and candidate levels, a block of units at a time."""
    groups = [f"sample-{index:05d}" for index in range(len(job.batches(0, job.level_stop)))]
    labels = [spool.read(group, "labels", mapped=True) for group in groups]
    label_pixels = sum(tally.label_counts(part, job.num_concepts).sum(axis=0) for part in labels)
    blocks = [(k, block) for k in range(len(job.layers)) for block in unit_blocks(job, spool, k)]
    with (
        ThreadPoolExecutor(torch.get_num_threads()) as pool,
        reporter.phase("levels", len(mine(blocks))) as step,
    ):
        for index in mine(blocks):
            layer, block = blocks[index]
            if not spool.has(levels_group(layer, block)):
                maps = [spool.read_columns(name, f"maps-{layer}", block) for name in groups]
                arrays = block_levels(job, list(zip(maps, labels, strict=True)), label_pixels, pool.map)
                spool.write(levels_group(layer, block), **arrays)
            step()
    barrier()


def unit_blocks(job: Job, spool: Spool | MemorySpool, layer: int) -> list[range]:
    """The units whose levels are found together: UNIT_BLOCK, or fewer if their maps would not fit BLOCK_BYTES."""
    _, units, height, width = spool.read("sample-00000", f"maps-{layer}", mapped=True).shape
    size = max(1, min(UNIT_BLOCK, BLOCK_BYTES // (4 * job.level_stop * height * width)))
    return [range(start, min(start + size, units)) for start in range(0, units, size)]


def levels_group(layer: int, block: range) -> str:
    return f"levels-{layer}-{block.start:05d}-{block.stop:05d}"


def block_levels(job: Job, batches: list, label_pixels: np.ndarray, parallel: levels.Map) -> dict[str, np.ndarray]:
    """Thresholds and level curves of a few units."""
    rule = job.rule
    curves = levels.level_curves(
        batches, job.num_concepts, fraction=rule.fraction, border=rule.border, parallel=parallel
    )
    if rule.raw:
        values = np.concatenate([maps for maps, _ in batches]).swapaxes(0, 1)
        thresholds = [levels.fraction_level(unit, rule.fraction) for unit in values]
    elif rule.fraction is not None:
        thresholds = [curve.level for curve in curves]
    else:
        pixels = sum(labels[:, 0].size for _, labels in batches)
        thresholds = [levels.best_level(curve, label_pixels, pixels) for curve in curves]
    return {
        "thresholds": np.array(thresholds, np.float32),
        "levels": np.stack([curve.levels for curve in curves]),
        "lit": np.stack([curve.lit for curve in curves]),
        "histogram": np.stack([curve.histogram for curve in curves]),
        "histogram_span": np.array([curve.span for curve in curves], np.float64),
    }


def read_levels(job: Job, spool: Spool | MemorySpool, layer: int, name: str) -> np.ndarray:
    """One of `block_levels`' arrays for all units of a layer."""
    blocks = unit_blocks(job, spool, layer)
    return np.concatenate([spool.read(levels_group(layer, block), name) for block in blocks])


# ---- step 3: scores -----------------------------------------------------------------------------------------------


def count_scores(job: Job, spool: Spool | MemorySpool, reporter: Reporter) -> None:
    """Count the score images at the chosen levels; those of the second half are generated here."""
    thresholds = [read_levels(job, spool, k, "thresholds") for k in range(len(job.layers))]
    batches = job.batches(job.score_start, job.samples)
    with reporter.phase("scores", len(mine(batches))) as step:
        for index in mine(batches):
            group = f"scores-{index:05d}"
            if not spool.has(group):
                spool.write(group, **batch_scores(job, spool, index, batches[index], thresholds))
            step()
    barrier()


def batch_scores(
    job: Job, spool: Spool | MemorySpool, index: int, images: range, thresholds: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """Counts of one batch: N x U x C for each layer, N x C of labels; with its summary if it is new."""
    arrays = {}
    if job.rule.halves:
        maps, labels = make_batch(job, images)
        arrays |= maxima_and_moments(maps)
    else:
        group = f"sample-{index:05d}"
        labels = spool.read(group, "labels")
        maps = [torch.from_numpy(spool.read(group, f"maps-{k}")) for k in range(len(job.layers))]
    size, columns = labels.shape[-2:], tally.concept_columns(labels, job.num_concepts)
    for k, (values, level) in enumerate(zip(maps, thresholds, strict=True)):
        arrays[f"counts-{k}"] = tally.image_counts(values, columns, size, level, job.num_concepts, job.rule.border)
    return {**arrays, "labels": tally.label_counts(labels, job.num_concepts), "size": np.array(size)}


# ---- the result ---------------------------------------------------------------------------------------------------


def assemble(job: Job, spool: Spool | MemorySpool, info: dict, top: int, bootstrap: int) -> Dissection:
    """Sum everything up, in the order of the batches."""
    samples = [f"sample-{i:05d}" for i in range(len(job.batches(0, job.level_stop)))]
    scores = [f"scores-{i:05d}" for i in range(len(job.batches(job.score_start, job.samples)))]
    everything = samples + scores if job.rule.halves else samples
    height, width = spool.read(scores[0], "size").tolist()
    level_labels = [spool.read(group, "labels", mapped=True) for group in samples]
    shared = {
        "level_label_pixels": sum(tally.label_counts(part, job.num_concepts).sum(axis=0) for part in level_labels),
        "level_pixels": job.level_stop * height * width,
    }
    layers = {}
    for k, name in enumerate(job.layers):
        totals = reduce(add, (batch_totals(job, spool, group, k, height * width) for group in scores))
        maxima = np.concatenate([spool.read(group, f"maxima-{k}") for group in everything])
        unit = scores_from_counts(job.rule, read_levels(job, spool, k, "thresholds"), totals, maxima, top)
        pairs = [
            tally.best_pairs(
                spool.read(group, f"counts-{k}"), spool.read(group, "labels"), unit.best_concept, job.categories
            )
            for group in scores
        ]
        low, high = tally.bootstrap_iou(
            *(np.concatenate(part) for part in zip(*pairs, strict=True)), resamples=bootstrap, seed=job.seed
        )
        curves = {
            field: read_levels(job, spool, k, field) for field in ("levels", "lit", "histogram", "histogram_span")
        }
        layers[name] = LayerDissection(
            scores=unit, iou_low=low, iou_high=high, **moments(job, spool, everything, k), **curves, **shared
        )
    return Dissection(tuple(job.segmenter.concepts), layers, {**info, "label_size": [height, width]})


def batch_totals(job: Job, spool: Spool | MemorySpool, group: str, layer: int, pixels: int) -> tally.Counts:
    """The counts of one batch, summed over its images."""
    counts, labels = spool.read(group, f"counts-{layer}"), spool.read(group, "labels")
    return tally.total_counts(counts, labels, pixels, job.categories)


def moments(job: Job, spool: Spool | MemorySpool, groups: list[str], layer: int) -> dict[str, np.ndarray]:
    """Mean, standard deviation and share of values that are not positive, of each unit over the whole sample."""
    sums = sum(spool.read(group, f"moments-{layer}") for group in groups)
    height, width = spool.read("sample-00000", f"maps-{layer}", mapped=True).shape[2:]
    mean, square, off = sums / (job.samples * height * width)
    return {"mean": mean, "std": np.sqrt(np.maximum(square - mean**2, 0)), "off": off}


# ---- several processes --------------------------------------------------------------------------------------------


def mine(items: Sequence) -> list[int]:
    """The indexes that fall to this process."""
    if not distributed.is_initialized():
        return list(range(len(items)))
    return list(range(distributed.get_rank(), len(items), distributed.get_world_size()))


def barrier() -> None:
    """Wait for the other processes, if there are any."""
    if distributed.is_initialized():
        distributed.barrier()
