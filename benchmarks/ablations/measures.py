"""What is measured of a run while it trains: how large its signals and weights are, how good its pictures are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator
from pgan_core.growth import Moment
from pgan_core.metrics import ms_ssim_of_pairs, sliced_wasserstein
from pgan_core.metrics.picture_sets import generated_pictures
from pgan_core.pictures import enlarge
from pgan_core.training.networks import grown_to
from pgan_core.training.records import layers_at_work

NOT_HIDDEN = {"4x4/minibatch_stddev", "4x4/dense1"}  # the extra map and the score, which WGAN-GP leaves to float


def rms(x: Tensor) -> float:
    """Root mean square over everything: pictures, features and places alike."""
    return float(x.double().square().mean().sqrt())


@torch.no_grad()
def signal_magnitudes(
    generator: Generator, discriminator: Discriminator, latents: Tensor, reals: Tensor, moment: Moment
) -> dict[str, dict[str, float]]:
    """RMS of what every layer at work gives: {"generator": {layer: RMS}, "passed_on": {...}, "discriminator": {...}}.

    generator: after the non-linearity and before pixel norm; passed_on: what the next layer gets, after pixel norm
    where there is one (then it is 1 by construction). discriminator: after the non-linearity, on the real pictures
    `reals` (N x 3 x r x r, faded as the moment asks), all layers but the score.
    """
    where = {"resolution": moment.resolution, "alpha": moment.alpha}
    made_names, judged_names = layers_at_work(generator, discriminator, moment.resolution)
    made = generator.run(latents, keep=[p for name in made_names for p in (name, f"{name}:norm")], **where).activations
    judged = discriminator.run(reals, keep=judged_names, **where).activations
    return {
        "generator": {name: rms(made[name]) for name in made_names},
        "passed_on": {name: rms(made[f"{name}:norm"]) for name in made_names},
        "discriminator": {name: rms(x) for name, x in judged.items() if name not in NOT_HIDDEN},
    }


def weight_magnitudes(network: Generator | Discriminator, resolution: int) -> float:
    """RMS of all stored weights of the layers up to a resolution, biases left out; 1 before training (N(0, 1))."""
    weights = [network.layers[spec.name].weight for spec in network.specs if spec.resolution <= resolution]
    return rms(torch.cat([weight.detach().flatten() for weight in weights]))


def quality(generator: Generator, moment: Moment, reals: np.ndarray) -> dict[str, float]:
    """How far a generator's pictures are from as many real ones, and how varied they are.

    reals: uint8 N x 3 x R x R. Pictures of a smaller moment are enlarged to R by nearest neighbour, as a viewer sees
    them. Returns "swd" (sliced Wasserstein distance x 1e3, averaged over levels) and what `variation` does.
    """
    pictures = pictures_of(generator, moment, len(reals))
    return {"swd": sliced_wasserstein(reals, pictures)["average"], **variation(pictures)}


def pictures_of(generator: Generator, moment: Moment, count: int) -> np.ndarray:
    """Pictures of the seeds 0 to count - 1 at a moment of growth, uint8 count x 3 x R x R, R the generator's size."""
    small = generated_pictures(grown_to(generator, moment.resolution, moment.alpha), count)
    return enlarge(small.transpose(0, 2, 3, 1), generator.resolution).transpose(0, 3, 1, 2)


def variation(pictures: np.ndarray) -> dict[str, float]:
    """How different pictures of one set are (uint8 N x 3 x R x R), by its pairs (0, 1), (2, 3), ...

    "ms_ssim": mean structural similarity, lower is more varied; the windows shrink with small pictures.
    "pair_distance": mean over pairs of the root-mean-square difference of their pixels, in levels of 255.
    """
    count = len(pictures) // 2 * 2
    gaps = pictures[:count:2].astype(np.float64) - pictures[1:count:2]
    distances = np.sqrt(np.square(gaps).mean(axis=(1, 2, 3)))
    return {"ms_ssim": float(ms_ssim_of_pairs(pictures).mean()), "pair_distance": float(distances.mean())}
