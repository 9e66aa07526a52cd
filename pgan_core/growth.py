"""Progressive growing as a pure function of the images seen (Karras et al. 2018, section 2 and appendix A.1).

Training visits the resolutions 4, 8, 16, ... in turn. Each *stage* first fades its resolution in, while
alpha, the weight of the newer resolution, rises from 0 to 1, and then trains on without a fade. Time is
counted in kimg: thousands of real images shown to the discriminator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

FIRST_RESOLUTION = 4


@dataclass(frozen=True)
class Stage:
    """One resolution: `fade_kimg` of fading in, `steady_kimg` of training after it, and how both are trained."""

    resolution: int
    fade_kimg: float
    steady_kimg: float
    minibatch: int
    learning_rate: float

    @property
    def kimg(self) -> float:
        return self.fade_kimg + self.steady_kimg


@dataclass(frozen=True)
class Moment:
    """Where a run stands after `kimg`. `alpha` weighs the newer resolution, in [0, 1].

    `lod` is the official code's level of detail: log2(full / resolution) + 1 - alpha, 0 when fully grown.
    """

    kimg: float
    resolution: int
    alpha: float
    lod: float
    minibatch: int
    learning_rate: float
    share: float = 0.0  # of the stage's steady part: 0 through the fade, 1 at the end

    @property
    def fading(self) -> bool:
        return self.alpha < 1.0

    @property
    def phase(self) -> tuple[int, bool]:
        """Changes at the start and at the end of every fade, where the optimizers' moments are reset."""
        return self.resolution, self.fading


@dataclass(frozen=True)
class Landmark:
    """A moment worth a snapshot: the middle of a fade (`8x8-fade`) or the end of a resolution (`8x8-end`)."""

    name: str
    kimg: float


@dataclass(frozen=True)
class Schedule:
    """Stages from 4x4 upwards, each twice the resolution of the one before. Raises ValueError otherwise.

    A stage of 0 kimg is passed over: a run that does not grow is a schedule with nothing before its full size.
    """

    stages: tuple[Stage, ...]

    def __post_init__(self):
        found = [stage.resolution for stage in self.stages]
        expected = [FIRST_RESOLUTION * 2**i for i in range(len(found))]
        if not found or found != expected:
            raise ValueError(f"The stages of a schedule double from 4 upwards, found {found}.")
        if self.stages[0].fade_kimg:
            raise ValueError("The first resolution has nothing to fade from: its fade must be 0 kimg.")

    @property
    def resolution(self) -> int:
        """The full size that the run grows to."""
        return self.stages[-1].resolution

    @property
    def total_kimg(self) -> float:
        return sum(stage.kimg for stage in self.stages)

    def starts(self) -> list[float]:
        """The kimg at which each stage begins."""
        return [sum(stage.kimg for stage in self.stages[:i]) for i in range(len(self.stages))]

    def at(self, kimg: float) -> Moment:
        """The moment after `kimg`; past the end of the schedule the last stage goes on.

        The resolution flips just after a stage's start, at the beginning of its fade, as in the official code.
        """
        begun = [i for i, start in enumerate(self.starts()) if kimg > start]
        first = next((i for i, stage in enumerate(self.stages) if stage.kimg), 0)
        index = begun[-1] if begun else first
        stage, elapsed = self.stages[index], kimg - self.starts()[index]
        alpha = min(elapsed / stage.fade_kimg, 1.0) if stage.fade_kimg else 1.0
        lod = math.log2(self.resolution / stage.resolution) + 1.0 - alpha
        steady = elapsed - stage.fade_kimg
        share = min(max(steady / stage.steady_kimg, 0.0), 1.0) if stage.steady_kimg else float(alpha == 1.0)
        return Moment(kimg, stage.resolution, alpha, lod, stage.minibatch, stage.learning_rate, share)

    def ending(self, kimg: float, end: float) -> Schedule:
        """The same, but the fade or the steady part that `kimg` lies in ends at `end`; what follows moves with it."""
        moment = self.at(kimg)
        stages, starts = list(self.stages), self.starts()
        index = next(i for i, stage in enumerate(stages) if stage.resolution == moment.resolution)
        part = "fade_kimg" if moment.fading else "steady_kimg"
        begin = starts[index] + (0.0 if moment.fading else stages[index].fade_kimg)
        stages[index] = replace(stages[index], **{part: max(end - begin, 0.0)})
        return Schedule(tuple(stages))

    def landmarks(self) -> list[Landmark]:
        """The middle of each fade and the end of each resolution that is trained, in order."""
        marks = []
        for start, stage in zip(self.starts(), self.stages, strict=True):
            size = f"{stage.resolution}x{stage.resolution}"
            if stage.fade_kimg:
                marks.append(Landmark(f"{size}-fade", start + stage.fade_kimg / 2))
            if stage.kimg:
                marks.append(Landmark(f"{size}-end", start + stage.kimg))
        return marks


def make_schedule(
    resolution: int,
    *,
    fade_kimg: Mapping[int, float],
    steady_kimg: Mapping[int, float],
    minibatch: Mapping[int, int],
    learning_rate: Mapping[int, float],
) -> Schedule:
    """A schedule up to `resolution`; each mapping gives the value from a resolution upwards ({4: 64, 32: 32})."""
    if resolution < FIRST_RESOLUTION or resolution & (resolution - 1):
        raise ValueError(f"A resolution is a power of two from 4 upwards, found {resolution}.")
    sizes = [2**k for k in range(2, resolution.bit_length())]
    return Schedule(
        tuple(
            Stage(
                resolution=size,
                fade_kimg=_value_from(fade_kimg, size) if size > FIRST_RESOLUTION else 0.0,
                steady_kimg=_value_from(steady_kimg, size),
                minibatch=int(_value_from(minibatch, size)),
                learning_rate=_value_from(learning_rate, size),
            )
            for size in sizes
        )
    )


def _value_from(values: Mapping[int, float], resolution: int) -> float:
    begun = [size for size in values if size <= resolution]
    if not begun:
        raise ValueError(f"No value is given for {resolution}x{resolution}: the list must start at 4.")
    return values[max(begun)]


# fade and steady kimg, minibatch and learning rate of the official configurations
_OFFICIAL = {
    "v2-1gpu": (
        600,
        {4: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4},
        {4: 1e-3, 1024: 1.5e-3},
    ),
    "v2-8gpus": (
        600,
        {4: 512, 8: 256, 16: 128, 32: 64, 64: 32},
        {4: 1e-3, 128: 1.5e-3, 256: 2e-3, 512: 3e-3},
    ),
    "v1-1gpu": (
        800,
        {4: 16, 256: 14, 512: 6, 1024: 3},
        {4: 1e-3},
    ),
}
OFFICIAL_PRESETS = tuple(_OFFICIAL)


def official_schedule(preset: str = "v2-1gpu", resolution: int = 1024) -> Schedule:
    """The schedule of the official code: "v2-1gpu", "v2-8gpus", or "v1-1gpu", the paper's own."""
    if preset not in _OFFICIAL:
        raise ValueError(f"An official schedule is one of {', '.join(_OFFICIAL)}, not {preset}.")
    kimg, minibatch, learning_rate = _OFFICIAL[preset]
    return make_schedule(
        resolution,
        fade_kimg={4: kimg},
        steady_kimg={4: kimg},
        minibatch=minibatch,
        learning_rate=learning_rate,
    )
