"""Feature maps as pictures: a wall of small ones, one laid over the generated picture. Arrays in, uint8 arrays out."""

import numpy as np

from dashboard.language import N_
from pgan_core.pictures import contact_sheet, enlarge
from pgan_core.unit_inspection import UnitMaps

ORDERS = (N_("variance"), N_("mean"), N_("index"))
# blue - white - orange, as in ColorBrewer's PuOr reversed: negative and positive stay apart for the colour-blind
DIVERGING = np.array(
    [[5, 48, 120], [67, 120, 190], [160, 200, 230], [247, 247, 247], [253, 190, 110], [217, 110, 20], [127, 50, 0]],
    dtype=float,
)


def diverging(values: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Signed values of any shape to uint8 colours (one more axis): −limit blue, 0 white, limit orange, clipped."""
    place = np.clip(values / np.maximum(limit, 1e-12), -1, 1) * 0.5 + 0.5
    position = np.nan_to_num(place, nan=0.5) * (len(DIVERGING) - 1)
    left = np.minimum(position.astype(int), len(DIVERGING) - 2)
    share = (position - left)[..., None]
    return np.rint(DIVERGING[left] * (1 - share) + DIVERGING[left + 1] * share).astype(np.uint8)


def unit_order(units: UnitMaps, order: str) -> np.ndarray:
    """Units in the order of a wall: highest variance or mean over places first, or by index."""
    if order not in ORDERS:
        raise ValueError(f"Units are sorted by {', '.join(ORDERS)}, not {order!r}.")
    if order == "index":
        return np.arange(len(units.maps))
    return np.argsort(-(units.variance if order == "variance" else units.mean), kind="stable")


def scale_limits(units: UnitMaps, per_unit: bool) -> np.ndarray:
    """The magnitude shown at full colour, C: each unit's largest, or one for all, which a tenth of them exceed."""
    return units.largest if per_unit else np.full(len(units.maps), np.quantile(units.largest, 0.9))


def map_wall(maps: np.ndarray, limits: np.ndarray, columns: int, size: int = 64) -> np.ndarray:
    """Maps N x H x W in rows, each `size` pixels (small ones enlarged, large ones averaged): uint8 H x W x 3."""
    colored = diverging(shrink(maps, size), limits[:, None, None])
    framed = np.pad(enlarge(colored, size), [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=120)
    return contact_sheet(framed, columns, background=120)


def shrink(maps: np.ndarray, size: int) -> np.ndarray:
    """Maps N x H x W averaged down to at most `size`."""
    factor = max(1, maps.shape[-1] // size)
    if factor == 1:
        return maps
    n, height, width = maps.shape
    return maps.reshape(n, height // factor, factor, width // factor, factor).mean(axis=(2, 4))


def overlay(
    picture: np.ndarray, unit_map: np.ndarray, limit: float, opacity: float = 0.6, size: int = 384
) -> np.ndarray:
    """One map H x W enlarged over a uint8 picture R x R x 3: strong places opaque, zeros leave the picture as it is."""
    side = max(picture.shape[0], size)
    large = enlarge(shrink(unit_map[None], side)[0][..., None], side)[..., 0]
    base = enlarge(picture, side).astype(float)
    strength = np.clip(np.abs(large) / max(limit, 1e-12), 0, 1)[..., None] * opacity
    return np.rint(base * (1 - strength) + diverging(large, limit) * strength).astype(np.uint8)
