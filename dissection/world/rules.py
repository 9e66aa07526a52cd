"""Does a generator know Toy Town's rules? How concepts stand to each other in its pictures and in real scenes.

    python -m dissection.world.rules assets/toytown128/final.safetensors --count 8192 --out assets/rules.json

Real scenes go through the same segmenter, so its errors are on both sides. They are of a seed that no training used. A
relation is counted over connected components of at least MIN_PIXELS pixels.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from scipy import ndimage
from tqdm import tqdm

from dissection.segmenters import Segmenter
from dissection.segmenters.town_command import begin
from dissection.world.town import CONCEPTS, town
from pgan_core import Generator
from pgan_core.latents import inputs_from_seeds

MIN_PIXELS = 4  # smaller components are slivers, left by occlusion or by the segmenter
BATCH = 256
UNSEEN_SCENES = 70001  # the seed of a town that neither the generator nor the segmenter was trained on
GROUND = ("trunk", "grass", "road", "fence")
CROSS = ndimage.generate_binary_structure(2, 1)  # neighbours share a side


@dataclass
class Count:
    """Components of a kind, and how many of them follow their rule."""

    components: int = 0
    obeying: int = 0

    @property
    def share(self) -> float:
        return self.obeying / self.components if self.components else float("nan")


def touches_wall(labels: np.ndarray, component: np.ndarray) -> bool:
    """A door has a wall beside it."""
    return bool((labels[_ring(component)] == CONCEPTS.index("wall")).any())


def lies_in_sky(labels: np.ndarray, component: np.ndarray) -> bool:
    """A sun or a cloud has little but sky around it."""
    around = labels[_ring(component)]
    return bool(around.size and (around == CONCEPTS.index("sky")).mean() >= 0.75)


def stands(labels: np.ndarray, component: np.ndarray) -> bool:
    """Foliage has a trunk or the ground below it."""
    below = np.zeros_like(component)
    below[1:] = component[:-1]
    return bool(np.isin(labels[below & ~component], [CONCEPTS.index(name) for name in GROUND]).any())


RULES = {
    "a door touches a wall": (("door",), touches_wall),
    "a sun or a cloud lies in the sky": (("sun", "cloud"), lies_in_sky),
    "foliage is over a trunk or the ground": (("foliage",), stands),
}


def _ring(component: np.ndarray) -> np.ndarray:
    return ndimage.binary_dilation(component, CROSS) & ~component


def count_rules(labels: np.ndarray, counts: dict[str, Count]) -> None:
    """Add one label map H x W to the counts, in place."""
    for rule, (names, obeys) in RULES.items():
        for name in names:
            numbered, _ = cast(tuple[np.ndarray, int], ndimage.label(labels == CONCEPTS.index(name), CROSS))
            for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), start=1):
                window = np.s_[max(rows.start - 1, 0) : rows.stop + 1, max(columns.start - 1, 0) : columns.stop + 1]
                component = numbered[window] == number
                if component.sum() >= MIN_PIXELS:
                    counts[rule].components += 1
                    counts[rule].obeying += obeys(labels[window], component)


def measure(batches: Iterator[torch.Tensor], segmenter: Segmenter, total: int, title: str) -> dict[str, Count]:
    """Segment float pictures N x 3 x H x W, batch by batch, and count what follows each rule."""
    counts = {rule: Count() for rule in RULES}
    with tqdm(total=total, desc=title, unit="img") as bar:
        for images in batches:
            labels = segmenter(images).cpu().numpy()
            for one in labels:
                count_rules(one, counts)
            bar.update(len(labels))
    return counts


def real_pictures(count: int, size: int, seed: int = UNSEEN_SCENES) -> Iterator[torch.Tensor]:
    """Scenes as float pictures in [-1, 1], batch by batch."""
    for images, _ in town(count, size, seed, batch=BATCH):
        yield torch.from_numpy(images).float() / 127.5 - 1


def generated_pictures(generator: Generator, count: int) -> Iterator[torch.Tensor]:
    """The pictures of the seeds 0, 1, ..., batch by batch."""
    for first in range(0, count, BATCH):
        yield generator(*inputs_from_seeds(generator, range(first, min(first + BATCH, count))))


def report(real: dict[str, Count], generated: dict[str, Count]) -> dict:
    """Both sets side by side, as plain values for JSON."""
    kinds = {"real": real, "generated": generated}
    return {
        rule: {kind: asdict(counts[rule]) | {"share": counts[rule].share} for kind, counts in kinds.items()}
        for rule in RULES
    }


def main(arguments: list[str] | None = None, prog: str = "python -m dissection.world.rules") -> None:
    parser = argparse.ArgumentParser(prog=prog, description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    args, generator, segmenter = begin(parser, arguments, count=8192)
    real = measure(real_pictures(args.count, generator.resolution), segmenter, args.count, "real scenes")
    generated = measure(generated_pictures(generator, args.count), segmenter, args.count, "generated")
    text = json.dumps(report(real, generated), indent=1)
    if args.out:
        args.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
