"""docs/PHOTOGRAPHS.md says what the code does: its loss, its search, its masks."""

import re

import numpy as np
import torch

from dissection.effects.causal_results import FILE, CausalResults
from dissection.effects.proposals import ADD, Proposal
from dissection.photograph_report import CONCEPT, Try, attempt, page, sheets
from dissection.projection import Projection
from pgan_core import Generator, GeneratorConfig
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


def test_what_changes_under_the_brush_is_added_to_the_photograph():
    generator = Generator(GeneratorConfig(resolution=16, channels=(8, 8, 4), latent_dim=6), seed=0)
    brush = 2, 8, 6, 12  # left, top, right, bottom
    done = attempt(generator, 3, brush, Proposal("door", "16x16/conv1", (0, 1, 2, 3), levels=(6.0,) * 4), size=32)
    change = (done.edited - done.found.image)[0].abs().amax(dim=0)
    rows, columns = np.nonzero(change.numpy() > 1e-4)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 11, 2, 5)
    added = (done.blended - done.photograph)[0, :, 18:22, 6:10].mean(dim=(1, 2))  # where it is added wholly
    aim = (done.edited.clamp(-1, 1) - done.found.image.clamp(-1, 1))[0, :, 9:11, 3:5].mean(dim=(1, 2))
    assert torch.allclose(added, aim, atol=0.3) and added.abs().max() > 0.5
    outside = torch.ones(32, 32, dtype=torch.bool)
    outside[10:30, 0:16] = False
    assert torch.equal(done.blended[0, :, outside], done.photograph[0, :, outside])


def test_pictures_stand_side_by_side_and_missing_parts_are_bright():
    black, photograph = -torch.ones(1, 3, 64, 64), -torch.ones(1, 3, 128, 128)
    photograph[:, :, :64] = 1
    found = Projection(black, "", black, black, black, 0.0, 0.0)
    made = sheets(Try(photograph, found, black, photograph, 0.0))
    assert made["projection"].shape == (256, 3 * 256 + 2 * 6, 3) and made["door"].shape == (256, 4 * 256 + 3 * 6, 3)
    missing = made["projection"][:, -256:].astype(int).sum(axis=2)
    assert missing[:120].min() > missing[136:].max()
    assert (made["door"][:, 262:518] == 0).all()  # nothing is changed
