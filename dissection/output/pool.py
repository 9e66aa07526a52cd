"""A few small pictures of a dissection's sample, the same for every unit, and where each unit is lit in them.

    pool = measure_pool(generator, dissection, "8x8/conv1")
    pool.sheet(17, [3, 1, 4])                        # unit 17 in three of the pictures

A unit's page sorts them by the unit's peak. One walk serves all units of a layer; `python -m dissection units` keeps
what it finds for every layer in `pool.npz`, so that a page draws nothing.
"""

from __future__ import annotations

import io
import lzma
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dissection.output.overlays import lit_region, make_material, resize_pictures
from dissection.result import UNREADABLE, Dissection, DissectionError, read_arrays
from dissection.scoring.tally import resize_maps
from pgan_core.adapters import UnitGenerator
from pgan_core.checkpoints.native import write_atomically
from pgan_core.pictures import contact_sheet
from pgan_core.progress import Progress

FILE = "pool.npz"
COUNT, SIDE = 50, 64  # the first pictures of the sample, and their pixels a side
GAP = 2


@dataclass(frozen=True)
class Pool:
    """P pictures and the U units of one layer."""

    pictures: np.ndarray  # P x SIDE x SIDE x 3, uint8
    lit: np.ndarray  # U x P x SIDE x SIDE / 8, uint8: a bit for each pixel, set above the unit's own level

    def sheet(self, unit: int, images: list[int]) -> np.ndarray:
        """Pictures side by side with what the unit lights, one uint8 picture."""
        lit = np.unpackbits(self.lit[unit, images], axis=-1).astype(bool)
        return contact_sheet(lit_region(self.pictures[images], lit), len(images), GAP)


def measure_pool(generator: UnitGenerator, dissection: Dissection, layer: str) -> Pool:
    """Draws the pictures and lights them for all units of a layer."""
    count = min(COUNT, int(dissection.info["samples"]))
    material = make_material(generator, dissection, layer, range(count))
    levels = dissection.layers[layer].scores.thresholds
    lit = np.stack([
        np.packbits(resize_maps(material.maps[:, unit], (SIDE, SIDE), material.border).numpy() > level, axis=-1)
        for unit, level in enumerate(levels)
    ])  # fmt: skip
    return Pool(resize_pictures(material.pictures, SIDE), lit)


def save_pools(
    folder: str | Path, generator: UnitGenerator, dissection: Dissection, progress: Progress | None = None
) -> Path:
    """Measure every layer and write `pool.npz` into the folder, whole or not at all."""
    arrays = {}
    for done, (name, layer) in enumerate(dissection.layers.items(), 1):
        pool = measure_pool(generator, dissection, name)
        arrays |= {"pictures": pool.pictures, f"{name}/lit": pool.lit, f"{name}/levels": layer.scores.thresholds}
        if progress:
            progress(done / len(dissection.layers))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:  # a quarter less than numpy's own compression
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)
    write_atomically(Path(folder) / FILE, buffer.getvalue())
    return Path(folder) / FILE


def load_pool(folder: str | Path, dissection: Dissection, layer: str) -> Pool | None:
    """What `save_pools` wrote of a layer; None where there is no file, or it is of another dissection.

    Raises DissectionError, one sentence, for a file that cannot be read.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        pictures, lit, levels = read_arrays(path, ("pictures", f"{layer}/lit", f"{layer}/levels")).values()
    except KeyError:
        return None
    except (*UNREADABLE, lzma.LZMAError) as error:
        raise DissectionError(f"{path} does not hold readable pictures of units ({error}).") from error
    count = min(COUNT, int(dissection.info["samples"]))
    shapes = pictures.shape == (count, SIDE, SIDE, 3) and lit.shape == (len(levels), count, SIDE, SIDE // 8)
    fits = shapes and pictures.dtype == lit.dtype == np.uint8
    if not fits or not np.array_equal(levels, dissection.layers[layer].scores.thresholds):
        return None
    return Pool(pictures, lit)
