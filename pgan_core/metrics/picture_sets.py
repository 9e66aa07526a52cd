"""Where the measured pictures come from: a generator, a data file, or a folder of picture files."""

import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from pgan_core.latents import following_seeds, inputs_from_seeds
from pgan_core.picture_data import box_average, load_images
from pgan_core.pictures import to_uint8

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
_IN_MEMORY = 2**31  # bytes; larger sets go to a temporary file
_BATCH_PIXELS = 2**20  # pixels that a generator makes at one time


def generated_pictures(generator, count, *, seed=0, label=None, progress=None):
    """Pictures of the seeds `seed`, `seed + 1`, ..., uint8 count x 3 x R x R, as a viewer would see them.

    `label` is the class of all where one is chosen; else each seed has its own (`inputs_from_seeds`). `progress`, if
    given, is called with the share done.
    """
    size, seeds = generator.resolution, following_seeds(seed, count)
    pictures = new_picture_set(count, size)
    batch = max(1, min(64, _BATCH_PIXELS // size**2))
    with torch.inference_mode():
        for start in range(0, count, batch):
            images = generator(*inputs_from_seeds(generator, seeds[start : start + batch], label))
            pictures[start : start + len(images)] = to_uint8(images).transpose(0, 3, 1, 2)
            if progress:
                progress((start + len(images)) / count)
    return pictures


def real_pictures(path, size, *, at_most, seed=0):
    """Pictures of an .npz (array `images`) or a folder in a random order, uint8 N x 3 x size x size.

    At most `at_most` of them; larger ones are averaged over boxes down to `size`. Raises ValueError (or DataError, a
    ValueError) with one sentence for a path that holds no such pictures.
    """
    path = Path(path)
    random = np.random.default_rng(seed)
    if path.is_dir():
        files = picture_files(path)
        chosen = [files[i] for i in random.permutation(len(files))[:at_most]]
        pictures = new_picture_set(len(chosen), size)
        for i, file in enumerate(chosen):
            pictures[i] = read_picture(file, size)
        return pictures
    images = load_images(path)
    chosen = images[random.permutation(len(images))[:at_most]]
    return to_size(chosen, size, name=str(path))


def picture_files(folder: Path) -> list[Path]:
    """All picture files below a folder, by name; ValueError where there are none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise ValueError(f"The folder {folder} holds no picture files.")
    return files


def read_picture(file, size=None, *, name=None):
    """One picture file (a path or a binary file) as uint8 3 x size x size; ValueError where it cannot be.

    Without `size` it stays 3 x H x W as it is."""
    name = name or str(file)
    try:
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise ValueError(f"{name} is not a readable picture.") from error
    return to_size(pixels[None], size, name=name)[0] if size else pixels


def to_size(pictures, size, *, name="pictures"):
    """uint8 N x 3 x H x W averaged over square boxes down to `size`; ValueError where that does not come out even."""
    height, width = pictures.shape[2:]
    if height != width or height % size:
        raise ValueError(
            f"{name}: square pictures of {size} pixels or a whole multiple of it are needed, found {width} x {height}."
        )
    return box_average(pictures, size)


def new_picture_set(count, size):
    """An empty uint8 count x 3 x size x size array; one that is too large for memory lies in a temporary file."""
    shape = (count, 3, size, size)
    if math.prod(shape) <= _IN_MEMORY:
        return np.empty(shape, np.uint8)
    return np.memmap(tempfile.TemporaryFile(), np.uint8, "w+", shape=shape)
