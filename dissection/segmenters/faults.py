"""Faults in label maps, counted by rule: `python -m dissection.segmenters.faults CHECKPOINT --count 1000`.

Three columns tell whose faults they are. Those in the scenes' own labels are no faults, but occlusion. Those that the
segmenter adds on real scenes are its own. The rest, on generated pictures, is the generator's, or a segmenter's that
can't read its drawing; only eyes can tell these apart: `python -m dissection.segmenters.sheet` shows the pictures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from scipy import ndimage
from tqdm import tqdm

from dissection.segmenters import Segmenter
from dissection.segmenters.town_command import begin
from dissection.world.rules import BATCH, CROSS, UNSEEN_SCENES, generated_pictures, real_pictures
from dissection.world.town import CONCEPTS, town
from pgan_core.pictures import to_uint8

# Lengths and areas are in pixels of a 64 x 64 picture; `pixels` and `side` scale them.
SPECK = 4  # area below which nothing is a thing
SLIVER = 3  # a sliver is thinner than this everywhere
FRONT = 60  # area from which a house front is judged
FILLED = 0.75  # share of its bounding box that a rectangular thing fills at least
FRAGMENT = 12  # area below which a fence is only a fragment
HALVES = 25  # difference of colour, of 255 levels, between two times of day in one sky
SEEN = 0.1  # share of a corner that has to be sky for its colour to count


def pixels(labels: np.ndarray, count: float) -> float:
    """An area in pixels of 64 x 64, in pixels of this label map."""
    return count * labels.size / 64**2


def side(labels: np.ndarray, length: float) -> int:
    """A length in pixels of 64 x 64, in pixels of this label map; at least 1."""
    return max(1, round(length * labels.shape[-1] / 64))


def components(mask: np.ndarray) -> Iterator[np.ndarray]:
    """The connected parts of a mask H x W, as masks, even the smallest."""
    numbered, count = cast(tuple[np.ndarray, int], ndimage.label(mask, CROSS))
    for number in range(1, count + 1):
        yield numbered == number


def among(labels: np.ndarray, *names: str) -> np.ndarray:
    """Where one of these concepts is."""
    return np.isin(labels, [CONCEPTS.index(name) for name in names])


def lights(labels: np.ndarray) -> bool:
    """More than one sun or moon."""
    return sum(part.sum() >= pixels(labels, SPECK) for part in components(among(labels, "sun", "moon"))) > 1


def speck(labels: np.ndarray) -> bool:
    """Something smaller than any thing."""
    return any(part.sum() < pixels(labels, SPECK) for c in np.unique(labels) for part in components(labels == c))


def mountain_sliver(labels: np.ndarray) -> bool:
    """A thin strip of mountain along a roof or a wall."""
    thick = np.ones((side(labels, SLIVER),) * 2, bool)
    beside = ndimage.binary_dilation(among(labels, "roof", "wall"), CROSS)
    parts = (part for part in components(among(labels, "mountain")) if part.sum() >= pixels(labels, SPECK))
    return any((part & beside).any() and not ndimage.binary_opening(part, thick).any() for part in parts)


def ragged_house(labels: np.ndarray) -> bool:
    """A house front that is not a rectangle."""
    return any(
        part.sum() >= pixels(labels, FRONT) and fill(part) < FILLED
        for part in components(among(labels, "wall", "window", "door"))
    )


def ragged_window(labels: np.ndarray) -> bool:
    """A window that is not a rectangle."""
    return any(
        part.sum() >= pixels(labels, SPECK) and fill(part) < FILLED for part in components(among(labels, "window"))
    )


def loose_chimney(labels: np.ndarray) -> bool:
    """A chimney that does not stand on a roof."""
    roof = ndimage.binary_dilation(among(labels, "roof"), CROSS)
    return any(
        part.sum() >= pixels(labels, SPECK) and not (part & roof).any() for part in components(among(labels, "chimney"))
    )


def fence_fragment(labels: np.ndarray) -> bool:
    """A piece of fence that is too small to be one."""
    return any(part.sum() < pixels(labels, FRAGMENT) for part in components(among(labels, "fence")))


def halved_sky(picture: np.ndarray, labels: np.ndarray) -> bool:
    """A sky of one time of day on the left and another on the right.

    picture: uint8 3 x H x W.  Compares the sky's median colours in the left and the right third of the top fifth of the
    picture; clouds, suns and all else in the label map do not count.
    """
    size = labels.shape[-1]
    top, colours = labels[: size // 5] == CONCEPTS.index("sky"), []
    for columns in (np.s_[: size // 3], np.s_[size - size // 3 :]):
        sky = top[:, columns]
        if sky.mean() < SEEN:
            return False
        colours.append(np.median(picture[:, : size // 5, columns][:, sky], axis=1))
    return bool(np.abs(colours[0] - colours[1]).max() > HALVES)


def fill(part: np.ndarray) -> float:
    """The share of its bounding box that a part covers."""
    return float(part[ndimage.find_objects(part.astype(np.uint8))[0]].mean())


FAULTS: dict[str, Callable[[np.ndarray], bool]] = {
    "two suns or moons": lights,
    "specks below a thousandth": speck,
    "a sliver of mountain beside a house": mountain_sliver,
    "a ragged house front": ragged_house,
    "a ragged window": ragged_window,
    "a chimney on no roof": loose_chimney,
    "a fragment of fence": fence_fragment,
}
# Faults that need the picture, too: called with it, uint8 3 x H x W, and its label map.
PICTURE_FAULTS: dict[str, Callable[[np.ndarray, np.ndarray], bool]] = {"a sky of two times of day": halved_sky}


def count_faults(batches: Iterable[tuple[np.ndarray, np.ndarray]], total: int, title: str) -> dict[str, float]:
    """The share of pictures (batches of uint8 N x 3 x H x W with label maps N x H x W) with each fault."""
    found, seen = dict.fromkeys([*FAULTS, *PICTURE_FAULTS], 0), 0
    with tqdm(total=total, desc=title, unit="img") as bar:
        for pictures, labels in batches:
            for picture, one in zip(pictures, labels, strict=True):
                for name, has in FAULTS.items():
                    found[name] += bool(has(one))
                for name, has in PICTURE_FAULTS.items():
                    found[name] += bool(has(picture, one))
            seen += len(labels)
            bar.update(len(labels))
    return {name: count / max(seen, 1) for name, count in found.items()}


def segmented(batches: Iterable[torch.Tensor], segmenter: Segmenter) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of float pictures as uint8, with the segmenter's label maps."""
    for images in batches:
        yield to_uint8(images).transpose(0, 3, 1, 2), segmenter(images).cpu().numpy()


def markdown(columns: dict[str, dict[str, float]]) -> str:
    """The shares as a table."""
    lines = [f"| Share of pictures with | {' | '.join(columns)} |", f"|---|{'--:|' * len(columns)}"]
    for name in next(iter(columns.values())):
        lines.append(f"| {name} | {' | '.join(f'{column[name]:.1%}' for column in columns.values())} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.segmenters.faults") -> None:
    parser = argparse.ArgumentParser(prog=prog, description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    args, generator, segmenter = begin(parser, arguments, count=1000)
    size = generator.resolution
    sources = {
        "true labels of scenes": town(args.count, size, UNSEEN_SCENES, batch=BATCH),
        "scenes, segmented": segmented(real_pictures(args.count, size), segmenter),
        "generated, segmented": segmented(generated_pictures(generator, args.count), segmenter),
    }
    columns = {title: count_faults(batches, args.count, title) for title, batches in sources.items()}
    if args.out:
        args.out.write_text(json.dumps({"count": args.count, "shares": columns}, indent=1) + "\n")
    print(markdown(columns))


if __name__ == "__main__":
    main()
