"""What makes one training run another than the next, and the check that a resumed run is the same one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

from pgan_core.discriminator import DiscriminatorConfig
from pgan_core.generator import GeneratorConfig
from pgan_core.growth import Moment, Schedule, Stage
from pgan_core.layers import StddevConfig

from .losses import LOSSES, Loss
from .processes import GROUP

Course = tuple[tuple[int, float, float], ...]  # (resolution, first, last): two values from a resolution up


class TrainingError(ValueError):
    """A run that cannot start or go on as asked; one sentence says why."""


@dataclass(frozen=True)
class Settings:
    """The recipe. Same settings, same data, same machine and thread count: the same weights, to the bit.

    Defaults are the paper's, except for the generator's average: `ema_kimg` is the half-life of its decay, so that it
    does not depend on the minibatch (the official 0.999 a minibatch of 16 is 11 kimg).

    r1_gamma: one weight, or by resolution a first and a last one, between which it moves over the stage's steady part.
    balance: bounds of the discriminator's loss; beyond them a factor on gamma moves by fifths. cooldown: by resolution
    the share of the steady part over which the rate falls by a cosine, and what is left of it at the end.
    before_kimg: what the networks had seen when the run began.
    """

    schedule: Schedule
    feature_maps: tuple[int, ...]
    discriminator_maps: tuple[int, ...] | None = None  # None: the generator's
    latent_dim: int = 512
    loss: str = "wgan-gp"
    gradient_weight: float = 10.0
    drift: float = 0.001
    r1_gamma: float | Course = 1.0
    r1_every: int = 4
    balance: tuple[float, float] | None = None
    cooldown: Course = ()
    betas: tuple[float, float] = (0.0, 0.99)
    adam_epsilon: float = 1e-8
    ema_kimg: float = 11.0
    mirror: bool = True
    fused_down: bool = True
    pixel_norm: str = "after"  # or "off", an ablation
    minibatch_stddev: bool = True  # False: an ablation
    seed: int = 0
    precision: str = "float32"  # "bfloat16": layers from 16x16 up multiply in bfloat16
    channels_last: bool = False
    before_kimg: float = 0.0

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise TrainingError(f"A loss is one of {', '.join(LOSSES)}, not {self.loss}.")
        if self.balance is not None and (len(self.balance) != 2 or self.balance[0] >= self.balance[1]):
            raise TrainingError(f"The balance is two rising bounds such as 0.25-0.5, not {self.balance}.")
        sizes = [str(stage.resolution) for stage in self.schedule.stages]
        for maps in (self.feature_maps, self.discriminator_maps):
            if maps is not None and len(maps) != len(sizes):
                raise TrainingError(
                    f"Feature maps are one number for each of the sizes {', '.join(sizes)}, found {len(maps)}."
                )

    def generator_config(self) -> GeneratorConfig:
        return GeneratorConfig(
            resolution=self.schedule.resolution,
            channels=self.feature_maps,
            latent_dim=self.latent_dim,
            pixel_norm=self.pixel_norm,
        )

    def discriminator_config(self) -> DiscriminatorConfig:
        return DiscriminatorConfig(
            resolution=self.schedule.resolution,
            channels=self.discriminator_maps or self.feature_maps,
            fused_down=self.fused_down,
            stddev=StddevConfig() if self.minibatch_stddev else None,
        )

    # ---- what changes on the way -----------------------------------------------------------------------------------

    def learning_rate(self, moment: Moment) -> float:
        """The stage's rate, or less in its cooldown."""
        share, left = course_at(self.cooldown, moment.resolution, (0.0, 1.0))
        if not share or moment.share <= 1 - share:
            return moment.learning_rate
        fallen = (moment.share - (1 - share)) / share
        return moment.learning_rate * (left + (1 - left) * 0.5 * (1 + math.cos(math.pi * fallen)))

    def gamma(self, moment: Moment) -> float:
        """The weight of the zero-centred penalty, evenly in its logarithm from the first to the last of its stage."""
        course = ((4, self.r1_gamma, self.r1_gamma),) if isinstance(self.r1_gamma, float | int) else self.r1_gamma
        first, last = course_at(course, moment.resolution, (1.0, 1.0))
        return first * (last / first) ** moment.share

    def average_weight(self, moment: Moment, images: int) -> float:
        """The current weights' share in the generator's average after a step; `images`: seen before it, in this run.

        The average's half-life is at most a twentieth of all images seen and, in a fade, of the fade's: there the two
        to-RGB layers make up for each other at every alpha, and an average over many alphas has the wrong colours.
        """
        spans = [1000 * self.before_kimg + images + moment.minibatch]
        if moment.fading:
            spans.append(1000 * next(s.fade_kimg for s in self.schedule.stages if s.resolution == moment.resolution))
        half_life = min(1000 * self.ema_kimg, 0.05 * min(spans))
        return 1 - 0.5 ** (moment.minibatch / half_life)

    def regularizes(self, step: int) -> bool:
        """Whether the zero-centred penalty, which is lazy, falls on this step."""
        return self.loss_kind.penalty != "between" and step % self.r1_every == 0

    @property
    def loss_kind(self) -> Loss:
        return LOSSES[self.loss]

    @property
    def loss_function(self):
        """Real and fake scores to both networks' losses per image."""
        function = self.loss_kind.function
        return partial(function, drift=self.drift) if self.loss == "wgan-gp" else function

    # ---- as plain values -------------------------------------------------------------------------------------------

    def as_dict(self) -> dict:
        """Numbers, strings and lists only; `from_dict` reads it back."""
        plain = asdict(self)
        plain["schedule"] = [asdict(stage) for stage in self.schedule.stages]
        return {name: _listed(value) for name, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: Mapping) -> Settings:
        values: dict[str, Any] = {f.name: _tupled(plain[f.name]) for f in fields(cls) if f.name in plain}
        values["schedule"] = Schedule(tuple(Stage(**stage) for stage in plain["schedule"]))
        return cls(**values)


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, tuple) else value


def _tupled(value: Any) -> Any:
    return tuple(_tupled(part) for part in value) if isinstance(value, list) else value


def course_at(course: Course, resolution: int, default: tuple[float, float]) -> tuple[float, float]:
    """The two values at a resolution: those of the largest one named that is not above it."""
    begun = [values for values in course if values[0] <= resolution]
    if not begun:
        return default
    _, first, last = max(begun)
    return first, last


def check_minibatches(schedule: Schedule, processes: int = 1) -> None:
    """Raises TrainingError unless every process's part fits the stddev layer: groups of 4, or one smaller group."""
    for stage in schedule.stages:
        part = stage.minibatch / processes
        if part % GROUP and not (processes == 1 and part in (1, 2, 3)):
            shared = "" if processes == 1 else f" for {processes} processes"
            raise TrainingError(
                f"A minibatch of {stage.minibatch} does not divide into groups of {GROUP}, the stddev layer's{shared}."
            )


# what a run may change on its way
CHANGEABLE = ("gradient_weight", "drift", "r1_gamma", "r1_every", "ema_kimg", "balance", "cooldown")
IN_STAGES = ("minibatch", "learning_rate")  # those that stand in the schedule


def check_same_run(stored: Mapping, asked: Settings, change: bool = False) -> dict[str, list]:
    """Settings that the run changes from here on, name: [before, after]; {} for the same recipe.

    The last resolution may train longer or shorter than planned: it changes nothing that has happened.  ``change``
    allows new values for CHANGEABLE and, in the schedule, IN_STAGES.  Raises TrainingError where the stored settings
    differ from what is asked now.
    """
    before = Settings.from_dict(stored).as_dict()  # an older run has the defaults of what is new
    after = asked.as_dict()
    before["schedule"][-1]["steady_kimg"] = after["schedule"][-1]["steady_kimg"]
    differing = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    for name, (old, new) in differing.items():
        if not change or not (name in CHANGEABLE or (name == "schedule" and _same_growth(old, new))):
            raise TrainingError(
                f"The run was started with {name} = {old}, not {new}: "
                "resume it with its own settings, or train into another folder."
            )
    return differing


def _same_growth(old: Sequence[Mapping], new: Sequence[Mapping]) -> bool:
    """Whether two schedules differ in nothing but IN_STAGES."""
    kept = [[{k: v for k, v in stage.items() if k not in IN_STAGES} for stage in stages] for stages in (old, new)]
    return kept[0] == kept[1]
