"""The training loop: growing, alternating steps, the generator's average, snapshots (paper, section 2, appendix A.1).

    trainer = Trainer(settings, RealImages.open("town.npz"), out="run")     # goes on where `run` left off
    trainer.train()

Everything random is drawn from (seed, step), so that a run killed at any moment and resumed gives the weights of an
unbroken one.
"""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from pgan_core.checkpoints.native import write_atomically
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.growth import Moment
from pgan_core.pictures import contact_sheet, encode, enlarge, to_uint8

from . import losses
from .data import RealImages
from .kernels import TrainingDiscriminator, TrainingGenerator
from .settings import Settings, TrainingError, check_same_run
from .state import LICENCE, Log, load_state, save_stage, save_state
from .streams import stream

SAMPLES = 64  # pictures in a grid
PROBE = 16  # pictures that activation magnitudes are measured on


class Trainer:
    """One run in one folder: its networks, optimizers and counters. Raises TrainingError if it cannot go on there."""

    def __init__(
        self,
        settings: Settings,
        reals: RealImages,
        out: str | Path,
        *,
        device: str = "cpu",
        snapshot_minutes: float = 10.0,
        log_kimg: float = 1.0,
        probe_kimg: float = 10.0,
        sample_kimg: float = 10.0,
        data_note: str = "",
    ):
        self.settings, self.reals, self.out, self.device = settings, reals, Path(out), torch.device(device)
        self.snapshot_seconds = 60 * snapshot_minutes
        self.every = {"log": log_kimg, "probe": probe_kimg, "sample": sample_kimg}
        self.data = {"fingerprint": reals.fingerprint(), "images": len(reals), "note": data_note}
        reals.level(settings.schedule.resolution)  # refuses images that are too small, before anything is written
        self._build()
        self.step, self.images, self.phase, self.tally = 0, 0, self.schedule.at(0).phase, {}
        self.out.mkdir(parents=True, exist_ok=True)
        if self.state_path.exists():
            self._load()
        self.log = Log(self.out / "log.jsonl", step=self.step)
        if not self.state_path.exists():
            self.save()
        self._write_description()

    @property
    def schedule(self):
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
        self.fast_generator = TrainingGenerator(self.generator)
        self.fast_discriminator = TrainingDiscriminator(self.discriminator)
        rate = s.schedule.stages[0].learning_rate
        adam = {"lr": rate, "betas": s.betas, "eps": s.adam_epsilon, "fused": True}
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), **adam)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), **adam)

    # ---- the loop ------------------------------------------------------------------------------------------------

    def train(self, *, progress: bool = True) -> None:
        """Runs to the schedule's end; Ctrl-C saves a snapshot first."""
        total = round(self.schedule.total_kimg * 1000)
        self._saved_at = self._noted_at = time.monotonic()
        self._noted_images = self.images
        bar = tqdm(total=total, initial=self.images, unit="img", disable=not progress, smoothing=0.1, mininterval=1.0)
        try:
            while self.images < total:
                before = self.images
                moment = self.train_step()
                bar.update(self.images - before)
                self._after_step(before, moment, bar)
        except KeyboardInterrupt:
            self.save()
            raise
        finally:
            bar.close()
        self.save()

    def train_step(self) -> Moment:
        """One discriminator step and one generator step on the same fakes; the average follows."""
        moment = self.schedule.at(self.images / 1000)
        if moment.phase != self.phase:
            self._reset_optimizers()
            self.phase = moment.phase
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = moment.learning_rate
        seed, step, batch = self.settings.seed, self.step, moment.minibatch
        reals = self.reals.batch(batch, resolution=moment.resolution, alpha=moment.alpha, seed=seed, step=step).to(
            self.device
        )
        latents = torch.randn(batch, self.settings.latent_dim, generator=stream("latents", seed, step))
        with self._autocast():
            fakes = self._generate(latents.to(self.device), moment)
        self._discriminator_step(reals, fakes, moment)
        self._generator_step(fakes, moment)
        self._update_average(moment)
        self.step += 1
        self.images += batch
        return moment

    def _generate(self, latents: Tensor, moment: Moment) -> Tensor:
        return self.fast_generator(latents, resolution=moment.resolution, alpha=moment.alpha)

    def _critic(self, moment: Moment):
        return lambda images: self.fast_discriminator(images, resolution=moment.resolution, alpha=moment.alpha).float()

    def _discriminator_step(self, reals: Tensor, fakes: Tensor, moment: Moment) -> None:
        s, critic = self.settings, self._critic(moment)
        regularize = s.loss == "logistic" and self.step % s.r1_every == 0
        reals.requires_grad_(regularize)
        with self._autocast():
            real_scores, fake_scores = critic(reals), critic(fakes.detach())
            if s.loss == "wgan-gp":
                loss = losses.wgan_critic_loss(real_scores, fake_scores, drift=s.drift)
                mixing = torch.rand(len(reals), 1, 1, 1, generator=stream("mixing", s.seed, self.step))
                mixing = mixing.to(self.device)
                penalty = losses.gradient_penalty(critic, reals, fakes, mixing, weight=s.gradient_weight)
            else:
                loss = losses.logistic_discriminator_loss(real_scores, fake_scores)
                penalty = None
                if regularize:  # lazy: rarer and stronger by the same factor
                    penalty = losses.r1_penalty(real_scores, reals, gamma=s.r1_gamma) * s.r1_every
        total = loss.mean() if penalty is None else (loss + penalty).mean()
        self.discriminator_optimizer.zero_grad()
        total.backward()
        self.discriminator_optimizer.step()
        self._note(discriminator_loss=loss, real_score=real_scores, fake_score=fake_scores)
        if penalty is not None:
            self._note(penalty=penalty)

    def _generator_step(self, fakes: Tensor, moment: Moment) -> None:
        """On the discriminator's fakes: the generator has not changed since it made them, so its gradient is exact."""
        self.discriminator.requires_grad_(False)
        with self._autocast():
            scores = self._critic(moment)(fakes)
        wgan = self.settings.loss == "wgan-gp"
        loss = losses.wgan_generator_loss(scores) if wgan else losses.logistic_generator_loss(scores)
        self.generator_optimizer.zero_grad()
        loss.mean().backward()
        self.generator_optimizer.step()
        self.discriminator.requires_grad_(True)
        self._note(generator_loss=loss)

    def _update_average(self, moment: Moment) -> None:
        """Exponential average of the weights; early on over a twentieth of the images seen, so that it can follow."""
        half_life = min(self.settings.ema_kimg * 1000, 0.05 * (self.images + moment.minibatch))
        weight = 1 - 0.5 ** (moment.minibatch / half_life)
        with torch.no_grad():
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

    def _note(self, **values: Tensor) -> None:
        for name, value in values.items():
            total, count = self.tally.get(name, (0.0, 0))
            self.tally[name] = (total + float(value.detach().mean()), count + 1)

    def _after_step(self, before: int, moment: Moment, bar: tqdm) -> None:
        def due(what: str) -> bool:
            images = self.every[what] * 1000
            return before // images != self.images // images

        if due("log"):
            record = self._record(moment, with_activations=due("probe"))
            self.log.append(record)
            bar.set_postfix_str(f"{moment.resolution}x{moment.resolution} alpha {moment.alpha:.2f}", refresh=False)
            if not all(value == value for value in record.values()):  # only NaN differs from itself
                raise TrainingError(f"The run diverged at {record['kimg']:.1f} kimg: a loss is not a number.")
        if due("sample"):
            self._write_samples(f"samples-{self.images // 1000:06d}", moment)
        for mark in self.schedule.landmarks():
            if before < mark.kimg * 1000 <= self.images:
                self._write_samples(mark.name, moment)
                self._save_stage(mark.name, moment)
                self.save()
        if time.monotonic() - self._saved_at > self.snapshot_seconds:
            self.save()

    def _record(self, moment: Moment, *, with_activations: bool) -> dict:
        now = time.monotonic()
        record = {
            "step": self.step,
            "kimg": self.images / 1000,
            "resolution": moment.resolution,
            "alpha": moment.alpha,
            "minibatch": moment.minibatch,
            "learning_rate": moment.learning_rate,
            "images_per_second": round((self.images - self._noted_images) / max(now - self._noted_at, 1e-9), 2),
        }
        record |= {name: total / count for name, (total, count) in sorted(self.tally.items())}
        if with_activations:
            record["activations"] = self.activation_magnitudes(moment)
        self.tally, self._noted_at, self._noted_images = {}, now, self.images
        return record

    @torch.no_grad()
    def activation_magnitudes(self, moment: Moment) -> dict:
        """[largest, mean] of |activation| for every layer of both networks: where escalation would show first."""
        s = self.settings
        latents = torch.randn(PROBE, s.latent_dim, generator=stream("probe", s.seed)).to(self.device)
        where = {"resolution": moment.resolution, "alpha": moment.alpha}
        sizes = {f"{2**k}x{2**k}" for k in range(2, moment.resolution.bit_length())}
        names = [name for name in self.generator.layer_names if name.split("/")[0] in sizes]
        made = self.generator.run(latents, keep=names, **where)
        entry = f"{moment.resolution}x{moment.resolution}/from_rgb"
        names = [n for n in self.discriminator.layer_names if n.split("/")[0] in sizes and "/from_rgb" not in n]
        judged = self.discriminator.run(made.images, keep=[entry, *names], **where)
        return {
            network: {name: [float(x.abs().max()), float(x.abs().mean())] for name, x in walk.activations.items()}
            for network, walk in (("generator", made), ("discriminator", judged))
        }

    @torch.no_grad()
    def _write_samples(self, name: str, moment: Moment) -> None:
        """A grid of the averaged generator's pictures of the same latents, enlarged to full size."""
        latents = torch.randn(SAMPLES, self.settings.latent_dim, generator=stream("samples", self.settings.seed))
        images = self.average(latents.to(self.device), resolution=moment.resolution, alpha=moment.alpha)
        sheet = contact_sheet(enlarge(to_uint8(images), self.schedule.resolution), columns=8)
        (self.out / "samples").mkdir(exist_ok=True)
        write_atomically(self.out / "samples" / f"{name}.png", encode(sheet))

    def _save_stage(self, name: str, moment: Moment) -> None:
        (self.out / "stages").mkdir(exist_ok=True)
        networks = {
            "average": self.average,
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        metadata = {
            "stage": name,
            "kimg": self.images / 1000,
            "recipe": self.settings.as_dict(),
            "data": self.data,
            "licence": LICENCE,
        }
        save_stage(
            self.out / "stages" / f"{name}.safetensors",
            networks,
            resolution=moment.resolution,
            alpha=moment.alpha,
            metadata=metadata,
        )

    def _write_description(self) -> None:
        machine = {
            "threads": torch.get_num_threads(),
            "device": str(self.device),
            "torch": torch.__version__,
        }
        content = {"settings": self.settings.as_dict(), "data": self.data, "machine": machine}
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
        if hasattr(self, "log"):
            self.log.sync()
        state = {name: module.state_dict() for name, module in self._modules().items()}
        counters = {"step": self.step, "images": self.images, "phase": list(self.phase), "tally": self.tally}
        save_state(self.state_path, {**state, **counters, "settings": self.settings.as_dict(), "data": self.data})
        self._saved_at = time.monotonic()

    def _load(self) -> None:
        state = load_state(self.state_path)
        check_same_run(state["settings"], self.settings)
        if state["data"]["fingerprint"] != self.data["fingerprint"]:
            raise TrainingError("The run was started with other images: resume it with the same data file.")
        for name, module in self._modules().items():
            module.load_state_dict(state[name])
        self.step, self.images, self.tally = state["step"], state["images"], state["tally"]
        self.phase = tuple(state["phase"])
