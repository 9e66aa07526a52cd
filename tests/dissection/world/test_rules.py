"""The world's rules hold on its own label maps, and a broken one is seen."""

import numpy as np

from dissection.world.rules import RULES, Count, count_rules, lies_in_sky, stands, touches_wall
from dissection.world.town import CONCEPTS, town


def drawn(*rows: str) -> np.ndarray:
    """A label map from letters: s sky, w wall, d door, c cloud, f foliage, t trunk, g grass."""
    names = {"s": "sky", "w": "wall", "d": "door", "c": "cloud", "f": "foliage", "t": "trunk", "g": "grass"}
    return np.array([[CONCEPTS.index(names[letter]) for letter in row] for row in rows])


def test_toy_towns_own_maps_obey_nearly_always():
    counts = {rule: Count() for rule in RULES}
    for _, labels in town(200, 64, seed=5):
        for one in labels:
            count_rules(one, counts)
    for rule, count in counts.items():
        assert count.components > 50 and count.share > 0.97, (rule, count)


def test_a_door_in_the_sky_and_a_cloud_on_a_wall_are_seen():
    house = drawn("ssss", "wwww", "wddw", "wddw", "gggg")
    door = house == CONCEPTS.index("door")
    assert touches_wall(house, door)
    assert not touches_wall(np.where(house == CONCEPTS.index("wall"), CONCEPTS.index("sky"), house), door)
    sky = drawn("ssss", "sccs", "sccs", "ssss")
    assert lies_in_sky(sky, sky == CONCEPTS.index("cloud"))
    wall = drawn("wwww", "wccw", "wccs", "ssss")
    assert not lies_in_sky(wall, wall == CONCEPTS.index("cloud"))


def test_foliage_stands_on_what_is_below_it():
    tree, floating = drawn("ffs", "ffs", "sts", "ggg"), drawn("ffs", "ffs", "sss", "ggg")
    leaf = CONCEPTS.index("foliage")
    assert stands(tree, tree == leaf) and not stands(floating, floating == leaf)


def test_slivers_are_not_counted():
    counts = {rule: Count() for rule in RULES}
    count_rules(drawn("sss", "sds", "sds", "sss"), counts)
    assert counts["a door touches a wall"].components == 0
