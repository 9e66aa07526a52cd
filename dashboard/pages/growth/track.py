"""Frames of a growing network laid out along the Growth page's scrubber: plain values, no streamlit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.shared.images import EXACT, SHARP, data_uri
from pgan_core.growth import Schedule
from pgan_core.growth_frames import GrowthFrame
from pgan_core.pictures import contact_sheet, enlarge

EXACT_BELOW = 160  # pixels of a sheet
STEADY = 0.5  # length on the scrubber of training on after a fade, which is 1 long


@dataclass(frozen=True)
class Phase:
    """A stretch of the scrubber: a resolution being faded in, or trained on; in a fade alpha is t - t0."""

    resolution: int
    fading: bool
    t0: float
    t1: float
    old: int | None = None  # the sheets with the branches of a fade
    new: int | None = None


@dataclass(frozen=True)
class Point:
    """A place on the scrubber and its sheet; for a snapshot also its branches' sheets and its name."""

    t: float
    sheet: int
    resolution: int
    alpha: float
    old: int | None = None
    new: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Track:
    """All that the scrubber moves over. `sheets` are walls of pictures, uint8 H x W x 3, each at its own resolution."""

    sheets: list[np.ndarray]
    points: list[Point]
    phases: list[Phase]
    smooth: bool  # neighbouring points are blended; else the nearest one stands alone

    @property
    def end(self) -> float:
        return self.points[-1].t

    def addresses(self) -> list[str]:
        """The sheets as data: addresses, small enough to send all at once; the browser enlarges them."""
        return [sheet_address(sheet) for sheet in self.sheets]

    def wall(self, number: int, pixels: int = 512) -> np.ndarray:
        """A sheet enlarged to about `pixels`, to the same size for all sheets."""
        largest = max(sheet.shape[1] for sheet in self.sheets)
        return enlarge(self.sheets[number], largest * max(1, pixels // largest))

    def nearest(self, t: float) -> Point:
        return min(self.points, key=lambda point: abs(point.t - t))


def sheet_address(sheet: np.ndarray) -> str:
    """A sheet as a data: address; small ones without loss, because lossy colours would blur their large pixels."""
    return data_uri(sheet, **(EXACT if len(sheet) < EXACT_BELOW else SHARP))


def tile_size(resolution: int, columns: int) -> int:
    """The edge at which one picture of a wall is sent: its own, at least 64 and no more than the wall can show."""
    shown = 2 ** int(np.log2(640 / columns))
    return min(max(resolution, 64), max(shown, 64))


def phases(resolutions: Sequence[int], alpha: float = 1.0) -> list[Phase]:
    """The scrubber's stretches for growing through `resolutions`, the last of them up to `alpha` of its fade."""
    found, t = [], 0.0
    for resolution in resolutions:
        if resolution // 2 in resolutions:
            end = alpha if resolution == resolutions[-1] else 1.0
            found.append(Phase(resolution, True, t, t + end))
            t += end
        if resolution != resolutions[-1] or alpha == 1:
            found.append(Phase(resolution, False, t, t + STEADY))
            t += STEADY
    return found


def place(found: Sequence[Phase], moment: GrowthFrame, schedule: Schedule | None = None, kimg: float = 0.0) -> float:
    """Where a snapshot stands on the scrubber: inside its fade, or after it by its kimg (without them at the end)."""
    fading = moment.alpha < 1
    phase = next((p for p in found if p.resolution == moment.resolution and p.fading == fading), found[-1])
    if fading or schedule is None or moment.resolution > schedule.resolution:
        return phase.t0 + moment.alpha if fading else phase.t1
    stage, start = next(
        s for s in zip(schedule.stages, schedule.starts(), strict=True) if s[0].resolution == phase.resolution
    )
    share = (kimg - start - stage.fade_kimg) / stage.steady_kimg if stage.steady_kimg else 1.0
    return phase.t0 + min(max(share, 0.0), 1.0) * (phase.t1 - phase.t0)


def final_track(frames: Sequence[GrowthFrame], stored: tuple[int, float], columns: int) -> Track:
    """A network read at its lower resolutions (from `growth_frames`) up to the moment that it is stored at."""
    sheet = {(frame.resolution, frame.alpha): i for i, frame in enumerate(frames)}
    resolutions = sorted({frame.resolution for frame in frames})
    points, found = [], []
    for phase in phases(resolutions, stored[1]):
        r = phase.resolution
        if phase.fading:
            found.append(Phase(r, True, phase.t0, phase.t1, sheet[r // 2, 1.0], sheet[r, 1.0]))
            faded = [(a, i) for (size, a), i in sheet.items() if size == r and phase.t0 + a <= phase.t1 and a < 1]
            points += [Point(phase.t0 + a, i, r, a) for a, i in sorted(faded)]
        else:
            found.append(phase)
            points += [Point(t, sheet[r, 1.0], r, 1.0) for t in (phase.t0, phase.t1)]
    return Track([contact_sheet(frame.pictures, columns) for frame in frames], points, found, smooth=True)


def snapshot_track(
    frames: Sequence[GrowthFrame], kimg: Sequence[float], columns: int, schedule: Schedule | None = None
) -> Track:
    """Snapshots of a run (from `stored_frame`, oldest first) after so many kimg, every one at its own moment."""
    sheets: list[np.ndarray] = []

    def add(pictures: np.ndarray) -> int:
        sheets.append(contact_sheet(pictures, columns))
        return len(sheets) - 1

    last_alpha = max((frame.resolution, frame.alpha) for frame in frames)[1]
    found = phases(sorted({frame.resolution for frame in frames}), last_alpha)
    points = [
        Point(
            place(found, frame, schedule, after),
            add(frame.pictures),
            frame.resolution,
            frame.alpha,
            None if frame.old is None else add(frame.old),
            None if frame.new is None else add(frame.new),
            f"snapshot after {after:,.0f} kimg".replace(",", "\u202f"),
        )
        for frame, after in zip(frames, kimg, strict=True)
    ]
    return Track(sheets, sorted(points, key=lambda point: point.t), found, smooth=False)
