"""The training loop: growing, alternating steps, the generator's average, snapshots (paper, section 2, appendix A.1).

    trainer = Trainer(settings, RealImages.open("town.npz"), out="run")     # goes on where `run` left off
    trainer.train()

Everything random is drawn from (seed, step), so that a run killed at any moment and resumed gives the weights of an
unbroken one.
"""

from __future__ import annotations

import copy
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

import torch
from torch import Tensor, nn

from pgan_core.discriminator import Discriminator
from pgan_core.files import write_atomically
from pgan_core.generator import Generator
from pgan_core.growth import Moment, Schedule

from . import losses
from .data import RealImages
from .records import Log, Progress, activation_magnitudes, write_samples
from .settings import Settings, TrainingError, check_minibatches, check_same_run
from .state import load_state, save_stage, save_state
from .streams import stream

LICENCE = "CC0-1.0"  # of the weights that this writes
SAMPLES = 64  # pictures in a grid
PROBE = 16  # pictures that activation magnitudes are measured on


@dataclass
class Part:
    """One worker's share of a minibatch: reals, what its fakes are made of, and the fakes once they are made."""

    reals: Tensor
    latents: Tensor
    mixing: Tensor
    fakes: Tensor | None = None


@dataclass(frozen=True)
class Gradient:
    """A part's gradient, one tensor a parameter (None beyond the resolution), and its mean losses for the log."""

    gradient: tuple[Tensor | None, ...]
    notes: dict[str, float]


class Trainer:
    """One run in one folder: its networks, optimizers and counters. Raises TrainingError if it cannot go on there."""

    def __init__(
        self,
        settings: Settings,
        reals: RealImages,
        out: str | Path,
        *,
        device: str = "cpu",
        workers: int = 1,
        snapshot_minutes: float = 10.0,
        log_kimg: float = 1.0,
        probe_kimg: float = 10.0,
        sample_kimg: float = 10.0,
        data_note: str = "",
        change: bool = False,
    ):
        self.settings, self.reals, self.out, self.device = settings, reals, Path(out), torch.device(device)
        self.workers = workers
        check_minibatches(settings.schedule, workers)
        self._map = map if workers == 1 else ThreadPoolExecutor(workers).map
        self.snapshot_seconds = 60 * snapshot_minutes
        self.every = {"log": log_kimg, "probe": probe_kimg, "sample": sample_kimg}
        self.data = {"fingerprint": reals.fingerprint(), "images": len(reals), "note": data_note}
        reals.level(settings.schedule.resolution)  # refuses images that are too small, before anything is written
        self._build()
        self.step, self.images, self.phase, self.tally = 0, 0, self.schedule.at(0).phase, {}
        self.changes = []  # settings that changed on the way: {"kimg": 290.0, "r1_gamma": [1.0, 0.2]}
        self.out.mkdir(parents=True, exist_ok=True)
        if self.state_path.exists():
            self._load(change)
        self.log = Log(self.out / "log.jsonl", step=self.step)
        if not self.state_path.exists():
            self.save()
        self._write_description()

    @property
    def schedule(self) -> Schedule:
        return self.settings.schedule

    @property
    def state_path(self) -> Path:
        return self.out / "state.pt"

    def _build(self) -> None:
        s = self.settings
        generator = Generator(s.generator_config(), seed=2 * s.seed)
        discriminator = Discriminator(s.discriminator_config(), seed=2 * s.seed + 1)
        layout = torch.channels_last if s.channels_last else torch.contiguous_format
        self.average = copy.deepcopy(generator).requires_grad_(False).to(self.device)
        self.generator = generator.to(self.device, memory_format=layout)
        self.discriminator = discriminator.to(self.device, memory_format=layout)
        self.fused_generator = self.generator.variant(fused=True)  # the same weights in fewer multiply-adds
        rate = s.schedule.stages[0].learning_rate
        adam = {"lr": rate, "betas": s.betas, "eps": s.adam_epsilon, "fused": True}
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), **adam)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), **adam)

    # ---- the loop ------------------------------------------------------------------------------------------------

    def train(self, *, progress: bool = True, stop: Event | None = None) -> bool:
        """Runs to the schedule's end, or until `stop` is set; whether the end was reached. Raises TrainingError."""
        total = round(self.schedule.total_kimg * 1000)
        self._saved_at = self._noted_at = time.monotonic()
        self._noted_images = self.images
        bar = Progress(self.schedule, (self.generator, self.discriminator), self.images, visible=progress)
        while self.images < total and not (stop and stop.is_set()):
            before = self.images
            moment = self.train_step()
            bar.advance(self.images, moment)
            self._after_step(before, moment)
        bar.close()
        if finished := self.images >= total:
            self._keep_stage(self.schedule.landmarks()[-1].name, self.schedule.at(self.images / 1000))
        self.save()
        return finished

    def train_step(self) -> Moment:
        """One discriminator step and one generator step on the same fakes; the average follows."""
        moment = self.schedule.at(self.images / 1000)
        if moment.phase != self.phase:
            self._reset_optimizers()
            self.phase = moment.phase
        parts = self._draw(moment)
        regularize = self.settings.loss == "logistic" and self.step % self.settings.r1_every == 0
        judge = partial(self._discriminator_gradient, moment=moment, regularize=regularize)
        self._apply(self.discriminator_optimizer, list(self._map(judge, parts)), moment)
        self.discriminator.requires_grad_(False)
        teach = partial(self._generator_gradient, moment=moment)
        self._apply(self.generator_optimizer, list(self._map(teach, parts)), moment)
        self.discriminator.requires_grad_(True)
        self._update_average(moment)
        self.step += 1
        self.images += moment.minibatch
        return moment

    def _draw(self, moment: Moment) -> list[Part]:
        """This step's reals, latents and mixing factors, in one part for each worker."""
        seed, step, size = self.settings.seed, self.step, moment.minibatch
        reals = self.reals.batch(size, resolution=moment.resolution, alpha=moment.alpha, seed=seed, step=step)
        latents = torch.randn(size, self.settings.latent_dim, generator=stream("latents", seed, step))
        mixing = torch.rand(size, 1, 1, 1, generator=stream("mixing", seed, step))
        columns = (tensor.to(self.device).chunk(self.workers) for tensor in (reals, latents, mixing))
        return [Part(*row) for row in zip(*columns, strict=True)]

    def _critic(self, moment: Moment) -> losses.Critic:
        return lambda images: self.discriminator(images, resolution=moment.resolution, alpha=moment.alpha).float()

    def _discriminator_gradient(self, part: Part, moment: Moment, regularize: bool) -> Gradient:
        """Makes the part's fakes, which the generator's step uses again, and judges them beside the reals."""
        s, critic, reals = self.settings, self._critic(moment), part.reals.requires_grad_(regularize)
        penalty = None
        with self._autocast():
            fakes = self.fused_generator(part.latents, resolution=moment.resolution, alpha=moment.alpha)
            part.fakes = fakes.float()  # autocast's are shorter than the reals that they are mixed with
            real_scores, fake_scores = critic(reals), critic(part.fakes.detach())
            if s.loss == "wgan-gp":
                loss = losses.wgan_critic_loss(real_scores, fake_scores, drift=s.drift)
                penalty = losses.gradient_penalty(critic, reals, part.fakes, part.mixing, weight=s.gradient_weight)
            else:
                loss = losses.logistic_discriminator_loss(real_scores, fake_scores)
            if regularize:  # lazy: rarer and stronger by the same factor
                penalty = losses.r1_penalty(real_scores, reals, gamma=s.r1_gamma) * s.r1_every
        notes = {"discriminator_loss": loss, "real_score": real_scores, "fake_score": fake_scores}
        notes |= {} if penalty is None else {"penalty": penalty}
        total = loss if penalty is None else loss + penalty
        return self._gradient(total, self.discriminator, notes)

    def _generator_gradient(self, part: Part, moment: Moment) -> Gradient:
        """On the discriminator's fakes: the generator has not changed since it made them, so it is exact."""
        with self._autocast():
            scores = self._critic(moment)(part.fakes)
        wgan = self.settings.loss == "wgan-gp"
        loss = losses.wgan_generator_loss(scores) if wgan else losses.logistic_generator_loss(scores)
        return self._gradient(loss, self.generator, {"generator_loss": loss})

    def _gradient(self, loss: Tensor, network: nn.Module, notes: dict[str, Tensor]) -> Gradient:
        gradient = torch.autograd.grad(loss.mean(), list(network.parameters()), allow_unused=True)
        return Gradient(gradient, {name: float(value.detach().mean()) for name, value in notes.items()})

    def _apply(self, optimizer: torch.optim.Optimizer, parts: list[Gradient], moment: Moment) -> None:
        """One optimizer step on the parts' mean gradient; layers beyond the resolution have none and stay."""
        (group,) = optimizer.param_groups
        group["lr"] = moment.learning_rate
        for parameter, *shares in zip(group["params"], *(part.gradient for part in parts), strict=True):
            parameter.grad = None if shares[0] is None else sum(shares[1:], shares[0]) / len(shares)
        optimizer.step()
        for name in parts[0].notes:
            total, count = self.tally.get(name, (0.0, 0))
            self.tally[name] = (total + sum(part.notes[name] for part in parts) / len(parts), count + 1)

    @torch.no_grad()
    def _update_average(self, moment: Moment) -> None:
        """Exponential average of the weights, of shorter memory where they move fast.

        Its half-life is at most a twentieth of the images seen and, in a fade, of the fade's: there the two to-RGB
        layers make up for each other at every alpha, and an average over many alphas has the wrong colours.
        """
        fade_kimg = next(s.fade_kimg for s in self.schedule.stages if s.resolution == moment.resolution)
        spans = [self.images + moment.minibatch, *([1000 * fade_kimg] if moment.fading else [])]
        half_life = min(1000 * self.settings.ema_kimg, 0.05 * min(spans))
        weight = 1 - 0.5 ** (moment.minibatch / half_life)
        for mean, current in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(current, weight)

    def _reset_optimizers(self) -> None:
        """Forgets Adam's moments, as the official code does at the start and the end of every fade."""
        self.generator_optimizer.state.clear()
        self.discriminator_optimizer.state.clear()

    def _autocast(self):
        enabled = self.settings.precision == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)

    # ---- what is written -----------------------------------------------------------------------------------------

    def _after_step(self, before: int, moment: Moment) -> None:
        def due(what: str) -> bool:
            images = self.every[what] * 1000
            return before // images != self.images // images

        if due("log") or due("probe"):
            self._write_record(moment, with_activations=due("probe"))
        if due("sample"):
            write_samples(
                self._sample_path(f"{self.images // 1000:06d}"), self.average, self._latents("samples"), moment
            )
        for mark in self.schedule.landmarks()[:-1]:
            if before < mark.kimg * 1000 <= self.images:
                self._keep_stage(mark.name, moment)
                self.save()
        if time.monotonic() - self._saved_at > self.snapshot_seconds:
            self.save()

    def _latents(self, purpose: str) -> Tensor:
        """The same latents at every moment of a run."""
        count = {"samples": SAMPLES, "probe": PROBE}[purpose]
        draw = stream(purpose, self.settings.seed)
        return torch.randn(count, self.settings.latent_dim, generator=draw).to(self.device)

    def _sample_path(self, name: str) -> Path:
        return self.out / "samples" / f"{name}.png"

    def _write_record(self, moment: Moment, *, with_activations: bool) -> None:
        """Means since the last record, to the log. Raises TrainingError if a loss is no longer a number."""
        now = time.monotonic()
        means = {name: total / count for name, (total, count) in sorted(self.tally.items())}
        record = {
            "step": self.step,
            "kimg": self.images / 1000,
            "resolution": moment.resolution,
            "alpha": moment.alpha,
            "minibatch": moment.minibatch,
            "learning_rate": moment.learning_rate,
            "images_per_second": round((self.images - self._noted_images) / max(now - self._noted_at, 1e-9), 2),
            **means,
        }
        if with_activations:
            record["activations"] = activation_magnitudes(
                self.generator, self.discriminator, self._latents("probe"), moment
            )
        self.log.append(record)
        self.tally, self._noted_at, self._noted_images = {}, now, self.images
        broken = [name for name, value in means.items() if not math.isfinite(value)]
        if broken:
            raise TrainingError(f"The run diverged at {self.images / 1000:.1f} kimg: {broken[0]} is not finite.")

    def _keep_stage(self, name: str, moment: Moment) -> None:
        """A landmark's pictures and networks."""
        write_samples(self._sample_path(name), self.average, self._latents("samples"), moment)
        metadata = {
            "stage": name,
            "kimg": self.images / 1000,
            "recipe": self.settings.as_dict(),
            "recipe_changes": self.changes,
            "data": self.data,
            "licence": LICENCE,
        }
        save_stage(
            self.out / "stages" / f"{name}.safetensors",
            average=self.average,
            generator=self.generator,
            discriminator=self.discriminator,
            moment=moment,
            metadata=metadata,
        )

    def _write_description(self) -> None:
        machine = {
            "workers": self.workers,
            "threads": torch.get_num_threads(),
            "device": str(self.device),
            "torch": torch.__version__,
        }
        content = {"settings": self.settings.as_dict(), "changes": self.changes, "data": self.data, "machine": machine}
        write_atomically(self.out / "run.json", json.dumps(content, indent=1).encode())

    # ---- the resume snapshot -------------------------------------------------------------------------------------

    def _modules(self) -> dict:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def save(self) -> None:
        """The resume snapshot, whole or not at all."""
        self.log.sync()
        state = {name: module.state_dict() for name, module in self._modules().items()}
        counters = {"step": self.step, "images": self.images, "phase": list(self.phase), "tally": self.tally}
        recipe = {"settings": self.settings.as_dict(), "changes": self.changes, "data": self.data}
        save_state(self.state_path, {**state, **counters, **recipe})
        self._saved_at = time.monotonic()

    def _load(self, change: bool) -> None:
        state = load_state(self.state_path)
        changed = check_same_run(state["settings"], self.settings, change)
        self.changes = state.get("changes", []) + ([{"kimg": state["images"] / 1000, **changed}] if changed else [])
        if state["data"]["fingerprint"] != self.data["fingerprint"]:
            raise TrainingError("The run was started with other images: resume it with the same data file.")
        for name, module in self._modules().items():
            module.load_state_dict(state[name])
        self.step, self.images, self.tally = state["step"], state["images"], state["tally"]
        self.phase = tuple(state["phase"])
