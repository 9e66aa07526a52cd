"""Latents: from seeds to points, and ways through the space between them (sections 5 and 6 of Karras et al. 2018).

    z = latents_from_seeds(range(64), generator.config.latent_dim)     # N x latent_dim, float32
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

MAX_SEED = 2**32 - 1


def latents_from_seeds(seeds: Iterable[int], latent_dim: int) -> Tensor:
    """One latent N(0, I) a seed, N x latent_dim float32 on the CPU, by the field's rule: RandomState(seed).randn(dim).

    A seed is the same latent on every device, under any number of threads and at any place of the batch; the numbers
    are those of NVIDIA's scripts. Raises ValueError for a seed outside 0 to 2^32 - 1 and for no seed at all.
    """
    seeds = list(seeds)
    if not seeds:
        raise ValueError("no seed was given, at least one is needed")
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise ValueError(f"a seed is a whole number from 0 to {MAX_SEED}, not {seed}")
    rows = [np.random.RandomState(int(seed)).standard_normal(latent_dim) for seed in seeds]
    return torch.from_numpy(np.stack(rows).astype(np.float32))
