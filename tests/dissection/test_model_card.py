"""The README's numbers of the shipped model are those of the files that measured them."""

import json
from pathlib import Path

import pytest

from dissection.model_card import ASSETS, BEGIN, END, card, into, quality, recipe, shares, table

README = Path(ASSETS).parent / "README.md"


def test_the_readme_says_what_the_files_say():
    text = README.read_text()
    assert into(text, card()) == text, "run: python -m dissection.model_card --readme"


def test_a_text_without_the_markers_is_refused():
    assert into(f"a\n{BEGIN}old{END}\nb", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb"
    with pytest.raises(ValueError, match="two markers are missing"):
        into("no markers", "new")


def test_shares_name_the_concepts_that_miss_the_target():
    pixels = {"sky": (0.5, 0.45), "window": (0.02, 0.01), "chimney": (0.005, 0.001)}
    page = shares({name: {"real": real, "generated": made} for name, (real, made) in pixels.items()})
    assert "| window | 2.00% | 1.00% | 0.50 |" in page
    assert "Of the 2 concepts that cover at least 1% of real pixels, all but window are within 30%" in page


def test_the_recipe_tells_of_changes_on_the_way():
    metadata = {
        "kimg": 340.4,
        "recipe": {
            "schedule": [{"resolution": 64, "learning_rate": 0.002, "minibatch": 16, "steady_kimg": 184.4}],
            "feature_maps": [8, 4],
            "loss": "logistic",
            "r1_gamma": 0.2,
            "r1_every": 8,
            "betas": [0.0, 0.99],
        },
        "recipe_changes": [{"kimg": 290.0, "r1_gamma": [1.0, 0.2]}],
        "data": {"note": "Toy Town"},
    }
    text = recipe(metadata, (890_000, 1_020_000))
    assert "r1_gamma 1 until 290 thousand images, then 0.2" in text and "**340 thousand images**" in text


def test_distances_stand_beside_their_floor():
    found = json.loads((ASSETS / "toytown64/final.quality.json").read_text())
    lines = quality(found).splitlines()
    assert lines[2].startswith(f"| generated | {found['swd_x1e3']['64']:.1f} |")
    assert lines[3].endswith(f"| {found['swd_x1e3_floor']['average']:.1f} |")


def test_a_table_is_markdown():
    assert table(["a", "b"], [["x", 1]]) == "|a|b|\n|---|--:|\n| x | 1 |"
