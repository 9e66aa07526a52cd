"""All units of a dissection as one table of arrays: searched, sorted, and laid out as a map.

table = UnitTable.of(dissection)
rows = table.find(concept=11, least_iou=0.1)        # rows of the table, the best first
places, share = table.map()                         # U x 2, and the share of the variance that it shows
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dissection.effects.unit_effects import EffectStore
from dissection.result import Dissection

ORDERS = ("IoU", "IQR", "off", "on", "unit")


@dataclass(frozen=True)
class UnitTable:
    """U units of all layers against C concepts (column 0, "no label", is 0)."""

    layers: tuple[str, ...]
    layer: np.ndarray  # U: index into layers
    unit: np.ndarray  # U: number in its layer
    best: np.ndarray  # U: the concept that it stands for
    interpretable: np.ndarray  # U bool
    iou: np.ndarray  # U x C
    iqr: np.ndarray  # U x C
    response: np.ndarray  # U x C: correlation of lit and labelled
    off: np.ndarray | None  # U x C: change of the concept's share when the unit is off, percentage points
    on: np.ndarray | None  # U x C: the same at its strong level

    @classmethod
    def of(cls, dissection: Dissection, effects: EffectStore | None = None) -> UnitTable:
        """effects: of the same network; nan in layers that are not measured."""
        parts, layers = list(dissection.layers.values()), tuple(dissection.layers)
        sizes = [len(part.mean) for part in parts]

        def changes(table: dict[str, np.ndarray]) -> np.ndarray:
            missing = {name: np.full(part.scores.iou.shape, np.nan) for name, part in dissection.layers.items()}
            return np.concatenate([table.get(name, missing[name]) for name in layers])

        return cls(
            layers,
            np.repeat(np.arange(len(sizes)), sizes),
            np.concatenate([np.arange(size) for size in sizes]),
            np.concatenate([part.scores.best_concept for part in parts]),
            np.concatenate([part.scores.interpretable for part in parts]),
            np.concatenate([part.scores.iou for part in parts]),
            np.concatenate([part.scores.iqr for part in parts]),
            np.concatenate([part.response() for part in parts]),
            changes(effects.off) if effects else None,
            changes(effects.on) if effects else None,
        )

    def find(
        self,
        *,
        concept: int | None = None,
        least_iou: float = 0.0,
        least_iqr: float = 0.0,
        least_effect: float = 0.0,
        among: np.ndarray | None = None,
        order: str = "IoU",
    ) -> np.ndarray:
        """Rows, the best first. concept: IoU, IQR and effects are with this one; None: with each unit's own.

        least_effect: percentage points by which it removes the concept when it is off or adds it when it is on.
        among: U bool, the rows that come into question. order: one of ORDERS; "off" and "on" need effects.
        """
        iou, iqr = self.of_concept(self.iou, concept), self.of_concept(self.iqr, concept)
        keep = (iou >= least_iou) & (iqr >= least_iqr)
        if among is not None:
            keep &= among
        by = {"IoU": -iou, "IQR": -iqr, "unit": np.arange(len(self.unit))}
        if self.off is not None and self.on is not None:
            by["off"] = self.of_concept(self.off, concept)  # the most removed first
            by["on"] = -self.of_concept(self.on, concept)
            if least_effect > 0:
                keep &= np.maximum(-by["off"], -by["on"]) >= least_effect
        rows = np.flatnonzero(keep)
        return rows[np.argsort(by[order][rows], kind="stable")]

    def of_concept(self, values: np.ndarray, concept: int | None) -> np.ndarray:
        """A column of U x C, or each unit's own concept's value, U."""
        own = self.best if concept is None else np.full(len(self.best), concept)
        return np.take_along_axis(values, own[:, None], axis=1)[:, 0]

    def map(self) -> tuple[np.ndarray, float]:
        """Places U x 2 by PCA of the units' responses over concepts, and the share of the variance that they show."""
        centred = self.response - self.response.mean(axis=0)
        values, axes = np.linalg.eigh(centred.T @ centred)
        chosen = axes[:, :-3:-1]
        signs = np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])  # the same on every machine
        return centred @ (chosen * signs), float(values[-2:].sum() / max(values.sum(), 1e-12))


def holds(texts: np.ndarray, asked: str) -> np.ndarray:
    """Which of the texts (lower case) hold every word that is asked for, bool."""
    words = asked.lower().split()
    found: Sequence[np.ndarray] = [np.char.find(texts, word) >= 0 for word in words]
    return np.logical_and.reduce(found) if len(found) else np.ones(len(texts), bool)
