"""Directions of the latent space that change a concept, learned with a segmenter; and a check that they do.

    foliage = learn_direction(generator, load_toytown(), "more foliage")
    more = foliage.move(z, [2.0])
    python -m dissection.concept_directions assets/64x64.safetensors --concept foliage     # the check, as JSON

The generator is the plain one: its prepared form has no gradients.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor
from tqdm import tqdm

from dissection.scoring.job import pictures_of
from dissection.segmenters import Segmenter
from dissection.segmenters.registry import SPECS, load_segmenter
from pgan_core import Generator
from pgan_core.directions import FIRST_SEED, Directions, concept_direction, consistent_direction
from pgan_core.latents import check_latents, inputs_from_seeds
from pgan_core.models import load_generator, model_file
from pgan_core.progress import Progress
from pgan_core.shell import check_file
from pgan_core.walks import runs

OPPOSITES = (("night instead of day", "moon", "sun"),)  # name, the concept to gain, the one to lose
REACH = 3.0  # sigma: how far a slider goes to either side
BATCH = 16
FORMAT = "pggan-lab-concepts/1"


def concept_shares(
    generator: Generator,
    segmenter: Segmenter,
    z: Tensor,
    labels: Tensor | None = None,
    *,
    progress: Progress | None = None,
) -> np.ndarray:
    """Each concept's share of the pixels of each picture, by a segmenter: N x concepts, for latents N x D."""
    found = []
    for run in runs(generator, z, labels, progress=progress):
        maps = segmenter(pictures_of(run).float())
        maps = maps[:, None] if maps.dim() == 3 else maps
        counts = torch.stack([(maps == c).sum(dim=(1, 2, 3)) for c in range(len(segmenter.concepts))], dim=1)
        found.append(counts.cpu().numpy() / maps[0, 0].numel())
    return np.concatenate(found)


def concept_names(segmenter: Segmenter) -> list[str]:
    """The directions that can be learned: "more foliage" and so on, and "night instead of day" where it is known."""
    known = set(segmenter.concepts)
    return [f"more {name}" for name in segmenter.concepts[1:]] + [n for n, *pair in OPPOSITES if known >= set(pair)]


def learn_direction(
    generator: Generator,
    segmenter: Segmenter,
    name: str,
    *,
    label: int | None = None,
    samples: int = 768,
    progress: Progress | None = None,
) -> Directions:
    """The direction of one of `concept_names`, from the same samples every time.

    A segmenter with differentiable `probabilities` gives the gradient of the concept's share at each sample, and the
    direction is the most consistent one (pgan_core.directions.consistent_direction). Another segmenter's counts are
    regressed on the latents. So are those of opposites: by day, no small step brings the moon.

    label: one class for all samples; with None each has its own.  Raises ValueError for an unknown name, and where the
    concept does not vary.
    """
    gain, lose = _signs(segmenter, name)
    z, labels = inputs_from_seeds(generator, range(FIRST_SEED, FIRST_SEED + samples), label)
    if lose or not hasattr(segmenter, "probabilities"):
        shares = concept_shares(generator, segmenter, z, labels, progress=progress)
        return concept_direction(z, shares[:, gain].sum(axis=1) - shares[:, lose].sum(axis=1))
    return consistent_direction(_gradients(generator, segmenter, z, gain, labels, progress))


def _signs(segmenter: Segmenter, name: str) -> tuple[list[int], list[int]]:
    """The numbers of the concepts to gain and to lose."""
    if name not in concept_names(segmenter):
        raise ValueError(f"there is no direction {name!r}; there are {', '.join(concept_names(segmenter))}")
    for known, gain, lose in OPPOSITES:
        if name == known:
            return [segmenter.concepts.index(gain)], [segmenter.concepts.index(lose)]
    return [segmenter.concepts.index(name.removeprefix("more "))], []


def _gradients(generator, segmenter, z: Tensor, gain, labels: Tensor | None, progress: Progress | None) -> Tensor:
    """The gradient of a concept's share of the picture at each latent: N x D."""
    found = []
    for first in range(0, len(z), BATCH):
        some = z[first : first + BATCH].detach().requires_grad_()
        classes = None if labels is None else labels[first : first + BATCH]
        images = generator.run(some, labels=classes).images
        shares = segmenter.probabilities(images).mean(dim=(2, 3))
        found.append(torch.autograd.grad(shares[:, gain].sum(), some)[0].cpu())
        if progress:
            progress(min(1.0, (first + BATCH) / len(z)))
    return torch.cat(found)


def check_direction(
    generator: Generator,
    segmenter: Segmenter,
    direction: Directions,
    concept: str,
    *,
    seeds: Sequence[int] = range(50),
    steps: int = 7,
    reach: float = REACH,
    progress: Progress | None = None,
) -> np.ndarray:
    """Spearman's correlation between the place along a direction and the concept's share: one number for each seed.

    Each seed's latent is moved to `steps` places from -reach to reach sigma. Where the share never changes, the
    correlation is 0. Raises ValueError for a concept that the segmenter does not have.
    """
    if concept not in segmenter.concepts[1:]:
        raise ValueError(f"the segmenter has no concept {concept!r}; it has {', '.join(segmenter.concepts[1:])}")
    z, labels = inputs_from_seeds(generator, seeds)
    places = np.linspace(-reach, reach, steps)
    moved = torch.stack([direction.move(z, [float(place)]) for place in places], dim=1).flatten(0, 1)
    labels = None if labels is None else labels.repeat_interleave(steps)
    shares = concept_shares(generator, segmenter, moved, labels, progress=progress)
    shares = shares[:, segmenter.concepts.index(concept)]
    rows = shares.reshape(len(z), steps)
    return np.array([0.0 if np.ptp(row) == 0 else np.corrcoef(rankdata(places), rankdata(row))[0, 1] for row in rows])


def save_directions(path: Path, found: dict[str, Directions], checkpoint: Path, **facts) -> None:
    """Write directions as JSON, with the SHA-256 of their checkpoint and how they were made."""
    rows = {
        name: {"vector": direction.vectors[0].tolist(), "share": float(direction.shares[0]), "kind": direction.kind}
        for name, direction in found.items()
    }
    content = {"format": FORMAT, "sha256": _sha256(checkpoint), **facts, "directions": rows}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_directions(path: Path, checkpoint: Path) -> dict[str, Directions]:
    """What `save_directions` wrote; none where there is no file. Raises ValueError for another checkpoint's file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = {
            name: Directions(check_latents([row["vector"]]), np.array([float(row["share"])]), str(row["kind"]))
            for name, row in content["directions"].items()
        }
        known = content["format"] == FORMAT and content["sha256"] == _sha256(checkpoint)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} holds no concept directions") from error
    if not known:
        raise ValueError(f"{path.name} belongs to another checkpoint than {checkpoint.name}")
    return rows


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.concept_directions") -> int:
    """Learn directions of concepts, check them, and print the result."""
    parser = argparse.ArgumentParser(prog=prog, description=main.__doc__)
    parser.add_argument("checkpoint", help="a checkpoint of any published format, or a model's name")
    parser.add_argument(
        "--concept",
        nargs="+",
        default=["foliage"],
        help='concepts (default foliage), or names such as "night instead of day"',
    )
    parser.add_argument("--segmenter", default="toytown", help=SPECS)
    parser.add_argument("--samples", type=int, default=768, help="pictures to learn from (default 768)")
    parser.add_argument("--seeds", type=int, default=50, help="latents 0, 1, ... to check with (default 50)")
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument(
        "--reach", type=float, default=REACH, help="where the outermost steps are, in sigma (default 3)"
    )
    parser.add_argument("--save", type=Path, help="write the directions here; the app reads MODEL.concepts.json")
    args = parser.parse_args(arguments)
    try:
        report = _check(args)
    except (ValueError, OSError) as error:  # CheckpointError and SegmenterError are ValueErrors
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(report, indent=2))
    return 0


def _check(args: argparse.Namespace) -> dict:
    """How well the direction of each concept does; progress bars go to standard error."""
    if args.save:
        check_file(args.save)
    generator = load_generator(args.checkpoint)
    segmenter = load_segmenter(args.segmenter, generator)
    report, found = {}, {}
    for concept in args.concept:
        name = concept if concept in concept_names(segmenter) else f"more {concept}"
        with tqdm(total=100, desc=f"learning {name}", unit="%") as bar:
            found[name] = learn_direction(generator, segmenter, name, samples=args.samples, progress=_reporter(bar))
        meaning = (
            "explained share of ranks" if found[name].kind == "regression" else "share of latents from which it grows"
        )
        report[name] = {meaning: round(float(found[name].shares[0]), 3)}
        if name.startswith("more "):
            report[name] |= _correlations(generator, segmenter, found[name], name.removeprefix("more "), args)
    if args.save:
        save_directions(
            args.save, found, model_file(args.checkpoint), segmenter=args.segmenter, samples=args.samples,
            checked=report,
        )  # fmt: skip
    return report


def _correlations(generator, segmenter, direction: Directions, concept: str, args: argparse.Namespace) -> dict:
    """The check of one direction in numbers."""
    with tqdm(total=100, desc=f"checking {concept}", unit="%") as bar:
        found = check_direction(
            generator.prepared(), segmenter, direction, concept, seeds=range(args.seeds), steps=args.steps,
            reach=args.reach, progress=_reporter(bar),
        )  # fmt: skip
    return {
        "seeds with Spearman >= 0.9": f"{(found >= 0.9).mean():.0%}",
        "median Spearman": round(float(np.median(found)), 3),
        "correlations": np.round(found, 3).tolist(),
    }


def _reporter(bar: tqdm) -> Progress:
    return lambda share: bar.update(round(100 * share) - bar.n)


if __name__ == "__main__":
    sys.exit(main())
