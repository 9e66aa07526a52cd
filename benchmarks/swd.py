"""Sliced Wasserstein distance: ours against the paper's formula in plain numpy, alternating in one process.

python -m benchmarks --only swd
"""

import numpy as np
from scipy import ndimage

from benchmarks.clock import alternate, median, ratio
from benchmarks.options import Options, Row, seconds
from pgan_core.metrics import sliced_wasserstein

COUNT = 4096  # pictures
_KERNEL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(np.float32) / 256


def paper_formula(real, fake, seed=0, minibatch=64):
    """PGGAN's appendix written down in numpy and scipy: {resolution: value x 1e3, ..., "average": ...}."""
    random = np.random.RandomState(seed)
    levels = int(np.log2(real.shape[2])) - 3
    clouds = [[_normalised(c) for c in _patches(x, levels, random, minibatch)] for x in (real, fake)]
    result = {}
    for level, (a, b) in enumerate(zip(*clouds, strict=True)):
        result[real.shape[2] >> level] = 1e3 * np.mean([_one_repeat(a, b, random) for _ in range(4)])
    return {**result, "average": np.mean(list(result.values()))}


def _pyramid(x, levels):
    pyramid = [x.astype(np.float32)]
    for _ in range(levels - 1):
        coarser = ndimage.convolve(pyramid[-1], _KERNEL[None, None], mode="mirror")[:, :, ::2, ::2]
        spread = np.zeros(pyramid[-1].shape, np.float32)
        spread[:, :, ::2, ::2] = coarser
        pyramid[-1] -= ndimage.convolve(spread, 4 * _KERNEL[None, None], mode="mirror")
        pyramid.append(coarser)
    return pyramid


def _patches(pictures, levels, random, minibatch):
    """128 patches of 7 x 7 a picture for each level, as the paper's descriptors: M x 3 x 7 x 7."""
    found = [[] for _ in range(levels)]
    for start in range(0, len(pictures), minibatch):
        for level, x in enumerate(_pyramid(pictures[start : start + minibatch], levels)):
            count, size = len(x) * 128, x.shape[2]
            image, channel, row, column = np.ogrid[0:count, 0:3, -3:4, -3:4]
            column = column + random.randint(3, size - 3, size=(count, 1, 1, 1))
            row = row + random.randint(3, size - 3, size=(count, 1, 1, 1))
            found[level].append(x[image // 128, channel, row, column])
    return [np.concatenate(level) for level in found]


def _normalised(patches):
    patches -= patches.mean(axis=(0, 2, 3), keepdims=True)
    patches /= patches.std(axis=(0, 2, 3), keepdims=True)
    return patches.reshape(len(patches), -1)


def _one_repeat(a, b, random):
    lines = random.randn(a.shape[1], 128)
    lines = (lines / np.sqrt(np.square(lines).sum(axis=0))).astype(np.float32)
    return np.mean(np.abs(np.sort(a @ lines, axis=0) - np.sort(b @ lines, axis=0)))


def _pictures(count, size, seed):
    """Smooth random pictures with noise on top: every level of the pyramid has something in it."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 3, size // 8, size // 8)).repeat(8, 2).repeat(8, 3)
    return np.clip(coarse + random.normal(0, 10, coarse.shape), 0, 255).astype(np.uint8)


def measure(options: Options) -> dict:
    """Seconds of both in one round, their ratio, and both values of random pictures."""
    sliced_wasserstein(*(_pictures(16, 64, seed) for seed in (0, 1)))  # warm up
    count = 32 if options.quick else COUNT
    real, fake = (_pictures(count, 64, seed) for seed in (0, 1))
    values = {}
    ways = {
        "numpy": lambda: values.update(numpy=paper_formula(real, fake)),
        "ours": lambda: values.update(ours=sliced_wasserstein(real, fake)),
    }
    times = alternate(ways, seconds=0, least=1, warm_up=False)
    return {
        "count": count,
        "ours_s": median(times, "ours"),
        "numpy_s": median(times, "numpy"),
        "ratio": ratio(times, "numpy", "ours"),
        "values": {name: float(value["average"]) for name, value in values.items()},
    }


def rows(found: dict) -> list[Row]:
    """One row."""
    ours, numpy = (found["values"][name] for name in ("ours", "numpy"))
    return [
        Row(
            f"Sliced Wasserstein distance, {found['count']:,} pictures of 64x64",
            f"{seconds(found['ours_s'])}, value {ours:.3f}",
            f"the paper's formula in numpy {seconds(found['numpy_s'])}, value {numpy:.3f}",
            f"{found['ratio']:.2f}x",
        )
    ]
