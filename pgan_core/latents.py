"""Latents: from seeds to points, and paths between them (section 6.3 of Karras et al. 2018).

    z, labels = inputs_from_seeds(generator, range(64))                # what a seed is, for every kind of network
    z = latents_from_seeds(range(64), generator.config.latent_dim)     # N x latent_dim, float32
    way = path(z[:4], 120, closed=True)                                # 120 x latent_dim: a loop through four points
    images = generator(way)

A network that normalises its latents sees only their direction: lerp and slerp then show the same pictures at
different speeds, and truncation towards 0 changes nothing.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

MAX_SEED = 2**32 - 1
METHODS = ("slerp", "lerp")
PLANE_STRIDE = 100  # seeds from one row of the plane of seeds to the next, as in NVIDIA's visualizer
PARALLEL = 1e-6  # sine of an angle below which two directions count as one line


def latents_from_seeds(seeds: Iterable[int], latent_dim: int) -> Tensor:
    """One latent N(0, I) a seed, N x latent_dim float32 on the CPU, by the field's rule: RandomState(seed).randn(dim).

    A seed is the same latent on every device, under any number of threads and at any place of the batch; the numbers
    are those of NVIDIA's scripts. Raises ValueError for a seed outside 0 to 2^32 - 1 and for no seed at all.
    """
    seeds = list(seeds)
    if not seeds:
        raise ValueError("no seed was given; at least one is needed")
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise ValueError(f"a seed is a whole number from 0 to {MAX_SEED}, not {seed}")
    rows = [np.random.RandomState(int(seed)).standard_normal(latent_dim) for seed in seeds]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def classes_from_seeds(seeds: Iterable[int], classes: int, label: int | None = None) -> Tensor | None:
    """The class of each seed, N int64: `label` where one is chosen, else seed mod classes. None without classes.

    Raises ValueError for a label that the network does not have.
    """
    if label is not None and not 0 <= label < classes:
        has = f"has the classes 0 to {classes - 1}" if classes else "has no classes"
        raise ValueError(f"this network {has}: there is no class {label}")
    if not classes:
        return None
    return torch.tensor([int(seed) % classes if label is None else label for seed in seeds])


def inputs_from_seeds(generator, seeds: Iterable[int], label: int | None = None) -> tuple[Tensor, Tensor | None]:
    """The inputs that seeds stand for: latents N x latent_dim and class indices N (or None), on its device.

    A seed has its own class (`classes_from_seeds`), so that it is the same picture at any place of any batch.
    """
    seeds, config = list(seeds), generator.config
    labels = classes_from_seeds(seeds, config.label_dim, label)
    z = latents_from_seeds(seeds, config.latent_dim).to(generator.device)
    return z, None if labels is None else labels.to(generator.device)


def following_seeds(seed: int, count: int) -> list[int]:
    """seed, seed + 1, ..., count of them; after the last seed of all comes 0."""
    return [(seed + i) % (MAX_SEED + 1) for i in range(count)]


def check_latents(z, latent_dim: int | None = None) -> Tensor:
    """Latents as a float32 tensor N x latent_dim. Raises ValueError for none, another length, NaN and infinity."""
    z = torch.as_tensor(z, dtype=torch.float32)
    if z.dim() != 2 or not z.numel():
        raise ValueError(
            f"latents are N x {latent_dim or 'length'} numbers, not {' x '.join(map(str, z.shape)) or 'one'}"
        )
    if latent_dim is not None and z.shape[1] != latent_dim:
        raise ValueError(f"this network's latents have {latent_dim} numbers each, these have {z.shape[1]}")
    if not torch.isfinite(z).all():
        row = int((~torch.isfinite(z)).any(dim=1).nonzero()[0])
        raise ValueError(f"latent {row} holds NaN or infinity")
    return z


# ---- between two points ------------------------------------------------------------------------------------------


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """The angle in radians, 0 to pi, over the last axis; accurate for nearly parallel vectors too."""
    a, b = _direction(a.double()), _direction(b.double())
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))


def lerp(a, b, t) -> Tensor:
    """Linear interpolation (1 - t) a + t b; t a number, or T numbers for a result of T x the shape of a."""
    a, b, t = _operands(a, b, t)
    return ((1 - t) * a.double() + t * b.double()).to(a.dtype)


def slerp(a, b, t, *, unit: bool = False) -> Tensor:
    """Spherical interpolation sin((1 - t) w)/sin(w) a + sin(t w)/sin(w) b, w the angle between a and b (last axis).

    t: a number, or T numbers for a result of T x the shape of a; outside 0 to 1 it goes on along the same circle.
    Latents of equal norm keep it, and equal steps of t turn by equal angles. `unit` first brings both to norm 1.
    Parallel vectors (one may be 0) are interpolated linearly; opposite ones turn along a fixed half circle.
    """
    a, b, t = _operands(a, b, t)
    x, y = (_direction(a.double()), _direction(b.double())) if unit else (a.double(), b.double())
    angle = angle_between(a, b)[..., None]
    line = torch.sin(angle) < PARALLEL
    sine = torch.where(line, 1.0, torch.sin(angle))
    arc = (torch.sin((1 - t) * angle) * x + torch.sin(t * angle) * y) / sine
    straight = (1 - t) * x + t * y
    length = (1 - t) * x.norm(dim=-1, keepdim=True) + t * y.norm(dim=-1, keepdim=True)
    half_turn = length * (torch.cos(t * math.pi) * _direction(x) + torch.sin(t * math.pi) * _perpendicular(x))
    on_a_line = torch.where(angle < math.pi / 2, straight, half_turn)
    either_zero = (x.norm(dim=-1, keepdim=True) == 0) | (y.norm(dim=-1, keepdim=True) == 0)
    return torch.where(either_zero, straight, torch.where(line, on_a_line, arc)).to(a.dtype)


def _operands(a, b, t) -> tuple[Tensor, Tensor, Tensor]:
    """a and b as tensors, t as float64 with axes appended for theirs."""
    a, b, t = torch.as_tensor(a), torch.as_tensor(b), torch.as_tensor(t, dtype=torch.float64)
    a = a if a.is_floating_point() else a.float()
    return a, b, t.to(a.device).reshape(*t.shape, *(1,) * a.dim())


def _direction(x: Tensor) -> Tensor:
    """x at norm 1 over the last axis; 0 stays 0."""
    norm = x.norm(dim=-1, keepdim=True)
    return x / torch.where(norm == 0, 1.0, norm)


def _perpendicular(x: Tensor) -> Tensor:
    """A unit vector at right angles to x: the axis of x's smallest number, made perpendicular."""
    e = _direction(x)
    axis = torch.zeros_like(e).scatter_(-1, e.abs().argmin(dim=-1, keepdim=True), 1.0)
    return _direction(axis - (axis * e).sum(dim=-1, keepdim=True) * e)


# ---- paths -------------------------------------------------------------------------------------------------------


def path(points, frames: int, *, closed: bool = False, method: str = "slerp") -> Tensor:
    """A path of `frames` latents through the points N x D, evenly spaced from point to point: frames x D.

    An open path begins at the first point and ends at the last. A closed one returns to the first, and leaves that
    frame out so that it repeats without a stop. Raises ValueError for fewer than two points and for no frames.
    """
    points = check_latents(points)
    if method not in METHODS:
        raise ValueError(f"a walk is interpolated by {' or '.join(METHODS)}, not {method!r}")
    if len(points) < 2:
        raise ValueError("a walk needs at least two key points; one was given")
    if frames < 1:
        raise ValueError(f"a walk has at least one frame, not {frames}")
    legs = len(points) if closed else len(points) - 1
    place = torch.linspace(0, legs, frames + closed, dtype=torch.float64)[:frames]
    leg = place.floor().long().clamp(max=legs - 1)
    ways = []
    for i in leg.unique().tolist():
        step = slerp if method == "slerp" else lerp
        ways.append(step(points[i], points[(i + 1) % len(points)], place[leg == i] - i))
    return torch.cat(ways)


def random_walk(frames: int, latent_dim: int, *, smoothing: float = 30, seed: int = 0) -> Tensor:
    """A smooth closed random path, frames x latent_dim, as in the official videos (section 6.3).

    White noise, smoothed along the path with a Gaussian of `smoothing` frames that wraps around, then scaled so that
    its mean square is 1. Raises ValueError for no frames and for a smoothing that is not above 0.
    """
    if frames < 1:
        raise ValueError(f"a walk has at least one frame, not {frames}")
    if not smoothing > 0:
        raise ValueError(f"the smoothing is a number of frames above 0, not {smoothing}")
    noise = np.random.RandomState(seed).standard_normal((frames, latent_dim)).astype(np.float32)
    from scipy.ndimage import gaussian_filter1d  # here: no other page needs it, and the first visitor waits for it

    smooth = gaussian_filter1d(noise.astype(np.float64), smoothing, axis=0, mode="wrap")
    return torch.from_numpy((smooth / np.sqrt(np.mean(smooth**2))).astype(np.float32))


def circle(centre, frames: int, *, angle: float = 0.5, seed: int = 0) -> Tensor:
    """A closed path around a latent, frames x D: all at the given angle (radians) from it, with its norm.

    `seed` chooses the plane. Raises ValueError for a centre of norm 0, for D < 3 and for no frames.
    """
    centre = check_latents(torch.as_tensor(centre).reshape(1, -1))[0].double()
    if frames < 1:
        raise ValueError(f"a walk has at least one frame, not {frames}")
    if centre.numel() < 3 or centre.norm() == 0:
        raise ValueError("a circle needs a centre of three numbers or more that are not all 0")
    u, v = _perpendicular_pair(centre, seed)
    turn = 2 * math.pi * torch.arange(frames, dtype=torch.float64, device=centre.device)[:, None] / frames
    rim = centre.norm() * (torch.cos(turn) * u + torch.sin(turn) * v)
    return (math.cos(angle) * centre + math.sin(angle) * rim).float()


def _perpendicular_pair(centre: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Two unit vectors at right angles to the centre and to each other."""
    drawn = torch.from_numpy(_sideways(seed, 2, centre.numel())).to(centre.device)
    u = orthogonalize(drawn[0], centre[None])
    return u, orthogonalize(drawn[1], torch.stack([centre, u]))


def _sideways(seed: int, count: int, latent_dim: int) -> np.ndarray:
    """Random vectors, count x latent_dim, from another stream than `latents_from_seeds`, where a seed is a latent."""
    return np.random.RandomState([seed, 1]).standard_normal((count, latent_dim))


def seed_plane(x, y, latent_dim: int) -> Tensor:
    """Points of the plane of seeds: at whole x and y the latent of seed x + 100 y, between them a bilinear blend.

    x, y: N numbers each, or one. Seeds wrap around at 2^32, so that the plane has no edge. Returns N x latent_dim.
    """
    seeds, shares = _corners(x, y)
    distinct, places = np.unique(seeds, return_inverse=True)
    latents = latents_from_seeds(distinct.tolist(), latent_dim).numpy()[places.reshape(seeds.shape)]
    return torch.from_numpy((latents * shares[..., None]).sum(axis=0).astype(np.float32))


def seed_plane_classes(x, y, classes: int) -> Tensor:
    """The classes that belong to the latents of `seed_plane`, blended as they are: N x classes, rows of sum 1."""
    seeds, shares = _corners(x, y)
    rows = np.eye(classes)[seeds % classes]
    return torch.from_numpy((rows * shares[..., None]).sum(axis=0).astype(np.float32))


def _corners(x, y) -> tuple[np.ndarray, np.ndarray]:
    """The four seeds around each place of the plane and their shares in it, 4 x N each."""
    x, y = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, np.float64)) for v in (x, y)))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a place in the plane of seeds is two numbers, not NaN or infinity")
    corners = [(np.floor(x) + i, np.floor(y) + j) for i in (0, 1) for j in (0, 1)]
    seeds = np.stack([(cx.astype(np.int64) + PLANE_STRIDE * cy.astype(np.int64)) % 2**32 for cx, cy in corners])
    return seeds, np.stack([(1 - abs(x - cx)) * (1 - abs(y - cy)) for cx, cy in corners])


# ---- moving points -----------------------------------------------------------------------------------------------


def truncate(z: Tensor, psi: float, mean: Tensor | None = None) -> Tensor:
    """Latents moved towards the mean (default 0): mean + psi (z - mean). No effect where latents are normalised."""
    return psi * z if mean is None else mean + psi * (z - mean)


def combine(z: Tensor, weights: Sequence[float]) -> Tensor:
    """Latent arithmetic: the sum of weights[i] z[i], 1 x D for z N x D. Raises ValueError unless there are N."""
    if len(weights) != len(z):
        raise ValueError(f"{len(z)} latents are combined with {len(z)} weights, not {len(weights)}")
    return (torch.as_tensor(weights, dtype=z.dtype, device=z.device) @ z)[None]


def neighbours(z, numbers: Iterable[int], *, angle: float = 0.4) -> Tensor:
    """Latents around one, each at the given angle (radians) from it and with its norm: N x D, one for each number.

    A neighbour depends on its number only, not on which others are asked for. Raises ValueError for a latent of norm 0.
    """
    z = check_latents(torch.as_tensor(z).reshape(1, -1))[0].double()
    if z.norm() == 0 or z.numel() < 2:
        raise ValueError("a latent that is 0 everywhere has no neighbours at an angle")
    drawn = [torch.from_numpy(_sideways(number, 1, z.numel())[0]).to(z.device) for number in numbers]
    sideways = torch.stack([orthogonalize(row, z[None]) for row in drawn])
    return (math.cos(angle) * z + math.sin(angle) * z.norm() * sideways).float()


def orthogonalize(direction, others) -> Tensor:
    """The part of a direction (D) at right angles to all others (M x D), at norm 1.

    Raises ValueError where nothing of it is left: it is a combination of the others.
    """
    direction = torch.as_tensor(direction)
    basis = torch.linalg.qr(torch.as_tensor(others).double().T).Q.to(direction.device)  # D x M
    unit = _direction(direction.double())
    rest = unit - basis @ (basis.T @ unit)
    rest = rest - basis @ (basis.T @ rest)  # twice: what rounding left of the others
    if rest.norm() < 1e-6:
        raise ValueError("this direction is a combination of the others: nothing of it is left")
    return _direction(rest).to(direction.dtype)


# ---- measuring a path --------------------------------------------------------------------------------------------


def norms_and_angles(z: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Along a path N x D: the norm at each frame (N), and the angle from each to the next in degrees (N - 1)."""
    z = z.cpu()
    return z.double().norm(dim=1).numpy(), torch.rad2deg(angle_between(z[:-1], z[1:])).numpy()
