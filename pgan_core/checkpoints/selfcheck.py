"""Is an opened checkpoint right? What its pictures look like in numbers, and parity with what its authors' code gave.

A wrong scale, a swapped axis or the wrong norm gives "noise", which is easily seen in a wall of pictures and in the
statistics here; a wrong epsilon or group size is seen only against expected numbers (`agreement`).
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.loading import Checkpoint
from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator

MAX_EXPECTED_BYTES = 256 * 2**20
TOLERANCE = 3e-5  # of the largest expected value, at least of 1
SMOOTH = 0.8  # neighbouring pixels' correlation: photographs of 32 pixels have 0.85 and more, larger ones above 0.9
PICTURES = ("images", "images_tf_official", "nominal_scale_images", "images_sample_from_noise_ema")
RAW_PICTURES = ("images_netG", "images_G_nonema")
SCORES = {"d_scores": "d_images", "d_scores8": "d_images8"}


@dataclass(frozen=True)
class OutputStatistics:
    """Pictures in numbers. Neighbouring pixels of a photograph correlate by about 0.9, those of noise by 0."""

    mean: float
    std: float
    smallest: float
    largest: float
    outside: float  # share of values beyond [-1, 1]
    between: float  # stddev from picture to picture, averaged over places
    neighbours: float  # correlation of horizontally and vertically neighbouring pixels
    size: int  # of the pictures, in pixels

    @property
    def complaints(self) -> list[str]:
        """What a person should look at, one sentence each; empty where nothing is odd."""
        checks = {
            f"The pictures are almost flat: their values spread by {self.std:.3f} only.": self.std < 0.02,
            f"{self.outside:.0%} of the values lie beyond -1 and 1: a wrong scale, or a tanh that the file does not "
            "store?": self.outside > 0.3,
            f"Neighbouring pixels hardly agree (correlation {self.neighbours:.2f}; pictures of this size have more "
            f"than {SMOOTH}): this looks like noise.": self.size >= 32 and self.neighbours < SMOOTH,
            f"All pictures are nearly the same: they differ by {self.between:.3f} only.": self.between < 0.1 * self.std,
        }
        return [sentence for sentence, holds in checks.items() if holds]


def output_statistics(images: Tensor) -> OutputStatistics:
    """Statistics of N x C x r x r pictures as the network gives them, N at least 2, r at least 4, not enlarged."""
    x = images.detach().float()
    centred = x - x.mean(dim=(2, 3), keepdim=True)
    pairs = [(centred[..., 1:], centred[..., :-1]), (centred[..., 1:, :], centred[..., :-1, :])]
    product = sum(float((a * b).sum()) for a, b in pairs)
    power = sum(float((a.square().sum() * b.square().sum()).sqrt()) for a, b in pairs)
    return OutputStatistics(
        mean=float(x.mean()),
        std=float(x.std()),
        smallest=float(x.min()),
        largest=float(x.max()),
        outside=float((x.abs() > 1).float().mean()),
        between=float(x.std(dim=0).mean()),
        neighbours=product / power if power else 0.0,
        size=x.shape[-1],
    )


def shuffled(images: Tensor, seed: int = 0) -> Tensor:
    """The same pictures with their pixels in random order: the same colours, and noise to any discriminator."""
    order = torch.randperm(images[0, 0].numel(), generator=torch.Generator().manual_seed(seed)).to(images.device)
    return images.flatten(2)[..., order].reshape(images.shape)


@dataclass(frozen=True)
class Agreement:
    """One expected array against ours: the largest difference, and what rounding may make of it."""

    name: str
    error: float
    allowed: float

    @property
    def holds(self) -> bool:
        return self.error <= self.allowed


def read_expected(source: str | os.PathLike | bytes) -> dict[str, np.ndarray]:
    """The arrays of an `expected.npz`; nothing is unpickled. Raises CheckpointError for anything else."""
    try:
        file = io.BytesIO(source if isinstance(source, bytes) else Path(source).read_bytes())
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_EXPECTED_BYTES:
                raise CheckpointError(f"expected.npz unpacks to more than {MAX_EXPECTED_BYTES >> 20} MiB")
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"expected.npz cannot be read: {error or type(error).__name__}"[:200]) from error


@torch.inference_mode()
def agreement(checkpoint: Checkpoint, expected: dict[str, np.ndarray]) -> list[Agreement]:
    """Our pictures and scores against those in `expected`: z gives images, d_images give d_scores.

    A published network is rendered at its stored moment or at full size: the closer of the two counts. Raises
    CheckpointError where the arrays are those of another network.
    """
    found = []
    try:
        if checkpoint.generator is not None and "z" in expected:
            names = _names(checkpoint.info["weights"], expected)
            found += [_pictures(checkpoint.generator, expected, name) for name in names]
        if checkpoint.discriminator is not None and checkpoint.discriminator.embedding is None:
            for name, images in SCORES.items():
                if images in expected:
                    kinds = [kind for kind in (name, f"nominal_scale_{name}") if kind in expected]
                    judge = checkpoint.discriminator
                    found += [_scores(judge, expected[images], expected[kind], kind) for kind in kinds]
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(f"expected.npz belongs to another network: {error}"[:300]) from error
    return found


def _names(weights: str | None, expected: dict[str, np.ndarray]) -> list[str]:
    """The expected pictures that belong to these weights; to either kind where the file does not say which it holds."""
    raw, averaged = ([name for name in names if name in expected] for names in (RAW_PICTURES, PICTURES))
    if weights == "raw":
        return raw or averaged
    return averaged if weights == "ema" else averaged + raw


def _pictures(generator: Generator, expected: dict[str, np.ndarray], name: str) -> Agreement:
    z = torch.from_numpy(expected["z"]).to(generator.device)
    labels = torch.from_numpy(expected["labels"]).to(generator.device) if "labels" in expected else None
    labels = labels if generator.config.label_dim and z.shape[1] == generator.config.latent_dim else None
    wanted = torch.from_numpy(expected[name])
    size = wanted.shape[-1]
    ways = [generator(z, labels)] if size == generator.resolution else [generator(z, labels, resolution=size)]
    if generator.moment() != (generator.resolution, 1.0) and size == generator.resolution:
        ways.append(generator(z, labels, resolution=size, alpha=1.0))
    return _closest(name, ways, wanted)


def _scores(judge: Discriminator, images: np.ndarray, scores: np.ndarray, name: str) -> Agreement:
    pictures = torch.from_numpy(images).to(judge.device)
    ways = [judge(pictures), judge(pictures, resolution=judge.resolution, alpha=1.0)]
    wanted = torch.from_numpy(scores).reshape(len(scores), -1)
    return _closest(name, [way.reshape(len(way), -1)[:, : wanted.shape[1]] for way in ways], wanted)


def _closest(name: str, ways: list[Tensor], wanted: Tensor) -> Agreement:
    """The way that comes closest; where the file keeps the first samples only, those count."""
    error = min(float((way.cpu()[: len(wanted)] - wanted).abs().max()) for way in ways)
    return Agreement(name, error, TOLERANCE * max(1.0, float(wanted.abs().max())))
