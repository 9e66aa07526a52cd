"""Scores of units from arrays of activations and labels, and the rules by which a unit's level is chosen.

Our own rule is the paper's: the level of maximal IQR, from another part of the sample than the scores. A fixed fraction
and both published releases are there for comparison; `RULES` says what each does differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dissection.scoring import levels, tally
from dissection.scoring.tally import Counts, UnitScores


@dataclass(frozen=True)
class Rule:
    """How levels are chosen and pixels counted."""

    name: str
    fraction: float | None = None  # of a unit's values above its level; None: the level of maximal IQR
    raw: bool = False  # the fraction is of raw map values, not of enlarged ones
    border: str = "clamp"  # beyond the border a map repeats its outermost value; "zero": it is 0 there
    by_category: bool = False  # an image counts for a concept only if its category occurs in the image
    min_iou: float = tally.MIN_IOU
    min_iqr: float = tally.MIN_IQR

    @property
    def share(self) -> float:
        """The fraction. Raises ValueError for a rule without one."""
        if self.fraction is None:
            raise ValueError(f"the rule {self.name} has no fixed fraction")
        return self.fraction

    @property
    def halves(self) -> bool:
        """Whether levels come from the first half of the sample and scores from the second, so that both are fair."""
        return self.fraction is None


RULES = {
    "iqr": Rule("iqr"),
    "fraction": Rule("fraction", fraction=0.01),
    "gandissect": Rule("gandissect", fraction=0.005, raw=True, by_category=True),
    "dissect": Rule("dissect", fraction=0.01, border="zero", min_iou=0.04, min_iqr=-1.0),
}


def threshold_rule(release: str | None = None, top_fraction: float | None = None) -> Rule:
    """The rule for `score_units`' arguments. Raises ValueError for an unknown release or a fraction not in (0, 1]."""
    if release not in (None, "gandissect", "dissect"):
        raise ValueError(f'release is None, "gandissect" or "dissect", not {release!r}.')
    if top_fraction is not None and not 0 < top_fraction <= 1:
        raise ValueError(f"top_fraction is a share of the values, above 0 and at most 1, not {top_fraction}.")
    rule = RULES[release or ("iqr" if top_fraction is None else "fraction")]
    if top_fraction is None:
        return rule
    return Rule(**{**vars(rule), "fraction": float(top_fraction)})


def score_units(
    activations,
    labels,
    num_concepts: int,
    *,
    release: str | None = None,
    top_fraction: float | None = None,
    categories: Sequence[int] | None = None,
    thresholds=None,
    top: int = 10,
) -> UnitScores:
    """How well each unit's thresholded map agrees with each concept.

    activations: float N x U x h x w (numpy or torch), raw maps of U units.
    labels: int N x H x W, or N x M x H x W for M label maps; 0 is "no label", concepts are 1 to num_concepts - 1, each
        in one of the maps.
    release: None for our own rule. Without a fraction and thresholds, each unit's level is the one of maximal IQR on
        the first half of the images (candidates: the levels that 100 log-spaced fractions of its values exceed), and
        scores are counted on the second half. A `top_fraction` of the enlarged values, or given `thresholds` (one
        number, or one a unit), set the levels instead; scores are then counted on all images.
        "gandissect": 0.005 of the raw values. A unit counts for a concept only in images in which a label of the
        concept's category occurs (`categories`, one integer a concept, label 0 included: a quirk of that release).
        "dissect": 0.01 of the enlarged values, and maps fade to zero beyond the border.
    top: how many images to name for each unit, those of its highest raw maxima.

    Returns UnitScores. A mask is "value > threshold", so a dead unit lights nothing. Raises ValueError in one sentence
    for arrays that do not fit. GAN Dissection, section 3.1.
    """
    maps, labels = checked_arrays(activations, labels, num_concepts)
    rule = threshold_rule(release, top_fraction)
    categories = checked_categories(rule, categories, num_concepts)
    size = labels.shape[-2:]
    split = 0
    if thresholds is None:
        split = len(maps) // 2 if rule.halves else 0
        if rule.halves and not split:
            raise ValueError("The IQR rule needs two images or more: the first half for levels, the second for scores.")
        thresholds = choose_thresholds(rule, maps[: split or None], labels[: split or None], num_concepts)
    thresholds = checked_thresholds(thresholds, maps.shape[1])
    columns = tally.concept_columns(labels[split:], num_concepts)
    counts = tally.image_counts(maps[split:], columns, size, thresholds, num_concepts, rule.border)
    label_counts = tally.label_counts(labels[split:], num_concepts)
    totals = tally.total_counts(counts, label_counts, int(np.prod(size)), categories)
    return scores_from_counts(rule, thresholds, totals, maps.amax(dim=(2, 3)).numpy(), top)


def choose_thresholds(rule: Rule, maps: torch.Tensor, labels: np.ndarray, num_concepts: int) -> np.ndarray:
    """Each unit's level by the rule, U float32, from maps N x U x h x w and label maps N x M x H x W."""
    units = range(maps.shape[1])
    if rule.raw:
        return np.array([levels.fraction_level(maps[:, u].numpy(), rule.share) for u in units], np.float32)
    curves = [
        levels.level_curves(
            [(maps[:, u : u + 1].numpy(), labels)], num_concepts, fraction=rule.fraction, border=rule.border
        )[0]
        for u in units
    ]
    if rule.fraction is not None:
        return np.array([curve.level for curve in curves], np.float32)
    label_pixels = tally.label_counts(labels, num_concepts).sum(axis=0)
    pixels = len(labels) * int(np.prod(labels.shape[-2:]))
    return np.array([levels.best_level(curve, label_pixels, pixels) for curve in curves], np.float32)


def scores_from_counts(rule: Rule, thresholds: np.ndarray, totals: Counts, maxima: np.ndarray, top: int) -> UnitScores:
    """Everything that follows from summed counts and each image's maxima (N x U)."""
    iou = totals.iou
    images, values = tally.top_images(maxima, top)
    return UnitScores(
        thresholds=thresholds,
        iou=iou,
        iqr=totals.iqr,
        **vars(totals),
        best_concept=iou.argmax(axis=1),
        top_images=images,
        top_values=values,
        min_iou=rule.min_iou,
        min_iqr=rule.min_iqr,
    )


def checked_arrays(activations, labels, num_concepts: int) -> tuple[torch.Tensor, np.ndarray]:
    """Activations as a float32 tensor N x U x h x w and labels as an array N x M x H x W, or ValueError."""
    maps = torch.as_tensor(activations).detach().cpu()
    labels = np.asarray(labels)
    if maps.ndim != 4 or not maps.is_floating_point() or 0 in maps.shape:
        raise ValueError(f"Activations are floats N x U x h x w, not {maps.dtype} of shape {tuple(maps.shape)}.")
    if labels.ndim not in (3, 4) or labels.dtype.kind not in "iu" or 0 in labels.shape:
        raise ValueError(f"Labels are integers N x H x W or N x M x H x W, not {labels.dtype} of shape {labels.shape}.")
    if len(maps) != len(labels):
        raise ValueError(f"There are activations of {len(maps)} images and label maps of {len(labels)}.")
    if labels.min() < 0 or labels.max() >= num_concepts:
        raise ValueError(
            f"Labels run from 0 to num_concepts - 1 = {num_concepts - 1}; found {labels.min()} to {labels.max()}."
        )
    maps = maps.float().contiguous()
    if not torch.isfinite(maps).all():
        raise ValueError("Some activations are not finite.")
    labels = labels.astype(np.uint8 if num_concepts <= 256 else np.int32)
    return maps, labels if labels.ndim == 4 else labels[:, None]


def checked_categories(rule: Rule, categories: Sequence[int] | None, num_concepts: int) -> tuple[int, ...] | None:
    """The categories that the rule counts by (None if it does not), or ValueError."""
    if not rule.by_category:
        return None
    if categories is None or len(categories) != num_concepts:
        given = "none" if categories is None else len(categories)
        raise ValueError(f'Release "{rule.name}" needs a category for each of {num_concepts} concepts; {given} given.')
    return tuple(categories)


def checked_thresholds(thresholds, units: int) -> np.ndarray:
    """Thresholds as float32, one a unit, or ValueError."""
    thresholds = np.asarray(thresholds, np.float32)
    if thresholds.ndim > 1 or thresholds.size not in (1, units):
        raise ValueError(f"thresholds is one number or one for each of {units} units, not of shape {thresholds.shape}.")
    return np.broadcast_to(thresholds, (units,)).copy()
