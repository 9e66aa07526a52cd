"""A run that can be watched, and changed on its way: `train --watch`. The page Training of the app reads and writes it.

After everything that it writes the run trains many times as long as the writing took; pictures are drawn by a thread
beside it where there is another core. Nothing here draws random numbers of the run's own, so the weights are those of a
run that nobody watches, to the bit.
"""

from __future__ import annotations

import base64
import copy
import json
import math
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event

import numpy as np
import torch
from torch import Tensor

from pgan_core.growth import Moment
from pgan_core.pictures import contact_sheet, encode, to_uint8

from .beside import Beside
from .control import FOLDER, Commands, alive
from .loop import Trainer
from .records import Log, Work, activation_magnitudes
from .settings import TrainingError
from .state import save_state
from .step import Acts, Gradients
from .streams import stream
from .time_plan import process_age

PICTURES, COLUMNS = 16, 4
FRAME_SECONDS, RECORD_SECONDS = 1 / 8, 0.5  # from one to the next, at the least
REST = {"frame": 14, "record": 30, "moment": 40}  # times what it took to write one is trained before the next
REST_BESIDE = 2  # times what the thread took to draw a frame it rests
RECORDS, MOMENTS = 500, 24  # of a whole run, about
LARGE_STATE = 40_000_000  # bytes of a moment's snapshot beyond which a third as many are kept
SCORES = 256  # of the latest reals, and of the latest fakes
PAUSE_SECONDS = 0.03  # from one look for commands to the next


@contextmanager
def watched(trainer: Trainer, stop: Event) -> Iterator[Watcher]:
    """Gives the `watch` that `Trainer.train` calls; says at the end how the run ended."""
    with alive(trainer.out):
        watcher = Watcher(trainer, stop)
        try:
            yield watcher
        except TrainingError as error:
            watcher.end("failed", str(error))
            raise
        watcher.end("finished" if trainer.finished else "stopped")


class Watcher:
    """Writes what a run does into its folder, and does what it is told there."""

    def __init__(self, trainer: Trainer, stop: Event):
        self.trainer, self.stop, self.folder = trainer, stop, trainer.out / FOLDER
        (self.folder / "moments").mkdir(parents=True, exist_ok=True)
        self.commands = Commands(trainer.out, since=time.time() - process_age())
        self.history = Log(self.folder / "history.jsonl", step=trainer.step)
        self.strip = Log(self.folder / "moments.jsonl", step=trainer.step)
        self.latents = _latents(trainer)
        networks = trainer.learner.networks
        self.shown = {"average": copy.deepcopy(networks.average), "raw": copy.deepcopy(networks.generator)}
        on_cpu = trainer.learner.device.type == "cpu"
        self.beside = Beside(REST_BESIDE) if on_cpu and _cores() > torch.get_num_threads() else None
        self.scores: tuple[deque, deque] = (deque(), deque())
        self.reals = torch.empty(0)  # the latest, as the discriminator saw them
        self.losses: dict[str, list[Tensor]] = {}  # since the last record
        self.work = Work(trainer.schedule, (trainer.generator, trainer.discriminator))
        self.before: dict[str, list[Tensor]] | None = None  # weights before the step in slow motion
        self.state, self.sentence, self.paused, self.steps_asked = "running", "", False, 0
        self.acts: Acts | None = None
        self.at = dict.fromkeys(REST, 0.0)  # when the next of each is due
        self.speed, self._speed_from = 0.0, (time.monotonic(), trainer.images)
        self._moment_images = -math.inf
        self.write_frame()

    def __call__(self, trainer: Trainer, acts: Acts) -> None:
        """After every step."""
        self.acts = acts
        self._note(acts)
        if self.before is not None:
            self._write_acts(acts)
        if self.steps_asked:
            self.steps_asked -= 1
            self.paused = not self.steps_asked
        self._write_what_is_due()
        self._obey()
        if self.paused:
            self._wait()

    def _note(self, acts: Acts) -> None:
        for kept, new in zip(self.scores, (acts.real_scores, acts.fake_scores), strict=True):
            kept.append(new.detach()[:SCORES].clone())
            while sum(len(part) for part in kept) > SCORES:
                kept.popleft()
        reals = acts.batch.reals.detach()[:PICTURES].clone()
        if len(reals) < PICTURES and self.reals.shape[1:] == reals.shape[1:]:  # a smaller minibatch: the last ones stay
            reals = torch.cat([reals, self.reals[: PICTURES - len(reals)]])
        self.reals = reals
        for name in ("discriminator_loss", "generator_loss", "penalty"):
            value = getattr(acts, name)
            if value is not None:
                self.losses.setdefault(name, []).append(value.detach().clone())

    def _write_what_is_due(self) -> None:
        trainer = self.trainer
        apart = 1000 * trainer.schedule.total_kimg / MOMENTS
        for name, write in (("moment", self.write_moment), ("record", self.write_record), ("frame", self.write_frame)):
            begun = time.monotonic()
            if begun < self.at[name] or (name == "moment" and trainer.images - self._moment_images < apart):
                continue
            if name == "frame" and self.beside and not self.beside.is_free:
                continue
            write()
            now = time.monotonic()
            self.at[name] = now + max(self._least(name), REST[name] * (now - begun))

    def _least(self, name: str) -> float:
        """Seconds from one to the next, however quickly it is written."""
        if name != "record":
            return FRAME_SECONDS if name == "frame" else 0.0
        plan = self.trainer.time_plan
        seconds = plan.seconds if plan else self._seconds_from(0.0)
        return max(RECORD_SECONDS, (seconds or 0.0) / RECORDS)

    # ---- what whoever watches asks for -----------------------------------------------------------------------------

    def _obey(self) -> None:
        for command in self.commands.new():
            name = command["command"]
            try:
                if name in ("pause", "go"):
                    self.paused, self.steps_asked = name == "pause", 0
                elif name == "step":
                    self.paused, self.steps_asked, self.before = False, 1, _weights(self.trainer)
                elif name == "change":
                    self.trainer.change(**command["values"])
                elif name == "skip":
                    self.trainer.skip()
                elif name in ("hold", "release"):
                    self.trainer.hold(name == "hold")
                elif name == "moment":
                    self.write_moment()
                elif name == "stop":
                    self.stop.set()
                self.sentence = ""
            except (TrainingError, TypeError, ValueError) as error:
                self.sentence = str(error)

    def _wait(self) -> None:
        """Until somebody goes on. The time does not count."""
        begun, self.state = time.monotonic(), "paused"
        self.write_record()
        self.write_frame()
        while self.paused and not self.stop.is_set():
            time.sleep(PAUSE_SECONDS)
            told = self.sentence
            self._obey()
            if self.sentence != told or self._frame_is_stale():
                self.write_frame()
        self.trainer.rested(time.monotonic() - begun)
        self.state = "running"
        self._speed_from = time.monotonic(), self.trainer.images

    def _frame_is_stale(self) -> bool:
        """Whether changes were made, or the frame is older than a second: an old one looks like a run that died."""
        return len(self.trainer.changes) != self._changes_written or time.monotonic() - self._frame_at > 1.0

    def end(self, state: str, sentence: str = "") -> None:
        """The last frame and, if it can be, the last moment."""
        self.state, self.sentence = state, sentence
        if state != "failed":
            self.write_record()
            self.write_moment()
        self.write_frame()

    # ---- what is written -------------------------------------------------------------------------------------------

    def _write(self, name: str, content: dict) -> None:
        """Whole or not at all for a reader; not for a machine that stops, for which nobody could wait."""
        temporary = self.folder / f".{name}.part"
        temporary.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        os.replace(temporary, self.folder / name)

    def write_frame(self) -> None:
        """The newest moment: pictures, scores, numbers."""
        if self.beside:
            self.beside.wait()
        trainer, moment = self.trainer, self.trainer.moment
        now = time.monotonic()
        since, images = self._speed_from
        if now - since > 1.0:
            self.speed, self._speed_from = (trainer.images - images) / (now - since), (now, trainer.images)
        networks = trainer.learner.networks
        for name, network in (("average", networks.average), ("raw", networks.generator)):
            _copy_weights(network, self.shown[name])
        content = {
            "state": self.state,
            "sentence": self.sentence,
            **_place(trainer, moment),
            "gamma": _rounded(trainer.settings.gamma(moment) * trainer.learner.gamma_factor),
            "learning_rate": _rounded(trainer.learner.learning_rate(moment)),
            "stage_rate": moment.learning_rate,  # without its cooldown
            "gradient_weight": trainer.settings.gradient_weight,
            "speed": _rounded(self.speed),
            "left": self._seconds_left(),
            "spans": _spans(trainer),
            "total": trainer.schedule.total_kimg,
            "changes": list(trainer.changes),
            "held": trainer.holding,
            "loss": trainer.settings.loss,
        }
        draw = partial(self._draw_frame, content, moment, self.reals, [list(kept) for kept in self.scores])
        if self.beside and self.state == "running":
            self.beside.begin(draw)
        else:
            draw()
        self._frame_at, self._changes_written = time.monotonic(), len(trainer.changes)

    def _draw_frame(self, content: dict, moment: Moment, reals: Tensor, scores: list[list[Tensor]]) -> None:
        """What takes time of a frame; it reads nothing that the run goes on to change."""
        pictures = {name: _sheet(_generate(network, self.latents, moment)) for name, network in self.shown.items()}
        if len(reals) == PICTURES:
            pictures["reals"] = _sheet(reals)
        numbers = [_numbers(torch.cat(kept)) if kept else [] for kept in scores]
        self._write("frame.json", {**content, "pictures": pictures, "scores": numbers})

    def _seconds_left(self) -> float | None:
        """By the plan's clock or, without a plan, by what the rest costs."""
        trainer = self.trainer
        left = trainer.time_plan.left() if trainer.time_plan else self._seconds_from(trainer.images / 1000)
        return None if left is None else round(max(left, 0.0), 1)

    def _seconds_from(self, kimg: float) -> float | None:
        """What the schedule takes from there on, by what a picture costs now; None while the run's speed is unknown."""
        if not self.speed:
            return None
        now = self.speed * self.work.of_picture[self.trainer.moment.resolution]
        return self.work.left(self.trainer.schedule, kimg) / now

    def write_record(self) -> None:
        """A point of the curves: mean losses since the last one, signals, gradients."""
        if not self.acts:
            return
        trainer, moment = self.trainer, self.trainer.moment
        means = {name: float(torch.stack(values).mean()) for name, values in self.losses.items() if values}
        signals = activation_magnitudes(trainer.generator, trainer.discriminator, self.latents, moment)
        gradients = {"generator": self.acts.generator_gradients, "discriminator": self.acts.discriminator_gradients}
        self.losses = {}
        self.history.append(
            {
                **_place(trainer, moment),
                **{name: _rounded(value) for name, value in means.items()},
                "learning_rate": _rounded(trainer.learner.learning_rate(moment)),
                "gradients": {name: _rounded(_norm(found)) for name, found in gradients.items()},
                "signals": {
                    network: {layer: [_rounded(v) for v in values] for layer, values in layers.items()}
                    for network, layers in signals.items()
                },
            }
        )

    def write_moment(self) -> None:
        """A frame of the film strip, with a snapshot to branch off from."""
        trainer, moment = self.trainer, self.trainer.moment
        self._moment_images = trainer.images
        if not trainer.learner.is_finite():
            return
        pictures = _generate(trainer.learner.networks.average, self.latents, moment)
        stem = f"{trainer.step:08d}"
        (self.folder / "moments" / f"{stem}.png").write_bytes(encode(_contact(pictures)))
        path = self.folder / "moments" / f"{stem}.pt"
        save_state(path, trainer.snapshot())
        if path.stat().st_size > LARGE_STATE:
            self._moment_images += 2000 * trainer.schedule.total_kimg / MOMENTS
        self.strip.append({**_place(trainer, moment), "name": stem})

    def _write_acts(self, acts: Acts) -> None:
        """The step in slow motion: what was drawn, how it was judged, and what each network learned from it."""
        trainer, before = self.trainer, self.before or {}
        self.before = None
        moment = trainer.schedule.at((trainer.images - (0 if trainer.holding else len(acts.fakes))) / 1000)
        where = trainer.learner.where(moment)
        with torch.no_grad():
            after = where.generate(acts.batch.latents)
            judged = {"real": where.judge(acts.batch.reals), "fake": where.judge(acts.fakes), "new": where.judge(after)}
        networks = {"discriminator": acts.discriminator_gradients, "generator": acts.generator_gradients}
        self._write(
            "acts.json",
            {
                **_place(trainer, moment),
                "loss": trainer.settings.loss,
                "latents": [[_rounded(v) for v in row[:64].tolist()] for row in acts.batch.latents[:PICTURES]],
                "count": len(acts.fakes),
                "reals": _sheet(acts.batch.reals[:PICTURES]),
                "fakes": _sheet(acts.fakes[:PICTURES]),
                "after": _sheet(after[:PICTURES]),
                "real_scores": _numbers(acts.real_scores),
                "fake_scores": _numbers(acts.fake_scores),
                "judged_after": {name: _numbers(scores) for name, scores in judged.items()},
                "discriminator_loss": _rounded(float(acts.discriminator_loss.detach())),
                "penalty": None if acts.penalty is None else _rounded(float(acts.penalty.detach())),
                "generator_loss": _rounded(float(acts.generator_loss.detach())),
                "changed_pixels": _rounded(float((after - acts.fakes.detach()).abs().mean() * 127.5)),
                "moved": {
                    name: _moved(getattr(trainer.learner.networks, name), before[name], found)
                    for name, found in networks.items()
                },
            },
        )


def _latents(trainer: Trainer) -> Tensor:
    """The same at every moment of a run, and in its branches."""
    draw = stream("samples", trainer.settings.seed)
    return torch.randn(PICTURES, trainer.generator.config.latent_dim, generator=draw).to(trainer.learner.device)


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@torch.no_grad()
def _copy_weights(source: torch.nn.Module, target: torch.nn.Module) -> None:
    for kept, new in zip(target.parameters(), source.parameters(), strict=True):
        kept.copy_(new)


def _place(trainer: Trainer, moment: Moment) -> dict:
    return {
        "step": trainer.step,
        "kimg": round(trainer.images / 1000, 3),
        "resolution": moment.resolution,
        "alpha": round(moment.alpha, 4),
        "minibatch": moment.minibatch,
    }


def _spans(trainer: Trainer) -> list[list]:
    """[resolution, fading, from kimg, to kimg] of every part of the schedule that is not empty."""
    found = []
    for start, stage in zip(trainer.schedule.starts(), trainer.schedule.stages, strict=True):
        faded, end = start + stage.fade_kimg, start + stage.kimg
        found += [[stage.resolution, True, start, faded], [stage.resolution, False, faded, end]]
    return [[size, fading, round(a, 3), round(b, 3)] for size, fading, a, b in found if b > a]


@torch.no_grad()
def _generate(generator, latents: Tensor, moment: Moment) -> Tensor:
    return generator(latents, resolution=moment.resolution, alpha=moment.alpha)


def _contact(images: Tensor) -> np.ndarray:
    return contact_sheet(to_uint8(images), COLUMNS)


def _sheet(images: Tensor) -> str:
    """A data: address; small pictures without loss."""
    sheet = _contact(images)
    kind, options = ("PNG", {"compress_level": 1}) if len(sheet) <= 128 else ("WEBP", {"quality": 90, "method": 0})
    return f"data:image/{kind.lower()};base64,{base64.b64encode(encode(sheet, kind, **options)).decode()}"


def _numbers(values: Tensor) -> list[float | None]:
    return [_rounded(value) for value in values.detach().flatten().tolist()]


def _rounded(value: float) -> float | None:
    """Four digits; None for what is no number, which JSON cannot say."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _norm(found: Gradients) -> float:
    norms = [gradient.norm() for gradient in found if gradient is not None]
    return float(torch.linalg.vector_norm(torch.stack(norms)))


def _weights(trainer: Trainer) -> dict[str, list[Tensor]]:
    networks = trainer.learner.networks
    return {
        name: [parameter.detach().clone() for parameter in getattr(networks, name).parameters()]
        for name in ("generator", "discriminator")
    }


def _moved(network, before: list[Tensor], found: Gradients) -> dict[str, list]:
    """By layer: the norm of its weight's gradient, and how far the weight moved, as a share of its own norm."""
    rows = {}
    for (name, parameter), old, gradient in zip(network.named_parameters(), before, found, strict=True):
        if gradient is not None and name.endswith(".weight"):
            moved = float((parameter.detach() - old).norm() / old.norm().clamp_min(1e-12))
            rows[name.removeprefix("layers.").removesuffix(".weight")] = [
                _rounded(float(gradient.norm())),
                _rounded(moved),
            ]
    return rows
