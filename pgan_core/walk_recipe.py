"""A walk as plain values, for links, for the settings in files and for the shell; and the files made from it.

recipe = WalkRecipe(points=("0", "5~2", "17"), frames=120, closed=True)
z = recipe.latents(generator.config.latent_dim)
labels = recipe.classes(generator.config.label_dim)         # None for a network without classes
data = walk_file("walk.webm", render(generator, z, labels), z, recipe.settings(model="64x64"), fps=30)
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from pgan_core.latent_points import point_latent, points_classes, points_latents, to_json, to_npz
from pgan_core.latents import METHODS, circle, path, random_walk, truncate
from pgan_core.pictures import contact_sheet, encode_gif, encode_mp4, encode_png, encode_webm, enlarge

KINDS = ("points", "random", "circle")
FILMS = {".gif": encode_gif, ".mp4": encode_mp4, ".webm": encode_webm}
SUFFIXES = (*FILMS, ".png", ".npz", ".json")
STRIP = 12  # pictures of a strip


@dataclass(frozen=True)
class WalkRecipe:
    """A walk through key points, a smooth random one, or a circle around the first point."""

    kind: str = "points"
    points: tuple[str, ...] = ("0", "1", "2", "3")  # texts of pgan_core.latent_points
    frames: int = 120
    closed: bool = True  # key points: back to the first one; the others always close
    method: str = "slerp"
    smoothing: float = 30.0  # frames, of a random walk
    angle: float = 0.5  # radians, of a circle
    seed: int = 0  # of a random walk; of a circle's plane
    truncation: float = 1.0  # psi, towards 0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"a walk is one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.method not in METHODS:
            raise ValueError(f"a walk is interpolated by {' or '.join(METHODS)}, not {self.method!r}")
        if self.frames < 1:
            raise ValueError(f"a walk has at least one frame, not {self.frames}")

    def latents(self, latent_dim: int) -> Tensor:
        """The walk, frames x latent_dim. Raises ValueError for texts that are not points, and for too few points."""
        if self.kind == "random":
            z = random_walk(self.frames, latent_dim, smoothing=self.smoothing, seed=self.seed)
        elif self.kind == "circle":
            centre = point_latent(self.points[0] if self.points else "0", latent_dim)
            z = circle(centre, self.frames, angle=self.angle, seed=self.seed)
        else:
            z = points_latents(self.points, latent_dim)
            z = path(z, self.frames, closed=self.closed, method=self.method)
        return truncate(z, self.truncation)

    def classes(self, classes: int, label: int | None = None) -> Tensor | None:
        """The classes along the walk, frames x classes: all `label` if one is chosen. None without classes.

        Between key points the rows are blended linearly, so that each key frame is the picture of its point. A random
        walk has its seed's class, a circle has that of its centre.
        """
        points = [str(self.seed)] if self.kind == "random" else list(self.points or "0")
        rows = points_classes(points if self.kind == "points" else points[:1], classes, label)
        if rows is None or self.kind != "points":
            return None if rows is None else rows.expand(self.frames, -1)
        return path(rows, self.frames, closed=self.closed, method="lerp")

    def settings(self, **more) -> dict:
        """Everything that made the walk, for a file's metadata; `more` names the model, resolution, alpha, label."""
        return {"program": "PGGAN Lab", **more, "walk": {**asdict(self), "points": list(self.points)}}

    @classmethod
    def from_settings(cls, settings: dict) -> "WalkRecipe":
        """The walk that a file's settings describe. Raises ValueError if they describe none."""
        try:
            walk = dict(settings["walk"])
            numbers = {name: float(walk[name]) for name in ("smoothing", "angle", "truncation")}
            whole = {name: int(walk[name]) for name in ("frames", "seed")}
            return cls(**{**walk, **numbers, **whole, "points": tuple(map(str, walk["points"]))})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("the file's settings do not describe a walk") from error


def walk_file(
    name: str, frames: np.ndarray, z: Tensor, settings: dict, *, fps: float = 30, size: int = 256, columns: int = 0
) -> bytes:
    """A walk as the content of a file, by the name's ending: .gif, .mp4, .webm, .png, .npz or .json (latents).

    frames: uint8 N x r x r x 3, enlarged to `size` by nearest neighbour.  columns: of a .png grid of all frames; 0 for
    a strip of 12 evenly spaced ones.  settings: written into the file.  Raises ValueError for another ending.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"a walk is written as {', '.join(SUFFIXES)}, not as {name!r}")
    if suffix in FILMS:
        return FILMS[suffix](enlarge(frames, size), fps, comment=json.dumps({**settings, "fps": fps}))
    if suffix == ".npz":
        return to_npz(z, settings)
    if suffix == ".json":
        return to_json(z, settings)
    if columns:
        return encode_png(contact_sheet(frames, columns), settings)
    return encode_png(contact_sheet(frames[strip_places(len(frames))], STRIP), settings)


def strip_places(frames: int) -> np.ndarray:
    """The frames of a strip: up to 12, evenly spaced, the first and the last among them."""
    return np.linspace(0, frames - 1, min(STRIP, frames)).round().astype(int)
