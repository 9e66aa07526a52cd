"""Units that the next layer treats alike.

    found = Outgoing.of(generator, dissection)
    found.nearest("8x8/conv1", 17)       # in its own layer, and in the others

What the next layer does with a unit stands in the weights by which it reads it: the unit's outgoing filter, one number
for each unit of the next layer and each place of the kernel. Within a layer the filters' cosine compares them. Filters
of different layers are read by different units; there each is summed up as what it adds to (the sum over places, times
what the reading units respond to, concept by concept), and these are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dissection.result import Dissection
from dissection.unit_profiles import Neighbour
from pgan_core.generator import Generator


@dataclass(frozen=True)
class Outgoing:
    """By layer, unit vectors: filters U x (next layer's units x places), meanings U x C if that layer is dissected."""

    filters: dict[str, np.ndarray]
    meanings: dict[str, np.ndarray]

    @classmethod
    def of(cls, generator: object, dissection: Dissection) -> Outgoing | None:
        """Of every dissected layer that a convolution reads. None for a network that is no Progressive GAN."""
        if not isinstance(generator, Generator):
            return None
        convolutions = [spec.name for spec in generator.specs if spec.kind in ("dense", "conv")]
        filters, meanings = {}, {}
        for name, reader in pairwise(convolutions):
            if name not in dissection.layers:
                continue
            weight = generator.layers[reader].effective_weight().detach().float().cpu().numpy()  # out x in x k x k
            filters[name] = unit_vectors(weight.swapaxes(0, 1).reshape(weight.shape[1], -1))
            if reader in dissection.layers:
                meanings[name] = unit_vectors(weight.sum(axis=(2, 3)).T @ dissection.layers[reader].response())
        return cls(filters, meanings)

    def nearest(self, layer: str, unit: int, count: int = 6) -> tuple[list[Neighbour], list[Neighbour]]:
        """The units of highest cosine in its own layer, and in the others; empty where nothing is known."""
        own, others = [], []
        if layer in self.filters:
            own = [(layer, u, value) for u, value in enumerate(self.filters[layer] @ self.filters[layer][unit])]
        if layer in self.meanings:
            for name, vectors in self.meanings.items():
                if name != layer:
                    others += [(name, u, v) for u, v in enumerate(vectors @ self.meanings[layer][unit])]
        own = [row for row in own if row[1] != unit]
        best = (sorted(rows, key=lambda row: -row[2])[:count] for rows in (own, others))
        first, second = ([Neighbour(name, u, float(value)) for name, u, value in rows] for rows in best)
        return first, second


def unit_vectors(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays one."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
