"""Random numbers keyed by what they are for, so that a resumed run draws what the unbroken one would have."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# One stream for each purpose; the numbers are part of a run's identity and must not change.
_PURPOSES = {"initial": 0, "reals": 1, "latents": 2, "mixing": 3, "samples": 4, "probe": 5}


def _key(purpose: str, seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, _PURPOSES[purpose], step]).generate_state(1, np.uint64)[0])


def stream(purpose: str, seed: int, step: int = 0) -> torch.Generator:
    """A CPU generator that depends on nothing but (purpose, seed, step): there is no hidden state to save."""
    return torch.Generator().manual_seed(_key(purpose, seed, step))


class Draws:
    """The random numbers of one step, on the device where they are used.

    On the CPU each purpose has a stream of its own. CUDA has one generator, seeded anew for every step: a captured
    graph reads its seed when it is replayed, and nothing is copied.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu", step: int = 0):
        self.seed, self.device = seed, torch.device(device)
        self.begin(step)

    def begin(self, step: int) -> None:
        """From here on the numbers of this step, whatever was drawn before."""
        self.step, self._streams = step, {}
        if self.device.type == "cuda":
            with torch.cuda.device(self.device):
                torch.cuda.manual_seed(_key("initial", self.seed, step))

    def _generator(self, purpose: str) -> torch.Generator | None:
        if self.device.type != "cpu":
            return None  # the device's own
        if purpose not in self._streams:
            self._streams[purpose] = stream(purpose, self.seed, self.step)
        return self._streams[purpose]

    def normal(self, purpose: str, *shape: int) -> Tensor:
        """N(0, 1)."""
        return torch.randn(*shape, generator=self._generator(purpose), device=self.device)

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        """In [0, 1)."""
        return torch.rand(*shape, generator=self._generator(purpose), device=self.device)

    def whole(self, purpose: str, below: int, count: int) -> Tensor:
        """Whole numbers from 0 to below - 1."""
        return torch.randint(below, (count,), generator=self._generator(purpose), device=self.device)
