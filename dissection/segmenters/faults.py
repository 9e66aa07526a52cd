"""Faults in label maps, counted by rule: `python -m dissection.segmenters.faults CHECKPOINT --count 1000`.

Three columns tell whose fault it is. What the scenes' own labels show is no fault but occlusion; what the segmenter
adds on real scenes is its own; what is left on generated pictures is the generator's drawing, or a segmenter that is
lost in it, and only eyes can part these two: `python -m dissection.segmenters.sheet` shows the pictures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage
from tqdm import tqdm

from dissection.rules import BATCH, CROSS, MIN_PIXELS, UNSEEN_SCENES, generated_pictures, real_pictures
from dissection.segmenters.toytown import load_toytown
from dissection.town import CONCEPTS, town
from pgan_core import load_checkpoint

SLIVER = 3  # pixels: a sliver is nowhere as thick
FILLED = 0.75  # of its bounding box is filled by a straight-edged thing
FRAGMENT = 12  # pixels of a fence that is none


def components(mask: np.ndarray) -> Iterator[np.ndarray]:
    """The connected parts of a mask H x W as masks, parts of a few pixels too."""
    numbered, count = ndimage.label(mask, CROSS)
    for number in range(1, count + 1):
        yield numbered == number


def among(labels: np.ndarray, *names: str) -> np.ndarray:
    """Where one of these concepts is."""
    return np.isin(labels, [CONCEPTS.index(name) for name in names])


def lights(labels: np.ndarray) -> bool:
    """A scene has one sun or one moon."""
    return sum(part.sum() >= MIN_PIXELS for part in components(among(labels, "sun", "moon"))) > 1


def speck(labels: np.ndarray) -> bool:
    """Something smaller than any thing."""
    return any(part.sum() < MIN_PIXELS for c in np.unique(labels) for part in components(labels == c))


def mountain_sliver(labels: np.ndarray) -> bool:
    """A thin strip of mountain along a roof or a wall."""
    thick = np.ones((SLIVER, SLIVER), bool)
    beside = ndimage.binary_dilation(among(labels, "roof", "wall"), CROSS)
    parts = (part for part in components(among(labels, "mountain")) if part.sum() >= MIN_PIXELS)
    return any((part & beside).any() and not ndimage.binary_opening(part, thick).any() for part in parts)


def ragged_house(labels: np.ndarray) -> bool:
    """A house front that is no rectangle."""
    return any(part.sum() >= 60 and fill(part) < FILLED for part in components(among(labels, "wall", "window", "door")))


def ragged_window(labels: np.ndarray) -> bool:
    """A window that is no rectangle."""
    return any(part.sum() >= MIN_PIXELS and fill(part) < FILLED for part in components(among(labels, "window")))


def loose_chimney(labels: np.ndarray) -> bool:
    """A chimney that stands on no roof."""
    roof = ndimage.binary_dilation(among(labels, "roof"), CROSS)
    return any(part.sum() >= MIN_PIXELS and not (part & roof).any() for part in components(among(labels, "chimney")))


def fence_fragment(labels: np.ndarray) -> bool:
    """A piece of fence too small to be one."""
    return any(part.sum() < FRAGMENT for part in components(among(labels, "fence")))


def fill(part: np.ndarray) -> float:
    """The share of its bounding box that a part covers."""
    return float(part[ndimage.find_objects(part.astype(np.uint8))[0]].mean())


FAULTS: dict[str, Callable[[np.ndarray], bool]] = {
    "two suns or moons": lights,
    "specks below 4 pixels": speck,
    "a sliver of mountain beside a house": mountain_sliver,
    "a ragged house front": ragged_house,
    "a ragged window": ragged_window,
    "a chimney on no roof": loose_chimney,
    "a fragment of fence": fence_fragment,
}


def count_faults(batches: Iterable[np.ndarray], total: int, title: str) -> dict[str, float]:
    """The share of label maps (batches of N x H x W) with each fault."""
    found, seen = dict.fromkeys(FAULTS, 0), 0
    with tqdm(total=total, desc=title, unit="img") as bar:
        for labels in batches:
            for one in labels:
                for name, has in FAULTS.items():
                    found[name] += bool(has(one))
            seen += len(labels)
            bar.update(len(labels))
    return {name: count / max(seen, 1) for name, count in found.items()}


def markdown(columns: dict[str, dict[str, float]]) -> str:
    """The shares as a table."""
    lines = [f"| Share of pictures with | {' | '.join(columns)} |", f"|---|{'--:|' * len(columns)}"]
    for name in FAULTS:
        lines.append(f"| {name} | {' | '.join(f'{column[name]:.0%}' for column in columns.values())} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.segmenters.faults") -> None:
    parser = argparse.ArgumentParser(prog=prog, description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--count", type=int, default=1000, help="pictures of each kind (default 1000)")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    args = parser.parse_args(arguments)
    if args.count < 1:
        parser.error(f"at least one picture is needed, not {args.count}")
    generator, segmenter = load_checkpoint(args.checkpoint).generator.prepared(), load_toytown()
    size = generator.resolution
    sources = {
        "true labels of scenes": (labels for _, labels in town(args.count, size, UNSEEN_SCENES, batch=BATCH)),
        "scenes, segmented": (segmenter(x).cpu().numpy() for x in real_pictures(args.count, size)),
        "generated, segmented": (segmenter(x).cpu().numpy() for x in generated_pictures(generator, args.count)),
    }
    columns = {title: count_faults(batches, args.count, title) for title, batches in sources.items()}
    if args.out:
        args.out.write_text(json.dumps({"count": args.count, "shares": columns}, indent=1) + "\n")
    print(markdown(columns))


if __name__ == "__main__":
    main()
