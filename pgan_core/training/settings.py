"""What makes one training run another than the next, and the check that a resumed run is the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from pgan_core.discriminator import DiscriminatorConfig
from pgan_core.generator import GeneratorConfig
from pgan_core.growth import Schedule, Stage
from pgan_core.layers import StddevConfig

LOSSES = ("wgan-gp", "logistic")


class TrainingError(ValueError):
    """A run that cannot start or go on as asked; one sentence says why."""


@dataclass(frozen=True)
class Settings:
    """The recipe. Same settings, same data, same machine and thread count: the same weights, to the bit.

    Defaults are the paper's, except for the generator's average: `ema_kimg` is the half-life of its decay, so that it
    does not depend on the minibatch (the official 0.999 a minibatch of 16 is 11 kimg).
    """

    schedule: Schedule
    feature_maps: tuple[int, ...]
    latent_dim: int = 512
    loss: str = "wgan-gp"
    gradient_weight: float = 10.0
    drift: float = 0.001
    r1_gamma: float = 1.0
    r1_every: int = 4
    betas: tuple[float, float] = (0.0, 0.99)
    adam_epsilon: float = 1e-8
    ema_kimg: float = 11.0
    mirror: bool = True
    fused_down: bool = True
    pixel_norm: str = "after"  # or "off", an ablation
    minibatch_stddev: bool = True  # False: an ablation
    seed: int = 0
    precision: str = "float32"
    channels_last: bool = False

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise TrainingError(f"A loss is one of {', '.join(LOSSES)}, not {self.loss}.")
        if len(self.feature_maps) != len(self.schedule.stages):
            sizes = ", ".join(str(stage.resolution) for stage in self.schedule.stages)
            raise TrainingError(
                f"Feature maps are one number for each of the sizes {sizes}, found {len(self.feature_maps)}."
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
            channels=self.feature_maps,
            fused_down=self.fused_down,
            stddev=StddevConfig() if self.minibatch_stddev else None,
        )

    def as_dict(self) -> dict:
        """Numbers, strings and lists only; `from_dict` reads it back."""
        plain = asdict(self)
        plain["schedule"] = [asdict(stage) for stage in self.schedule.stages]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: Mapping) -> Settings:
        values = {field.name: plain[field.name] for field in fields(cls) if field.name in plain}
        values["schedule"] = Schedule(tuple(Stage(**stage) for stage in plain["schedule"]))
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def check_minibatches(schedule: Schedule, workers: int) -> None:
    """Raises TrainingError unless every worker's part fits the stddev layer: groups of 4, or one smaller group."""
    for stage in schedule.stages:
        part = stage.minibatch / workers
        if part % 4 and part not in (1, 2, 3):
            raise TrainingError(
                f"A minibatch of {stage.minibatch} does not divide into groups of 4, the stddev layer's, "
                f"for {workers} {'worker' if workers == 1 else 'workers'}."
            )


CHANGEABLE = ("gradient_weight", "drift", "r1_gamma", "r1_every", "ema_kimg")  # what a run may change on its way


def check_same_run(stored: Mapping, asked: Settings, change: bool = False) -> dict[str, list]:
    """Settings that the run changes from here on, name: [before, after]; {} for the same recipe.

    The last resolution may train longer or shorter than planned: it changes nothing that has happened.  ``change``
    allows new values for CHANGEABLE.  Raises TrainingError where the stored settings differ from what is asked now.
    """
    before = Settings.from_dict(stored).as_dict()  # an older run has the defaults of what is new
    after = asked.as_dict()
    before["schedule"][-1]["steady_kimg"] = after["schedule"][-1]["steady_kimg"]
    differing = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    for name, (old, new) in differing.items():
        if not change or name not in CHANGEABLE:
            raise TrainingError(
                f"The run was started with {name} = {old}, not {new}: "
                "resume it with its own settings, or train into another folder."
            )
    return differing
