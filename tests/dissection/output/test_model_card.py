"""The page's and the README's numbers of the shipped models are those of the files that measured them."""

from types import SimpleNamespace

import numpy as np
import pytest

from dissection.output.model_card import (
    BLOCK,
    PAGE,
    PREVIOUS,
    README,
    card,
    quality,
    second_release,
    segmenter,
    shares,
    short,
)
from dissection.output.model_recipe import gaps, logged_gammas, recipe
from dissection.shares import Contrast, Shares
from pgan_core.markdown import table, with_block


@pytest.mark.parametrize(("path", "made"), [(PAGE, card), (README, short)], ids=["page", "readme"])
def test_the_texts_say_what_the_files_say(path, made):
    text = path.read_text()
    assert with_block(text, BLOCK, made()) == text, "run: python -m dissection.output.model_card --write"


def test_shares_name_the_concepts_that_miss_the_target():
    real, made = np.array([0.5, 0.02, 0.005]), np.array([0.45, 0.01, 0.001])
    found = Contrast(real, made, made - real - 0.001, made - real + 0.001)
    page = shares(Shares(("sky", "window", "chimney"), found, found, (99, 99), "ours"))
    assert "| window | 2.00% | 1.00% | -1.00* (-1.10 to -0.90) |" in page
    assert "Of the 2 concepts that cover at least 1% of real pixels, all but window are within 30%" in page


PHASE = {"resolution": 4, "fading": False, "minibatch": 64, "kimg": 2.0, "gamma": [1, 1], "lr": [0.002, 0.001]}
PHASES = [
    PHASE | {"cool": 0.3, "seconds": 13.1},
    PHASE | {"resolution": 8, "fading": True, "kimg": 1.5, "cool": 0.0, "seconds": 9.0},
    PHASE | {"resolution": 8, "kimg": 1200.0, "gamma": [2, 0.5], "cool": 0.5, "seconds": 700.0},
]
METADATA = {
    "kimg": 1203.5,
    "seconds": 722,
    "sittings": [{"kimg": 700, "seconds": 361}, {"kimg": 1203.5, "seconds": 361}],
    "recipe": {
        "feature_maps": [8, 4],
        "discriminator_maps": [8, 6],
        "loss": "relativistic",
        "r1_every": 4,
        "betas": [0.0, 0.99],
        "precision": "bfloat16",
        "ema_kimg": 40.0,
    },
    "phases": PHASES,
    "loop": "a loop of its own",
    "machine": {"device": "an accelerator", "torch": "2.0"},
    "data": {"note": "Toy Town", "images": 5000},
    "licence": "CC0-1.0",
}


def test_the_recipe_says_how_it_was_made():
    text = recipe(METADATA, (890_000, 1_020_000), [(1, 1), (1, 0.8), (1.7, 0.6)])
    for part in (
        *(
            "feature maps 8, 4 from",
            "1.02 M parameters, 8, 6.",
            "Relativistic pairing loss",
            "each 4th step",
            "bfloat16",
        ),
        *("Made by a loop of its own; on one an accelerator", "2 sittings of 6 and 6 minutes: 1,204 thousand images"),
        *("Toy Town (5,000 pictures)", "| 8x8 | 1,200 | 2 → 0.5 | 1.7 → 0.6 | 0.002 → 0.001 (50%) | 700 |"),
        "| the fade to 8x8 | 2 | 1 | 1 → 0.8 | 0.002 | 9 |",
    ):
        assert part in text


def test_the_gaps_of_a_run_are_those_phases_that_saw_nearly_nothing():
    assert gaps(PHASES)[0].endswith(
        "4x4 (2 thousand images) and the fade to 8x8 (2 thousand images) were hardly trained: setting up ate their "
        "time, so there is no half-faded 8x8 snapshot."
    )
    assert gaps(PHASES[2:]) == []


def test_gammas_are_those_of_the_phase_in_the_log(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(f'{{"kimg": {k}, "gamma": {g}}}' for k, g in ((2.0, 1), (3.5, 2), (600, 3), (1203.5, 4))))
    assert logged_gammas(log, PHASES) == [(1, 1), (2, 2), (3, 4)]
    log.write_text('{"kimg": 2.0, "gamma": 1}')
    with pytest.raises(ValueError, match="nothing of the images from 2 to 4 thousand"):
        logged_gammas(log, PHASES)


def test_distances_stand_beside_their_floor():
    values = {
        "swd_x1e3": {"16": 2.0, "32": 1.0, "average": 1.5},
        "swd_x1e3_floor": {"16": 0.2, "32": 0.1, "average": 0.15},
    }
    lines = quality(values | {"count": 9, "real": "a/b.npz", "ms_ssim": {"generated": 0.2, "real": 0.1}}).splitlines()
    assert lines[2] == "| generated | 1.0 | 2.0 | 1.5 |"
    assert lines[3] == "| real against real (floor) | 0.1 | 0.2 | 0.1 |"


def test_the_second_release_counts_units_by_iou_alone():
    scores = SimpleNamespace(best_iou=np.array([0.041, 0.039, 0.5, 0.2]), best_concept=np.array([1, 2, 3, 3]))
    text = second_release(SimpleNamespace(layers={"a": SimpleNamespace(scores=scores)}))
    assert "it is 3 units, and 2 concepts have one" in text


def test_the_segmenter_stands_beside_the_previous_one():
    iou = dict.fromkeys(list(PREVIOUS)[1:], 0.5) | {"door": 0.75}
    kinds = {kind: {"mean_iou": 0.6, "iou": iou} for kind in ("clean", "degraded", "clean_64")}
    page = segmenter(kinds | {"size": 128, "test_scenes": 2000})
    assert "| door | 0.750 | 0.750 | 0.750 | 0.998 | 0.926 |" in page and "128x128" in page


def test_a_table_is_markdown():
    assert table(["a", "b"], [["x", 1]]) == "|a|b|\n|---|--:|\n| x | 1 |"
