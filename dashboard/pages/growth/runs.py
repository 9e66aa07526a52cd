"""What the Growth page computes: a network's pictures at every moment of its growth, its schedule, its costs."""

import contextlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from dashboard import library, session
from dashboard.language import Later, _
from dashboard.pages.growth.track import Track, final_track, sheet_address, snapshot_track, tile_size
from dashboard.shared.progress import with_progress
from pgan_core import CheckpointError, Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.costs import Cost, image_cost
from pgan_core.growth import Schedule, Stage
from pgan_core.growth_frames import GrowthFrame, growth_frames, stored_frame
from pgan_core.pictures import contact_sheet

WALLS = 6  # grown walls in memory, all browsers together


def picture_counts(resolution: int) -> list[int]:
    """How many pictures a wall may have; large ones take long, so there are fewer of them."""
    return [4, 9, 16, 25] if resolution <= 128 else [4, 9] if resolution <= 256 else [4]


def default_count(resolution: int) -> int:
    """From size 64 on, as many as fit beside figure 2 at their own size or a whole multiple of it."""
    return picture_counts(resolution)[: 3 if resolution < 64 else 2][-1]


def final_growth(
    model: session.Model, seed: int, columns: int, first: Callable[[str], None] | None = None
) -> tuple[Track, list[str]]:
    """The loaded network at every moment of its growth: the track, and its sheets as addresses.

    `first` gets the last moment's sheet before the others are made, unless they are in memory.
    """

    def work(progress: Callable[[float], None]) -> tuple[Track, list[str]]:
        z, labels = session.inputs(model, seed, columns**2)
        size = tile_size(model.generator.resolution, columns)

        def early(frame: GrowthFrame) -> None:
            if first is not None:
                first(sheet_address(contact_sheet(frame.pictures, columns)))

        frames = list(growth_frames(session.prepared(model), z, labels, size=size, native=True, first=first and early))
        progress(0.5)
        track = final_track(frames, model.generator.moment(), columns)
        return track, track.addresses()

    key, patience = ("growth", model.identity, seed, columns), 0.5 if model.generator.resolution <= 128 else 0.0
    return with_progress(key, work, _("Growing the pictures"), entries=WALLS, patience=patience)


@session.cached(max_entries=8, spinner=Later("Reading the snapshots"))
def snapshot_growth(model: session.Model, stages: tuple, seed: int, columns: int) -> tuple[Track, list[str]]:
    """The snapshots of the model's run, each at its own moment; `stages` are (path, time of the file's last change)."""
    frames, kimg = [], []
    z, labels = session.inputs(model, seed, columns**2)
    for path, _changed in stages:
        size = tile_size(model.generator.resolution, columns)
        frames.append(stored_frame(library.snapshot(path, model.device).prepared(), z, labels, size=size, native=True))
        kimg.append(library.kimg(Path(path)))
    track = snapshot_track(frames, kimg, columns, run_schedule(model))
    return track, track.addresses()


def run_schedule(model: session.Model) -> Schedule | None:
    """The schedule by which the loaded model was trained, where its file says so."""
    stages = model.info.get("metadata", {}).get("recipe", {}).get("schedule")
    names = [field.name for field in fields(Stage)]
    try:
        return Schedule(tuple(Stage(**{name: stage[name] for name in names}) for stage in stages)) if stages else None
    except (KeyError, TypeError, ValueError):  # somebody else's format
        return None


def changing_rates(model: session.Model) -> str:
    """A sentence about a learning rate that fell within the stages, which the schedule's chart does not show."""
    phases = model.info.get("metadata", {}).get("phases") or []
    try:
        falls = [phase["lr"] for phase in phases if phase["cool"] > 0 and phase["lr"][1] < phase["lr"][0]]
        lowest = min((last for _, last in falls), default=None)
    except (KeyError, TypeError, ValueError, IndexError):
        return ""
    if lowest is None:
        return ""
    return _(
        "This run lowered its learning rate towards the end of each stage, to {lowest:.2g} in the last one."
    ).format(lowest=lowest)


@session.cached(max_entries=8)
def picture_costs(model: session.Model | None) -> dict[int, Cost]:
    """What a picture costs generator and discriminator together, by size; for the official networks without a model."""
    if model is None:
        networks = [Generator(GeneratorConfig()), Discriminator(DiscriminatorConfig())]
    else:
        networks = list(model.networks.values())
    sizes = set.intersection(*(set(network.resolutions) for network in networks))
    return {size: sum((image_cost(network, size) for network in networks), Cost(0, 0)) for size in sorted(sizes)}


def prepare() -> None:
    """Read the model that the first visitor will see, and make the pictures that the page opens with."""
    with contextlib.suppress(CheckpointError, ValueError, OSError, StopIteration):  # the page says what is wrong
        name, path = next(iter(library.models().items()))
        model = session.open_model(name, path, session.devices()[-1])
        if "generator" in model.networks:
            final_growth(model, session.DEFAULT_SEED, round(default_count(model.generator.resolution) ** 0.5))
            picture_costs(model)
