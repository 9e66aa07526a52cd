"""What the Latents page computes: walks as sheets, a layer's film, distances in the network. No controls here."""

from dataclasses import dataclass, replace

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from dashboard import session
from dashboard.language import _
from dashboard.pages.latents.sprites import Sheet, frame_edge, sprite_sheet
from dashboard.shared import drawn_here
from dashboard.shared.progress import apart, with_progress
from dashboard.work import walk_inside
from pgan_core.generator import Generator
from pgan_core.latent_points import points_classes, points_latents
from pgan_core.latents import truncate
from pgan_core.pictures import contact_sheet
from pgan_core.walk_recipe import WalkRecipe
from pgan_core.walks import check_frames, estimate, layer_film, render

THUMB = 64  # pixels of a thumbnail, which is shown at this size
ENTRIES = 8  # walks in memory, all browsers together
FIRST_ENTRIES = 48  # of their first parts
FIRST_PIXELS = 2**18  # of the frames that are made before a walk plays: 16 of 128 x 128
FILM_COLUMNS = 4


@dataclass(frozen=True)
class Look:
    """How every picture of the page is made: the moment of the fade, the class, the truncation."""

    resolution: int
    alpha: float = 1.0
    label: int | None = None  # the sidebar's; None: each point has its own
    truncation: float = 1.0

    def settings(self, model: session.Model) -> dict:
        """For a file's metadata."""
        label = session.BY_SEED if self.label is None else self.label
        class_ = {"label": label} if model.info.get("label_dim") else {}
        return {"model": model.name, "resolution": self.resolution, "alpha": self.alpha, **class_}


@dataclass(frozen=True)
class Film:
    """Some or all of a walk's pictures uint8 N x r x r x 3, and the same as a sheet for the browser."""

    frames: np.ndarray
    sheet: Sheet


def pictures(generator: Generator, z: Tensor, labels: Tensor | None, look: Look, progress=None) -> np.ndarray:
    """Latents and their classes to uint8 N x r x r x 3; the latents are truncated already."""
    return render(generator, z, labels, resolution=look.resolution, alpha=look.alpha, progress=progress)


def point_inputs(model: session.Model, texts: tuple[str, ...], look: Look) -> tuple[Tensor, Tensor | None]:
    """The latents, truncated, and classes of points. ValueError for a malformed point."""
    z = truncate(points_latents(texts, model.info["latent_dim"]), look.truncation)
    return z, points_classes(texts, model.info["label_dim"], look.label)


@session.cached(max_entries=32)
def thumbnails(model: session.Model, texts: tuple[str, ...], look: Look) -> Sheet:
    """The pictures of points. ValueError for a malformed point."""
    return sprite_sheet(pictures(session.prepared(model), *point_inputs(model, texts, look), look), THUMB)


def drawn_thumbnails(model: session.Model, texts: tuple[str, ...], look: Look) -> Sheet:
    """The same for the browser to draw."""
    return drawn_sheet(model, *point_inputs(model, texts, look), look, THUMB)


@session.cached(max_entries=16)
def candidate_wall(model: session.Model, texts: tuple[str, ...], look: Look, columns: int) -> np.ndarray:
    """The pictures of points as one picture, rows of `columns`."""
    return contact_sheet(pictures(session.prepared(model), *point_inputs(model, texts, look), look), columns)


def drawn_wall(model: session.Model, texts: tuple[str, ...], look: Look, columns: int) -> dict:
    """The same for the browser to draw."""
    moment = {"resolution": look.resolution, "alpha": look.alpha}
    inputs = point_inputs(model, texts, look)
    return drawn_here.sheet(model, *inputs, **moment, edge=look.resolution, columns=columns)


@session.cached(max_entries=32)
def cost_of_100(model: session.Model, look: Look) -> tuple[float, int]:
    """Seconds and bytes of 100 frames, measured."""
    cost = estimate(session.prepared(model), 100, resolution=look.resolution, alpha=look.alpha)
    return cost.seconds, cost.bytes


def first_part(recipe: WalkRecipe, look: Look) -> tuple[int, ...]:
    """The frames that are made first, evenly apart; all of them where they are few or small."""
    count = min(recipe.frames, max(8, FIRST_PIXELS // look.resolution**2))
    return tuple(np.unique(np.linspace(0, recipe.frames - 1, count).round().astype(int)).tolist())


def every_frame(recipe: WalkRecipe) -> tuple[int, ...]:
    return tuple(range(recipe.frames))


def check(model: session.Model, recipe: WalkRecipe, look: Look) -> None:
    """Raises ValueError for too many frames and for malformed points."""
    check_frames(recipe.frames, look.resolution)
    inputs(model, recipe, look)


def drawn_sheet(
    model: session.Model, z: Tensor, labels: Tensor | None, look: Look, max_edge: int = 512, columns: int = 0
) -> Sheet:
    """Truncated latents and their classes as a sheet that the browser draws; by itself about as wide as high."""
    edge, columns = frame_edge(len(z), look.resolution, max_edge), columns or int(np.ceil(len(z) ** 0.5))
    moment = {"resolution": look.resolution, "alpha": look.alpha}
    return Sheet(drawn_here.sheet(model, z, labels, **moment, edge=edge, columns=columns), columns, edge, len(z))


def walk_film(model: session.Model, recipe: WalkRecipe, look: Look, places: tuple[int, ...]) -> Film:
    """The walk's pictures at these frames, from memory or under a bar."""

    def work(progress) -> Film:
        frames = pictures(session.prepared(model), *inputs(model, recipe, look, places), look, progress)
        return Film(frames, sprite_sheet(frames))

    key, is_whole = ("walk", model.identity, recipe, look, places), len(places) == recipe.frames
    entries = ENTRIES if is_whole else FIRST_ENTRIES
    return with_progress(
        key, work, _("Rendering {count} frames").format(count=len(places)), entries=entries, patience=0.5
    )


def inputs(
    model: session.Model, recipe: WalkRecipe, look: Look, places: tuple[int, ...] | None = None
) -> tuple[Tensor, Tensor | None]:
    """The walk's latents and classes, at some of its frames or at all."""
    z, labels = recipe.latents(model.info["latent_dim"]), recipe.classes(model.info["label_dim"], look.label)
    if places is None or len(places) == len(z):
        return z, labels
    chosen = list(places)
    return z[chosen], labels if labels is None or len(labels) == 1 else labels[chosen]


def lerp_film(model: session.Model, recipe: WalkRecipe, look: Look, places: tuple[int, ...]) -> Film:
    """The same walk on straight lines.

    For a network that normalises its latents both ways lead through the same pictures. Nothing is rendered then: each
    frame is the walk's frame whose latent has the nearest direction.
    """
    if not model.generator.config.sees_directions_only:
        return walk_film(model, on_lerp(recipe), look, places)

    def work(_progress) -> Film:
        frames = walk_film(model, recipe, look, places).frames
        ways = (inputs(model, way, look, places)[0] for way in (on_lerp(recipe), recipe))
        nearest = nearest_directions(*ways)
        return Film(frames[nearest], sprite_sheet(frames[nearest]))

    key = ("lerp", model.identity, recipe, look, places)
    return with_progress(key, work, _("Interpolating in a straight line"), entries=ENTRIES, patience=0.5)


def nearest_directions(z: Tensor, among: Tensor) -> np.ndarray:
    """For each latent of z (N x D) the number of the one in `among` (M x D) at the smallest angle."""
    return (F.normalize(z, dim=1) @ F.normalize(among, dim=1).T).argmax(dim=1).numpy()


def layer_sheet(
    model: session.Model, recipe: WalkRecipe, look: Look, layer: str, places: tuple[int, ...]
) -> tuple[Sheet, list[int]]:
    """A layer's most changing units along the walk as grey maps, four a row, and their numbers."""

    def work(progress) -> tuple[Sheet, list[int]]:
        z, labels = inputs(model, recipe, look, places)
        maps, units = layer_film(session.prepared(model), z, layer, labels, progress=progress)
        grids = [contact_sheet(frame[..., None].repeat(3, axis=-1), FILM_COLUMNS) for frame in maps]
        return sprite_sheet(np.stack(grids)), units

    key = ("film", model.identity, recipe, look.label, layer, places)
    return with_progress(key, work, _("Filming {layer}").format(layer=layer), entries=ENTRIES)


def inside(
    model: session.Model, recipe: WalkRecipe, look: Look
) -> tuple[dict[str, np.ndarray], np.ndarray | None] | None:
    """Each layer's relative distance from frame to frame, and the perceptual one; made apart, None while there is none.

    The perceptual distance is measured by the model's own discriminator; None where it cannot judge.
    """
    judge = model.networks.get("discriminator")
    can_judge = judge is not None and look.resolution in judge.resolutions and look.resolution > 4
    z, labels = inputs(model, recipe, look)
    return apart(
        ("inside a walk", model.identity, recipe, look), _("Measuring every layer"), walk_inside, model.generator,
        judge if can_judge else None, z, labels, look.resolution, look.alpha,
    )  # fmt: skip


def on_lerp(recipe: WalkRecipe) -> WalkRecipe:
    return replace(recipe, method="lerp")
