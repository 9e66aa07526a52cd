"""Directions of the latent space that change a concept, learned from a segmenter's answers, and a check that they do.

    found = concept_directions(generator, load_toytown(), samples=2000)
    more = found["more foliage"].move(z, [2.0])
    python -m dissection.concept_directions assets/64x64.safetensors --concept foliage     # the check, as JSON

A linear model of the concept's share of the picture over the latents (pgan_core.directions.concept_direction).
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor
from tqdm import tqdm

from dissection.segmenters import Segmenter
from dissection.segmenters.registry import SPECS, load_segmenter
from pgan_core import Generator, load_checkpoint
from pgan_core.directions import FIRST_SEED, Directions, concept_direction
from pgan_core.latents import latents_from_seeds
from pgan_core.walks import runs

OPPOSITES = (("night instead of day", "moon", "sun"),)  # name, the concept to gain, the one to lose
SELDOM = 0.02  # a concept that fewer pictures hold, or that fewer lack, has nothing to learn from
Progress = Callable[[float], None]


def concept_shares(
    generator: Generator,
    segmenter: Segmenter,
    z: Tensor,
    labels: Tensor | None = None,
    *,
    progress: Progress | None = None,
) -> np.ndarray:
    """The share of each picture's pixels that a segmenter gives to each concept: N x concepts, for latents N x D."""
    found = []
    for run in runs(generator, z, labels, progress=progress):
        maps = segmenter(run.images.cpu().float())
        maps = maps[:, None] if maps.dim() == 3 else maps
        counts = torch.stack([(maps == c).sum(dim=(1, 2, 3)) for c in range(len(segmenter.concepts))], dim=1)
        found.append(counts.numpy() / maps[0, 0].numel())
    return np.concatenate(found)


def concept_directions(
    generator: Generator,
    segmenter: Segmenter,
    labels: Tensor | None = None,
    *,
    samples: int = 2000,
    progress: Progress | None = None,
) -> dict[str, Directions]:
    """A direction for each concept that some pictures have and some lack ("more foliage"), and for night against day.

    The same samples every time. Raises ValueError where no concept varies.
    """
    z = latents_from_seeds(range(FIRST_SEED, FIRST_SEED + samples), generator.config.latent_dim)
    shares = concept_shares(generator, segmenter, z, labels, progress=progress)
    scores = {f"more {name}": shares[:, i] for i, name in enumerate(segmenter.concepts) if i}
    for name, gain, lose in OPPOSITES:
        if {gain, lose} <= set(segmenter.concepts):
            scores[name] = shares[:, segmenter.concepts.index(gain)] - shares[:, segmenter.concepts.index(lose)]
    found = {name: concept_direction(z, score) for name, score in scores.items() if _varies(score)}
    if not found:
        raise ValueError("no concept of this segmenter varies in this network's pictures")
    return found


def _varies(score: np.ndarray) -> bool:
    values, counts = np.unique(score, return_counts=True)
    return len(values) > 2 and counts.max() <= (1 - SELDOM) * len(score)


def check_direction(
    generator: Generator,
    segmenter: Segmenter,
    direction: Directions,
    concept: str,
    *,
    seeds: Sequence[int] = range(50),
    steps: int = 7,
    reach: float = 3.0,
    progress: Progress | None = None,
) -> np.ndarray:
    """Spearman's correlation between the place along a direction and the concept's share: one number a seed.

    Each seed's latent is moved to `steps` places from -reach to reach sigma. Where the share never changes the
    correlation is 0. Raises ValueError for a concept that the segmenter has not.
    """
    if concept not in segmenter.concepts[1:]:
        raise ValueError(f"the segmenter has no concept {concept!r}, only {', '.join(segmenter.concepts[1:])}")
    z = latents_from_seeds(seeds, generator.config.latent_dim)
    places = np.linspace(-reach, reach, steps)
    moved = torch.stack([direction.move(z, [float(place)]) for place in places], dim=1).flatten(0, 1)
    shares = concept_shares(generator, segmenter, moved, progress=progress)[:, segmenter.concepts.index(concept)]
    rows = shares.reshape(len(z), steps)
    return np.array([0.0 if np.ptp(row) == 0 else spearmanr(places, row).statistic for row in rows])


def main(arguments: list[str] | None = None) -> int:
    """Learns directions, checks the asked for ones and prints the result; bad input ends it with one sentence."""
    parser = argparse.ArgumentParser(prog="python -m dissection.concept_directions", description=main.__doc__)
    parser.add_argument("checkpoint", help="a checkpoint of any published format")
    parser.add_argument("--concept", nargs="+", default=["foliage"], help="concepts to check (default foliage)")
    parser.add_argument("--segmenter", default="toytown", help=SPECS)
    parser.add_argument("--samples", type=int, default=2000, help="pictures to learn from (default 2000)")
    parser.add_argument("--seeds", type=int, default=50, help="latents 0, 1, ... to check with (default 50)")
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--reach", type=float, default=3.0, help="the outermost steps, in sigma (default 3)")
    args = parser.parse_args(arguments)
    try:
        report = _check(args)
    except (ValueError, OSError) as error:  # CheckpointError and SegmenterError are ValueErrors
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(report, indent=2))
    return 0


def _check(args: argparse.Namespace) -> dict:
    """Concept -> how well its direction does, with progress bars on standard error."""
    generator, segmenter = load_checkpoint(args.checkpoint).generator, load_segmenter(args.segmenter)
    if generator is None:
        raise ValueError(f"{args.checkpoint} holds no generator")
    fast = generator.prepared()
    with tqdm(total=100, desc="learning", unit="%") as bar:
        found = concept_directions(fast, segmenter, samples=args.samples, progress=_reporter(bar))
    report = {}
    for concept in args.concept:
        if f"more {concept}" not in found:
            raise ValueError(f"{concept} hardly varies here; what varies: {', '.join(found)}")
        direction = found[f"more {concept}"]
        with tqdm(total=100, desc=concept, unit="%") as bar:
            correlations = check_direction(
                fast, segmenter, direction, concept, seeds=range(args.seeds), steps=args.steps, reach=args.reach,
                progress=_reporter(bar),
            )  # fmt: skip
        report[concept] = {
            "seeds with Spearman >= 0.9": f"{(correlations >= 0.9).mean():.0%}",
            "median Spearman": round(float(np.median(correlations)), 3),
            "explained share of ranks": round(float(direction.shares[0]), 3),
            "correlations": np.round(correlations, 3).tolist(),
        }
    return report


def _reporter(bar: tqdm) -> Progress:
    return lambda share: bar.update(round(100 * share) - bar.n)


if __name__ == "__main__":
    sys.exit(main())
