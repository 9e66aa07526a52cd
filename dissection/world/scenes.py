"""How a scene of Toy Town is laid out and drawn; `dissection.world.town` says what it is for.

A scene is laid out on a field of 64 x 64 units, whatever the size of its picture. Everything that a generator of 64 x
64 pixels should learn is at least three units wide.
"""

import random
from typing import NamedTuple

import numpy as np

from dissection.world.canvas import SIZES, UNITS, Canvas, Colour, Light, mix

HOURS = {
    "day": Light(
        (((84, 158, 226), (186, 222, 244)), ((112, 188, 238), (222, 240, 244))),
        *((255, 212, 64), (252, 252, 252), (255, 255, 255), 0.0, 0.0),
    ),
    "dusk": Light(
        (((92, 84, 152), (250, 172, 124)), ((176, 104, 144), (255, 204, 138))),
        *((255, 92, 60), (250, 196, 196), (140, 60, 96), 0.3, 0.6),
    ),
    "night": Light(
        (((14, 20, 54), (54, 70, 124)), ((26, 20, 62), (78, 68, 128))),
        *((242, 238, 208), (112, 122, 164), (26, 34, 84), 0.44, 0.8),
    ),
}
MOUNTAINS = ((120, 138, 172), (150, 132, 152), (108, 134, 136))
SNOW = (242, 246, 250)
MEADOWS = ((132, 192, 92), (156, 202, 100), (110, 178, 104))
ROADS = ((148, 144, 148), (208, 180, 134))
WALLS = ((246, 228, 192), (234, 168, 140), (166, 198, 224), (242, 242, 238), (242, 206, 108), (204, 182, 216))
ROOFS = ((192, 68, 58), (82, 94, 120), (136, 84, 60), (56, 122, 124))
DOORS = ((98, 58, 38), (42, 64, 122), (146, 38, 48), (34, 92, 72))
CHIMNEYS = ((178, 94, 76), (158, 154, 158))
TRUNKS = ((108, 72, 46), (134, 98, 70))
LEAVES = ((58, 130, 70), (92, 150, 56), (36, 108, 84), (216, 130, 48))
FENCES = ((240, 236, 226), (178, 128, 82))
GLASS, LAMPLIGHT, FRAME = (108, 152, 188), (255, 220, 112), (250, 246, 236)


class House(NamedTuple):
    """Where a house stands: the rectangle of its wall, the ridge of its roof, and its highest point."""

    x0: float
    x1: float
    base: float
    eaves: float
    ridge: float
    top: float
    flat: bool  # a roof with a level ridge instead of a pointed one
    storeys: int
    chimney: float | None  # the x of its middle
    door: float  # the x of its middle
    windows: tuple[float, ...]  # the x of each opening of a storey, the door's among them


class Tree(NamedTuple):
    x: float
    base: float
    width: float
    height: float
    trunk: float  # the height of trunk that shows
    kind: str  # "round" or "fir"


def _house(rng: random.Random, x0: float, width: float, base: float) -> House:
    x1 = x0 + width
    storeys = 2 if width < 24 and rng.random() < 0.45 else 1
    eaves = base - (rng.uniform(13, 16) if storeys == 1 else rng.uniform(22, 24))
    ridge = eaves - (rng.uniform(8, 11) if storeys == 1 else rng.uniform(7, 9))
    flat = rng.random() < 0.4
    chimney = x0 + width * rng.choice((0.24, 0.76)) if rng.random() < 0.75 else None
    top = ridge if chimney is None else ridge - (5 if flat else 3)
    slots = 3 if width >= 28 else 2
    windows = tuple(x0 + width * (slot + 0.5) / slots for slot in range(slots))
    return House(x0, x1, base, eaves, ridge, top, flat, storeys, chimney, rng.choice(windows), windows)


def _street(rng: random.Random) -> list[House]:
    """One broad house or two narrow ones, left to right."""
    base = rng.uniform(47, 52)
    if rng.random() < 0.55:
        width = rng.uniform(21, 31)
        return [_house(rng, rng.uniform(3, UNITS - 3 - width), width, base)]
    widths = [rng.uniform(20, 22) for _ in range(2)]
    free = UNITS - sum(widths)
    left, between = rng.uniform(2, free - 10), 5
    middle = left + widths[0] + rng.uniform(between, free - left - 2)
    return [_house(rng, left, widths[0], base), _house(rng, middle, widths[1], base + rng.uniform(-2, 1))]


def _gaps(houses: list[House]) -> list[tuple[float, float]]:
    """The stretches of ground beside and between the houses, as (x0, x1)."""
    edges = [-4, *(x for house in houses for x in (house.x0, house.x1)), UNITS + 4]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _trees(rng: random.Random, houses: list[House]) -> list[Tree]:
    """At most one tree for each 15 units of a gap; leaves may hide the edge of a wall, but no door."""
    trees = []
    for x0, x1 in _gaps(houses):
        for _ in range(int((x1 - x0) // 15) or 1):
            kind = rng.choice(("round", "round", "fir"))
            width = rng.uniform(11, 16)
            low, high = x0 - 2 + width / 2, x1 + 2 - width / 2
            if rng.random() < 0.2 or low > high:
                continue
            tree = Tree(
                rng.uniform(low, high),
                rng.uniform(52.5, 56.5),
                width,
                rng.uniform(11, 14) if kind == "round" else rng.uniform(16, 20),
                rng.uniform(6, 9) if kind == "round" else rng.uniform(4, 5.5),
                kind,
            )
            if 3 < tree.x < UNITS - 3 and all(abs(tree.x - t.x) > (width + t.width) * 0.4 for t in trees):
                trees.append(tree)
    return sorted(trees, key=lambda tree: tree.base)


def _free_place(
    rng: random.Random, boxes: list, rx: float, ry: float, ys: tuple[float, float]
) -> tuple[float, float] | None:
    """A centre whose surroundings (rx, ry) are behind none of the boxes (x0, x1, top); None if none is found."""
    for _ in range(12):
        x, y = rng.uniform(rx * 0.8, UNITS - rx * 0.8), rng.uniform(*ys)
        if all(x + rx < x0 or x - rx > x1 or y + ry < top for x0, x1, top in boxes):
            return x, y
    return None


def _draw_sky(canvas: Canvas, rng: random.Random, boxes: list, horizon: float, peaks: list) -> None:
    """A gradient, the sun or the moon, and up to two clouds, apart from each other and from the boxes."""
    light, bands = canvas.light, 24
    top, bottom = rng.choice(light.skies)
    for band in range(bands):
        y0, y1 = horizon * band / bands, horizon * (band + 1) / bands + 4
        colour = mix(top, bottom, band / (bands - 1))
        canvas.rectangle(0, y0, UNITS, y1, canvas.paint("sky", colour, tinted=False))
    taken = boxes + [(x - width / 2, x + width / 2, y) for x, y, width in peaks]
    radius = rng.uniform(4.2, 5.8)
    disc = _free_place(rng, taken, radius + 1.5, radius + 1.5, (8, 20)) if rng.random() < 0.85 else None
    if disc is not None:
        night = light is HOURS["night"]
        name = "moon" if night else "sun"
        canvas.ellipse(*disc, radius, radius, canvas.paint(name, light.disc, tinted=False))
        if night:
            x, y = disc
            shade = canvas.paint("moon", mix(light.disc, light.tint, 0.2), tinted=False)
            canvas.ellipse(x - radius * 0.3, y - radius * 0.2, 1.6, 1.6, shade)
        taken = [*taken, (disc[0] - radius - 1, disc[0] + radius + 1, disc[1] - radius - 2)]
    for _ in range(rng.choice((0, 1, 1, 2))):
        half = rng.uniform(7, 10)
        place = _free_place(rng, taken, half + 1, 4.5, (6, 16))
        if place is not None:
            _draw_cloud(canvas, *place, half)
            taken = [*taken, (place[0] - half - 2, place[0] + half + 2, 0)]


def _draw_cloud(canvas: Canvas, x: float, y: float, half: float) -> None:
    paint = canvas.paint("cloud", canvas.light.cloud, tinted=False)
    canvas.ellipse(x - half * 0.5, y + 0.8, half * 0.5, 2.6, paint)
    canvas.ellipse(x + half * 0.5, y + 0.6, half * 0.5, 2.8, paint)
    canvas.ellipse(x, y - 0.8, half * 0.55, 4.2, paint)


def _draw_mountains(canvas: Canvas, rng: random.Random, peaks: list, horizon: float) -> None:
    """Peaks (x, y, width at the foot) with a shaded side and a cap of snow."""
    colour = rng.choice(MOUNTAINS)
    bright, shaded = (
        canvas.paint("mountain", colour),
        canvas.paint("mountain", mix(colour, (40, 50, 90), 0.22)),
    )
    snow = canvas.paint("mountain", SNOW)
    for x, y, width in peaks:
        foot = horizon + 4
        canvas.polygon([(x, y), (x - width / 2, foot), (x + width / 2, foot)], bright)
        canvas.polygon([(x, y), (x + width * 0.12, foot), (x + width / 2, foot)], shaded)
        cap = 0.32
        left, right = x - width / 2 * cap, x + width / 2 * cap
        line = y + (foot - y) * cap
        canvas.polygon([(x, y), (left, line), (x - 1, line - 1.6), (x + 1, line + 0.6), (right, line)], snow)


def _draw_ground(canvas: Canvas, rng: random.Random, horizon: float) -> None:
    """A meadow whose horizon is a low hill, lighter far away."""
    colour = rng.choice(MEADOWS)
    far = canvas.paint("grass", mix(colour, (255, 250, 190), 0.22))
    x = rng.uniform(10, 54)
    canvas.ellipse(x, horizon + 16, 90, 16, far)
    canvas.rectangle(0, horizon + 8, UNITS, UNITS, far)
    canvas.ellipse(UNITS - x, horizon + 28, 80, 20, canvas.paint("grass", colour))
    canvas.rectangle(0, horizon + 16, UNITS, UNITS, canvas.paint("grass", colour))


def _draw_house(canvas: Canvas, rng: random.Random, house: House) -> None:
    x0, x1, base, eaves, ridge = house[:5]
    wall, roof = rng.choice(WALLS), rng.choice(ROOFS)
    if house.chimney is not None:
        colour = rng.choice(CHIMNEYS)
        brick, cap = canvas.paint("chimney", colour), canvas.paint("chimney", mix(colour, (0, 0, 0), 0.25))
        canvas.rectangle(house.chimney - 2.5, house.top, house.chimney + 2.5, eaves, brick)
        canvas.rectangle(house.chimney - 3, house.top, house.chimney + 3, house.top + 1.5, cap)
    canvas.rectangle(x0, eaves, x1, base, canvas.paint("wall", wall))
    canvas.rectangle(x0, eaves, x1, eaves + 2, canvas.paint("wall", mix(wall, (60, 40, 60), 0.22)))
    middle, level = (x0 + x1) / 2, (x1 - x0) * 0.28 if house.flat else 0.5
    slope = [(x0 - 2, eaves), (middle - level, ridge), (middle + level, ridge), (x1 + 2, eaves)]
    canvas.polygon(slope, canvas.paint("roof", roof))
    canvas.rectangle(x0 - 2, eaves - 1.5, x1 + 2, eaves + 0.25, canvas.paint("roof", mix(roof, (20, 10, 30), 0.25)))

    half = rng.uniform(2.6, 3.1)
    lit = rng.random() < canvas.light.lamps
    pane = canvas.paint("window", LAMPLIGHT if lit else GLASS, tinted=not lit)
    frame = canvas.paint("window", FRAME)
    for storey in range(house.storeys):
        y = base - 7.8 - 10 * storey
        for x in house.windows:
            if storey or x != house.door:
                canvas.rectangle(x - half, y - half, x + half, y + half, frame)
                canvas.rectangle(x - half + 1, y - half + 1, x + half - 1, y + half - 1, pane)
    door, half = rng.choice(DOORS), rng.uniform(2.5, 3.1)
    height = rng.uniform(8, 9.5)
    canvas.rectangle(house.door - half, base - height, house.door + half, base, canvas.paint("door", door))


def _draw_road(canvas: Canvas, rng: random.Random, houses: list[House]) -> None:
    """A street along the bottom, paths from the doors, both, or neither."""
    paint = canvas.paint("road", rng.choice(ROADS))
    kind = rng.choice(("street", "street", "paths", "paths", "both", "none"))
    if kind in ("street", "both"):
        top, bottom = rng.choice(((58, UNITS), (56.5, 61)))
        canvas.rectangle(0, top, UNITS, bottom, paint)
    if kind in ("paths", "both"):
        end = 58.5 if kind == "both" else UNITS
        for house in houses:
            spread = 3 + (end - house.base) * 0.16
            corners = [(house.door - 3, house.base), (house.door + 3, house.base)]
            canvas.polygon([*corners, (house.door + spread, end), (house.door - spread, end)], paint)


def _draw_fences(canvas: Canvas, rng: random.Random, houses: list[House]) -> None:
    """A fence of boards in the gaps beside the houses, in half of the scenes."""
    if rng.random() > 0.5:
        return
    colour = rng.choice(FENCES)
    boards = canvas.paint("fence", colour), canvas.paint("fence", mix(colour, (70, 60, 90), 0.28))
    base = min(house.base for house in houses) - 0.3
    board, height = 3.2, rng.uniform(6.5, 7.5)
    for x0, x1 in _gaps(houses):
        if x1 - x0 < 8 or rng.random() < 0.2:
            continue
        count = int((x1 - x0) // board) + 1
        step = (x1 - x0) / count
        for i in range(count):
            left, right = x0 + i * step, x0 + (i + 1) * step
            peak = [((left + right) / 2, base - height), (right, base - height + 1.6)]
            canvas.polygon([(left, base), (left, base - height + 1.6), *peak, (right, base)], boards[i % 2])


def _draw_tree(canvas: Canvas, tree: Tree, bark: Colour, leaves: Colour) -> None:
    x, base, half = tree.x, tree.base, tree.width / 2
    foot = base - tree.trunk  # the lower edge of the leaves
    canvas.rectangle(x - 1.9, foot - 4, x + 1.9, base, canvas.paint("trunk", bark))
    dark = canvas.paint("foliage", leaves)
    bright = canvas.paint("foliage", mix(leaves, (250, 240, 130), 0.25))
    if tree.kind == "fir":
        middle = foot - tree.height * 0.42
        canvas.polygon([(x - half, foot), (x, foot - tree.height * 0.7), (x + half, foot)], dark)
        canvas.polygon([(x - half * 0.75, middle), (x, foot - tree.height), (x + half * 0.75, middle)], bright)
    else:
        centre = foot - tree.height / 2 + 1
        canvas.ellipse(x, centre, half, tree.height / 2, dark)
        canvas.ellipse(x - half * 0.25, centre - tree.height * 0.14, half * 0.55, tree.height * 0.28, bright)


def check_size(size: int) -> None:
    """ValueError unless the size is one of SIZES."""
    if size not in SIZES:
        raise ValueError(f"A scene's size is one of {', '.join(map(str, SIZES))}; got {size}.")


def scene(seed: int, size: int = 64, index: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scene `index` of the town `seed`: (picture uint8 H x W x 3, labels uint8 H x W), H = W = size.

    The geometry does not depend on the size, nor on how many scenes are drawn. Labels are indices of CONCEPTS. Raises
    ValueError for a size that is not one of SIZES.
    """
    check_size(size)
    rng = random.Random(f"toy town {seed}/{index}")  # hashed: equal on every platform
    hour = rng.choices(tuple(HOURS), (0.5, 0.25, 0.25))[0]
    canvas = Canvas(size, HOURS[hour])
    houses, horizon = _street(rng), rng.uniform(37, 43)
    trees = _trees(rng, houses)
    peaks = []
    if rng.random() < 0.65:
        peaks = [(rng.uniform(0, 64), rng.uniform(17, 27), rng.uniform(34, 50)) for _ in range(rng.choice((1, 2)))]
    boxes = [(house.x0 - 2, house.x1 + 2, house.top) for house in houses]
    boxes += [(t.x - t.width / 2, t.x + t.width / 2, t.base - t.trunk - t.height) for t in trees]

    _draw_sky(canvas, rng, boxes, horizon, peaks)
    _draw_mountains(canvas, rng, peaks, horizon)
    _draw_ground(canvas, rng, horizon)
    for house in houses:
        _draw_house(canvas, rng, house)
    _draw_road(canvas, rng, houses)
    _draw_fences(canvas, rng, houses)
    bark, leaves = rng.choice(TRUNKS), rng.choice(LEAVES)
    for tree in trees:
        _draw_tree(canvas, tree, bark, leaves)
    return canvas.picture(), canvas.labels()
