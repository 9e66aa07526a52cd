"""Which units an intervention on a concept takes: proposed by a dissection, or the result of a measured choice.

found = propose(dissection, "foliage")
edit = ablate(found.units)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dissection.result import Dissection

UNITS = 20  # of a proposal, as in the paper


@dataclass(frozen=True)
class Proposal:
    """Units of a layer for a concept, the first the most related, and by what they were ordered."""

    concept: str
    layer: str
    units: tuple[int, ...]
    by: str = "IoU"


def propose(
    dissection: Dissection, concept: str, layer: str | None = None, count: int = UNITS, by: str = "IoU"
) -> Proposal:
    """The ``count`` units most related to a concept, by "IoU" or "IQR"; without a layer in the one where they are so.

    At most a quarter of the layer.  Raises ValueError for a concept or a layer that the dissection has not.
    """
    if concept not in dissection.concepts[1:]:
        raise ValueError(f"this dissection has no concept {concept}")
    if layer is not None and layer not in dissection.layers:
        raise ValueError(f"this dissection has no layer {layer}, it has {', '.join(dissection.layers)}")
    if layer is None:
        layer = max(dissection.layers, key=lambda name: np.sort(related(dissection, concept, name, by))[-count:].mean())
    order = np.argsort(-related(dissection, concept, layer, by), kind="stable")
    return Proposal(concept, layer, tuple(int(unit) for unit in order[: min(count, most(len(order)))]), by)


def most(units: int) -> int:
    """How many of a layer's units are proposed at most: a quarter, so that others are left to compare them with."""
    return max(1, units // 4)


def related(dissection: Dissection, concept: str, layer: str, by: str = "IoU") -> np.ndarray:
    """How much each unit of a layer has to do with a concept, U."""
    scores = dissection.layers[layer].scores
    return {"IoU": scores.iou, "IQR": scores.iqr}[by][:, dissection.concepts.index(concept)]
