"""What the Activations page computes: a network as chosen there, its statistics, its maps, its units. No widgets."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dashboard import session
from dashboard.language import N_, _, said
from dashboard.load import load
from dashboard.shared.progress import with_progress
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.histograms import Bins
from pgan_core.inspection import (
    PointStatistics,
    discriminator_statistics,
    generator_statistics,
    minibatch_stddev_numbers,
)
from pgan_core.pictures import to_uint8
from pgan_core.unit_inspection import UnitMaps, UnitSample, unit_maps, unit_sample

CHUNK_BYTES = 64 * 2**20
NORM_NAMES = {"on": N_("on"), "off": N_("off"), "lrn": N_("local response"), "batch": N_("batch")}

TITLES = (  # of a `Setting`, as people read them
    N_("Untouched"), N_("untouched"), N_("{norm} normalisation"), N_("Pixel norm off"), N_("pixel norm off"),
    N_("Equalized scale off"), N_("equalized scale off"), N_("{first}, equalized scale off"), N_("{network} · {point}"),
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """Which network, how changed, on which sample."""

    part: str  # "generator" or "discriminator"
    seed: int
    count: int  # of latents
    norm: str = "on"  # "on", "off", "lrn", "batch"
    equalized: bool = True

    @property
    def changed(self) -> bool:
        return self.norm != "on" or not self.equalized

    @property
    def untouched(self) -> "Setting":
        return Setting(self.part, self.seed, self.count)

    @property
    def title(self) -> str:
        changes = [] if self.norm == "on" else [f"pixel norm {self.norm}" if self.norm == "off" else self.norm_title]
        if not self.equalized:
            changes.append("equalized scale off")
        return ", ".join(changes).capitalize() or "Untouched"

    @property
    def norm_title(self) -> str:
        return f"{NORM_NAMES[self.norm]} normalisation"


def network(model: session.Model, setting: Setting) -> Generator | Discriminator:
    """The network as the setting changes it, sharing the model's weights."""
    return (discriminator if setting.part == "discriminator" else generator)(model, setting)


def generator(model: session.Model, setting: Setting) -> Generator:
    """The generator as the setting changes it."""
    return model.generator.variant(pixel_norm=setting.norm, equalized=setting.equalized)


def discriminator(model: session.Model, setting: Setting) -> Discriminator:
    """The discriminator as the setting changes it."""
    return model.discriminator.variant(equalized=setting.equalized)


def sample(model: session.Model, setting: Setting) -> tuple[Tensor, Tensor | None]:
    """The latents of the setting, and the classes of a conditional model."""
    return session.inputs(model, setting.seed, setting.count)


def pictures(model: session.Model, setting: Setting) -> Tensor:
    """The untouched generator's pictures at the stored moment, full-size, one latent at a time where they are large."""
    z, labels = sample(model, setting)
    size = max(1, CHUNK_BYTES // (4 * max(c * r * r for r, c in model.generator.config.width.items())))
    parts = [None] * -(-len(z) // size) if labels is None else labels.split(size)
    chunks = zip(z.split(size), parts, strict=True)
    fast = session.prepared(model)
    return torch.cat([fast(a, b) for a, b in chunks])


def statistics(model: session.Model, setting: Setting, bins: Bins) -> dict[str, PointStatistics]:
    """Statistics of every point, from memory or under a bar."""

    def work(progress) -> dict[str, PointStatistics]:
        with torch.inference_mode():
            if setting.part == "discriminator":
                images = pictures(model, setting)
                return discriminator_statistics(discriminator(model, setting), images, bins, progress=progress)
            z, labels = sample(model, setting)
            walked = session.prepared(model) if is_quick else generator(model, setting)
            return generator_statistics(walked, z, bins, labels=labels, progress=progress)

    # while the server is full: the prepared form, whose last digits differ
    is_quick = load().is_full and setting.part == "generator" and not setting.changed and model.grows
    key = ("statistics", model.identity, setting, bins, is_quick)
    label = _("Running the {part} layer by layer: {title}")
    label = label.format(part=_(setting.part), title=said(setting.title.lower()))
    return with_progress(key, work, label)


def activations(model: session.Model, setting: Setting, point: str, only: int | None = None) -> Iterator[Tensor]:
    """A point's activations n x C x ... of the sample in chunks (of picture `only`: one chunk of one)."""
    if setting.part == "discriminator":  # it compares the pictures of a batch, so the batch is never cut
        judge = discriminator(model, setting)
        full = max(judge.resolutions)
        found = judge.run(pictures(model, setting), resolution=full, alpha=1.0, stop=point).activations[point]
        yield found if only is None else found[only : only + 1]
        return
    walker = generator(model, setting)
    z, labels = sample(model, setting)
    if setting.norm == "batch":  # its statistics are the batch's
        found = walker.run(z, labels=labels, resolution=max(walker.resolutions), alpha=1.0, stop=point)
        yield found.activations[point] if only is None else found.activations[point][only : only + 1]
        return
    for i in range(len(z)) if only is None else [only]:
        classes = None if labels is None else labels[i : i + 1]
        run = walker.run(z[i : i + 1], labels=classes, resolution=max(walker.resolutions), alpha=1.0, stop=point)
        yield run.activations[point]


@session.cached(max_entries=16)
def maps(model: session.Model, setting: Setting, point: str, picture: int) -> UnitMaps:
    """All maps of one picture at a point."""
    with torch.inference_mode():
        return unit_maps(next(activations(model, setting, point, picture))[0])


@session.cached(max_entries=16)
def full_picture(model: session.Model, setting: Setting, picture: int) -> np.ndarray:
    """One picture of the sample as the untouched generator makes it, uint8 R x R x 3."""
    z, labels = sample(model, setting)
    one = slice(picture, picture + 1)
    with torch.inference_mode():
        return to_uint8(session.prepared(model)(z[one], None if labels is None else labels[one]))[0]


def units(model: session.Model, setting: Setting, point: str, limit: float) -> UnitSample:
    """Every unit of a point over the sample, on bins from -limit to limit."""

    def work(progress) -> UnitSample:
        def counted() -> Iterator[Tensor]:
            for i, x in enumerate(activations(model, setting, point), 1):
                yield x
                progress(i / setting.count)

        with torch.inference_mode():
            return unit_sample(counted(), Bins(-limit, limit, 60))

    return with_progress(("units", model.identity, setting, point, limit), work, _("Measuring every unit"))


@session.cached(max_entries=8)
def thumbnails(model: session.Model, setting: Setting, size: int = 128) -> np.ndarray:
    """The sample's pictures, uint8 N x s x s x 3, at most `size` wide."""
    with torch.inference_mode():
        images = pictures(model, setting)
        factor = max(1, images.shape[-1] // size)
        return to_uint8(torch.nn.functional.avg_pool2d(images, factor) if factor > 1 else images)


@session.cached(max_entries=16)
def stddev_numbers(model: session.Model, setting: Setting) -> np.ndarray | None:
    """The minibatch-stddev number of each generated picture, or None where the discriminator has no such layer."""
    with torch.inference_mode():
        return minibatch_stddev_numbers(discriminator(model, setting), pictures(model, setting))


def activations_file(model: session.Model, setting: Setting, points: list[str]) -> bytes:
    """The activations of the sample at some points as an npz file, a float32 array N x C x ... by point."""
    with torch.inference_mode():
        arrays = {point: torch.cat(list(activations(model, setting, point))).cpu().numpy() for point in points}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
