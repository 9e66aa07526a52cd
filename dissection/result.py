"""A finished dissection: what was measured and how, in two files that open anywhere.

    dissection = Dissection.load("assets/dissection")       # no model, no segmenter, no pickle
    layer = dissection.layers["8x8/conv1"]
    layer.scores.best_concept, layer.iou_low, layer.iou_high

`dissection.npz` holds the arrays, `dissection.json` the names and settings.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from dissection.scoring.score import RULES
from dissection.scoring.spool import DissectionError
from dissection.scoring.tally import UnitScores, overlap_ceiling
from pgan_core.checkpoints.native import write_atomically

FORMAT = "pggan-lab dissection 1"
ARRAYS, SETTINGS = "dissection.npz", "dissection.json"
MAX_BYTES = 4 << 30  # of a file's arrays when unpacked; a file that claims more is refused

# What json, zipfile, zlib and numpy raise for files that are broken, encrypted, nested too deep or too large.
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, MemoryError, struct.error, zlib.error, zipfile.BadZipFile)


@dataclass(frozen=True)
class LayerDissection:
    """U units of one layer against C concepts; L candidate levels, B bins of the histogram."""

    scores: UnitScores
    iou_low: np.ndarray  # U, float64: 95% bootstrap interval over images of the best concept's IoU
    iou_high: np.ndarray  # U
    mean: np.ndarray  # U, float64: of the raw map over the whole sample
    std: np.ndarray  # U
    off: np.ndarray  # U: share of raw values that are 0 or less
    # On the images that levels were chosen from:
    levels: np.ndarray  # U x L, float32: candidate levels
    lit: np.ndarray  # U x L x C, int64: pixels above each level in each concept; column 0: in all
    level_label_pixels: np.ndarray  # C, int64: pixels of each concept
    level_pixels: int  # all pixels
    histogram: np.ndarray  # U x B, int64: enlarged values in bins of equal width
    histogram_span: np.ndarray  # U x 2, float64: where the first bin begins and the last one ends

    def unit_level_iou(self, unit: int) -> np.ndarray:
        """IoU of one unit at every candidate level with every concept, L x C, on the level images."""
        lit = self.lit[unit]
        iou = lit / np.maximum(lit[:, :1] + self.level_label_pixels - lit, 1)
        iou[:, 0] = 0
        return iou

    def ceiling(self) -> np.ndarray:
        """The highest IoU with each concept that each unit's share of lit pixels allows, U x C."""
        pixels = np.maximum(self.scores.pixels, 1)
        return overlap_ceiling(self.scores.active / pixels, self.scores.label_pixels / pixels)

    def response(self) -> np.ndarray:
        """Correlation over pixels of lit and labelled, U x C in [-1, 1]; 0 where either never varies."""
        scores = self.scores
        pixels, lit, labelled = scores.pixels.astype(float), scores.active.astype(float), scores.label_pixels
        spread = lit * (pixels - lit) * labelled * (pixels - labelled)
        covariance = scores.intersections * pixels - lit * labelled
        return np.where(spread > 0, covariance / np.sqrt(np.maximum(spread, 1)), 0.0)

    def concept_counts(self, num_concepts: int) -> np.ndarray:
        """How many interpretable units have each concept as their best, C."""
        best = self.scores.best_concept[self.scores.interpretable]
        return np.bincount(best, minlength=num_concepts)


@dataclass(frozen=True)
class Dissection:
    """Layers by name, the concepts' names (index 0 is "no label"), and how it was made (plain JSON values)."""

    concepts: tuple[str, ...]
    layers: dict[str, LayerDissection]
    info: dict

    @property
    def in_halves(self) -> bool:
        """Whether levels are chosen from one half of the sample and scored on the other."""
        rule = RULES.get(str(self.info.get("rule")))
        return rule is not None and rule.halves

    def renamed(self, names: dict[str, str]) -> Dissection:
        """The same with new names for some concepts, such as the regions of `clusters`."""
        return replace(self, concepts=tuple(names.get(name) or name for name in self.concepts))

    def save(self, folder: str | os.PathLike) -> None:
        """Write both files into `folder`, each whole or not at all; the same dissection gives the same bytes."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "format": FORMAT,
            "concepts": list(self.concepts),
            "layers": [
                {"name": name, "min_iou": layer.scores.min_iou, "min_iqr": layer.scores.min_iqr}
                for name, layer in self.layers.items()
            ],
            "info": self.info,
        }
        write_atomically(folder / ARRAYS, self.npz_bytes())
        write_atomically(folder / SETTINGS, (json.dumps(settings, indent=1, ensure_ascii=False) + "\n").encode())

    def npz_bytes(self) -> bytes:
        """Every array, as the content of an npz."""
        arrays = {}
        for number, layer in enumerate(self.layers.values()):
            arrays |= {f"{number}/{name}": value for name, value in layer_arrays(layer).items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    def load(cls, folder: str | os.PathLike) -> Dissection:
        """Read a saved dissection without running anything. Raises DissectionError, one sentence, for anything else."""
        folder = Path(folder)
        try:
            settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            arrays = read_arrays(folder / ARRAYS)
        except FileNotFoundError as error:
            raise DissectionError(f"{folder} is not a dissection: it has no {Path(error.filename).name}.") from error
        except UNREADABLE as error:
            if isinstance(error, DissectionError):
                raise
            raise DissectionError(f"{folder} does not hold a readable dissection ({error}).") from error
        try:
            return build(settings, arrays)
        except (KeyError, TypeError, AttributeError) as error:
            raise DissectionError(f"{folder} is not a complete dissection ({error!r}).") from error


def layer_arrays(layer: LayerDissection) -> dict[str, np.ndarray]:
    """A layer as plain arrays by field name."""
    scores = {field.name: getattr(layer.scores, field.name) for field in fields(UnitScores)}
    own = {field.name: getattr(layer, field.name) for field in fields(LayerDissection) if field.name != "scores"}
    return {name: np.asarray(value) for name, value in (scores | own).items() if name not in ("min_iou", "min_iqr")}


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The named arrays of an npz, or all, never an object array; DissectionError if it claims more than MAX_BYTES.

    Raises KeyError for a name that is not there.
    """
    with zipfile.ZipFile(path) as archive:
        claimed = sum(entry.file_size for entry in archive.infolist())
        repeated = [name for name, times in Counter(archive.namelist()).items() if times > 1]
    if claimed > MAX_BYTES or repeated:
        raise DissectionError(
            f"{path.name} claims {claimed} bytes of arrays or repeats a name; at most {MAX_BYTES} bytes are expected."
        )
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in (archive.files if names is None else names)}


def build(settings: dict, arrays: dict[str, np.ndarray]) -> Dissection:
    """A Dissection from the content of its files; DissectionError if they do not fit together."""
    if settings["format"] != FORMAT:
        raise DissectionError(f"The format is {settings['format']!r}; {FORMAT!r} was expected.")
    concepts = settings["concepts"]
    if not isinstance(concepts, list) or not concepts or not all(isinstance(name, str) for name in concepts):
        raise DissectionError("The concepts of a dissection are a list of names.")
    if not isinstance(settings["info"], dict) or not isinstance(settings["layers"], list):
        raise DissectionError("The settings of a dissection are a dictionary and its layers a list.")
    layers = {}
    for number, entry in enumerate(settings["layers"]):
        mine = {name.split("/", 1)[1]: value for name, value in arrays.items() if name.startswith(f"{number}/")}
        check_shapes(mine, entry["name"], len(concepts))
        counted = {f.name: mine.pop(f.name) for f in fields(UnitScores) if f.name not in ("min_iou", "min_iqr")}
        scores = UnitScores(**counted, min_iou=float(entry["min_iou"]), min_iqr=float(entry["min_iqr"]))
        layers[str(entry["name"])] = LayerDissection(scores=scores, level_pixels=int(mine.pop("level_pixels")), **mine)
    return Dissection(tuple(concepts), layers, settings["info"])


def check_shapes(arrays: dict[str, np.ndarray], layer: str, num_concepts: int) -> None:
    """Raise DissectionError unless the shapes and kinds of all arrays fit each other and the concepts."""
    sizes = {
        "C": num_concepts,
        "U": arrays["thresholds"].size,
        "T": arrays["top_images"].shape[-1] if arrays["top_images"].ndim else 0,
        "L": arrays["levels"].shape[-1] if arrays["levels"].ndim else 0,
        "B": arrays["histogram"].shape[-1] if arrays["histogram"].ndim else 0,
        "2": 2,
    }
    for name, axes in SHAPES.items():
        shape = tuple(sizes[axis] for axis in axes)
        kind = "iu" if name in INTEGERS else "f"
        if arrays[name].shape != shape or arrays[name].dtype.kind not in kind:
            found = f"{arrays[name].dtype} of shape {arrays[name].shape}"
            raise DissectionError(f"{name} of layer {layer} is {found}; {shape} was expected.")
        if kind == "f" and not np.isfinite(arrays[name]).all():
            raise DissectionError(f"{name} of layer {layer} holds values that are not finite.")
    best = arrays["best_concept"]
    if best.size and not 0 <= best.min() <= best.max() < num_concepts:
        raise DissectionError(f"best_concept of layer {layer} names a concept beyond the {num_concepts} listed.")
    if set(arrays) != set(SHAPES):
        raise DissectionError(f"Layer {layer} holds an array that a dissection does not have.")


SHAPES = {
    "thresholds": "U",
    "iou": "UC",
    "iqr": "UC",
    "intersections": "UC",
    "active": "UC",
    "label_pixels": "C",
    "pixels": "C",
    "best_concept": "U",
    "top_images": "UT",
    "top_values": "UT",
    "iou_low": "U",
    "iou_high": "U",
    "mean": "U",
    "std": "U",
    "off": "U",
    "levels": "UL",
    "lit": "ULC",
    "level_label_pixels": "C",
    "level_pixels": "",
    "histogram": "UB",
    "histogram_span": "U2",
}
INTEGERS = {
    *("intersections", "active", "label_pixels", "pixels", "best_concept", "top_images", "lit"),
    *("level_label_pixels", "level_pixels", "histogram"),
}
