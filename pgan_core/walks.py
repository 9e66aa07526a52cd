"""A walk through the latent space as frames, what it takes to make them, and what it changes in each layer.

cost = estimate(generator, 120)                               # seconds and bytes, before anything is made
frames = render(generator, way)                               # uint8 N x r x r x 3
travel = layer_travel(generator, way)                         # {"4x4/dense": N - 1 relative distances, ...}
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan_core.discriminator import Discriminator
from pgan_core.generator import Generator, Run
from pgan_core.latents import angle_between, check_latents
from pgan_core.pictures import to_floats, to_uint8
from pgan_core.progress import Progress

MAX_FRAMES = 3600  # two minutes at 30 frames a second
MAX_BYTES = 2**30  # of a walk's pictures in memory
PIXELS_AT_ONCE = 2**17  # of a batch: its feature maps stay in a CPU's cache
FILM_SIDE = 64  # pixels of one unit's map in a film


@dataclass(frozen=True)
class WalkEstimate:
    """What a walk takes: seconds (measured on a few frames) and the bytes of its pictures."""

    frames: int
    seconds: float
    bytes: int


def check_frames(frames: int, resolution: int) -> int:
    """The bytes of a walk's pictures. Raises ValueError for no frames, and for more than may be made."""
    size = frames * resolution**2 * 3
    if frames < 1:
        raise ValueError(f"a walk has at least one frame, not {frames}")
    if frames > MAX_FRAMES:
        raise ValueError(f"a walk of {frames:,} frames ({_size(size)}) is too long: the limit is {MAX_FRAMES:,}")
    if size > MAX_BYTES:
        most = MAX_BYTES // (resolution**2 * 3)
        raise ValueError(
            f"{frames:,} frames of {resolution}x{resolution} take {_size(size)}, more than {_size(MAX_BYTES)}: "
            f"the limit at this size is {most:,}"
        )
    return size


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def estimate(
    generator: Generator, frames: int, *, resolution: int | None = None, alpha: float | None = None
) -> WalkEstimate:
    """What a walk of `frames` would take on this machine; one batch is made and timed. No length is refused."""
    resolution, alpha = generator.moment(resolution, alpha)
    count = min(_batch(resolution), max(frames, 1))
    z = torch.zeros(count, generator.config.latent_dim) + 1.0
    labels = torch.zeros(count, dtype=torch.long) if generator.config.label_dim else None
    spans = []
    for _ in range(2):  # the first one also warms up
        start = time.perf_counter()
        render(generator, z, labels, resolution=resolution, alpha=alpha)
        spans.append(time.perf_counter() - start)
    return WalkEstimate(frames, min(spans) / count * frames, frames * resolution**2 * 3)


def _batch(resolution: int) -> int:
    return max(1, PIXELS_AT_ONCE // resolution**2)


def runs(
    generator: Generator,
    z: Tensor,
    labels: Tensor | None = None,
    *,
    resolution: int | None = None,
    alpha: float | None = None,
    keep: tuple[str, ...] = (),
    stop: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Run]:
    """The generator's runs over the latents N x D, a batch at a time; labels: N class indices or rows, or one for all.

    Rows are N x label_dim.
    """
    z = check_latents(z, generator.config.latent_dim)
    resolution, alpha = generator.moment(resolution, alpha)
    size = _batch(resolution)
    if labels is not None:
        labels = labels.expand(len(z), *labels.shape[1:]) if len(labels) == 1 else labels
    for first in range(0, len(z), size):
        chosen = None if labels is None else labels[first : first + size].to(generator.device)
        with torch.inference_mode():
            yield generator.run(
                z[first : first + size].to(generator.device), labels=chosen, resolution=resolution, alpha=alpha,
                keep=keep, stop=stop,
            )  # fmt: skip
        if progress:
            progress(min(1.0, (first + size) / len(z)))


def render(
    generator: Generator,
    z: Tensor,
    labels: Tensor | None = None,
    *,
    resolution: int | None = None,
    alpha: float | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Latents N x D to pictures uint8 N x r x r x 3, r the resolution asked for (default: the stored moment's).

    `generator.prepared()` is faster. Raises ValueError for bad latents and for too many of them.
    """
    check_frames(len(z), generator.moment(resolution, alpha)[0])
    made = runs(generator, z, labels, resolution=resolution, alpha=alpha, progress=progress)
    return np.concatenate([to_uint8(run.images) for run in made])


# ---- the same walk inside the network ----------------------------------------------------------------------------


def layer_travel(
    generator: Generator,
    z: Tensor,
    labels: Tensor | None = None,
    *,
    resolution: int | None = None,
    alpha: float | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """How far each layer's activation moves from frame to frame: name -> N - 1 distances, in order.

    Each is divided by the root mean square norm of the layer's activations along the walk, so that layers of any size
    compare. The
    latent itself (as the network sees it) comes first and the pictures last.
    """
    top, _ = generator.moment(resolution, alpha)
    layers = [name for name in generator.layer_names if int(name.partition("x")[0]) <= top]
    names = ["latent", *layers, "picture"]
    steps, squares, last = {name: [] for name in names}, dict.fromkeys(names, 0.0), {}
    made = runs(
        generator, z, labels, resolution=resolution, alpha=alpha, keep=("latent", *layers), progress=progress
    )  # fmt: skip
    for run in made:
        assert run.images is not None  # without `stop` a walk ends at the picture
        for name, x in (*run.activations.items(), ("picture", run.images)):
            # a prepared network's maps lie channels-last: in this order they are read as they lie, not copied
            x = (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).flatten(1)
            squares[name] += float(torch.linalg.vector_norm(x, dim=1).double().square().sum())
            if name in last:
                steps[name] += (x[:1] - last[name]).norm(dim=1).tolist()
            steps[name] += (x[1:] - x[:-1]).norm(dim=1).tolist()
            last[name] = x[-1:].clone()
    return {name: np.array(steps[name]) / max((squares[name] / len(z)) ** 0.5, 1e-30) for name in names}


def layer_film(
    generator: Generator,
    z: Tensor,
    layer: str,
    labels: Tensor | None = None,
    *,
    units: int = 16,
    progress: Progress | None = None,
) -> tuple[np.ndarray, list[int]]:
    """A layer's most changing units along a walk: maps uint8 N x units x side x side, and the units' numbers.

    Black is a unit's lowest value along the walk and white its highest. The units are those whose maps vary most over a
    few frames. Raises ValueError for a layer that the network does not have.
    """
    if layer not in generator.layer_names:
        raise ValueError(f"there is no layer {layer!r} in this network; it has {', '.join(generator.layer_names)}")
    top = min(r for r in generator.resolutions if r >= int(layer.partition("x")[0]))

    def maps(latents: Tensor, labels: Tensor | None, report: Progress | None = None) -> Iterator[Tensor]:
        for run in runs(generator, latents, labels, resolution=top, alpha=1.0, stop=layer, progress=report):
            yield run.activations[layer].float().cpu()

    some = slice(None, None, max(1, len(z) // 16))
    few = torch.cat(list(maps(z[some], labels if labels is None or len(labels) == 1 else labels[some])))
    chosen = few.std(dim=0).mean(dim=(1, 2)).topk(min(units, few.shape[1])).indices.sort().values
    shrink = max(1, few.shape[-1] // FILM_SIDE)
    film = torch.cat([F.avg_pool2d(x[:, chosen], shrink) for x in maps(z, labels, progress)])
    low, high = (edge(film, dim=(0, 2, 3), keepdim=True) for edge in (torch.amin, torch.amax))
    scaled = (film - low) / (high - low).clamp(min=1e-12)
    return (scaled * 255).round().to(torch.uint8).numpy(), chosen.tolist()


# ---- smoothness as an eye would measure it -----------------------------------------------------------------------


def perceptual_steps(
    discriminator: Discriminator, pictures: np.ndarray, *, progress: Progress | None = None
) -> np.ndarray:
    """The perceptual distance from each frame to the next: pictures uint8 N x r x r x C to N - 1 numbers.

    As LPIPS (Zhang et al. 2018) with all weights 1, and with this run's own discriminator in VGG's place, so that
    nothing has to be fetched: features of each layer normed over channels, squared differences averaged over places,
    summed over layers. It compares walks of one network, not networks. Layers at 4x4 come after minibatch stddev, which
    compares pictures, and are left out; so pictures of 4x4 raise ValueError.
    """
    size = pictures.shape[1]
    if size <= 4:
        raise ValueError("pictures of 4x4 are too small for a perceptual distance")
    names = [f"{r}x{r}/conv{i}" for r in discriminator.config.sizes[::-1] if 4 < r <= size for i in (0, 1)]
    images = to_floats(pictures)
    images = images[:, : discriminator.config.image_channels]
    total, last, batch = [], {}, _batch(size)
    for first in range(0, len(images), batch):
        some = images[first : first + batch].to(discriminator.device, memory_format=torch.channels_last)
        with torch.inference_mode():
            run = discriminator.run(some, resolution=size, alpha=1.0, keep=names, stop=names[-1])
        steps = torch.zeros((), device=some.device)
        for name in names:
            x = F.normalize(run.activations[name], dim=1)
            joined = torch.cat([last[name], x]) if name in last else x
            steps = steps + (joined[1:] - joined[:-1]).square().sum(dim=1).mean(dim=(1, 2))
            last[name] = x[-1:]
        total.append(steps.cpu().numpy())
        if progress:
            progress(min(1.0, (first + batch) / len(images)))
    return np.concatenate(total)


def path_length(steps: np.ndarray, z: Tensor) -> float:
    """Perceptual path length: the mean of distance / angle^2 over the steps of a walk, angles in radians.

    Karras et al. 2019 (StyleGAN), section 4.1, with the angle that z turns in place of the step of t. Steps on
    which z stands still are left out; NaN if it never moves.
    """
    angles = angle_between(z[:-1], z[1:]).cpu().numpy()
    moving = angles > 1e-6
    return float((steps[moving] / angles[moving] ** 2).mean()) if moving.any() else float("nan")
