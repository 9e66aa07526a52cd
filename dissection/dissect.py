"""A whole dissection: the units of a generator's layers compared with a segmenter's concepts.

    dissection = dissect(generator, ["8x8/conv1"], segmenter, 1000, seed=0, progress=print)

Image i is the picture of seed `seed + i`. The sample is cut into batches. Each batch depends on its number alone; it is
generated and segmented, and what is needed of it is written to disk, whole or not at all. Counts are integers, summed
in order. So a killed run continues where it was, and several processes (torch.distributed) that share a folder can
split the work; the result has the same bytes. Three steps:

1. sample   pictures, label maps and activations of the images that levels are chosen from
2. levels   each unit's candidate levels, and the pixels above them in each concept (dissection.scoring.levels)
3. scores   counts of the images that are scored, at the chosen levels (dissection.scoring.tally)
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from operator import add
from pathlib import Path
from typing import TypeVar

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
from pgan_core.adapters import UnitGenerator

UNIT_BLOCK = 8  # units whose levels are found together
BLOCK_BYTES = 1 << 28  # of their maps, at most
MEMORY_BYTES = 1 << 30  # of activations, at most, that are held in memory
T = TypeVar("T")


def dissect(
    generator: UnitGenerator,
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
    work: a folder for unfinished work, which a later call with the same arguments continues; with None, nothing is
    kept of a run that ends early. progress: called after each step. cancelled: asked after each step; if it answers
    True the run raises `Cancelled`. label: one class for all pictures of a conditional generator; with None each seed
    has its own (`inputs_from_seeds`).

    Raises, in one sentence, ValueError for unknown layers and too small samples, and DissectionError for a `work`
    folder of another run and a disk that is too small.
    """
    job = make_job(generator, layers, segmenter, samples, seed, threshold, batch, label)
    if work is None and distributed.is_initialized():
        raise ValueError("Several processes share their work in a folder; name it as `work`.")
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
    """Where unfinished work is kept: in the folder `work`, else in memory, or in a temporary folder if it is large.

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
                f"The activations need {needed / 1e9:.1f} GB in {spool.folder}, and {free / 1e9:.1f} GB are free; "
                "choose fewer pictures or layers, or another folder."
            )
        yield spool


# ---- step 1: the sample -------------------------------------------------------------------------------------------


def sample(job: Job, spool: Spool | MemorySpool, reporter: Reporter) -> None:
    """Generate and segment the images that levels are chosen from; keep their activations."""

    def make(_: str, images: range) -> dict[str, np.ndarray]:
        maps, labels = make_batch(job, images)
        kept = {f"maps-{k}": values.numpy() for k, values in enumerate(maps)}
        return {"labels": labels, **kept, **maxima_and_moments(maps)}

    groups = sample_groups(job)
    write_groups(spool, reporter, "pictures", groups, make)
    if not all(map(spool.has, groups)):
        raise DissectionError("The work folder is not shared: this process can't see what the others wrote there.")


def sample_groups(job: Job) -> dict[str, range]:
    """The images of each batch that levels are chosen from, by the group that holds it."""
    return {f"sample-{index:05d}": images for index, images in enumerate(job.batches(0, job.level_stop))}


# ---- step 2: levels -----------------------------------------------------------------------------------------------


def find_levels(job: Job, spool: Spool | MemorySpool, reporter: Reporter) -> None:
    """Find every unit's level and candidate levels, a block of units at a time."""
    label_pixels = sample_label_pixels(job, spool)
    blocks = {
        levels_group(k, block): (k, block) for k in range(len(job.layers)) for block in unit_blocks(job, spool, k)
    }
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:

        def make(_: str, layer_block: tuple[int, range]) -> dict[str, np.ndarray]:
            return block_levels(job, UnitBlock(job, spool, *layer_block), label_pixels, pool.map)

        write_groups(spool, reporter, "levels", blocks, make)


def sample_label_pixels(job: Job, spool: Spool | MemorySpool) -> np.ndarray:
    """Pixels of each concept in the images that levels are chosen from, C."""
    labels = (spool.read(group, "labels") for group in sample_groups(job))
    return reduce(add, (tally.label_counts(part, job.num_concepts).sum(axis=0) for part in labels))


class UnitBlock:
    """The maps of a few units, batch by batch, each with its label maps; it can be iterated over several times.

    Label maps are opened one batch after another: a process may have only so many files open (often 1,024).
    """

    def __init__(self, job: Job, spool: Spool | MemorySpool, layer: int, block: range):
        self.spool, self.groups = spool, list(sample_groups(job))
        self.maps = [spool.read_columns(group, f"maps-{layer}", block) for group in self.groups]

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for maps, group in zip(self.maps, self.groups, strict=True):
            yield maps, self.spool.read(group, "labels", mapped=True)


def unit_blocks(job: Job, spool: Spool | MemorySpool, layer: int) -> list[range]:
    """The units whose levels are found together: UNIT_BLOCK, or fewer if their maps would not fit BLOCK_BYTES."""
    _, units, height, width = spool.read("sample-00000", f"maps-{layer}", mapped=True).shape
    size = max(1, min(UNIT_BLOCK, BLOCK_BYTES // (4 * job.level_stop * height * width)))
    return [range(start, min(start + size, units)) for start in range(0, units, size)]


def levels_group(layer: int, block: range) -> str:
    return f"levels-{layer}-{block.start:05d}-{block.stop:05d}"


def block_levels(job: Job, batches: UnitBlock, label_pixels: np.ndarray, parallel: levels.Map) -> dict[str, np.ndarray]:
    """Thresholds and level curves of a few units."""
    rule = job.rule
    curves = levels.level_curves(
        batches, job.num_concepts, fraction=rule.fraction, border=rule.border, parallel=parallel
    )
    if rule.raw:
        values = np.concatenate(batches.maps).swapaxes(0, 1)
        thresholds = [levels.fraction_level(unit, rule.share) for unit in values]
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
    """Count the images that are scored, at the chosen levels; if they are the second half, they are generated here."""
    thresholds = [read_levels(job, spool, k, "thresholds") for k in range(len(job.layers))]

    def make(group: str, images: range) -> dict[str, np.ndarray]:
        return batch_scores(job, spool, group, images, thresholds)

    write_groups(spool, reporter, "scores", score_groups(job), make)


def score_groups(job: Job) -> dict[str, range]:
    """The images of each batch that scores are counted on, by the group that holds its counts."""
    return {f"scores-{index:05d}": images for index, images in enumerate(job.batches(job.score_start, job.samples))}


def batch_scores(
    job: Job, spool: Spool | MemorySpool, group: str, images: range, thresholds: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """Counts of one batch: N x U x C for each layer, N x C of labels; also its maxima and moments if it is new."""
    arrays = {}
    if job.rule.halves:
        maps, labels = make_batch(job, images)
        arrays |= maxima_and_moments(maps)
    else:
        sampled = group.replace("scores", "sample")  # the same images
        labels = spool.read(sampled, "labels")
        maps = [torch.from_numpy(spool.read(sampled, f"maps-{k}")) for k in range(len(job.layers))]
    size, columns = labels.shape[-2:], tally.concept_columns(labels, job.num_concepts)
    for k, (values, level) in enumerate(zip(maps, thresholds, strict=True)):
        arrays[f"counts-{k}"] = tally.image_counts(values, columns, size, level, job.num_concepts, job.rule.border)
    return {**arrays, "labels": tally.label_counts(labels, job.num_concepts), "size": np.array(size)}


# ---- the result ---------------------------------------------------------------------------------------------------


def assemble(job: Job, spool: Spool | MemorySpool, info: dict, top: int, bootstrap: int) -> Dissection:
    """Sum everything up, in the order of the batches."""
    samples, scores = list(sample_groups(job)), list(score_groups(job))
    everything = samples + scores if job.rule.halves else samples
    height, width = spool.read(scores[0], "size").tolist()
    shared = {
        "level_label_pixels": sample_label_pixels(job, spool),
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
    """Each unit's mean, standard deviation and share of values that are 0 or less, over the whole sample."""
    sums = sum(spool.read(group, f"moments-{layer}") for group in groups)
    height, width = spool.read("sample-00000", f"maps-{layer}", mapped=True).shape[2:]
    mean, square, off = sums / (job.samples * height * width)
    return {"mean": mean, "std": np.sqrt(np.maximum(square - mean**2, 0)), "off": off}


# ---- several processes --------------------------------------------------------------------------------------------


def write_groups(
    spool: Spool | MemorySpool,
    reporter: Reporter,
    phase: str,
    groups: Mapping[str, T],
    make: Callable[[str, T], dict[str, np.ndarray]],
) -> None:
    """Make and write the groups that fall to this process and are not there yet, then wait for the other processes."""
    mine = list(groups)
    if distributed.is_initialized():
        mine = mine[distributed.get_rank() :: distributed.get_world_size()]
    with reporter.phase(phase, len(mine)) as step:
        for group in mine:
            if not spool.has(group):
                spool.write(group, **make(group, groups[group]))
            step()
    barrier()


def barrier() -> None:
    """Wait for the other processes, if there are any."""
    if distributed.is_initialized():
        distributed.barrier()
