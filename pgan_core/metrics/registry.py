"""All metrics of a generator, one decorated function each, in `METRICS` (as in stylegan3's `metric_main`).

A metric that is added here appears in `evaluate`, in the files that it writes, on the Quality page and in the model
card:

    @metric("brightness", "Mean brightness", digits=1, help="Of 255. Unlike real pictures: too dark or too light.")
    def brightness(sets):
        return Measured(float(sets.generated.mean()), float(sets.real.mean()))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pgan_core.metrics.picture_sets import Pictures
from pgan_core.metrics.similarity import ms_ssim_of_pairs
from pgan_core.metrics.swd import Level, sliced_wasserstein, swd_with_floor
from pgan_core.progress import Progress

Value = float | dict[Level, float]  # one number, or one a level


@dataclass(frozen=True)
class Sets:
    """What a metric compares: as many pictures in each, N x 3 x R x R in 0..255."""

    real: Pictures
    generated: Pictures
    again: Pictures | None = None  # other real ones, for a noise floor; None where none is wanted
    seed: int = 0  # of what a metric draws at random
    device: str | None = None
    progress: Progress | None = None


@dataclass(frozen=True)
class Measured:
    """What a metric says of generated pictures and of real ones: one number each, or one a level each."""

    generated: Value
    real: Value | None = None  # of a distance: its noise floor, between two sets of real pictures

    @property
    def headline(self) -> tuple[float, float | None]:
        """One number each, generated and real: itself, or the average over levels."""
        return _average(self.generated), None if self.real is None else _average(self.real)


@dataclass(frozen=True)
class Metric:
    """How a metric is named and read, and its function."""

    key: str  # in stored files
    title: str
    measure: Callable[[Sets], Measured]
    short: str  # in tables
    digits: int = 3  # decimals that are shown
    has_floor: bool = False  # the value of real pictures is a noise floor: only what stands above it is a difference
    help: str = ""

    @property
    def reference(self) -> str:
        """What the value of real pictures is called."""
        return "floor" if self.has_floor else "real"

    def text(self, value: float | None) -> str:
        """A value as it is shown; nothing where there is none."""
        return "" if value is None else f"{value:.{self.digits}f}"


METRICS: dict[str, Metric] = {}  # key -> metric, in the order in which they are shown


def metric(
    key: str, title: str, *, short: str = "", digits: int = 3, has_floor: bool = False, help: str = ""
) -> Callable[[Callable[[Sets], Measured]], Callable[[Sets], Measured]]:
    """Registers a function of `Sets` as a metric; the options are fields of `Metric`, `short` the title by default."""

    def register(measure: Callable[[Sets], Measured]) -> Callable[[Sets], Measured]:
        METRICS[key] = Metric(key, title, measure, short or title, digits, has_floor, help)
        return measure

    return register


@metric(
    "swd_x1e3",
    "Sliced Wasserstein distance × 1000",
    short="Distance",
    digits=1,
    has_floor=True,
    help="Average over the levels of the pyramid. Even sets of real pictures lie this far apart: that is the floor.",
)
def swd(sets: Sets) -> Measured:
    """PGGAN, section 5: by level, beside the distance of as many other real pictures."""
    seed, device, progress = sets.seed, sets.device, sets.progress
    if sets.again is None:
        return Measured(sliced_wasserstein(sets.real, sets.generated, seed=seed, device=device, progress=progress))
    found = swd_with_floor(sets.real, sets.again, sets.generated, seed=seed, device=device, progress=progress)
    return Measured(found["distance"], found["floor"])


@metric(
    "ms_ssim",
    "MS-SSIM of random pairs",
    short="MS-SSIM",
    help="Multi-scale structural similarity, 0 to 1. Higher than among real pictures: too little variation.",
)
def ms_ssim(sets: Sets) -> Measured:
    """PGGAN, section 5: how alike the pictures of a set are."""
    generated, real = (float(ms_ssim_of_pairs(x, device=sets.device).mean()) for x in (sets.generated, sets.real))
    return Measured(generated, real)


def measure(sets: Sets) -> dict[str, Measured]:
    """Key -> what each registered metric says of the sets. Raises ValueError for sets that one cannot take."""
    found = {}
    for i, one in enumerate(METRICS.values()):
        progress = sets.progress and _part(sets.progress, i / len(METRICS), 1 / len(METRICS))
        found[one.key] = one.measure(replace(sets, progress=progress))
    if sets.progress:
        sets.progress(1.0)
    return found


def to_json(measured: Mapping[str, Measured]) -> dict[str, dict]:
    """Plain entries of a stored file: KEY and KEY_floor by level, or KEY with "generated" and "real" as one number."""
    entries = {}
    for key, found in measured.items():
        if isinstance(found.generated, dict):
            entries |= {key: found.generated} | ({} if found.real is None else {f"{key}_floor": found.real})
        else:
            entries[key] = {"generated": found.generated, "real": found.real}
    return entries


def from_json(entries: Mapping) -> dict[str, Measured]:
    """What `to_json` was given, of the metrics that are registered. Raises KeyError, TypeError or ValueError."""
    found = {}
    for key in METRICS.keys() & entries.keys():
        if "generated" in entries[key]:
            found[key] = Measured(float(entries[key]["generated"]), float(entries[key]["real"]))
        else:
            found[key] = Measured(_levels(entries[key]), _levels(entries[f"{key}_floor"]))
    return {key: found[key] for key in METRICS if key in found}


def _levels(entry: Mapping) -> dict[Level, float]:
    """From fine to coarse, the average last."""
    levels = {level if level == "average" else int(level): float(value) for level, value in entry.items()}
    if "average" not in levels:
        raise ValueError("levels without their average")
    return dict(sorted(levels.items(), key=lambda item: -item[0] if isinstance(item[0], int) else 0))


def _average(value: Value) -> float:
    return value["average"] if isinstance(value, dict) else value


def _part(progress: Progress, begin: float, length: float) -> Progress:
    return lambda share: progress(begin + share * length)
