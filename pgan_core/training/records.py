"""What a run tells about itself: progress bar, sample grids, activation magnitudes, the JSON-lines log."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pgan_core.costs import cumulative_cost, image_cost
from pgan_core.discriminator import Discriminator
from pgan_core.files import write_atomically
from pgan_core.generator import Generator
from pgan_core.growth import Moment, Schedule
from pgan_core.pictures import contact_sheet, encode, enlarge, to_uint8


class Log:
    """One JSON object a line, each with its `step`. Lines past a resumed snapshot are dropped, torn ones too."""

    def __init__(self, path: Path, *, step: int):
        self.path = path
        kept = [line for line in self._lines() if json.loads(line)["step"] <= step]
        write_atomically(path, "".join(f"{line}\n" for line in kept).encode())

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")
        return lines[:-1]  # what follows the last line's end was torn off by a kill

    def append(self, record: dict) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def sync(self) -> None:
        """On the disk before the snapshot that counts on it."""
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())


class Work:
    """What a run's pictures cost both networks, in multiply-adds: larger ones take longer."""

    def __init__(self, schedule: Schedule, networks: tuple[Generator, Discriminator]):
        sizes = [stage.resolution for stage in schedule.stages]
        self.of_picture = {r: sum(image_cost(network, r).multiply_adds for network in networks) for r in sizes}

    def left(self, schedule: Schedule, kimg: float) -> float:
        """From `kimg` to the end of a schedule, which may have been changed."""
        corners = np.array(cumulative_cost(schedule, self.of_picture))
        return corners[-1, 1] - float(np.interp(kimg, *corners.T))


class Progress:
    """A bar with images/s and the time left, which counts that larger pictures take longer."""

    def __init__(self, schedule: Schedule, networks: tuple[Generator, Discriminator], images: int, *, visible: bool):
        self._work = Work(schedule, networks)
        self._images, self._began, self._told = images, time.monotonic(), 0.0
        self._bar = tqdm(
            total=round(schedule.total_kimg * 1000),
            initial=images,
            unit="img",
            disable=not visible,
            smoothing=0.1,
            mininterval=1.0,
            bar_format="{percentage:3.0f}% |{bar}| {n_fmt} of {total_fmt} images, {rate_fmt}{postfix}",
        )

    def advance(self, images: int, moment: Moment, schedule: Schedule, seconds: float | None = None) -> None:
        """To `images` in all; nothing is printed more often than once a second. seconds: left, by a clock."""
        now = time.monotonic()
        if not self._bar.disable and now - self._told >= 1.0:
            self._told, self._bar.total = now, round(schedule.total_kimg * 1000)
            if seconds is None:
                left = self._work.left(schedule, images / 1000)
                done = self._work.left(schedule, self._images / 1000) - left
                seconds = left * (now - self._began) / done if done > 0 else None
            if seconds is not None:
                size = f"{moment.resolution}x{moment.resolution}"
                time_left = timedelta(seconds=round(max(seconds, 0.0)))
                self._bar.set_postfix_str(f"{size} alpha {moment.alpha:.2f}, {time_left} left", refresh=False)
        self._bar.update(images - self._bar.n)

    def close(self) -> None:
        self._bar.close()


def layers_at_work(generator: Generator, discriminator: Discriminator, resolution: int) -> tuple[list[str], list[str]]:
    """Names of both networks' layers that work at a resolution (to-RGB left out), each in the order of its walk."""
    sizes = {f"{2**k}x{2**k}" for k in range(2, resolution.bit_length())}
    made = [name for name in generator.layer_names if name.split("/")[0] in sizes]
    judged = [name for name in discriminator.layer_names if name.split("/")[0] in sizes and "/from_rgb" not in name]
    return made, [f"{resolution}x{resolution}/from_rgb", *judged]


@torch.no_grad()
def activation_magnitudes(generator: Generator, discriminator: Discriminator, latents: Tensor, moment: Moment) -> dict:
    """[largest, mean] of |activation| for every layer of both networks: where escalation would show first."""
    where = {"resolution": moment.resolution, "alpha": moment.alpha}
    made_names, judged_names = layers_at_work(generator, discriminator, moment.resolution)
    made = generator.run(latents, keep=made_names, **where)
    assert made.images is not None  # nothing stopped the walk
    judged = discriminator.run(made.images, keep=judged_names, **where)
    return {
        network: {name: [float(x.abs().max()), float(x.abs().mean())] for name, x in walk.activations.items()}
        for network, walk in (("generator", made), ("discriminator", judged))
    }


@torch.no_grad()
def write_samples(path: Path, generator: Generator, latents: Tensor, moment: Moment) -> None:
    """A grid of eight columns as PNG, enlarged by nearest neighbour to the full size."""
    images = generator(latents, resolution=moment.resolution, alpha=moment.alpha)
    sheet = contact_sheet(enlarge(to_uint8(images), generator.resolution), columns=8)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, encode(sheet))
