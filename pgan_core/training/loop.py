"""A training run in a folder: the schedule, the log, snapshots (paper, section 2, appendix A.1).

    trainer = Trainer(settings, RealImages.open("town.npz"), out="run")     # goes on where `run` left off
    trainer.train()

What is computed stands in `learner` and `step`. Everything random is drawn from (seed, step), so that a run killed at
any moment and resumed gives the weights of an unbroken one.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import torch
from torch import Tensor

from pgan_core.discriminator import Discriminator
from pgan_core.files import write_atomically
from pgan_core.generator import Generator
from pgan_core.growth import Moment, Schedule

from .data import RealImages
from .learner import Learner
from .networks import Networks, Start, describe, fresh, restore
from .processes import ALONE, Processes
from .records import Log, Progress, activation_magnitudes, write_samples
from .settings import CHANGEABLE, IN_STAGES, Settings, TrainingError, check_minibatches, check_same_run
from .state import load_state, save_stage, save_state
from .step import Acts
from .streams import stream
from .time_plan import TimePlan, adjusted

LICENCE = "CC0-1.0"  # of the weights that this writes
SAMPLES = 64  # pictures in a grid
PROBE = 16  # pictures that activation magnitudes are measured on
NEWEST = "newest"  # the stage file of a run that has not come to its end
REMEMBER_STEPS, MOST_RETURNS = 256, 3  # how often a good moment is remembered; returns to one before a run gives up


class Trainer:
    """One run in one folder: its networks, optimizers and counters. Raises TrainingError if it cannot go on there."""

    def __init__(
        self,
        settings: Settings,
        reals: RealImages,
        out: str | Path,
        *,
        device: str | torch.device = "cpu",
        processes: Processes = ALONE,
        start: Start | None = None,
        time_plan: TimePlan | None = None,
        snapshot_minutes: float = 10.0,
        log_kimg: float = 1.0,
        probe_kimg: float = 10.0,
        sample_kimg: float = 10.0,
        stage_dtype: torch.dtype = torch.float32,
        data_note: str = "",
        data_source: str = "",
        change: bool = False,
    ):
        """start: networks to go on from, in a folder that has no run yet; fresh ones without it."""
        self.settings, self.reals, self.out, self.processes = settings, reals, Path(out), processes
        self.time_plan, self.stage_dtype = time_plan, stage_dtype
        check_minibatches(settings.schedule, processes.count)
        self.snapshot_seconds = 60 * snapshot_minutes
        self.every = {"log": log_kimg, "probe": probe_kimg, "sample": sample_kimg}
        self.data = {"fingerprint": reals.fingerprint(), "note": data_note, "source": data_source}
        reals.level(settings.schedule.resolution)  # refuses images that are too small, before anything is written
        self.step, self.images, self.returns, self._remembered = 0, 0, 0, -1
        self.holding, self._held_at = False, 0.0
        self.changes: list[dict] = []  # on the way: {"kimg": 290.0, "r1_gamma": [1.0, 0.2]}
        state = load_state(self.state_path) if self.state_path.exists() else None
        if state is not None:
            networks = self._resume(state, change)
        else:
            networks = start.networks if start else fresh(settings)
            self.images = round(1000 * _faded(settings.schedule, start)) if start else 0
        self.learner = Learner(self.settings, networks, reals, device=device, processes=processes)
        self.learner.phase = self.schedule.at(self.images / 1000).phase
        if state is not None:
            self.learner.load(state)
        if processes.writes:
            self.out.mkdir(parents=True, exist_ok=True)
            self.log = Log(self.out / "log.jsonl", step=self.step)
            if state is None:
                self.save()
            self._write_description()
        processes.wait()

    @property
    def schedule(self) -> Schedule:
        return self.settings.schedule

    @property
    def moment(self) -> Moment:
        """Where the run stands."""
        return self.schedule.at(self.images / 1000)

    @property
    def state_path(self) -> Path:
        return self.out / "state.pt"

    @property
    def generator(self) -> Generator:
        return self.learner.networks.generator

    @property
    def discriminator(self) -> Discriminator:
        return self.learner.networks.discriminator

    @property
    def average(self) -> Generator:
        return self.learner.networks.average

    # ---- the loop ------------------------------------------------------------------------------------------------

    def train(
        self,
        *,
        progress: bool = True,
        stop: Event | None = None,
        watch: Callable[[Trainer, Acts], None] | None = None,
    ) -> bool:
        """Runs to the schedule's end, or until `stop` is set; whether the end was reached. Raises TrainingError.

        watch: called after every step with what it did; it may change the run (`change`, `skip`, `hold`).
        """
        self._saved_at = self._noted_at = time.monotonic()
        self._noted_images = self.images
        bar = Progress(
            self.schedule, (self.generator, self.discriminator), self.images,
            visible=progress and self.processes.writes,
        )  # fmt: skip
        self._remember()
        while not self.finished and not self.processes.any(bool(stop and stop.is_set())):
            before = self.images
            moment, acts = self.train_step()
            bar.advance(self.images, moment, self.schedule, self.time_plan.left() if self.time_plan else None)
            self.after_step(before, moment)
            if watch:
                watch(self, acts)
        bar.close()
        if self.finished:
            self._end()
        else:
            self._keep_stage(NEWEST, self.moment)
        self.save()
        self._write_description()
        return self.finished

    @property
    def finished(self) -> bool:
        return self.images >= round(self.schedule.total_kimg * 1000)

    def train_step(self) -> tuple[Moment, Acts]:
        """One discriminator step and one generator step on the same fakes; the average follows."""
        moment = self.moment
        acts = self.learner.step(self.step, moment, self.images)
        self.step += 1
        if not self.holding:
            self.images += moment.minibatch
        return moment, acts

    def after_step(self, before: int, moment: Moment) -> None:
        """What is due after a step that began when `before` images had been seen: records, samples, snapshots."""

        def due(what: str) -> bool:
            images = self.every[what] * 1000
            return before // images != self.images // images

        if due("log") or due("probe"):
            self._write_record(moment, with_activations=due("probe"))
        if due("sample"):
            self._write_samples(f"{self.images // 1000:06d}", moment)
        for mark in self.schedule.landmarks()[:-1]:
            if before < mark.kimg * 1000 <= self.images:
                self._keep_stage(mark.name, moment)
                self.save()
        if self.processes.writes and time.monotonic() - self._saved_at > self.snapshot_seconds:
            self._keep_stage(NEWEST, moment)
            self.save()
        if self.time_plan and not self.holding and self.processes.told(self.time_plan.left() <= 0):
            self._set(replace(self.settings, schedule=_cut(self.schedule, self.images / 1000)))

    def _end(self) -> None:
        moment = self.moment
        self._keep_stage(f"{moment.resolution}x{moment.resolution}-end", moment)
        if self.processes.writes:
            self._stage_path(NEWEST).unlink(missing_ok=True)

    # ---- changes on the way --------------------------------------------------------------------------------------

    def change(self, **values) -> None:
        """Goes on with other values of CHANGEABLE settings, or of `learning_rate` and `minibatch` from this size up.

        The change is recorded. Raises TrainingError for a setting that cannot change, and for a value that cannot be.
        """
        stages = {name: values.pop(name) for name in IN_STAGES if name in values}
        for name in values:
            if name not in CHANGEABLE:
                raise TrainingError(f"A run cannot change {name}; it can change {', '.join(CHANGEABLE + IN_STAGES)}.")
        now = self.moment
        before = {name: getattr(self.settings, name) for name in values}
        before |= {name: getattr(now, name) for name in stages}
        schedule = Schedule(
            tuple(replace(s, **stages) if s.resolution >= now.resolution else s for s in self.schedule.stages)
        )
        check_minibatches(schedule, self.processes.count)
        self._set(replace(self.settings, schedule=schedule, **values))
        self._note({name: [before[name], value] for name, value in (values | stages).items()})

    def skip(self) -> None:
        """Ends the fade, or the steady part, that the run is in."""
        kimg, part = self.images / 1000, "fade" if self.moment.fading else "steady part"
        self._set(replace(self.settings, schedule=self.schedule.ending(kimg, kimg)))
        self._note({"skipped": part})

    def hold(self, on: bool) -> None:
        """Stays at this moment of the growth, a fade's too, until it is told to go on: images then do not count."""
        if on == self.holding:
            return
        self.holding = on
        now = time.monotonic()
        if on:
            self._held_at = now
        elif self.time_plan:
            self.time_plan.began += now - self._held_at
        part = "fade" if self.moment.fading else "steady part"
        self._note({"held" if on else "released": part})

    def rested(self, seconds: float) -> None:
        """Leaves a pause out of the speed and of the time plan."""
        self._noted_at += seconds
        self._saved_at += seconds
        if self.time_plan:
            self.time_plan.began += seconds

    def _set(self, settings: Settings) -> None:
        captured = replace(settings, schedule=self.schedule) != self.settings or self._minibatch_of(settings) != (
            self.moment.minibatch
        )
        self.settings = settings
        if captured:  # a graph holds such numbers; the schedule's others are read at each step
            self.learner.change(settings)
        else:
            self.learner.settings = settings

    def _minibatch_of(self, settings: Settings) -> int:
        return settings.schedule.at(self.images / 1000).minibatch

    def _note(self, change: dict) -> None:
        self.changes.append({"kimg": self.images / 1000, **change})

    def _remember(self) -> None:
        """A good moment to come back to."""
        if self.learner.is_finite():
            self.learner.remember()
            self._remembered, self.returns = self.step, 0

    def _go_back(self, broken: str) -> None:
        """From a minibatch that the run diverged at to the last good moment. Raises TrainingError if that fails."""
        at = f"{self.images / 1000:.1f} kimg"
        self.returns += 1
        if self._remembered < 0 or self.returns > MOST_RETURNS:
            raise TrainingError(f"The run diverged at {at}: {broken} is not finite.")
        self.learner.go_back()
        self._note({"diverged": broken, "back_by_steps": self.step - self._remembered})
        if self.processes.writes:
            print(
                f"The run diverged at {at}: {broken} is not finite; the weights are those of "
                f"{self.step - self._remembered} steps before, the rate is halved."
            )

    # ---- what is written -----------------------------------------------------------------------------------------

    def _latents(self, purpose: str) -> Tensor:
        """The same latents at every moment of a run."""
        count = {"samples": SAMPLES, "probe": PROBE}[purpose]
        draw = stream(purpose, self.settings.seed)
        return torch.randn(count, self.generator.config.latent_dim, generator=draw).to(self.learner.device)

    def _write_samples(self, name: str, moment: Moment) -> None:
        if self.processes.writes:
            write_samples(self.out / "samples" / f"{name}.png", self.average, self._latents("samples"), moment)

    def _write_record(self, moment: Moment, *, with_activations: bool) -> None:
        """Means since the last record, to the log; a run that diverged goes back."""
        means = self.learner.means()
        now = time.monotonic()
        speed = (self.images - self._noted_images) / max(now - self._noted_at, 1e-9)
        record = {
            "step": self.step,
            "kimg": self.images / 1000,
            "resolution": moment.resolution,
            "alpha": moment.alpha,
            "minibatch": moment.minibatch,
            "learning_rate": self.learner.learning_rate(moment),
            "r1_gamma": self.settings.gamma(moment) * self.learner.gamma_factor,
            "images_per_second": round(speed, 2),
            **dict(sorted(means.items())),
        }
        if with_activations:
            record["activations"] = activation_magnitudes(
                self.generator, self.discriminator, self._latents("probe"), moment
            )
        if self.processes.writes:
            self.log.append(record)
        self._noted_at, self._noted_images = now, self.images
        broken = [name for name, value in means.items() if not math.isfinite(value)]
        if broken:
            self._go_back(broken[0])
        elif self.step - self._remembered >= REMEMBER_STEPS:
            self._remember()
        if self.time_plan:
            self._follow_clock(self.time_plan, moment, speed)

    def _follow_clock(self, plan: TimePlan, moment: Moment, speed: float) -> None:
        """The rest of the schedule, as long as the time that is left."""
        plan.speeds[moment.resolution] += 0.2 * (speed - plan.speeds[moment.resolution])
        schedule = adjusted(self.schedule, self.images / 1000, plan.speeds, max(plan.left(), 0.0))
        self._set(replace(self.settings, schedule=self.processes.told(schedule)))

    def _stage_path(self, name: str) -> Path:
        return self.out / "stages" / f"{name}.safetensors"

    def _keep_stage(self, name: str, moment: Moment) -> None:
        """A landmark's pictures and networks; none of weights that are no numbers."""
        if not self.processes.writes or not self.learner.is_finite():
            return
        self._write_samples(name, moment)
        metadata = {
            "stage": name,
            "kimg": self.settings.before_kimg + self.images / 1000,
            "recipe": self.settings.as_dict(),
            "recipe_changes": self.changes,
            "data": self._data(),
            "licence": LICENCE,
        }
        save_stage(self._stage_path(name), self.learner.networks, moment, metadata, self.stage_dtype)

    def _data(self) -> dict:
        return {**self.data, "images": len(self.reals)}

    def _write_description(self) -> None:
        if not self.processes.writes:
            return
        machine = {
            "processes": self.processes.count,
            "threads": torch.get_num_threads(),
            "device": str(self.learner.device),
            "torch": torch.__version__,
        }
        content = {"settings": self.settings.as_dict(), "changes": self.changes, "data": self._data()}
        content |= {"time_plan": self.time_plan.as_dict()} if self.time_plan else {}
        write_atomically(self.out / "run.json", json.dumps({**content, "machine": machine}, indent=1).encode())

    # ---- the resume snapshot -------------------------------------------------------------------------------------

    def save(self) -> None:
        """The resume snapshot, whole or not at all; none of a run whose weights are no numbers."""
        if not self.processes.writes or not self.learner.is_finite():
            return
        self.log.sync()
        save_state(self.state_path, self.snapshot())
        self._saved_at = time.monotonic()

    def snapshot(self) -> dict:
        """Everything that the run needs to go on from this moment."""
        counters = {"step": self.step, "images": self.images}
        recipe = {"settings": self.settings.as_dict(), "changes": self.changes, "data": self._data()}
        recipe |= {"time_plan": self.time_plan.as_dict()} if self.time_plan else {}
        networks = {"networks": describe(self.learner.networks)}
        return {**self.learner.state(), **counters, **recipe, **networks}

    def _resume(self, state: dict, change: bool) -> Networks:
        changed = check_same_run(state["settings"], self.settings, change)
        self.changes = state.get("changes", []) + ([{"kimg": state["images"] / 1000, **changed}] if changed else [])
        if state["data"]["fingerprint"] != self.data["fingerprint"]:
            raise TrainingError("The run was started with other images: resume it with the same data file.")
        self.step, self.images = state["step"], state["images"]
        for name in ("note", "source"):
            self.data[name] = self.data[name] or state["data"].get(name, "")
        return restore(state, self.settings)


def _faded(schedule: Schedule, start: Start) -> float:
    """The kimg at which a schedule's first fade has the alpha that its networks had."""
    first = next(stage for stage in schedule.stages if stage.kimg)
    return start.alpha * first.fade_kimg if start.alpha < 1 else 0.0


def _cut(schedule: Schedule, kimg: float) -> Schedule:
    """The schedule up to `kimg`: nothing comes after it."""
    made = []
    for start, stage in zip(schedule.starts(), schedule.stages, strict=True):
        left = max(kimg - start, 0.0)
        fade = min(stage.fade_kimg, left)
        made.append(replace(stage, fade_kimg=fade, steady_kimg=min(stage.steady_kimg, left - fade)))
    return Schedule(tuple(made))
