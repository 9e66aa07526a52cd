"""Pictures of one's own as a training set: uploaded, checked, cropped, previewed. No Streamlit."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pgan_core.picture_data import DataError
from pgan_core.training.picture_files import MOST_BYTES, load_pictures

FEWEST = 200
NAME = "pictures.npz"


def read(files: Sequence[tuple[str, bytes]], size: int, folder: Path) -> np.ndarray:
    """uint8 N x 3 x size x size of uploaded files (name, content): one zip, or pictures. `folder` is an empty one.

    Raises DataError, one sentence.
    """
    if sum(len(content) for _, content in files) > MOST_BYTES:
        raise DataError(f"The files have more than {MOST_BYTES / 1e6:,.0f} MB together; fewer pictures will do.")
    zips = [content for name, content in files if name.lower().endswith(".zip")]
    if zips and len(files) > 1:
        raise DataError("Give one zip file, or pictures, but not both.")
    path = folder / "pictures.zip"
    if zips:
        path.write_bytes(zips[0])
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for number, (name, content) in enumerate(files):
                name = Path(name).name.encode(errors="replace").decode().replace("\0", "?")  # a zip's names end at 0
                archive.writestr(f"{number:06d}-{name}", content)
    try:
        return load_pictures(path, size, at_least=FEWEST)
    except DataError as error:
        raise DataError(str(error).replace(str(path), "The upload")) from error
    finally:
        path.unlink(missing_ok=True)


def store(images: np.ndarray, folder: Path) -> list[str]:
    """Writes the set into a run's folder; gives the arguments that train on it."""
    np.savez(folder / NAME, images=images)
    return ["--data", str(folder / NAME)]
