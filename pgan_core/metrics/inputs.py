"""Sets of pictures as the measures take them: N x 3 x H x W, uint8 or float, values in 0..255."""

import numpy as np
import torch

_DTYPES = ("uint8", "float16", "bfloat16", "float32", "float64")


def check_picture_set(pictures, name, *, at_least=1):
    """Look at type, dtype and shape without touching a pixel; ValueError, one sentence that names the set."""
    if not isinstance(pictures, np.ndarray | torch.Tensor):
        raise ValueError(f"{name}: expected a numpy array or a tensor, got {type(pictures).__name__}.")
    dtype = str(pictures.dtype).removeprefix("torch.")
    if dtype not in _DTYPES:
        raise ValueError(f"{name}: expected uint8 or float pictures, got dtype {dtype}.")
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ValueError(f"{name}: expected pictures of shape N x 3 x H x W, got {tuple(pictures.shape)}.")
    if len(pictures) < at_least:
        raise ValueError(f"{name}: at least {at_least} pictures are needed, got {len(pictures)}.")


def picture_batch(pictures, start, stop, *, name="pictures", device=None, dtype=torch.float32):
    """Pictures `start` to `stop` of a checked set as floats on `device` (None: where they are).

    A memory-mapped array is read here and only here, so that a set may be larger than memory.
    Raises ValueError where a value is NaN or infinite.
    """
    batch = pictures[start:stop]
    if isinstance(batch, np.ndarray):
        batch = torch.from_numpy(np.array(batch))
    # First to the device, then to floats: bytes travel at a quarter of the cost.
    batch = batch.to(device)
    if batch.is_floating_point() and not torch.isfinite(batch).all():
        raise ValueError(f"{name}: some pixels are NaN or infinite.")
    return batch.to(dtype)
