"""Recipes by name: the defaults of `train`, and a page's presets. Every value can be given as an option as well."""

from __future__ import annotations

from collections.abc import Mapping

PAPER = {
    "feature_maps": None,  # the paper's, by resolution
    "discriminator_maps": None,
    "latent_dim": 512,
    "fade_kimg": {4: 600.0},
    "steady_kimg": {4: 600.0},
    "minibatch": {4: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4},
    "learning_rate": {4: 0.001, 1024: 0.0015},
    "loss": "wgan-gp",
    "r1_gamma": 1.0,
    "r1_every": 4,
    "balance": None,
    "cooldown": (),
    "ema_kimg": 11.0,
}

# the shipped model's: for a GPU and up to 128x128
GPU = PAPER | {
    "feature_maps": (128, 128, 128, 96, 64, 32, 16, 16, 16),
    "discriminator_maps": (128, 128, 128, 128, 96, 48, 24, 16, 16),
    "latent_dim": 128,
    "minibatch": {4: 64},
    "learning_rate": {4: 0.0015},
    "loss": "relativistic",
    "r1_gamma": ((4, 1.0, 1.0), (16, 1.0, 0.7), (32, 1.5, 0.7), (64, 3.0, 1.0), (128, 8.0, 2.0)),
    "balance": (0.25, 0.5),
    "cooldown": ((4, 0.3, 0.3), (64, 0.3, 0.1), (128, 0.45, 0.05)),
    "ema_kimg": 40.0,
}

# what learned fastest on two cores at 16x16 and 32x32
CPU = PAPER | {
    "feature_maps": (48, 48, 48, 32, 24, 16, 16, 16, 16),
    "latent_dim": 64,
    "minibatch": {4: 32},
    "learning_rate": {4: 0.004, 32: 0.003},
    "loss": "logistic",
    "r1_every": 8,
    "cooldown": ((4, 0.5, 0.1),),
    "ema_kimg": 10.0,
}

RECIPES: Mapping[str, Mapping] = {"paper": PAPER, "gpu": GPU, "cpu": CPU}
LARGEST = {"paper": 1024, "gpu": 128, "cpu": 32}  # resolution that a run of some minutes grows to without asking
EXPLAINED = {
    "paper": "Karras et al., 1024x1024",
    "gpu": "the shipped model's, good up to 128x128",
    "cpu": "small and quick, for 16x16 and 32x32",
}
