"""docs/PHOTOGRAPHS.md says what the code does: its loss, its search, its masks."""

import re

import torch

from dissection.effects.causal_results import FILE, CausalResults
from dissection.effects.proposals import ADD
from dissection.photograph_report import CONCEPT, Try, page, sheets
from dissection.projection import Projection
from pgan_core.paths import ASSETS

PAGE = ASSETS.parent / "docs/PHOTOGRAPHS.md"
MEASURED = re.compile(r"\d+\.\d+ \||\d+\.\d% on average|(finds|pixels of \w+ before and) \d+|^[\d.]+ s for .*", re.M)


def test_the_page_is_what_the_code_says():
    """All but what the command measured."""
    proposal = CausalResults.load(ASSETS / "interventions" / FILE).proposal(CONCEPT, ADD)
    nothing, picture = torch.zeros(1), torch.zeros(1, 3, 128, 128)
    layer = re.search(r"activation of `(.*?)` \|", PAGE.read_text())[1]
    found = Projection(nothing, layer, nothing, nothing, picture, 0.5, 0.25)
    done = Try(picture, found, picture, picture, 1.0)
    made = page(done, proposal, (1, 2), "a machine")
    assert "| 0.5000 |" in made and "finds 1\npixels of door before and 2 after" in made and "\n1.0 s for" in made
    assert MEASURED.sub("", made) == MEASURED.sub("", PAGE.read_text()), "run: python -m dissection.photograph_report"


def test_pictures_stand_side_by_side_and_missing_parts_are_bright():
    black, photograph = -torch.ones(1, 3, 64, 64), -torch.ones(1, 3, 128, 128)
    photograph[:, :, :64] = 1
    found = Projection(black, "", black, black, black, 0.0, 0.0)
    made = sheets(Try(photograph, found, black, photograph, 0.0))
    assert made["projection"].shape == (256, 3 * 256 + 2 * 6, 3) and made["door"].shape == (256, 4 * 256 + 3 * 6, 3)
    missing = made["projection"][:, -256:].astype(int).sum(axis=2)
    assert missing[:120].min() > missing[136:].max()
    assert (made["door"][:, 262:518] == 0).all()  # nothing is changed
