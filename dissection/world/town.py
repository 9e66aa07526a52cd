"""Toy Town: procedural scenes with an exact label for every pixel.

GAN Dissection (Bau et al., ICLR 2019) asks why doors appear on buildings and not on trees. Here the answer is known,
because the world is ours: doors and windows are only on walls, roofs on walls, chimneys on roofs, foliage on trunks,
and sun, moon and clouds in the sky. `scenes.py` draws them.

    python -m dissection.world.town --count 30000 --size 64 --seed 0 --out town.npz

writes an uncompressed npz with `images` uint8 N x 3 x H x W, `labels` uint8 N x H x W, `concepts` (the labels' names)
and `settings` (JSON), and beside it a sheet of some scenes, town.png.
"""

import argparse
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dissection.world.canvas import CONCEPTS, SIZES
from dissection.world.label_sheet import label_sheet
from dissection.world.scenes import check_size, scene

__all__ = ["CONCEPTS", "PALETTE", "SIZES", "scene", "town", "write_town"]

# The colour of each concept in label maps, on every page and sheet.
PALETTE = np.array(
    [
        *([0, 0, 0], [135, 190, 235], [255, 205, 40], [205, 205, 245], [255, 255, 255], [125, 120, 165]),
        *([150, 205, 95], [105, 105, 110], [240, 205, 165], [200, 60, 55], [60, 225, 235], [120, 45, 130]),
        *([250, 130, 50], [115, 75, 40], [25, 110, 55], [245, 120, 180]),
    ],
    dtype=np.uint8,
)
BATCH = 256
SHEET = 48  # scenes on the sheet


def town(
    count: int, size: int = 64, seed: int = 0, start: int = 0, batch: int = BATCH
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scenes `start` to `start + count - 1` of the town `seed`, in batches of at most `batch`.

    Yields (images uint8 n x 3 x H x W, labels uint8 n x H x W); scene i is the same whatever the count and
    the batch. Raises ValueError for a size that is not one of SIZES or a count below 1.
    """
    check_size(size)
    if count < 1:
        raise ValueError(f"A town has at least one scene; got a count of {count}.")
    return _batches(count, size, seed, start, batch)


def _batches(count: int, size: int, seed: int, start: int, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for first in range(start, start + count, batch):
        pairs = [scene(seed, size, index) for index in range(first, min(first + batch, start + count))]
        images, labels = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        yield np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels


def write_town(path: str | Path, count: int, size: int = 64, seed: int = 0) -> None:
    """Write the first `count` scenes of a town, and a sheet of some (`path` with the ending .png).

    Pictures are streamed to a temporary file that becomes `path` once it is whole; only labels are held in memory.
    """
    path = Path(path)
    batches = town(count, size, seed)
    labels = np.empty((count, size, size), np.uint8)
    settings = {"world": "Toy Town", "count": count, "size": size, "seed": seed}
    partial, sheet = path.with_name(path.name + ".partial"), None
    try:
        with zipfile.ZipFile(partial, "w") as archive, tqdm(total=count, unit="scene") as bar:
            with archive.open("images.npy", "w", force_zip64=True) as member:
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, 3, size, size)}
                np.lib.format.write_array_header_1_0(member, header)
                for images, some_labels in batches:
                    if bar.n == 0:
                        sheet = label_sheet(
                            images[:SHEET], some_labels[:SHEET], CONCEPTS, PALETTE, zoom=max(1, 128 // size)
                        )
                    member.write(images.tobytes())
                    labels[bar.n : bar.n + len(images)] = some_labels
                    bar.update(len(images))
            rest = {
                "labels": labels,
                "concepts": np.array(CONCEPTS),
                "settings": np.array(json.dumps(settings)),
            }
            for name, array in rest.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        if sheet is not None:
            sheet.save(path.with_suffix(".png"))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.world.town") -> None:
    """The command; a bad argument ends it with one sentence."""
    parser = argparse.ArgumentParser(prog=prog, description="Write scenes of Toy Town.")
    parser.add_argument("--count", type=int, default=30_000, help="how many scenes (default 30000)")
    parser.add_argument("--size", type=int, default=64, help="side in pixels: 16, 32, 64, 128 or 256 (default 64)")
    parser.add_argument("--seed", type=int, default=0, help="which town (default 0)")
    parser.add_argument("--out", type=Path, required=True, help="the npz file to write")
    chosen = parser.parse_args(arguments)
    try:
        write_town(chosen.out, chosen.count, chosen.size, chosen.seed)
    except ValueError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{chosen.out} cannot be written: {error.strerror or error}.")


if __name__ == "__main__":
    main()
