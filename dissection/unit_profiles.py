"""What one unit's page needs beside its scores, for all units in one pass: peaks, neighbours, and latent directions.

    python -m dissection units CHECKPOINT DIR               # writes DIR/units.npz and DIR/pool.npz
    profiles = measure_profiles(generator, layers, samples=1000)
    profiles.bands("8x8/conv1", 17, 50)                     # fifty pictures by quantile of the unit's peak
    profiles.nearest("8x8/conv1", 17)                       # by correlation over places, in all layers
    profiles.direction("8x8/conv1", 17)                     # the direction in z that raises it

Image i is the picture of seed `seed + i`, as in a dissection.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from dissection.output.pool import save_pools
from dissection.result import UNREADABLE, Dissection, DissectionError, read_arrays
from dissection.scoring.job import BATCH_PIXELS, fingerprint, latents_and_labels, prepared
from pgan_core.adapters import UnitGenerator
from pgan_core.checkpoints.native import write_atomically
from pgan_core.models import load_generator
from pgan_core.own_generators import add_generator_options
from pgan_core.progress import Progress

FILE = "units.npz"
SAMPLES = 1000
GRID = 8  # places a side on which units of different layers are compared
NEIGHBOURS = 12  # kept of each unit
BANDS = 10  # of a unit's peaks
RIDGE = 0.1  # of the regression on latents, as a share of the number of pictures


@dataclass(frozen=True)
class Neighbour:
    """A unit near another one: by the correlation of their maps over pictures and places, or by another cosine."""

    layer: str
    unit: int
    similarity: float  # 1: alike


@dataclass(frozen=True)
class UnitProfiles:
    """For the layers, U units in all, over N pictures of the seeds from `seed` on."""

    layers: tuple[str, ...]
    starts: tuple[int, ...]  # of each layer among all units, and U at the end
    seed: int
    label: int | None
    weights: str  # fingerprint of the generator
    peaks: np.ndarray  # N x U float32: the highest value of each map
    neighbours: np.ndarray  # U x NEIGHBOURS int32: among all units, the nearest first
    correlations: np.ndarray  # U x NEIGHBOURS float32
    directions: np.ndarray  # U x D float32: unit vectors in the latent space
    explained: np.ndarray  # U float32: share of the mean activation's variance that the direction explains, held out

    def index(self, layer: str, unit: int) -> int:
        """The unit's place among all. Raises ValueError for a layer that is not there."""
        if layer not in self.layers:
            raise ValueError(f"these profiles have no layer {layer}; they have {', '.join(self.layers)}")
        return self.starts[self.layers.index(layer)] + unit

    def layer_peaks(self, layer: str) -> np.ndarray:
        """The peaks of a layer's units, pictures x units."""
        start = self.index(layer, 0)
        return self.peaks[:, start : self.starts[self.layers.index(layer) + 1]]

    def bands(self, layer: str, unit: int, pictures: int) -> list[tuple[float, float, list[int]]]:
        """The first `pictures` of the sample in BANDS bands of equally many, from the highest peak to the lowest.

        Of each band: its lowest peak, its highest peak, its pictures.
        """
        peaks = self.peaks[:pictures, self.index(layer, unit)]
        parts = np.array_split(np.argsort(-peaks, kind="stable"), BANDS)
        return [(float(peaks[part[-1]]), float(peaks[part[0]]), part.tolist()) for part in parts if len(part)]

    def nearest(self, layer: str, unit: int) -> list[Neighbour]:
        """The units whose maps correlate most with this one's, of all layers."""
        place = self.index(layer, unit)
        return [
            Neighbour(*self._name(int(other)), float(value))
            for other, value in zip(self.neighbours[place], self.correlations[place], strict=True)
        ]

    def _name(self, place: int) -> tuple[str, int]:
        k = int(np.searchsorted(self.starts, place, side="right")) - 1
        return self.layers[k], place - self.starts[k]

    def direction(self, layer: str, unit: int) -> tuple[np.ndarray, float]:
        """The unit vector (D) in the latent space along which its mean rises, and the share that it explains."""
        place = self.index(layer, unit)
        return self.directions[place], float(self.explained[place])

    def save(self, folder: str | Path) -> Path:
        """Write `units.npz` into the folder, whole or not at all."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, layers=np.array(self.layers), starts=np.array(self.starts), seed=self.seed,
            label=-1 if self.label is None else self.label, weights=np.array(self.weights),
            peaks=self.peaks.astype(np.float16), neighbours=self.neighbours,
            correlations=self.correlations.astype(np.float16), directions=self.directions.astype(np.float16),
            explained=self.explained.astype(np.float16),
        )  # fmt: skip
        write_atomically(Path(folder) / FILE, buffer.getvalue())
        return Path(folder) / FILE

    @classmethod
    def load(cls, folder: str | Path) -> UnitProfiles:
        """Read what `save` wrote. Raises DissectionError, one sentence, for anything else."""
        path = Path(folder) / FILE
        try:
            found = read_arrays(path)
            label = int(found["label"])
            profiles = cls(
                tuple(str(name) for name in found["layers"]), tuple(int(start) for start in found["starts"]),
                int(found["seed"]), None if label < 0 else label, str(found["weights"]),
                found["peaks"].astype(np.float32), found["neighbours"], found["correlations"].astype(np.float32),
                found["directions"].astype(np.float32), found["explained"].astype(np.float32),
            )  # fmt: skip
        except (*UNREADABLE, KeyError, TypeError) as error:
            raise DissectionError(f"{path} does not hold readable profiles of units ({error}).") from error
        units = profiles.starts[-1]
        fits = profiles.peaks.shape[1:] == profiles.explained.shape == (units,) and len(profiles.directions) == units
        fits = fits and profiles.neighbours.shape == profiles.correlations.shape and len(profiles.neighbours) == units
        if not fits or len(profiles.starts) != len(profiles.layers) + 1 or profiles.neighbours.max(initial=0) >= units:
            raise DissectionError(f"{path} does not hold profiles of units whose parts fit together.")
        return profiles


@torch.inference_mode()
def measure_profiles(
    generator: UnitGenerator,
    layers: Sequence[str],
    samples: int = SAMPLES,
    *,
    seed: int = 0,
    label: int | None = None,
    progress: Progress | None = None,
) -> UnitProfiles:
    """Walk through `samples` pictures once. Correlations are over pictures and the GRID x GRID places of all maps."""
    weights = fingerprint(generator)
    generator = prepared(generator)
    batch = max(1, BATCH_PIXELS // generator.resolution**2)
    peaks, means, latents, units = [], [], [], []
    products, sums, places = None, None, 0
    for start in range(0, samples, batch):
        z = latents_and_labels(generator, range(seed + start, seed + min(start + batch, samples)), label)
        run = generator.run(z, keep=layers, stop=layers[-1])
        maps = [run.activations[layer].float().cpu() for layer in layers]
        units = [x.shape[1] for x in maps]
        peaks.append(torch.cat([x.amax((2, 3)) for x in maps], 1))
        means.append(torch.cat([x.mean((2, 3)) for x in maps], 1))
        latents.append(z[:, : generator.config.latent_dim].cpu())
        flat = torch.cat([on_grid(x) for x in maps], 1)  # places x U
        product, total = (flat.T @ flat).double(), flat.sum(0, dtype=torch.float64)
        products = product if products is None else products + product
        sums = total if sums is None else sums + total
        places += len(flat)
        if progress:
            progress(min(1.0, (start + batch) / samples))
    assert products is not None and sums is not None  # there is at least one picture
    neighbours, correlations = nearest_units(products / places, sums / places)
    directions, explained = latent_directions(torch.cat(latents), torch.cat(means))
    starts = np.cumsum([0, *units])
    return UnitProfiles(
        tuple(layers), tuple(starts.tolist()), seed, label, weights, torch.cat(peaks).numpy(), neighbours, correlations,
        directions, explained,
    )  # fmt: skip


def on_grid(maps: torch.Tensor) -> torch.Tensor:
    """Maps N x U x h x w as N GRID^2 x U: averaged down, or enlarged by nearest neighbour."""
    resized = F.adaptive_avg_pool2d(maps, GRID) if maps.shape[-1] > GRID else F.interpolate(maps, (GRID, GRID))
    return resized.permute(0, 2, 3, 1).flatten(0, 2)


def nearest_units(products: torch.Tensor, means: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Of each unit the NEIGHBOURS others of highest correlation, from the mean products U x U and the means U."""
    covariance = products - means[:, None] * means
    std = covariance.diagonal().clamp(min=0).sqrt()
    correlation = covariance / (std[:, None] * std).clamp(min=1e-12)
    correlation.fill_diagonal_(-2)
    values, order = correlation.topk(min(NEIGHBOURS, len(means) - 1), dim=1)
    return order.numpy().astype(np.int32), values.numpy().astype(np.float32)


def latent_directions(z: torch.Tensor, means: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of mean activations (N x U) on latents (N x D): unit vectors U x D, and R^2 on a held-out fifth.

    The vectors are learned from all pictures, the share that they explain from four fifths.
    """
    z, y = z.double(), means.double()
    most = max(1, len(z) * 4 // 5)
    held = torch.zeros(len(y[0]), dtype=torch.float64)
    if most < len(z):
        slopes, centre = _ridge(z[:most], y[:most])
        rest = y[most:] - (z[most:] @ slopes + centre)
        spread = (y[most:] - y[:most].mean(0)).square().sum(0)
        held = 1 - rest.square().sum(0) / spread.clamp(min=1e-12)
    slopes, _ = _ridge(z, y)
    vectors = (slopes / slopes.norm(dim=0).clamp(min=1e-12)).T
    return vectors.numpy().astype(np.float32), held.clamp(0, 1).numpy().astype(np.float32)


def _ridge(z: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    centre = z.mean(0)
    x = z - centre
    gram = x.T @ x + RIDGE * len(z) * torch.eye(x.shape[1], dtype=z.dtype)
    slopes = torch.linalg.solve(gram, x.T @ (y - y.mean(0)))
    return slopes, y.mean(0) - centre @ slopes


# ---- in a shell --------------------------------------------------------------------------------------------------


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the command `units`."""
    units = subparsers.add_parser("units")
    units.add_argument("checkpoint", help="the dissected network")
    units.add_argument("folder", type=Path, help="folder of its dissection, into which units.npz and pool.npz go")
    units.add_argument("--samples", type=int, default=SAMPLES, help=f"pictures (default {SAMPLES})")
    add_generator_options(units)
    units.set_defaults(run=run_units)


def run_units(args: argparse.Namespace) -> int:
    """Measures and writes. Returns 1 if an argument or a file is wrong."""
    try:
        if args.samples < 2:
            raise ValueError("--samples is at least 2.")
        dissection = Dissection.load(args.folder)
        generator = load_generator(args.checkpoint, args=args)
        if fingerprint(generator) != dissection.info.get("weights_sha256"):
            raise ValueError(f"{args.folder} is a dissection of another network than {args.checkpoint}.")
        said = {"seed": dissection.info.get("seed", 0), "label": dissection.info.get("label")}
        print(measure_profiles(generator, list(dissection.layers), args.samples, **said).save(args.folder))
        print(save_pools(args.folder, generator, dissection))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
