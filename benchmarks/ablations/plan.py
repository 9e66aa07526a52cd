"""What is compared: the full recipe, and the recipe without one of its parts, on one small budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from dashboard.pages.quality.ablation_results import FULL, RECIPES
from pgan_core.growth import Schedule, make_schedule
from pgan_core.training.settings import Settings

_CHANGES = {"no-pixel-norm": {"pixel_norm": "off"}, "no-minibatch-stddev": {"minibatch_stddev": False}}


@dataclass(frozen=True)
class Plan:
    """The budget that all runs share. It counts images, not seconds: without growing an image costs more.

    Loss and learning rate are the shipped model's: with the paper's WGAN-GP so short a training was seen to collapse.
    """

    resolution: int = 16
    feature_maps: tuple[int, ...] = (32, 32, 16)  # at 4x4, 8x8, ... resolution
    latent_dim: int = 64
    kimg: float = 36.0
    minibatch: int = 16
    learning_rate: float = 2e-3
    loss: str = "logistic"
    r1_every: int = 8
    seeds: tuple[int, ...] = (0, 1, 2)
    recipes: tuple[str, ...] = tuple(RECIPES)
    probes: int = 18  # magnitudes are measured at the start and this often, evenly over the images
    pictures: int = 1024  # in each of the sets whose distance is measured, at every third probe

    def __post_init__(self):
        unknown = [recipe for recipe in self.recipes if recipe not in RECIPES]
        if unknown or FULL not in self.recipes:
            found = unknown[0] if unknown else ", ".join(self.recipes)
            raise ValueError(f"Recipes are {', '.join(RECIPES)}, and {FULL} is one of them; found {found}.")

    def schedule(self, growing: bool = True) -> Schedule:
        """4x4, each fade and each stretch after one have equal shares of the images, the last stretch a double one."""
        sizes = [2**k for k in range(2, self.resolution.bit_length())]
        share = self.kimg / (2 * len(sizes))
        if growing:
            fade, steady = {4: share}, {4: share, self.resolution: 2 * share}
        else:
            fade, steady = {4: 0.0}, {4: 0.0, self.resolution: self.kimg}
        return make_schedule(
            self.resolution,
            fade_kimg=fade,
            steady_kimg=steady,
            minibatch={4: self.minibatch},
            learning_rate={4: self.learning_rate},
        )

    def settings(self, recipe: str, seed: int) -> Settings:
        """The training recipe of one run. Raises ValueError (TrainingError) for what no run can be."""
        return Settings(
            self.schedule(growing=recipe != "no-growing"),
            self.feature_maps,
            latent_dim=self.latent_dim,
            loss=self.loss,
            r1_every=self.r1_every,
            seed=seed,
            **_CHANGES.get(recipe, {}),
        )

    def probe_images(self) -> list[int]:
        """Images seen at each probe, the untrained networks first."""
        return [round(1000 * self.kimg * i / self.probes) for i in range(self.probes + 1)]

    def measures_quality(self, probe: int) -> bool:
        """Whether the pictures are compared with real ones at this probe: every third one, and the last."""
        return probe > 0 and (probe % 3 == 0 or probe == self.probes)

    def as_dict(self) -> dict:
        """Numbers, strings and lists only; `from_dict` reads it back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, plain: Mapping) -> Plan:
        given = {field.name: plain[field.name] for field in fields(cls)}
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
        return cls(**values)
