"""What a dissection is made of: the generator, its layers, the segmenter and the sample; and how a batch is made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dissection.scoring.score import Rule, checked_categories, threshold_rule
from dissection.scoring.segmenter import Segmenter, layers_of, segment
from pgan_core.adapters import UnitGenerator
from pgan_core.generator import Run
from pgan_core.latents import classes_from_seeds, inputs_from_seeds
from pgan_core.network import one_hot

BATCH_PIXELS = 1 << 17  # of the pictures of one batch: 32 pictures of 64 x 64


@dataclass(frozen=True)
class Job:
    """Everything that the result depends on, and the parts of the sample."""

    generator: UnitGenerator  # prepared
    layers: tuple[str, ...]
    segmenter: Segmenter
    samples: int
    seed: int
    rule: Rule
    batch: int
    categories: tuple[int, ...] | None
    label: int | None = None  # the class of all pictures; by seed if None

    @property
    def level_stop(self) -> int:
        """Levels are chosen from the images before this one."""
        return self.samples // 2 if self.rule.halves else self.samples

    @property
    def score_start(self) -> int:
        """Scores are counted on the images from this one."""
        return self.level_stop if self.rule.halves else 0

    def batches(self, start: int, stop: int) -> list[range]:
        """The images of each batch; no batch lies on both sides of the halves' border."""
        return [range(i, min(i + self.batch, stop)) for i in range(start, stop, self.batch)]

    @property
    def num_concepts(self) -> int:
        return len(self.segmenter.concepts)


def make_job(
    generator: UnitGenerator,
    layers: Sequence[str] | str,
    segmenter: Segmenter,
    samples: int,
    seed: int,
    threshold: str | float,
    batch: int | None,
    label: int | None = None,
) -> Job:
    """The job, with checked arguments. Raises ValueError in one sentence."""
    names = tuple(generator.layer_names) if layers == "all" else tuple(dict.fromkeys(layers))
    if isinstance(layers, str) and layers != "all":
        names = (layers,)
    unknown = [name for name in names if name not in generator.layer_names]
    if unknown or not names:
        what = f"There is no layer {unknown[0]}" if unknown else "No layer is named"
        raise ValueError(f"{what}; this generator has {', '.join(generator.layer_names)}.")
    if isinstance(threshold, str) and threshold != "iqr":
        rule = threshold_rule(threshold)
    else:
        rule = threshold_rule(None, None if threshold == "iqr" else float(threshold))
    least = 2 if rule.halves else 1
    if samples < least:
        raise ValueError(f"A dissection by this rule needs {least} pictures or more, not {samples}.")
    if seed < 0 or seed + samples > 2**32:
        raise ValueError(f"Seeds run from 0 to 2^32 - 1; {seed} to {seed + samples - 1} are outside that range.")
    classes_from_seeds([seed], generator.config.label_dim, label)  # or one sentence about the label
    batch = batch or max(1, BATCH_PIXELS // generator.resolution**2)
    given = getattr(segmenter, "categories", (0,) * len(segmenter.concepts))
    categories = checked_categories(rule, given, len(segmenter.concepts))
    return Job(prepared(generator), names, segmenter, samples, seed, rule, batch, categories, label)


def job_info(job: Job) -> dict:
    """How a dissection was made, as plain JSON values."""
    return {
        "weights_sha256": fingerprint(job.generator),
        "resolution": job.generator.resolution,
        "layers": list(job.layers),
        "segmenter": segmenter_name(job.segmenter),
        "segmenter_iou": dict(getattr(job.segmenter, "accuracy", None) or {}),
        "concepts": list(job.segmenter.concepts),
        "samples": job.samples,
        "seed": job.seed,
        **({} if job.label is None else {"label": job.label}),
        "batch": job.batch,
        "rule": job.rule.name,
        "fraction": job.rule.fraction,
        "level_images": [0, job.level_stop],
        "score_images": [job.score_start, job.samples],
    }


def segmenter_name(segmenter: Segmenter) -> str:
    """The segmenter's own name, or its class's."""
    return str(getattr(segmenter, "name", type(segmenter).__name__))


def prepared(generator: UnitGenerator) -> UnitGenerator:
    """The generator's fast form."""
    return generator.prepared() if generator.form is None else generator


def fingerprint(generator: UnitGenerator) -> str:
    """SHA-256 of the configuration and the effective weights: the same in every file format."""
    digest = hashlib.sha256(repr(generator.config).encode())
    for name, value in sorted(prepared(generator).state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def latents_and_labels(generator: UnitGenerator, seeds: Sequence[int], label: int | None = None) -> torch.Tensor:
    """`pgan_core.latents.inputs_from_seeds` as one tensor, which one index cuts into batches: labels, where there are
    any, are appended to the latents as one-hot rows.
    """
    z, labels = inputs_from_seeds(generator, seeds, label)
    return z if labels is None else torch.cat([z, one_hot(labels, generator.config.label_dim)], dim=1)


def pictures_of(run: Run) -> torch.Tensor:
    """The pictures N x 3 x R x R of a whole walk, clamped to [-1, 1]."""
    assert run.images is not None  # a walk without `stop` ends at the pictures
    return run.images.clamp(-1, 1)


@torch.inference_mode()
def make_batch(job: Job, images: range, keep: Sequence[str] | None = None) -> tuple[list[torch.Tensor], np.ndarray]:
    """Activations N x U x h x w of the job's layers (or of those in `keep`), and label maps N x M x H x W."""
    keep = job.layers if keep is None else keep
    seeds = range(job.seed + images.start, job.seed + images.stop)
    z = latents_and_labels(job.generator, seeds, job.label)
    run = job.generator.run(z, keep=tuple(dict.fromkeys((*keep, *layers_of(job.segmenter)))))
    maps = [run.activations[name].float().cpu().contiguous() for name in keep]
    return maps, label_maps(job.segmenter, pictures_of(run), run.activations)


def label_maps(segmenter: Segmenter, images: torch.Tensor, activations: Mapping[str, torch.Tensor]) -> np.ndarray:
    """A segmenter's label maps N x M x H x W of pictures in [-1, 1], in the smallest type that holds them.

    activations: of the layers that the segmenter asks for, and maybe others. Raises ValueError for label maps of
    another kind or shape, and for labels beyond the concepts.
    """
    labels, num_concepts = torch.as_tensor(segment(segmenter, images, activations)).cpu(), len(segmenter.concepts)
    if labels.ndim == 3:
        labels = labels[:, None]
    if labels.ndim != 4 or len(labels) != len(images) or labels.is_floating_point():
        raise ValueError(
            f"A segmenter gives whole numbers N x H x W or N x M x H x W for N = {len(images)} pictures; this one gave "
            f"{labels.dtype} of shape {tuple(labels.shape)}."
        )
    if labels.min() < 0 or labels.max() >= num_concepts:
        found = int(labels.max() if labels.max() >= num_concepts else labels.min())
        raise ValueError(f"The segmenter gave the label {found}, but it has only {num_concepts} concepts.")
    return labels.numpy().astype(np.uint8 if num_concepts <= 256 else np.int16)


def maxima_and_moments(maps: list[torch.Tensor]) -> dict[str, np.ndarray]:
    """Each layer's maxima (N x U) and moments (3 x U: the sum of values, of squares, the number of values <= 0)."""
    arrays = {}
    for k, values in enumerate(maps):
        flat = values.flatten(2)
        off = torch.le(flat, 0, out=torch.empty_like(flat))  # as 0 and 1, which sum much faster than booleans
        squares = torch.linalg.vector_norm(flat, dim=2).double().square()
        moments = torch.stack([flat.sum(2).double(), squares, off.sum(2).double()])
        if not torch.isfinite(moments).all():
            raise ValueError("The generator gives activations that are not finite.")
        arrays |= {f"maxima-{k}": flat.amax(2).numpy(), f"moments-{k}": moments.sum(1).numpy()}
    return arrays
