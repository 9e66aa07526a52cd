"""Sliced Wasserstein distance between the patches of two sets of pictures (PGGAN, section 5, appendix).

Each set becomes a Laplacian pyramid; of every picture and level 128 patches of 7 x 7 pixels are drawn and
normalised by the set's own channel means and deviations. Two clouds of patches are compared along random
directions: projected onto a line, the Wasserstein distance is the mean difference of the sorted values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from pgan_core.metrics.picture_sets import Pictures, check_picture_set, picture_batch
from pgan_core.metrics.pyramid import laplacian_level
from pgan_core.progress import Progress

Level = int | str  # the resolution of a pyramid level, or "average"
Distances = dict[Level, float]  # times 1000
Device = torch.device | str | None

PATCH = 7
COARSEST = 16
_BATCH_PIXELS = 2**20  # pixels of pictures that are floats at one time
_CHUNK_VALUES = 2**26  # projections of one set held at one time (256 MB)

_Row = TypeVar("_Row", np.ndarray, Tensor)
_T = TypeVar("_T")


def sliced_wasserstein(
    real: Pictures,
    fake: Pictures,
    *,
    seed: int = 0,
    patches_per_image: int = 128,
    repeats: int = 4,
    directions: int = 128,
    device: Device = None,
    progress: Progress | None = None,
) -> Distances:
    """Distance between two sets of pictures for each pyramid level, times 1000, as the paper reports it.

    real, fake: the same number (at least 2) of N x 3 x R x R pictures, uint8 or float in 0..255, R a power of two from
    16. Arrays may be memory-mapped: pictures are read batch by batch, and memory holds one level's patches (588 bytes a
    patch: 1.2 GB for a set of 16,384). `device` is where to compute (None: where the tensors are).
    Returns {R: distance, R/2: ..., 16: ..., "average": their mean}. The same seed gives the same values. Raises
    ValueError for sets that cannot be compared.

    Every set is normalised by its own statistics, so a global shift or gain of colour does not show. With few
    pictures the distance is large even between equal sets: read it beside a floor (`swd_with_floor`).
    """
    found = distances_from(
        real,
        {"fake": fake},
        seed=seed,
        patches_per_image=patches_per_image,
        repeats=repeats,
        directions=directions,
        device=device,
        progress=progress,
    )
    return found["fake"]


def swd_with_floor(
    real: Pictures,
    real_again: Pictures,
    fake: Pictures,
    *,
    seed: int = 0,
    patches_per_image: int = 128,
    repeats: int = 4,
    directions: int = 128,
    device: Device = None,
    progress: Progress | None = None,
) -> dict[str, Distances]:
    """The distance of `fake` beside its noise floor, that of as many other real pictures.

    The three sets are of one size; options are those of `sliced_wasserstein`. Returns {"distance": {...},
    "floor": {...}}, each by level and with its average.
    """
    found = distances_from(
        real,
        {"fake": fake, "real_again": real_again},
        seed=seed,
        patches_per_image=patches_per_image,
        repeats=repeats,
        directions=directions,
        device=device,
        progress=progress,
    )
    return {"distance": found["fake"], "floor": found["real_again"]}


def distances_from(
    real: Pictures,
    others: Mapping[str, Pictures],
    *,
    seed: int = 0,
    patches_per_image: int = 128,
    repeats: int = 4,
    directions: int = 128,
    device: Device = None,
    progress: Progress | None = None,
) -> dict[str, Distances]:
    """`sliced_wasserstein` of several named sets from one reference, whose patches are projected and sorted once.

    Memory holds one level's patches of all sets.
    """
    sets = {"real": real, **others}
    sizes = _check_sets(sets, min(patches_per_image, repeats, directions))
    device = device or next((s.device for s in sets.values() if isinstance(s, Tensor)), "cpu")
    random = torch.Generator().manual_seed(seed)
    steps = _Steps(progress, len(sizes) * (len(sets) + repeats))
    results: dict[str, Distances] = {name: {} for name in others}
    held = None  # memory of the projections, allocated once: fresh pages cost as much as the comparison itself
    for level, size in enumerate(sizes):
        clouds = []
        for name, pictures in sets.items():
            corners = random_corners(random, len(pictures), patches_per_image, size)
            clouds.append(level_patches(pictures, level, corners, last=size == sizes[-1], name=name, device=device))
            normalise(clouds[-1])
            steps.step()
        held = projection_memory(clouds[0], directions) if held is None else held
        totals = np.zeros(len(others))
        for _ in range(repeats):
            lines = random_directions(random, directions).to(device)
            totals += projected_distances(clouds[0], clouds[1:], lines, held)
            steps.step()
        for result, total in zip(results.values(), totals, strict=True):
            result[size] = 1e3 * float(total) / repeats
    for result in results.values():
        result["average"] = sum(result.values()) / len(result)
    return results


def _check_sets(sets: Mapping[str, Pictures], smallest_option: int) -> list[int]:
    """The sizes of the pyramid from fine to coarse. Raises ValueError for sets that cannot be compared."""
    for name, pictures in sets.items():
        check_picture_set(pictures, name, at_least=2)
    real, *others = sets.values()
    for name, other in zip(list(sets)[1:], others, strict=True):
        if other.shape != real.shape:
            shapes = f"{tuple(real.shape)} and {tuple(other.shape)}"
            raise ValueError(f"real and {name} need as many pictures of the same size, got {shapes}.")
    height, width = real.shape[2:]
    if height != width or height < COARSEST or height & (height - 1):
        raise ValueError(
            f"The sliced Wasserstein distance takes square pictures with a power of two from {COARSEST} pixels up "
            f"as their side, got {height} x {width}."
        )
    if smallest_option < 1:
        raise ValueError("patches_per_image, repeats and directions are at least 1.")
    return [height >> level for level in range(int(math.log2(height // COARSEST)) + 1)]


def random_corners(random: torch.Generator, count: int, patches_per_image: int, size: int) -> Tensor:
    """Upper left corners of the patches: count x patches_per_image x 2 integers (row, column), uniform."""
    return torch.randint(size - PATCH + 1, (count, patches_per_image, 2), generator=random)


def random_directions(random: torch.Generator, count: int) -> Tensor:
    """Unit vectors in the space of patches, count x 147, uniform on the sphere."""
    lines = torch.randn(count, 3 * PATCH * PATCH, generator=random, dtype=torch.float64)
    return (lines / lines.norm(dim=1, keepdim=True)).float()


def level_patches(
    pictures: Pictures, level: int, corners: Tensor, *, last: bool, name: str = "pictures", device: Device = None
) -> Tensor:
    """Patches of one pyramid level of a whole set, (N * P) x 147 floats; a row is 7 x 7 x 3 (row, column, channel).

    corners: N x P x 2 as from `random_corners`. Only one batch of pictures is held at a time.
    """
    count, per_image = corners.shape[:2]
    patches = torch.empty(count * per_image, 3 * PATCH * PATCH, device=device)
    batch = max(1, _BATCH_PIXELS // pictures.shape[2] ** 2)
    for start in range(0, count, batch):
        x = picture_batch(pictures, start, start + batch, name=name, device=device)
        x = laplacian_level(x, level, last=last)
        drawn = _cut(x, corners[start : start + batch].to(x.device))
        patches[start * per_image : (start + len(x)) * per_image] = drawn
    return patches


def _cut(x: Tensor, corners: Tensor) -> Tensor:
    """Patches at `corners` (n x P x 2) of pictures n x 3 x r x r.

    With channels last a patch is seven runs of 21 neighbouring values, which are cheap to copy.
    """
    count, channels, size = x.shape[:3]
    pixels = x.permute(0, 2, 3, 1).contiguous()
    run = channels * PATCH
    runs = pixels.as_strided((count * size * size - PATCH + 1, run), (channels, 1))
    pictures = torch.arange(count, device=x.device)[:, None]
    first = (pictures * size + corners[..., 0]) * size + corners[..., 1]
    first = first[..., None] + size * torch.arange(PATCH, device=x.device)
    return runs.index_select(0, first.flatten()).view(-1, PATCH * run)


def normalise(patches: Tensor) -> None:
    """Subtract each channel's mean over the set and divide by its deviation, in place (flat channels stay 0)."""
    pixels = patches.view(-1, 3)
    pixels_per_patch = PATCH * PATCH
    patches.sub_(pixels.mean(dim=0).repeat(pixels_per_patch))
    # Squares are added up in blocks: exact enough in float32 and no second copy of the cloud.
    squares = torch.stack([block.square().sum(dim=0) for block in pixels.split(2**18)]).sum(dim=0) / len(pixels)
    patches.div_(torch.where(squares > 0, squares.sqrt(), 1).repeat(pixels_per_patch))


def projected_distances(
    reference: Tensor, others: Sequence[Tensor], lines: Tensor, held: Tensor | None = None
) -> np.ndarray:
    """Mean over the lines of the Wasserstein distance between projected clouds, one value for each of `others`.

    Clouds are M x 147, lines D x 147. `held` is the memory to work in, from `projection_memory`: it is overwritten, and
    as many lines are projected and sorted at a time as it has room for.
    """
    expected, found = projection_memory(reference, len(lines)) if held is None else held
    totals = np.zeros(len(others))
    for chunk in lines.split(len(expected)):
        ordered = sorted_projections(reference, chunk, out=expected[: len(chunk)])
        for i, other in enumerate(others):
            values = project(other, chunk, out=found[: len(chunk)])
            totals[i] += sum(_each_row(_gap, values, ordered))
    return totals / len(lines)


def projection_memory(cloud: Tensor, directions: int) -> Tensor:
    """Room for the projections of two clouds of M patches, 2 x lines x M: for fewer lines at a time if M is large."""
    lines = min(directions, max(1, _CHUNK_VALUES // len(cloud)))
    return cloud.new_empty(2, lines, len(cloud))


def sorted_projections(cloud: Tensor, lines: Tensor, out: Tensor | None = None) -> Tensor:
    """The cloud's values along each line in ascending order: M x 147 and D x 147 -> D x M."""
    values = project(cloud, lines, out)
    _each_row(_sort, values)
    return values


def project(cloud: Tensor, lines: Tensor, out: Tensor | None = None) -> Tensor:
    """The cloud's values along each line: M x 147 and D x 147 -> D x M."""
    out = cloud.new_empty(len(lines), len(cloud)) if out is None else out
    if out.device.type != "cpu":
        return torch.mm(lines, cloud.T, out=out)
    np.matmul(lines.numpy(), cloud.numpy().T, out=out.numpy())  # numpy's BLAS is the faster of the two at this shape
    return out


def _each_row(function: Callable[..., _T], *matrices: Tensor) -> list[_T]:
    """[function(row of each matrix), ...]; on a CPU rows are numpy arrays, and each thread takes the next one."""
    if matrices[0].device.type != "cpu":
        return [function(*rows) for rows in zip(*matrices, strict=True)]
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return list(pool.map(function, *(matrix.numpy() for matrix in matrices)))


def _sort(row: np.ndarray | Tensor) -> None:
    """In place. On a CPU numpy sorts float32 with vector instructions, several times as fast as torch."""
    if isinstance(row, np.ndarray):
        row.sort()
    else:
        row.copy_(row.sort().values)


def _gap(row: _Row, ordered: _Row) -> float:
    """Sorts a row in place and returns its mean distance to a sorted one, while it is in the thread's cache."""
    _sort(row)
    row -= ordered
    return float(abs(row).mean())


class _Steps:
    """Counts equal steps of a known number and reports the share done."""

    def __init__(self, progress: Progress | None, count: int):
        self.progress, self.count, self.done = progress, count, 0

    def step(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done / self.count)
