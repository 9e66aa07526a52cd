"""Which concepts does a generator leave out? Their shares over many pictures, real against generated.

    python -m dissection shares MODEL --real PICTURES      # writes NAME.shares.json beside the model; the app shows it
    found = measure(generator, source, segmenter)
    found.pixels.real, found.pixels.generated, found.pixels.low, found.pixels.high     # C each

"Seeing what a GAN cannot generate" (Bau et al., ICCV 2019, section 3.1): real pictures go through the same segmenter as
generated ones, so that its errors are on both sides. Intervals come from a bootstrap over pictures, since pixels of one
picture are not independent of each other.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dissection.nearest import PICTURES, open_pictures
from dissection.scoring.job import BATCH_PIXELS, label_maps, latents_and_labels, pictures_of, prepared, segmenter_name
from dissection.scoring.segmenter import Segmenter, layers_of
from dissection.scoring.tally import resampled_sums
from dissection.segmenters.registry import SPECS, load_segmenter
from pgan_core.adapters import UnitGenerator
from pgan_core.files import write_atomically
from pgan_core.latents import following_seeds
from pgan_core.markdown import table
from pgan_core.metrics.stored import sha256_of
from pgan_core.models import load_generator, model_file
from pgan_core.own_generators import add_generator_options
from pgan_core.picture_data import PictureSource
from pgan_core.pictures import to_floats, to_uint8
from pgan_core.shell import check_file

COUNT = 8192
PRESENT = 0.001  # share of a picture's pixels from which a concept counts as being in it: segmenters leave specks
RESAMPLES = 2000


@dataclass(frozen=True)
class Contrast:
    """Mean shares of C concepts, real and generated, and the 95% interval of generated - real."""

    real: np.ndarray
    generated: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def difference(self) -> np.ndarray:
        return self.generated - self.real

    @property
    def too_little(self) -> np.ndarray:
        """Where the interval lies below zero: bool, C."""
        return self.high < 0

    @property
    def too_much(self) -> np.ndarray:
        """Where it lies above zero: bool, C."""
        return self.low > 0

    @property
    def differs(self) -> np.ndarray:
        """Where it excludes zero: bool, C."""
        return self.too_little | self.too_much


@dataclass(frozen=True)
class Shares:
    """What share of the pixels every concept covers, and what share of the pictures has it."""

    concepts: tuple[str, ...]  # C, without "no label"
    pixels: Contrast
    pictures: Contrast  # with at least PRESENT of their pixels
    counts: tuple[int, int]  # pictures: real, generated
    segmenter: str


def measure(
    generator: UnitGenerator,
    source: PictureSource,
    segmenter: Segmenter,
    count: int = COUNT,
    *,
    seed: int = 0,
    label: int | None = None,
) -> Shares:
    """At most `count` pictures of the source, chosen by chance, against those of the seeds `seed`, `seed + 1`, ...

    Raises ValueError, one sentence, for a segmenter that reads the generator's layers, which real pictures lack.
    """
    if layers_of(segmenter):
        raise ValueError(f"{segmenter_name(segmenter)} reads the generator's layers, and real pictures have none.")
    generator = prepared(generator)
    batch = max(1, BATCH_PIXELS // generator.resolution**2)
    chosen = np.random.default_rng(seed).permutation(len(source))[:count]
    real = areas(real_pictures(source, chosen, batch), segmenter, len(chosen), "real")
    fake = areas(generated_pictures(generator, seed, count, batch, label), segmenter, count, "generated")
    return Shares(
        tuple(segmenter.concepts[1:]),
        contrast(real, fake, seed=seed),
        contrast(real >= PRESENT, fake >= PRESENT, seed=seed),
        (len(real), len(fake)),
        segmenter_name(segmenter),
    )


def real_pictures(source: PictureSource, chosen: np.ndarray, batch: int) -> Iterator[torch.Tensor]:
    """The chosen pictures of a source, floats n x 3 x R x R in [-1, 1]."""
    for first in range(0, len(chosen), batch):
        yield to_floats(source.at(chosen[first : first + batch]).transpose(0, 2, 3, 1))


def generated_pictures(
    generator: UnitGenerator, seed: int, count: int, batch: int, label: int | None
) -> Iterator[torch.Tensor]:
    """The same of the seeds from `seed` on, rounded to levels of 255 as real ones are."""
    seeds = following_seeds(seed, count)
    for first in range(0, count, batch):
        run = generator.run(latents_and_labels(generator, seeds[first : first + batch], label))
        yield to_floats(to_uint8(pictures_of(run)))


@torch.inference_mode()
def areas(batches: Iterable[torch.Tensor], segmenter: Segmenter, total: int, title: str) -> np.ndarray:
    """The share of each picture's pixels that every concept but "no label" covers, N x C."""
    concepts, found = len(segmenter.concepts), []
    with tqdm(total=total, desc=title, unit="img") as bar:
        for images in batches:
            for maps in label_maps(segmenter, images, {}):  # M x H x W
                found.append(np.bincount(maps.ravel(), minlength=concepts)[1:] / maps[0].size)
            bar.update(len(images))
    return np.array(found)


# ---- intervals ---------------------------------------------------------------------------------------------------


def contrast(real: np.ndarray, generated: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> Contrast:
    """Means over pictures (N x C and M x C), and the bootstrap's 95% percentile interval of their difference."""
    chance = np.random.default_rng(seed)
    drawn = [resampled_sums(values, resamples, chance) / len(values) for values in (real, generated)]
    low, high = np.percentile(drawn[1] - drawn[0], (2.5, 97.5), axis=0)
    return Contrast(real.mean(axis=0), generated.mean(axis=0), low, high)


# ---- kept beside a model -----------------------------------------------------------------------------------------

PARTS = ("real", "generated", "low", "high")


def beside(checkpoint: Path) -> Path:
    """Where a checkpoint's shares are stored."""
    return checkpoint.with_suffix(".shares.json")


def to_json(found: Shares) -> dict:
    """Plain values; numbers with six digits."""
    concepts = {
        name: {
            kind: {part: float(f"{getattr(values, part)[c]:.6g}") for part in PARTS}
            for kind, values in (("pixels", found.pixels), ("pictures", found.pictures))
        }
        for c, name in enumerate(found.concepts)
    }
    return {"counts": list(found.counts), "segmenter": found.segmenter, "concepts": concepts}


def from_json(stored: dict) -> Shares:
    """What `to_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
    concepts = stored["concepts"]

    def values(kind: str) -> Contrast:
        return Contrast(*(np.array([float(one[kind][part]) for one in concepts.values()]) for part in PARTS))

    real, generated = map(int, stored["counts"])
    return Shares(tuple(concepts), values("pixels"), values("pictures"), (real, generated), str(stored["segmenter"]))


def read(checkpoint: Path) -> tuple[Shares, bool] | None:
    """The shares beside a checkpoint, and whether its file is still the one they were measured on; None without."""
    try:
        stored = json.loads(beside(checkpoint).read_text(encoding="utf-8"))
        return from_json(stored), stored["sha256"] == sha256_of(checkpoint)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


# ---- in words ----------------------------------------------------------------------------------------------------


def by_share(found: Shares) -> list[int]:
    """The concepts that are in real or generated pictures at all, those that cover most first."""
    seen = (found.pixels.real > 0) | (found.pixels.generated > 0)
    return [int(c) for c in np.argsort(-found.pixels.real, kind="stable") if seen[c]]


def markdown(found: Shares) -> str:
    """A table, and which intervals exclude zero (*)."""
    order, rows = by_share(found), []
    for c in order:
        cells = [found.concepts[c]]
        for values, digits in ((found.pixels, 2), (found.pictures, 1)):
            low, high = (f"{100 * bound[c]:+.{digits}f}" for bound in (values.low, values.high))
            change = f"{100 * values.difference[c]:+.{digits}f}{'*' if values.differs[c] else ''} ({low} to {high})"
            cells += [f"{100 * values.real[c]:.{digits}f}%", f"{100 * values.generated[c]:.{digits}f}%", change]
        rows.append(cells)
    head = ["Pixels of", "Real", "Generated", "Difference (95%)", "Pictures with it, real", "Generated"]
    real, generated = found.counts
    return "\n\n".join([
        table([*head, "Difference (95%)"], rows),
        f"Over {real:,} real and {generated:,} generated pictures, all segmented by {found.segmenter}. Differences are "
        "percentage points, generated less real, with 95% intervals from a bootstrap over pictures; * marks an "
        "interval that excludes zero, as one in twenty does by chance. A concept is in a picture if it covers at "
        f"least {PRESENT:.1%} of it. {sentence(found.concepts, found.pixels, order)}",
    ])  # fmt: skip


def sentence(concepts: Sequence[str], values: Contrast, order: Sequence[int]) -> str:
    """Of which concepts there are too few pixels, and of which too many."""
    kinds = {"Too few": values.too_little, "Too many": values.too_much}
    parts = [
        f"{words} pixels of {', '.join(concepts[c] for c in order if there[c])}."
        for words, there in kinds.items()
        if there.any()
    ]
    return " ".join(parts) or "No concept has too few or too many pixels."


# ---- in a shell --------------------------------------------------------------------------------------------------


def add_arguments(subparsers: argparse._SubParsersAction) -> None:
    """Adds the command `shares`."""
    parser = subparsers.add_parser("shares")
    parser.add_argument("checkpoint", help="a checkpoint of any published format, or a model's name")
    parser.add_argument("--real", required=True, help=f"real pictures, best such as no training used: {PICTURES}")
    parser.add_argument("--segmenter", default="toytown", help=SPECS)
    parser.add_argument("--download", action="store_true", help="fetch the model of hf:NAME from the Hugging Face hub")
    parser.add_argument("--count", type=int, default=COUNT, help=f"pictures of each kind, at most (default {COUNT})")
    parser.add_argument("--seed", type=int, default=0, help="of the first generated picture, and of what is chosen")
    parser.add_argument("--label", type=int, help="one class for all pictures of a conditional network")
    parser.add_argument("--device", default="cpu")
    add_generator_options(parser, weights=True)
    parser.add_argument("--out", type=Path, help="another file than NAME.shares.json beside the checkpoint")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measures, writes, and prints the table. Returns 1 if an argument or a file is wrong."""
    try:
        if args.count < 2:
            raise ValueError("--count is at least 2.")
        path = model_file(args.checkpoint)
        out = args.out or beside(path)
        check_file(out)
        generator = load_generator(args.checkpoint, args.device, args=args)
        source = open_pictures(args.real, generator.resolution)
        segmenter = load_segmenter(args.segmenter, generator, code=True, download=args.download)
        found = measure(generator, source, segmenter, args.count, seed=args.seed, label=args.label)
        stored = {"sha256": sha256_of(path), "real": args.real, **to_json(found)}
        write_atomically(out, (json.dumps(stored, indent=1) + "\n").encode())
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(markdown(found))
    return 0
