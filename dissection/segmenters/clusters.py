"""Regions without a segmenter: k-means over colour, place and mid-layer features of a generator's own pictures.

For a checkpoint whose world nobody has labelled. The regions are called "region 1", "region 2", ... and people rename
them when they see them (`Dissection.renamed`). A unit that agrees with a region agrees with colour, place and features.
The features are the generator's own, so IoUs are higher than with labels from outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from dissection.scoring.job import pictures_of
from dissection.segmenters import SegmenterError
from pgan_core.adapters import UnitGenerator
from pgan_core.latents import inputs_from_seeds

PICTURES = 128  # for fitting
PIXELS = 20_000  # drawn from them at random
FEATURES = 8  # principal components of the mid layer
MAX_SIDE = 64  # of the label maps
PLACE, COLOUR, FEATURE = 0.7, 1.0, 1.0  # weights of the three parts, each scaled to a total variance of 1


@dataclass(frozen=True)
class ClusterSegmenter:
    """Each pixel's nearest centre, found on the CPU. `layers` names the activations that it takes with the pictures."""

    centres: torch.Tensor  # K x D
    projection: torch.Tensor  # channels x F: the mid layer's principal components
    origin: torch.Tensor  # channels
    offset: torch.Tensor  # D: mean of the description
    scale: torch.Tensor  # D: what each entry is multiplied by, after the mean is subtracted
    layers: tuple[str, ...]
    side: int
    name: str

    @property
    def concepts(self) -> tuple[str, ...]:
        return ("no label", *(f"region {k + 1}" for k in range(len(self.centres))))

    @torch.inference_mode()
    def __call__(self, images: torch.Tensor, activations: dict[str, torch.Tensor]) -> torch.Tensor:
        """int64 N x side x side for pictures N x 3 x H x W in [-1, 1] and the activations that `layers` names."""
        maps = activations[self.layers[0]].cpu()
        x = (describe(images.cpu(), maps, self.projection, self.origin, self.side) - self.offset) * self.scale
        distance = (self.centres**2).sum(1) - 2 * x @ self.centres.T
        return distance.argmin(1).view(len(images), self.side, self.side) + 1


def describe(
    images: torch.Tensor, maps: torch.Tensor, projection: torch.Tensor, origin: torch.Tensor, side: int
) -> torch.Tensor:
    """Colour, place and features of every pixel: (N side^2) x (3 + 2 + F)."""
    size = (side, side)
    colour = F.interpolate(images.float().clamp(-1, 1), size, mode="bilinear", antialias=True)
    features = torch.einsum("nchw,cf->nfhw", maps.float() - origin.view(-1, 1, 1), projection)
    features = F.interpolate(features, size, mode="bilinear", align_corners=False)
    line = torch.linspace(-1, 1, side)
    place = torch.stack(torch.meshgrid(line, line, indexing="ij")).expand(len(images), -1, -1, -1)
    return torch.cat([colour, place, features], dim=1).permute(0, 2, 3, 1).flatten(0, 2)


def middle_layer(generator: UnitGenerator) -> str:
    """The layer whose features are used: the last at a quarter of the full size (at least 4), or below it."""
    side = max(4, generator.resolution // 4)
    sizes = {spec.name: spec.resolution for spec in generator.specs if spec.name in generator.layer_names}
    fitting = [size for size in sizes.values() if size <= side] or [min(sizes.values())]
    return [name for name, size in sizes.items() if size == max(fitting)][-1]


@torch.inference_mode()
def fit_clusters(
    generator: UnitGenerator, clusters: int = 8, *, layer: str | None = None, seed: int = 0
) -> ClusterSegmenter:
    """Fit `clusters` regions to pictures of the seeds seed, seed + 1, ... of a generator.

    The same generator, number and seed give the same regions. Raises SegmenterError in one sentence for a number of
    regions outside 2 to 64 and for a layer that does not exist.
    """
    if not 2 <= clusters <= 64:
        raise SegmenterError(f"The number of regions is 2 to 64, not {clusters}.")
    layer = layer or middle_layer(generator)
    if layer not in generator.layer_names:
        raise SegmenterError(f"There is no layer {layer} to take features from.")
    side = min(generator.resolution, MAX_SIDE)
    z, labels = inputs_from_seeds(generator, range(seed, seed + PICTURES))
    run = generator.run(z, labels=labels, keep=[layer])
    pictures, maps = pictures_of(run).cpu(), run.activations[layer].float().cpu()
    flat = maps.permute(0, 2, 3, 1).flatten(0, 2)
    pca = PCA(min(FEATURES, flat.shape[1]), svd_solver="full").fit(flat[:: max(1, len(flat) // PIXELS)].numpy())
    projection = torch.from_numpy(np.asarray(pca.components_).T.copy()).float()
    origin = torch.from_numpy(pca.mean_).float()
    x = describe(pictures, maps, projection, origin, side)
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:PIXELS]]
    offset, scale = x.mean(0), part_scales(x)
    kmeans = KMeans(clusters, n_init=2, random_state=seed)  # pyright: ignore[reportArgumentType] (its types want text)
    kmeans.fit(((x - offset) * scale).numpy())
    centres = torch.from_numpy(kmeans.cluster_centers_).float()
    order = torch.from_numpy(kmeans.cluster_centers_[:, 3].argsort().copy())  # from the top of the picture down
    name = f"clusters:{clusters} of colour, place and {layer}, seed {seed}"
    return ClusterSegmenter(centres[order], projection, origin, offset, scale, (layer,), side, name)


def part_scales(x: torch.Tensor) -> torch.Tensor:
    """Factors that scale each part (3 of colour, 2 of place, the features) to its weight: its total stddev."""
    factors = []
    for part, weight in ((x[:, :3], COLOUR), (x[:, 3:5], PLACE), (x[:, 5:], FEATURE)):
        total = part.var(0).sum().sqrt().clamp(min=1e-6)
        factors.append((weight / total).expand(part.shape[1]))
    return torch.cat(factors)
