"""Faults of label maps: each is found where it was put, and a clean scene has none."""

import numpy as np
import pytest
import torch

from dissection.segmenters.faults import FAULTS, PICTURE_FAULTS, count_faults, halved_sky, markdown, segmented
from dissection.world.town import CONCEPTS, town


def scene() -> np.ndarray:
    """A sky with a sun, a mountain, a house with a window, a door and a chimney, a fence on grass."""
    labels = np.full((64, 64), CONCEPTS.index("sky"))

    def put(name, rows, columns):
        labels[slice(*rows), slice(*columns)] = CONCEPTS.index(name)

    put("sun", (4, 12), (4, 12))
    put("mountain", (24, 40), (44, 60))
    put("grass", (40, 64), (0, 64))
    put("chimney", (14, 18), (24, 28))
    put("roof", (18, 26), (18, 44))
    put("wall", (26, 48), (20, 42))
    put("window", (30, 35), (24, 30))
    put("door", (38, 48), (32, 37))
    put("fence", (42, 48), (46, 64))
    return labels


def spoil(name: str) -> np.ndarray:
    labels = scene()
    changes = {
        "two suns or moons": [("moon", (4, 9), (50, 55))],
        "specks below a thousandth": [("cloud", (60, 61), (3, 4))],
        "a sliver of mountain beside a house": [("mountain", (26, 40), (18, 20))],
        "a ragged house front": [("grass", (28, 48), (37, 42)), ("sky", (26, 34), (20, 24))],
        "a ragged window": [("wall", (32, 35), (24, 28))],
        "a chimney on no roof": [("chimney", (30, 34), (4, 8))],
        "a fragment of fence": [("fence", (56, 58), (4, 8))],
    }
    for concept, rows, columns in changes[name]:
        labels[slice(*rows), slice(*columns)] = CONCEPTS.index(concept)
    return labels


def enlarged(labels: np.ndarray) -> np.ndarray:
    return labels.repeat(2, axis=0).repeat(2, axis=1)


def test_a_clean_scene_has_none():
    assert not any(has(scene()) for has in FAULTS.values())


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_no_other(name):
    assert [other for other, has in FAULTS.items() if has(spoil(name))] == [name]
    assert [other for other, has in FAULTS.items() if has(enlarged(spoil(name)))] == [name]


def test_a_sky_of_two_times_of_day_is_found():
    labels, picture = scene(), np.full((3, 64, 64), 100, np.uint8)
    assert not halved_sky(picture, labels)
    picture[2, :, 40:] = 126
    assert halved_sky(picture, labels) and not halved_sky(picture.clip(max=125), labels)
    labels[:12, 40:] = CONCEPTS.index("cloud")  # what is no sky there says nothing of it
    assert not halved_sky(picture, labels)


def test_drawn_scenes_have_straight_houses_and_one_light():
    found = count_faults(town(20, 64, 5), 20, "scenes")
    assert all(
        found[name] == 0
        for name in ("two suns or moons", "a ragged house front", "a chimney on no roof", *PICTURE_FAULTS)
    )


def test_shares_stand_in_the_table():
    maps = np.stack([scene(), scene(), spoil("a ragged window")])
    found = count_faults([(np.zeros((3, 3, 64, 64), np.uint8), maps)], 3, "maps")
    assert found["a ragged window"] == pytest.approx(1 / 3)
    assert "| a ragged window | 33.3% | 0.0% |" in markdown({"one": found, "two": dict.fromkeys(found, 0.0)})


def test_pictures_come_beside_their_label_maps():
    """Their channels first, as drawn scenes have them."""
    images, _ = next(town(2, 64, 5))
    [(pictures, labels)] = segmented([torch.from_numpy(images) / 127.5 - 1], lambda x: torch.ones(x.shape[0], 64, 64))
    assert (pictures == images).all() and labels.shape == (2, 64, 64)
