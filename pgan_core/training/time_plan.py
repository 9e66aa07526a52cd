"""A run of so many minutes: how much time each stage gets, and how the schedule follows the clock."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from pgan_core.growth import Schedule

from .data import RealImages
from .learner import Learner
from .networks import Networks
from .settings import Settings, TrainingError

FADE, STEADY = 0.17, 0.51  # shares of the time that a size gets of what the larger ones leave; 4x4 gets the rest
MINIBATCHES, FEWEST_STEPS = (64, 32, 16), 4000  # the largest minibatch that leaves so many steps
LEAST = 0.1  # of the time is trained, however long it took to set up
RESERVE = 0.02, 2.0  # share of the time, and seconds, kept for writing the last stage


def process_age() -> float:
    """Seconds since this process started, importing included; 0 where the system does not tell."""
    try:
        ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):
        return 0.0


@dataclass
class TimePlan:
    """The clock of a run. seconds: for all of it. used: by earlier sittings. speeds: images a second by resolution."""

    seconds: float
    speeds: dict[int, float] = field(default_factory=dict)
    used: float = 0.0
    began: float = field(default_factory=lambda: time.monotonic() - process_age())

    def __post_init__(self):
        if not self.seconds > 0:
            raise TrainingError("The minutes of a run are more than 0.")

    def spent(self) -> float:
        return self.used + time.monotonic() - self.began

    def left(self) -> float:
        """Seconds to train in: without those that the last stage's writing may take."""
        return self.seconds - self.spent() - RESERVE[0] * self.seconds - RESERVE[1]

    def as_dict(self) -> dict:
        return {"seconds": self.seconds, "used": self.spent(), "speeds": self.speeds}


def measured_speeds(
    settings: Settings, networks: Networks, reals: RealImages, device: torch.device | str, seconds: float
) -> dict[int, float]:
    """Images a second at every resolution that the schedule visits, each trained for so many seconds on copies.

    A slow machine gets up to four times as long, for a whole period of the lazy penalty.
    """
    trained = [stage.resolution for stage in settings.schedule.stages if stage.kimg]
    learner, found = Learner(settings, copy.deepcopy(networks), reals, device=device), {}
    for resolution in trained:
        moment = next(m for m in _moments(settings.schedule) if m.resolution == resolution)
        learner.step(0, moment, 0)  # makes ready
        learner.means()  # waits for the device
        begun, steps = time.monotonic(), 0
        while (spent := time.monotonic() - begun) < seconds or (steps < settings.r1_every and spent < 4 * seconds):
            learner.step(steps, moment, 0)
            steps += 1
            if steps % settings.r1_every == 0:
                learner.means()
        learner.means()
        found[resolution] = steps * moment.minibatch / (time.monotonic() - begun)
    return found


def _moments(schedule: Schedule):
    """A moment of each stage's steady part."""
    for start, stage in zip(schedule.starts(), schedule.stages, strict=True):
        yield schedule.at(start + stage.fade_kimg + 0.5 * stage.steady_kimg)


def shares(sizes: Sequence[int], first_fades: bool = False) -> dict[int, tuple[float, float]]:
    """The share of the time for each size's fade and steady part: most for the last, which is the slowest to learn."""
    found, left = {}, 1.0
    for size in reversed(sizes[1:]):
        found[size] = (FADE * left, STEADY * left)
        left -= sum(found[size])
    fade = FADE * left if first_fades else 0.0
    return {sizes[0]: (fade, left - fade), **dict(reversed(found.items()))}


def planned(settings: Settings, plan: TimePlan, *, choose_minibatch: bool) -> Settings:
    """Settings whose schedule fills the time that is left at the speeds measured. TrainingError if none is left."""
    if plan.left() <= 0:
        raise TrainingError(f"{plan.seconds:.0f} seconds were over before training could begin: give it more minutes.")
    stages = settings.schedule.stages
    trained = [stage for stage in stages if stage.kimg]
    parts = shares([stage.resolution for stage in trained], first_fades=trained[0].fade_kimg > 0)
    left = max(plan.left(), LEAST * plan.seconds)
    kimg = {size: [left * part * plan.speeds[size] / 1000 for part in both] for size, both in parts.items()}
    total = sum(map(sum, kimg.values()))
    fitting = [n for n in MINIBATCHES if 1000 * total / n >= FEWEST_STEPS] or [MINIBATCHES[-1]]
    made = []
    for stage in stages:
        fade, steady = kimg.get(stage.resolution, (0.0, 0.0))
        minibatch = fitting[0] if choose_minibatch else stage.minibatch
        made.append(replace(stage, fade_kimg=fade, steady_kimg=steady, minibatch=minibatch))
    return replace(settings, schedule=Schedule(tuple(made)))


def adjusted(schedule: Schedule, kimg: float, speeds: Mapping[int, float], seconds: float) -> Schedule:
    """The schedule from `kimg` on stretched or shortened so that it takes so many seconds.

    A fade that goes on keeps its length: alpha must not jump.
    """
    parts = []  # (stage, what is done of its fade, of its steady part)
    for start, stage in zip(schedule.starts(), schedule.stages, strict=True):
        done = min(max(kimg - start, 0.0), stage.kimg)
        parts.append((stage, min(done, stage.fade_kimg), max(done - stage.fade_kimg, 0.0)))
    fixed = changing = 0.0
    for stage, fade, steady in parts:
        speed = speeds.get(stage.resolution, 1.0) / 1000
        begun = 0 < fade < stage.fade_kimg
        fixed += (stage.fade_kimg - fade) / speed if begun else 0.0
        changing += ((0.0 if begun else stage.fade_kimg - fade) + stage.steady_kimg - steady) / speed
    factor = max(seconds - fixed, 0.0) / changing if changing else 1.0
    made = []
    for stage, fade, steady in parts:
        if not fade:
            stage = replace(stage, fade_kimg=stage.fade_kimg * factor)
        made.append(replace(stage, steady_kimg=steady + (stage.steady_kimg - steady) * factor))
    return Schedule(tuple(made))
