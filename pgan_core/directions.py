"""Directions of the latent space: the principal ones of a layer, of the first layer's weights, and of a concept.

    found = principal_directions(generator, "8x8/conv1", count=8)
    z_changed = found.move(z, [2.0, 0, -1.5])                     # 2 sigma along the first, -1.5 along the third

Härkönen et al. 2020 (GANSpace), section 3.2, for networks without a mapping network; Shen & Zhou 2021 (SeFa), section
3.2; concepts by a linear model of what a segmenter finds, as Shen et al. 2020 (InterFaceGAN) do with attributes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, RidgeCV
from torch import Tensor

from pgan_core.generator import Generator
from pgan_core.latents import check_latents, inputs_from_seeds, orthogonalize
from pgan_core.progress import Progress

MAX_FEATURES = 2**15  # numbers of an activation that enter the principal components; larger maps are averaged down
BATCH = 32
FIRST_SEED = 1_000_000  # of the samples that directions are learned from: no seed that people try by hand


@dataclass(frozen=True)
class Directions:
    """K directions, K x D float32: adding ``vectors[k]`` to a latent is one sigma along direction k."""

    vectors: Tensor
    shares: np.ndarray  # K: of the variance that each explains (SeFa: of the weight's energy), 0 to 1
    kind: str  # "ganspace", "sefa", "regression" or "concept"
    layer: str | None = None

    def move(self, z: Tensor, sigmas: Sequence[float]) -> Tensor:
        """z (N x D) moved by sigmas[k] along direction k; fewer numbers than directions are filled up with 0.

        Raises ValueError for more numbers than directions, and for NaN.
        """
        amounts = torch.tensor(list(sigmas), dtype=z.dtype, device=z.device)
        if len(amounts) > len(self.vectors) or not torch.isfinite(amounts).all():
            raise ValueError(f"give at most {len(self.vectors)} finite numbers, one for each direction")
        return z + amounts @ self.vectors[: len(amounts)].to(z)

    def only(self, k: int) -> "Directions":
        """Direction k alone."""
        return Directions(self.vectors[k : k + 1], self.shares[k : k + 1], self.kind, self.layer)

    def orthogonal(self) -> "Directions":
        """Each made orthogonal to all before it, at its own length. ValueError if nothing of one is left."""
        rows = [self.vectors[0]]
        for row in self.vectors[1:]:
            rows.append(row.norm() * orthogonalize(row, torch.stack(rows)))
        return Directions(torch.stack(rows), self.shares, self.kind, self.layer)


def principal_directions(
    generator: Generator,
    layer: str,
    *,
    count: int = 8,
    samples: int = 1000,
    label: int | None = None,
    progress: Progress | None = None,
) -> Directions:
    """GANSpace: the principal components of a layer's activations, each pulled back to the latent by regression.

    layer: a point of the walk ("8x8/conv1").  label: a class of the network; by seed if not given.
    The same samples are taken every time. Raises ValueError for a layer that the network does not have.
    """
    if layer not in generator.layer_names:
        raise ValueError(f"there is no layer {layer!r} in this network; it has {', '.join(generator.layer_names)}")
    z, labels = inputs_from_seeds(generator, range(FIRST_SEED, FIRST_SEED + samples), label)
    rows = []
    with torch.inference_mode():
        for i, some in enumerate(z.split(BATCH)):
            classes = None if labels is None else labels[i * BATCH : i * BATCH + len(some)]
            run = generator.run(some, labels=classes, resolution=_size(layer, generator), alpha=1.0, stop=layer)
            rows.append(_features(run.activations[layer]).cpu().numpy())
            if progress:
                progress(min(1.0, (i + 1) * BATCH / samples))
    features = np.concatenate(rows)
    pca = PCA(min(count, *features.shape), svd_solver="randomized", random_state=0)
    coordinates = pca.fit_transform(features)
    sigmas = np.maximum(coordinates.std(axis=0), np.finfo(np.float32).tiny)
    pulled = LinearRegression().fit(coordinates / sigmas, z.cpu().numpy()).coef_.T  # K x D, for one sigma each
    return Directions(torch.from_numpy(pulled.astype(np.float32)), pca.explained_variance_ratio_, "ganspace", layer)


def _size(layer: str, generator: Generator) -> int:
    """The smallest picture size whose walk passes a layer."""
    size = int(layer.partition("x")[0])
    return min(r for r in generator.resolutions if r >= size)


def _features(activation: Tensor) -> Tensor:
    """N x C x H x W, or N x C, as N x features; maps that are too large are averaged down."""
    while activation.dim() == 4 and activation[0].numel() > MAX_FEATURES and activation.shape[-1] > 1:
        activation = F.avg_pool2d(activation, 2)
    return activation.flatten(1)


def sefa_directions(generator: Generator, *, count: int = 8) -> Directions:
    """SeFa: unit directions that change the first layer's output most, eigenvectors of A^T A for its weight A.

    Shares are of the sum of all eigenvalues. Labels, where the network has them, are left out.
    """
    weight = generator.layers[generator.specs[0].name].weight.detach().cpu().double()
    weight = weight.reshape(-1, weight.shape[-1])[:, : generator.config.latent_dim]
    values, vectors = torch.linalg.eigh(weight.T @ weight)  # ascending
    best = vectors.T.flip(0)[:count]
    signs = torch.gather(best, 1, best.abs().argmax(dim=1, keepdim=True)).sign()  # the largest number is positive
    shares = (values.flip(0) / values.sum())[:count].numpy()
    return Directions((best * signs).float(), shares, "sefa", generator.specs[0].name)


def concept_direction(latents, scores) -> Directions:
    """The unit direction along which a concept grows fastest, by ridge regression of its scores on the latents.

    latents: N x D.  scores: N, such as the share of pixels that a segmenter calls "foliage".  Scores enter as ranks, so
    that a single extreme picture does not decide, and latents as directions, which is all that a network sees that
    normalises them. `shares` holds the share of the ranks' variance that is explained (R^2 on the samples).
    Raises ValueError for lengths that do not fit, for NaN, and for a concept whose score never changes.
    """
    z, y = check_latents(latents).double().cpu(), np.asarray(scores, np.float64)
    if y.shape != (len(z),):
        raise ValueError(f"{len(z)} latents need {len(z)} scores, not {y.shape}")
    if not np.isfinite(y).all():
        raise ValueError("a score is NaN or infinity")
    if y.min() == y.max():
        raise ValueError("the concept's score is the same for every latent: there is nothing to learn from")
    x = (z / z.norm(dim=1, keepdim=True)).numpy()
    order = _ranks(y)
    model = RidgeCV(alphas=np.logspace(-3, 3, 13)).fit(x, order)
    slopes = np.asarray(model.coef_)
    vector = torch.from_numpy(slopes / max(np.linalg.norm(slopes), 1e-30)).float()
    return Directions(vector[None], np.array([max(0.0, model.score(x, order))]), "regression")


def consistent_direction(gradients, *, ridge: float = 0.1) -> Directions:
    """The unit direction along which a concept grows most dependably, from its gradients at many latents (N x D).

    Of all directions the one whose slope has the largest mean for its standard deviation over the latents: Fisher's
    linear discriminant of the gradients, (covariance + ridge x its mean diagonal)^-1 mean. The mean gradient alone,
    which is what a regression on Gaussian latents estimates, is steeper on average but wrong for more latents. `shares`
    holds the share of the latents from which the concept grows. Raises ValueError for NaN and for gradients of 0.
    """
    g = torch.as_tensor(gradients).double().cpu()
    if g.dim() != 2 or len(g) < 2 or not torch.isfinite(g).all():
        raise ValueError("gradients are N x D finite numbers, for two latents at least")
    spread = torch.cov(g.T)
    if not float(spread.trace()) > 0:
        raise ValueError("the concept does not depend on the latents here: there is nothing to learn from")
    floor = ridge * spread.trace() / g.shape[1] * torch.eye(g.shape[1], dtype=torch.float64)
    vector = torch.linalg.solve(spread + floor, g.mean(dim=0))
    share = float((g @ vector > 0).double().mean())
    return Directions((vector / vector.norm()).float()[None], np.array([share]), "concept")


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0 to 1; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts + 1) / 2)[places] / (len(values) - 1)
