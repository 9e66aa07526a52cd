"""What ships beside the shipped model is of that very model: a fingerprint that changes would make it unfindable."""

import pytest

from dissection import Dissection
from dissection.effects.unit_effects import EffectStore
from dissection.output.pool import load_pool
from dissection.scoring.job import fingerprint
from dissection.unit_profiles import UnitProfiles
from pgan_core import load_checkpoint
from pgan_core.paths import ASSETS

STAGES = sorted(folder.name for folder in (ASSETS / "dissection-stages").iterdir())


def weights_of(name: str) -> str:
    file = ASSETS / "toytown128" / f"{name}.safetensors"
    file = file if file.exists() else ASSETS / "toytown64" / "final.safetensors"  # the end of 64x64 ships as a model
    return fingerprint(load_checkpoint(file).generator)


def test_the_dissection_and_what_lies_beside_it_is_of_the_shipped_network():
    folder = ASSETS / "dissection"
    found = {Dissection.load(folder).info["weights_sha256"]}
    found |= {UnitProfiles.load(folder).weights, EffectStore.load(folder).weights}
    assert found == {weights_of("final")}
    dissection = Dissection.load(folder)
    assert all(load_pool(folder, dissection, layer) for layer in dissection.layers)


@pytest.mark.parametrize("stage", STAGES)
def test_the_dissection_of_a_stage_is_of_that_stage(stage):
    assert Dissection.load(ASSETS / "dissection-stages" / stage).info["weights_sha256"] == weights_of(stage)
