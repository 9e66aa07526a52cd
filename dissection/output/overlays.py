"""What a unit responds to, drawn on pictures: its lit region, its map, and how it agrees with the segmentation.

Functions take and return uint8 pictures (N x H x W x 3) and boolean masks (N x H x W) of the same size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from dissection.result import Dissection
from dissection.scoring.job import BATCH_PIXELS, label_maps, latents_and_labels, pictures_of, prepared
from dissection.scoring.score import RULES
from dissection.scoring.segmenter import layers_of
from dissection.scoring.tally import resize_maps
from dissection.segmenters import Segmenter
from pgan_core.adapters import UnitGenerator
from pgan_core.pictures import to_uint8

DIM = 0.25  # brightness outside a lit region
OUTLINE = np.array([255, 230, 40], np.uint8)
AGREEMENT = {"hit": (60, 200, 90), "miss": (70, 130, 255), "false alarm": (255, 110, 50)}
# viridis at five places, enough for a heat map of this size
HEAT = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], np.float32)


@dataclass(frozen=True)
class Material:
    """Some pictures of a dissection's sample, generated again from their seeds, with the maps of one layer."""

    indexes: tuple[int, ...]  # of the pictures in the sample
    pictures: np.ndarray  # N x R x R x 3, uint8
    maps: torch.Tensor  # N x U x h x w, float32
    labels: np.ndarray | None  # N x M x H x W, if a segmenter was given
    border: str

    def rows(self, indexes: Iterable[int]) -> list[int]:
        """The rows of the given pictures of the sample."""
        place = {index: row for row, index in enumerate(self.indexes)}
        return [place[int(index)] for index in indexes]

    def values(self, unit: int, rows: list[int], size: tuple[int, int]) -> np.ndarray:
        """A unit's enlarged maps, N x H x W, float32."""
        return resize_maps(self.maps[rows, unit], size, self.border).numpy()


@torch.inference_mode()
def make_material(
    generator: UnitGenerator,
    dissection: Dissection,
    layer: str,
    images: Iterable[int],
    segmenter: Segmenter | None = None,
) -> Material:
    """Generates the given images of a dissection's sample again, with maps of `layer` and, by a segmenter, labels."""
    generator = prepared(generator)
    indexes = tuple(sorted({int(index) for index in images}))
    batch = max(1, BATCH_PIXELS // generator.resolution**2)
    kept = {layer, *(layers_of(segmenter) if segmenter is not None else ())}
    pictures, maps, labels = [], [], []
    for start in range(0, len(indexes), batch):
        seeds = [dissection.info["seed"] + index for index in indexes[start : start + batch]]
        z = latents_and_labels(generator, seeds, dissection.info.get("label"))
        run = generator.run(z, keep=tuple(kept))
        clamped = pictures_of(run)
        pictures.append(to_uint8(clamped))
        maps.append(run.activations[layer].float().cpu())
        if segmenter is not None:
            labels.append(label_maps(segmenter, clamped, run.activations))
    rule = RULES[dissection.info["rule"]]
    return Material(
        indexes,
        np.concatenate(pictures),
        torch.cat(maps),
        np.concatenate(labels) if segmenter is not None else None,
        rule.border,
    )


def resize_nearest(maps: np.ndarray, side: int) -> np.ndarray:
    """Label maps or masks ... x H x W to ... x side x side."""
    rows, columns = (np.arange(side) * length // side for length in maps.shape[-2:])
    return maps[..., rows[:, None], columns]


def resize_pictures(pictures: np.ndarray, side: int) -> np.ndarray:
    """Pictures N x H x W x 3 to side x side by nearest neighbour."""
    return resize_nearest(pictures.transpose(0, 3, 1, 2), side).transpose(0, 2, 3, 1)


def lit_region(pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Pictures dimmed outside the masks, with a bright line around them."""
    shown = np.where(masks[..., None], pictures, (pictures * DIM).astype(np.uint8))
    shown[outline(masks)] = OUTLINE
    return shown


def outline(masks: np.ndarray) -> np.ndarray:
    """The pixels of each mask that touch its outside; beyond the picture's edge is not outside."""
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)), mode="edge")
    inner = padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1] & padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
    return masks & ~inner


def heat(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values N x H x W as colours from dark (low) to bright (high)."""
    place = ((values - low) / max(high - low, 1e-12)).clip(0, 1) * (len(HEAT) - 1)
    first = np.minimum(place.astype(int), len(HEAT) - 2)
    share = (place - first)[..., None]
    return (HEAT[first] * (1 - share) + HEAT[first + 1] * share).astype(np.uint8)


def palette(num_concepts: int) -> np.ndarray:
    """C x 3 distinct colours, the first black: hues by the golden angle, in two alternating brightnesses."""
    hue = np.arange(num_concepts) * 0.618034 % 1
    wave = np.abs((hue[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    value = np.where(np.arange(num_concepts) % 2, 230, 150)[:, None]
    colours = (wave.clip(0, 1) * 0.75 + 0.25) * value
    colours[0] = 0
    return colours.astype(np.uint8)


def agreement(pictures: np.ndarray, masks: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Grey pictures with the masks' hits, misses and false alarms for a concept (`present`) in AGREEMENT's colours."""
    shown = np.repeat((pictures.mean(axis=-1, keepdims=True) * 0.6 + 40).astype(np.uint8), 3, axis=-1)
    parts = {"hit": masks & present, "miss": present & ~masks, "false alarm": masks & ~present}
    for name, where in parts.items():
        shown[where] = (0.35 * shown[where] + 0.65 * np.array(AGREEMENT[name])).astype(np.uint8)
    return shown
