"""Random numbers keyed by what they are for, so that a resumed run draws what the unbroken one would have."""

from __future__ import annotations

import numpy as np
import torch

# One stream for each purpose; the numbers are part of a run's identity and must not change.
_PURPOSES = {"initial": 0, "reals": 1, "latents": 2, "mixing": 3, "samples": 4, "probe": 5}


def stream(purpose: str, seed: int, step: int = 0) -> torch.Generator:
    """A CPU generator that depends on nothing but (purpose, seed, step): there is no hidden state to save."""
    key = np.random.SeedSequence([seed, _PURPOSES[purpose], step]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(key))
