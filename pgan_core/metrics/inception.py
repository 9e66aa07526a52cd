"""Inception score (Salimans et al. 2016), for the outputs of any classifier."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan_core.metrics.picture_sets import Pictures


def inception_score(probabilities: np.ndarray | Tensor, splits: int = 10) -> tuple[float, float]:
    """exp of the mean KL(p(y|x) || p(y)) in each of `splits` consecutive parts; their mean and deviation.

    probabilities: N x K, the classifier's softmax of each picture. 0 log 0 counts as 0 (the official code gives NaN).
    Returns (mean, population standard deviation); the score is 1 where all outputs are alike, K where all K classes
    are equally common and certain. Raises ValueError for what are no probabilities, or too few of them.
    """
    p = torch.as_tensor(probabilities).detach().cpu().double()
    if p.ndim != 2 or p.shape[1] < 1:
        raise ValueError(f"The inception score takes N x K probabilities, got shape {tuple(p.shape)}.")
    if not 1 <= splits <= len(p):
        raise ValueError(f"{len(p)} pictures cannot be cut into {splits} splits.")
    if not (p >= 0).all() or not torch.allclose(p.sum(1), torch.ones(len(p), dtype=p.dtype), atol=1e-3):
        raise ValueError("The inception score takes probabilities: rows of numbers from 0 that sum to 1.")
    bounds = [i * len(p) // splits for i in range(splits + 1)]
    scores = [_score(p[start:stop]) for start, stop in pairwise(bounds)]
    return float(np.mean(scores)), float(np.std(scores))


def _score(p: Tensor) -> float:
    divergence = torch.xlogy(p, p) - torch.xlogy(p, p.mean(dim=0, keepdim=True))
    return float(divergence.sum(dim=1).mean().exp())


def thumbnail_classifier(pictures: Pictures, classes: int = 10, size: int = 8) -> Callable[[Pictures], Tensor]:
    """A stand-in for a real classifier, made of pictures alone: which of `classes` examples is a picture closest to?

    pictures: uint8 N x 3 x H x W. Each further example is the picture farthest from the examples before it. A picture's
    probabilities are the softmax of its negative squared distances to them, as size x size thumbnails.
    Returns a function from a set of pictures to its N x classes probabilities.
    """
    known = _thumbnails(pictures, size)
    chosen = [0]
    while len(chosen) < min(classes, len(known)):
        chosen.append(int(torch.cdist(known, known[chosen]).min(dim=1).values.argmax()))
    examples = known[chosen]
    unit = torch.cdist(known, examples).square().min(dim=1).values.mean().clamp_min(1e-6)

    def classify(others: Pictures) -> Tensor:
        distances = torch.cdist(_thumbnails(others, size), examples).square()
        return torch.softmax(-10 * distances / unit, dim=1)

    return classify


def _thumbnails(pictures: Pictures, size: int) -> Tensor:
    small = F.adaptive_avg_pool2d(torch.as_tensor(pictures).float(), size)
    return small.flatten(1) / 255
