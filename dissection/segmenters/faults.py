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
import torch
from scipy import ndimage
from tqdm import tqdm

from dissection.segmenters import Segmenter
from dissection.segmenters.toytown import load_toytown
from dissection.world.rules import BATCH, CROSS, UNSEEN_SCENES, generated_pictures, real_pictures
from dissection.world.town import CONCEPTS, town
from pgan_core.models import load_generator
from pgan_core.pictures import to_uint8
from pgan_core.shell import check_file, one_sentence

# Numbers of pixels are those of a picture of 64 x 64; `pixels` and `side` scale them.
SPECK = 4  # pixels: no thing is as small
SLIVER = 3  # pixels: a sliver is nowhere as thick
FRONT = 60  # pixels of a house front that is judged
FILLED = 0.75  # of its bounding box is filled by a straight-edged thing
FRAGMENT = 12  # pixels of a fence that is none
HALVES = 25  # levels of 255 between two times of day in one sky
SEEN = 0.1  # of a corner has to be sky, for its colour to count


def pixels(labels: np.ndarray, count: float) -> float:
    """A number of pixels of 64 x 64 in a label map of another size."""
    return count * labels.size / 64**2


def side(labels: np.ndarray, length: float) -> int:
    """A length in pixels of 64 x 64 in a label map of another size."""
    return max(1, round(length * labels.shape[-1] / 64))


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
    """A house front that is no rectangle."""
    return any(
        part.sum() >= pixels(labels, FRONT) and fill(part) < FILLED
        for part in components(among(labels, "wall", "window", "door"))
    )


def ragged_window(labels: np.ndarray) -> bool:
    """A window that is no rectangle."""
    return any(
        part.sum() >= pixels(labels, SPECK) and fill(part) < FILLED for part in components(among(labels, "window"))
    )


def loose_chimney(labels: np.ndarray) -> bool:
    """A chimney that stands on no roof."""
    roof = ndimage.binary_dilation(among(labels, "roof"), CROSS)
    return any(
        part.sum() >= pixels(labels, SPECK) and not (part & roof).any() for part in components(among(labels, "chimney"))
    )


def fence_fragment(labels: np.ndarray) -> bool:
    """A piece of fence too small to be one."""
    return any(part.sum() < pixels(labels, FRAGMENT) for part in components(among(labels, "fence")))


def halved_sky(picture: np.ndarray, labels: np.ndarray) -> bool:
    """A sky that is of one time of day at the left and of another at the right.

    picture: uint8 3 x H x W.  Compares the median colours of the sky in the left and in the right third of the top
    fifth of the picture; clouds, suns and whatever else the label map has there do not count.
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
# Those that need the picture, too: called with a picture uint8 3 x H x W and its label map.
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
    """Float pictures as uint8 with the segmenter's label maps."""
    for images in batches:
        yield to_uint8(images).transpose(0, 3, 1, 2), segmenter(images).cpu().numpy()


def markdown(columns: dict[str, dict[str, float]]) -> str:
    """The shares as a table."""
    lines = [f"| Share of pictures with | {' | '.join(columns)} |", f"|---|{'--:|' * len(columns)}"]
    for name in next(iter(columns.values())):
        lines.append(f"| {name} | {' | '.join(f'{column[name]:.1%}' for column in columns.values())} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.segmenters.faults") -> None:
    parser = argparse.ArgumentParser(prog=prog, description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", help="a checkpoint, or a model's name")
    parser.add_argument("--count", type=int, default=1000, help="pictures of each kind (default 1000)")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    args = parser.parse_args(arguments)
    if args.count < 1:
        parser.error(f"at least one picture is needed, not {args.count}")
    with one_sentence():
        if args.out:
            check_file(args.out)
        generator, segmenter = load_generator(args.checkpoint).prepared(), load_toytown()
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
