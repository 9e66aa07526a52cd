"""Training, images a second: our step beside a plain loop as published code writes it, same networks and minibatch.

    python -m benchmarks --only training

The plain loop up-samples and convolves apart, draws fresh fakes for the generator's step, applies its penalties on
every step, and copies each minibatch to the device. Both losses are relativistic with R1 and R2. A third way is the
plain loop with the lazy penalty, so that what the recipe saves is told from what the code saves.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.clock import alternate, median, ratio
from benchmarks.machine import devices
from benchmarks.options import Options, Row
from pgan_core.growth import make_schedule
from pgan_core.training.cli import has_bfloat16
from pgan_core.training.data import RealImages
from pgan_core.training.learner import Learner
from pgan_core.training.losses import relativistic, zero_centred_penalty
from pgan_core.training.networks import Networks, fresh
from pgan_core.training.recipes import GPU
from pgan_core.training.settings import Settings

SIZES = {"cpu": (16, 32), "cuda": (16, 32, 64, 128)}
STEPS = 8  # in a call: two periods of the lazy penalty


def recipe(size: int, minibatch: int, device: str, quick: bool) -> Settings:
    """The shipped model's networks and loss at one size, without growing."""
    schedule = make_schedule(
        size, fade_kimg={4: 0.0}, steady_kimg={4: 0.0, size: 1000.0}, minibatch={4: minibatch}, learning_rate={4: 1e-3}
    )
    count, fast = len(schedule.stages), has_bfloat16(device)
    return Settings(
        schedule,
        (8,) * count if quick else GPU["feature_maps"][:count],
        discriminator_maps=(8,) * count if quick else GPU["discriminator_maps"][:count],
        latent_dim=GPU["latent_dim"],
        loss="relativistic",
        mirror=False,
        precision="bfloat16" if fast else "float32",
        channels_last=fast,
    )


def plain_loop(
    networks: Networks, images: np.ndarray, settings: Settings, device: str, every: int
) -> Callable[[], None]:
    """A call makes STEPS steps, as published PyTorch code does them."""
    generator, discriminator = networks.generator.to(device), networks.discriminator.to(device)
    average, size = networks.average.to(device), images.shape[-1]
    minibatch, rate = settings.schedule.stages[-1].minibatch, settings.schedule.stages[-1].learning_rate
    optimizers = [torch.optim.Adam(n.parameters(), lr=rate, betas=settings.betas) for n in (generator, discriminator)]
    half = settings.precision == "bfloat16"
    random = np.random.default_rng(0)

    def precision():
        return torch.autocast(device, dtype=torch.bfloat16, enabled=half)

    def fakes():
        with precision():
            return generator(torch.randn(minibatch, settings.latent_dim, device=device), resolution=size).float()

    def judge(x):
        with precision():
            return discriminator(x, resolution=size).float()

    def step(number: int) -> None:
        reals = torch.from_numpy(images[random.integers(len(images), size=minibatch)]).to(device).float() / 127.5 - 1
        shown = fakes().detach().requires_grad_()
        real, fake = judge(reals.requires_grad_()), judge(shown)
        loss = relativistic(real, fake)[0].mean()
        if number % every == 0:
            loss = loss + every * (zero_centred_penalty(real, reals) + zero_centred_penalty(fake, shown)).mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        loss = relativistic(judge(reals.detach()), judge(fakes()))[1].mean()
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        with torch.no_grad():
            for mean, current in zip(average.parameters(), generator.parameters(), strict=True):
                mean.lerp_(current, 0.001)

    return lambda: [step(number) for number in range(STEPS)]


def our_loop(networks: Networks, images: np.ndarray, settings: Settings, device: str) -> Callable[[], object]:
    learner = Learner(settings, networks, RealImages(images, mirror=False, device=device), device=device)
    moment = settings.schedule.at(1.0)

    def call() -> object:
        for number in range(STEPS):
            learner.step(number, moment, 1000)
        return learner.means()

    return call


def measure(options: Options) -> dict:
    """Seconds of STEPS steps of each loop, by device and size."""
    cases = []
    for device in devices():
        for size in (8,) if options.quick else SIZES[device]:
            minibatch = 8 if options.quick else 64 if device == "cuda" else 16
            settings = recipe(size, minibatch, device, options.quick)
            images = np.random.default_rng(0).integers(0, 256, (256, 3, size, size), dtype=np.uint8)
            networks = fresh(settings)
            ways = {
                "plain": plain_loop(copy.deepcopy(networks), images, settings, device, every=1),
                "plain, lazy": plain_loop(copy.deepcopy(networks), images, settings, device, every=settings.r1_every),
                "ours": our_loop(networks, images, settings, device),
            }
            times = alternate(
                ways, seconds=0.1 if options.quick else 20, least=1 if options.quick else 3, device=device
            )
            speeds = {name: STEPS * minibatch / median(times, name) for name in ways}
            cases.append(
                {
                    "device": device, "size": size, "minibatch": minibatch, "precision": settings.precision,
                    "images_per_second": speeds,
                    "ratio": ratio(times, "plain", "ours"), "lazy_ratio": ratio(times, "plain, lazy", "ours"),
                }
            )  # fmt: skip
    return {"cases": cases}


def rows(found: dict) -> list[Row]:
    lines = []
    for case in found["cases"]:
        speeds = case["images_per_second"]
        size = f"{case['size']}x{case['size']}"
        what = f"{case['device']}: training {size}, minibatch {case['minibatch']}, {case['precision']}"
        beside = (
            f"plain loop {speeds['plain']:,.0f}; with the lazy penalty {speeds['plain, lazy']:,.0f} "
            f"({case['lazy_ratio']:.2f}x)"
        )
        lines.append(Row(what, f"{speeds['ours']:,.0f} images a second", beside, f"{case['ratio']:.2f}x"))
    return lines
