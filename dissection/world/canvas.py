"""The canvas of Toy Town: shapes are drawn once, in paints that stand for both a colour and a concept.

It has at least four times the side of the picture. A pixel's colour is the mean of the canvas's colours under it, and
its label the concept that covers most of it, so the two cannot disagree.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

CONCEPTS = (
    *("unlabelled", "sky", "sun", "moon", "cloud", "mountain", "grass", "road", "wall", "roof"),
    *("window", "door", "chimney", "trunk", "foliage", "fence"),
)
SIZES = (16, 32, 64, 128, 256)
UNITS = 64  # the side of a scene in its own units

Colour = tuple[int, int, int]


class Light(NamedTuple):
    """The sky's colours at an hour of the day, and its tint on everything else."""

    skies: tuple[tuple[Colour, Colour], ...]  # (at the top, at the horizon)
    disc: Colour
    cloud: Colour
    tint: Colour
    strength: float
    lamps: float  # the share of windows that are lit


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with the given share of `b` in it."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


class Canvas:
    """Shapes given in units, drawn in paints; read as a picture and a label map of the wanted size."""

    def __init__(self, size: int, light: Light):
        self.size, self.light = size, light
        self.factor = max(4, 256 // size)  # sub-pixels along each side of a pixel
        self.scale = size * self.factor / UNITS
        self.image = Image.new("L", (size * self.factor, size * self.factor))
        self.draw = ImageDraw.Draw(self.image)
        self.paints: dict[tuple[int, Colour], int] = {}

    def paint(self, concept: str, colour: Colour, tinted: bool = True) -> int:
        """The number of this concept's paint in this colour; the hour tints everything but lights."""
        if tinted:
            colour = mix(colour, self.light.tint, self.light.strength)
        return self.paints.setdefault((CONCEPTS.index(concept), colour), len(self.paints))

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, paint: int) -> None:
        """From (x0, y0) to (x1, y1), rounded to sub-pixels."""
        left, top, right, bottom = (round(v * self.scale) for v in (x0, y0, x1, y1))
        if left < right and top < bottom:
            self.draw.rectangle((left, top, right - 1, bottom - 1), fill=paint)  # Pillow includes the end

    def ellipse(self, x: float, y: float, rx: float, ry: float, paint: int) -> None:
        """Around (x, y), with the radii rx and ry."""
        left, top, right, bottom = (v * self.scale for v in (x - rx, y - ry, x + rx, y + ry))
        self.draw.ellipse((left, top, right - 1, bottom - 1), fill=paint)

    def polygon(self, points: list[tuple[float, float]], paint: int) -> None:
        """With these corners, (x, y) each."""
        self.draw.polygon([(x * self.scale, y * self.scale) for x, y in points], fill=paint)

    def picture(self) -> np.ndarray:
        """uint8 H x W x 3: the mean colour of each pixel's sub-pixels."""
        palette = Image.frombytes("P", self.image.size, self.image.tobytes())
        palette.putpalette([channel for _, colour in self.paints for channel in colour])
        return np.asarray(palette.convert("RGB").reduce(self.factor))

    def labels(self) -> np.ndarray:
        """uint8 H x W: the concept of most of a pixel's sub-pixels; of two that tie, the lower number."""
        concept_of = np.zeros(256, np.uint8)
        concept_of[: len(self.paints)] = [concept for concept, _ in self.paints]
        fine = concept_of[np.asarray(self.image)]
        blocks = fine.reshape(self.size, self.factor, self.size, self.factor).swapaxes(1, 2)
        blocks = blocks.reshape(self.size, self.size, self.factor**2)
        labels = blocks[..., 0].copy()
        mixed = (blocks != labels[..., None]).any(-1)
        votes = (blocks[mixed][..., None] == np.arange(len(CONCEPTS), dtype=np.uint8)).sum(1)
        labels[mixed] = votes.argmax(1)
        return labels
