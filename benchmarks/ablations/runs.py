"""Training one run and measuring it on the way; many of them beside each other, each a process of one thread."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.ablations.measures import pictures_of, quality, signal_magnitudes, weight_magnitudes
from benchmarks.ablations.plan import Plan
from dashboard.pages.quality.ablation_results import SHOWN
from pgan_core.files import write_atomically
from pgan_core.picture_data import box_average, load_images
from pgan_core.pictures import contact_sheet, encode
from pgan_core.training.data import RealImages
from pgan_core.training.loop import Trainer
from pgan_core.training.records import Log
from pgan_core.training.streams import Draws, stream

PROBED = 64  # latents and real pictures that magnitudes are measured on, the same at every probe
LOSSES = ("discriminator_loss", "generator_loss", "penalty", "real_score", "fake_score")


class Reached(Event):
    """Set as soon as a trainer has seen so many images: it then stops at a snapshot."""

    def __init__(self, trainer: Trainer, images: int):
        super().__init__()
        self.trainer, self.images = trainer, images

    def is_set(self) -> bool:
        return self.trainer.images >= self.images


def open_data(path: Path, plan: Plan) -> tuple[RealImages, np.ndarray]:
    """The training set, and 2 x `plan.pictures` real pictures that are never trained on, uint8 at the plan's size.

    Raises ValueError (DataError) for a file that is no such data, or holds too little.
    """
    images, held = load_images(path), 2 * plan.pictures
    if len(images) <= held or images.shape[-1] < plan.resolution:
        raise ValueError(
            f"{path} holds {len(images)} pictures of {images.shape[-1]} pixels; more than {held} of at least "
            f"{plan.resolution} are needed, {held} of them to compare with."
        )
    return RealImages(box_average(images[:-held], plan.resolution)), box_average(images[-held:], plan.resolution)


def folder_of(runs: Path, recipe: str, seed: int) -> Path:
    return runs / f"{recipe}-{seed}"


def records_of(folder: Path) -> list[dict]:
    """What a run measured so far, a record a probe."""
    path = folder / "measures.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def is_finished(folder: Path, plan: Plan) -> bool:
    """Whether a run has come to its end, or broken down on the way."""
    records = records_of(folder)
    return len(records) > plan.probes or (bool(records) and "diverged" in records[-1])


def train_run(plan: Plan, recipe: str, seed: int, data: Path, folder: Path) -> None:
    """Trains one run to its end, measuring it at every probe; goes on from where `folder` left off.

    A run whose loss is no longer a number ends with a record of that: it is a result, not an error.
    """
    torch.set_num_threads(1)
    reals, held = open_data(data, plan)
    trainer = Trainer(
        plan.settings(recipe, seed), reals, folder,
        log_kimg=plan.kimg / plan.probes, probe_kimg=math.inf, sample_kimg=math.inf,
    )  # fmt: skip
    log = Log(folder / "measures.jsonl", step=trainer.step)
    for probe, images in list(enumerate(plan.probe_images()))[len(records_of(folder)) :]:
        begun = time.process_time()
        trainer.train(progress=False, stop=Reached(trainer, images))
        if broken := [change["diverged"] for change in trainer.changes if "diverged" in change]:
            # training would go back and on at half the rate; here that it diverged is what was to be found out
            log.append({"step": trainer.step, "kimg": trainer.images / 1000, "diverged": f"{broken[0]} is not finite"})
            return
        spent = time.process_time() - begun
        log.append(measure(trainer, held[: plan.pictures] if plan.measures_quality(probe) else None, spent))
    write_atomically(folder / "samples.png", sheet_of(pictures_of(trainer.average, moment_of(trainer), SHOWN)))


def moment_of(trainer: Trainer):
    return trainer.schedule.at(trainer.images / 1000)


def sheet_of(pictures: np.ndarray) -> bytes:
    """uint8 N x 3 x R x R in one row, as PNG."""
    return encode(contact_sheet(pictures.transpose(0, 2, 3, 1), len(pictures)))


def measure(trainer: Trainer, held: np.ndarray | None, spent: float) -> dict:
    """One record: signals and weights of the networks as trained, quality (if `held` is given) of the average."""
    moment = moment_of(trainer)
    latents = torch.randn(PROBED, trainer.settings.latent_dim, generator=stream("probe", 0))
    reals = trainer.reals.batch(PROBED, resolution=moment.resolution, alpha=moment.alpha, draws=Draws(0))
    generator, discriminator = trainer.generator, trainer.discriminator
    networks = {"generator": generator, "discriminator": discriminator}
    record = {
        "step": trainer.step,
        "kimg": trainer.images / 1000,
        "resolution": moment.resolution,
        "alpha": moment.alpha,
        "train_seconds": spent,
        "signals": signal_magnitudes(generator, discriminator, latents, reals, moment),
        "weights": {name: weight_magnitudes(network, moment.resolution) for name, network in networks.items()},
    }
    if logged := trainer.log.path.read_text(encoding="utf-8").splitlines():
        last = json.loads(logged[-1])
        record["losses"] = {name: last[name] for name in LOSSES if name in last}
    if held is not None:
        record["quality"] = quality(trainer.average, moment, held)
    return record


def train_all(plan: Plan, data: Path, runs: Path, workers: int) -> None:
    """Every run that is not finished, `workers` of them at a time; a bar counts the probes of all of them."""
    jobs = [(recipe, seed) for seed in plan.seeds for recipe in plan.recipes]
    folders = [folder_of(runs, *job) for job in jobs]
    waiting = [job for job, folder in zip(jobs, folders, strict=True) if not is_finished(folder, plan)]
    with single_threaded(), _pool(workers) as pool, tqdm(total=len(jobs) * (plan.probes + 1), unit="probe") as bar:
        futures = [pool.submit(train_run, plan, *job, data, folder_of(runs, *job)) for job in waiting]
        while True:
            left = wait(futures, timeout=2).not_done
            bar.update(sum(len(records_of(folder)) for folder in folders) - bar.n)
            _raise_first(futures)
            if not left:
                return


def _raise_first(futures: list[Future]) -> None:
    """A run that failed ends the others that have not begun, and its error is raised."""
    failed = [future for future in futures if future.done() and not future.cancelled() and future.exception()]
    if failed:
        for future in futures:
            future.cancel()
        failed[0].result()


def _pool(workers: int) -> ProcessPoolExecutor:
    """Fresh processes, one a run: nothing of a run can reach the next."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Processes started meanwhile compute on one thread, numpy's matrix products included."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
