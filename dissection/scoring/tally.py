"""Exact statistics of units and concepts: up-sampling, masks, counts, IoU, IQR, top images.

Bau et al., "GAN Dissection" (ICLR 2019), section 3.1. A unit's map is enlarged to the size of the label map; its mask
is what lies above the unit's level, and is compared with every concept over the whole sample. Counts are kept for each
image, as integers: sums do not depend on their order, and a bootstrap over images needs no second pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

MIN_IOU, MIN_IQR = 0.05, 0.01
MASK_VALUES = 1 << 24  # enlarged values held at once: 64 MB of float32
TOGETHER = 100  # resamples at a time: their weights are resamples x N
COLUMN_ALIGNMENT = 16  # on AVX2, matrix products with 16 columns run about five times faster than with 10


@dataclass(frozen=True)
class Counts:
    """Pixels summed over images, for U units and C concepts (column 0, "no label", is 0 throughout)."""

    intersections: np.ndarray  # U x C: pixels where the unit is on and the concept present
    active: np.ndarray  # U x C: pixels where the unit is on, of the images that count for the concept
    label_pixels: np.ndarray  # C: pixels of the concept
    pixels: np.ndarray  # C: pixels of the images that count for the concept

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of sums over the sample, U x C; 0 where both are empty."""
        union = self.active + self.label_pixels - self.intersections
        return self.intersections / np.maximum(union, 1)

    @property
    def iqr(self) -> np.ndarray:
        """Information quality ratio, U x C: mutual information over joint entropy of unit-on and concept-present."""
        return information_quality(self.intersections, self.active, self.label_pixels, self.pixels)


@dataclass(frozen=True)
class UnitScores:
    """How U units agree with C concepts; `score_units` says how the numbers are made."""

    thresholds: np.ndarray  # U, float32: the unit is on where its enlarged map exceeds this
    iou: np.ndarray  # U x C, float64, column 0 zero
    iqr: np.ndarray  # U x C, float64, column 0 zero
    intersections: np.ndarray  # U x C, int64: pixels
    active: np.ndarray  # U x C, int64: pixels the unit lights in the images that count for the concept
    label_pixels: np.ndarray  # C, int64
    pixels: np.ndarray  # C, int64: pixels of the images that count for the concept
    best_concept: np.ndarray  # U, int64: of the highest IoU; 0 where the unit meets no concept
    top_images: np.ndarray  # U x top, int64: images by the maximum of the raw map, highest first
    top_values: np.ndarray  # U x top, float32: those maxima
    min_iou: float = MIN_IOU
    min_iqr: float = MIN_IQR

    @property
    def best_iou(self) -> np.ndarray:
        """IoU of each unit's best concept, U."""
        return np.take_along_axis(self.iou, self.best_concept[:, None], axis=1)[:, 0]

    @property
    def best_iqr(self) -> np.ndarray:
        """IQR of each unit's best concept, U."""
        return np.take_along_axis(self.iqr, self.best_concept[:, None], axis=1)[:, 0]

    @property
    def interpretable(self) -> np.ndarray:
        """Whether IoU and IQR of the best concept both exceed the rule's limits (strictly), U bool."""
        return (self.best_iou > self.min_iou) & (self.best_iqr > self.min_iqr)


@lru_cache(maxsize=64)
def interpolation_matrix(size: int, target: int, border: str = "clamp") -> torch.Tensor:
    """Bilinear weights, target x size, pixel centres aligned (`align_corners=False`).

    border: "clamp" repeats the outermost value; "zero" fades towards zeros beyond the border, as the second published
    release does. Two small matrix products enlarge several times faster on a CPU than `interpolate`.
    """
    position = (np.arange(target) + 0.5) * size / target - 0.5
    low = np.floor(position).astype(np.int64)
    matrix = np.zeros((target, size))
    for index, weight in ((low, low + 1 - position), (low + 1, position - low)):
        if border == "zero":
            weight = weight * ((index >= 0) & (index < size))
        np.add.at(matrix, (np.arange(target), index.clip(0, size - 1)), weight)
    return torch.from_numpy(matrix.astype(np.float32))


def resize_maps(maps: torch.Tensor, size: tuple[int, int], border: str = "clamp") -> torch.Tensor:
    """Enlarge (or shrink) the last two axes of `maps` bilinearly to `size` = (H, W)."""
    height, width = maps.shape[-2:]
    if (height, width) == tuple(size):
        return maps
    rows, columns = (interpolation_matrix(s, t, border) for s, t in zip((height, width), size, strict=True))
    return rows @ (maps @ columns.T)


def label_counts(labels: np.ndarray, num_concepts: int) -> np.ndarray:
    """Pixels of every label in every image, N x C int64, from label maps N x M x H x W."""
    shifted = labels.reshape(len(labels), -1) + np.arange(len(labels))[:, None] * num_concepts
    return np.bincount(shifted.ravel(), minlength=len(labels) * num_concepts).reshape(-1, num_concepts)


def concept_columns(labels: np.ndarray, num_concepts: int) -> torch.Tensor:
    """One 0/1 column a concept for label maps N x M x H x W: N x HW x C (padded); column 0 is 1 everywhere."""
    flat = torch.from_numpy(labels).flatten(2).long()
    width = -(-num_concepts // COLUMN_ALIGNMENT) * COLUMN_ALIGNMENT
    columns = torch.zeros(flat.shape[0], flat.shape[2], width)
    for number in range(flat.shape[1]):
        index = flat[:, number, :, None]
        columns.scatter_add_(2, index, torch.ones(index.shape))
    columns[:, :, 0] = 1
    return columns


def image_counts(
    maps: torch.Tensor,
    columns: torch.Tensor,
    size: tuple[int, int],
    thresholds: np.ndarray,
    num_concepts: int,
    border: str = "clamp",
) -> np.ndarray:
    """Pixels that each unit lights in each concept, image by image: N x U x C int32; column 0: in the whole image.

    maps: N x U x h x w.  columns: from `concept_columns`, for label maps of the given size. Products of 0 and 1 in
    float32 are exact up to 2^24 pixels an image.
    """
    pixels = size[0] * size[1]
    if pixels > 1 << 24:
        raise ValueError(f"A label map of {size[0]} x {size[1]} is too large: at most 2^24 pixels can be counted.")
    counts = np.empty((len(maps), maps.shape[1], num_concepts), np.int32)
    block = max(1, MASK_VALUES // pixels)
    levels = torch.from_numpy(np.asarray(thresholds, np.float32)).view(-1, 1, 1)
    for n, present in enumerate(columns):
        for start in range(0, maps.shape[1], block):
            units = slice(start, start + block)
            enlarged = resize_maps(maps[n, units], size, border)
            lit = torch.gt(enlarged, levels[units], out=torch.empty_like(enlarged))
            counts[n, units] = (lit.flatten(1) @ present)[:, :num_concepts].numpy()
    return counts


def total_counts(
    counts: np.ndarray, labels: np.ndarray, pixels_per_image: int, categories: Sequence[int] | None = None
) -> Counts:
    """Sum counts of images (N x U x C, and N x C of labels) over the sample.

    With `categories` (one integer a concept) an image counts for a concept only if some label of that concept's
    category occurs in it; label 0 belongs to the category it is given, as in the first published release.
    """
    relevant = counted_images(labels, categories)
    intersections = counts.sum(axis=0, dtype=np.int64)
    active = counts[:, :, 0].astype(np.int64).T @ relevant
    return without_background(
        Counts(intersections, active, labels.sum(axis=0), relevant.sum(axis=0) * pixels_per_image)
    )


def counted_images(labels: np.ndarray, categories: Sequence[int] | None) -> np.ndarray:
    """Whether each image counts for each concept, N x C of 0 and 1, from its pixels of each label (N x C)."""
    if categories is None:
        return np.ones(labels.shape, np.int64)
    same = np.equal.outer(np.asarray(categories), np.asarray(categories))
    return ((labels > 0).astype(np.int64) @ same.astype(np.int64) > 0).astype(np.int64)


def best_pairs(
    counts: np.ndarray, labels: np.ndarray, best: np.ndarray, categories: Sequence[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Intersection and union of each unit with its `best` concept in each image, N x U each; 0 for concept 0."""
    concept = best > 0
    intersections = np.take_along_axis(counts, best[None, :, None], axis=2)[:, :, 0].astype(np.int64)
    active = counts[:, :, 0] * counted_images(labels, categories)[:, best]
    return intersections * concept, (active + labels[:, best] - intersections) * concept


def without_background(totals: Counts) -> Counts:
    """Zero column 0: label 0 means "no label", which is neither a concept nor counted."""
    concepts = np.arange(len(totals.label_pixels)) > 0
    return Counts(
        totals.intersections * concepts,
        totals.active * concepts,
        totals.label_pixels * concepts,
        totals.pixels * concepts,
    )


def information_quality(both, unit, concept, pixels) -> np.ndarray:
    """Mutual information over joint entropy of the 2 x 2 table unit-on x concept-present; 0 where undefined.

    Arguments are pixel counts that broadcast: where both hold, where the unit is on, where the concept is, of how many.
    """
    total = np.maximum(pixels, 1).astype(np.float64)
    joint = [count / total for count in (both, unit - both, concept - both, pixels - unit - concept + both)]
    unit, concept = unit / total, concept / total
    product = (unit * concept, unit * (1 - concept), (1 - unit) * concept, (1 - unit) * (1 - concept))
    information, entropy = np.zeros_like(joint[0]), np.zeros_like(joint[0])
    for p, q in zip(joint, product, strict=True):
        information = information + _x_log_ratio(p, p / np.where(q > 0, q, 1))
        entropy = entropy - _x_log_ratio(p, p)
    return np.where(entropy > 0, information.clip(0) / np.where(entropy > 0, entropy, 1), 0.0)


def _x_log_ratio(weight, ratio):
    """weight * log(ratio), with 0 log 0 = 0."""
    positive = (weight > 0) & (ratio > 0)
    return np.where(positive, weight * np.log(np.where(positive, ratio, 1)), 0.0)


def overlap_ceiling(lit, share) -> np.ndarray:
    """The highest possible IoU of a mask of the share `lit` of the pixels with a concept of `share`; 0 if either is 0.

    At best the smaller lies inside the larger: a mask of 1% has at most IoU 0.025 with a sky of 40%.
    """
    small, large = np.minimum(lit, share), np.maximum(lit, share)
    return np.where(small > 0, small / np.where(large > 0, large, 1), 0.0)


def top_images(maxima: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """The images of the highest maxima (N x U): indexes and values, U x min(top, N); ties by index."""
    order = np.argsort(-maxima.T, axis=1, kind="stable")[:, :top]
    return order, np.take_along_axis(maxima.T, order, axis=1)


def resampled_sums(values: np.ndarray, resamples: int, chance: np.random.Generator) -> np.ndarray:
    """Sums of N x C values over N rows drawn with replacement, resamples x C, float64."""
    rows = len(values)
    parts = [min(TOGETHER, resamples - first) for first in range(0, resamples, TOGETHER)]
    weights = (chance.multinomial(rows, np.full(rows, 1 / rows), size=part).astype(float) for part in parts)
    return np.concatenate([some @ values.astype(float) for some in weights])


def bootstrap_iou(
    intersections: np.ndarray, unions: np.ndarray, *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of IoUs by resampling images: (low, high), U each.

    intersections and unions are N x U pixel counts of each image. All units see the same resamples.
    """
    images = len(intersections)
    draws = np.random.default_rng(seed).integers(0, images, size=(resamples, images))
    iou = np.empty((resamples, intersections.shape[1]))
    intersections, unions = intersections.astype(np.float64), unions.astype(np.float64)
    for r, draw in enumerate(draws):
        weight = np.bincount(draw, minlength=images).astype(np.float64)
        iou[r] = (weight @ intersections) / np.maximum(weight @ unions, 1)
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(iou, [tail, 100 - tail], axis=0)
    return low, high
