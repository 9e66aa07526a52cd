"""What runs apart from the server, in a worker's process: plain values in, plain values out, no Streamlit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from dissection import Dissection, dissect
from dissection.projection import Projection, project
from dissection.scoring.progress import PhaseReport
from dissection.scoring.spool import Spool
from dissection.segmenters.registry import load_segmenter
from pgan_core import Discriminator, Generator
from pgan_core.pictures import to_floats
from pgan_core.walks import layer_travel, perceptual_steps, render

Progress = Callable[..., None]  # progress(share, note="")
PHASES = {"pictures": (0.0, 0.35), "levels": (0.35, 0.35), "scores": (0.7, 0.3)}  # where each begins, and its share


def dissection(
    progress: Progress,
    generator: Generator,
    layers: tuple[str, ...],
    segmenter: str,
    samples: int,
    seed: int,
    label: int | None,
    threshold: str | float,
    work: Path,
) -> Dissection:
    """A new dissection. What is done lies in the folder `work` until all is done, so that it goes on from there.

    Raises ValueError (SegmenterError, DissectionError) in one sentence.
    """

    def tell(report: PhaseReport) -> None:
        begin, weight = PHASES[report.phase]
        progress(begin + weight * report.done / max(report.total, 1), str(report))

    result = dissect(
        generator, layers, load_segmenter(segmenter, generator), samples, seed=seed, label=label, threshold=threshold,
        work=work, progress=tell,
    )  # fmt: skip
    Spool.discard(work)
    return result


def projection(
    progress: Progress, generator: Generator, photograph: np.ndarray, label: int | None
) -> tuple[np.ndarray, Projection]:
    """A photograph, uint8 R x R x 3, and its projection into the generator."""
    pixels = to_floats(photograph[None])[0]
    return photograph, project(generator, pixels, label=label, progress=progress)


def walk_inside(
    progress: Progress,
    generator: Generator,
    discriminator: Discriminator | None,
    z: Tensor,
    labels: Tensor | None,
    resolution: int,
    alpha: float,
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """How far every layer, and the picture in a discriminator's eyes, moves from frame to frame of a walk z, N x D."""
    prepared, moment = generator.prepared(), {"resolution": resolution, "alpha": alpha}
    distances = layer_travel(prepared, z, labels, **moment, progress=lambda share: progress(share / 2))
    if discriminator is None:
        return distances, None
    frames = render(prepared, z, labels, **moment)
    return distances, perceptual_steps(discriminator, frames, progress=lambda share: progress((1 + share) / 2))
