import numpy as np
import pytest

from dissection import Dissection
from dissection.outgoing import Outgoing
from pgan_core import load_checkpoint
from pgan_core.adapters import adapt
from pgan_core.paths import ASSETS
from tests import own_generators
from tests.own_generators import LATENT

OF = {"4x4/dense": "4x4/conv", "8x8/conv0": "8x8/conv1"}  # what reads a layer


@pytest.fixture(scope="module")
def made():
    generator = load_checkpoint(ASSETS / "toytown128" / "8x8-end.safetensors").generator
    return generator, Dissection.load(ASSETS / "dissection-stages" / "8x8-end")


def test_in_its_layer_the_nearest_unit_has_the_outgoing_filter_of_highest_cosine(made):
    generator, read = made
    own, _ = Outgoing.of(generator, read).nearest("4x4/conv", 5)
    weight = generator.layers["8x8/conv0"].effective_weight().detach().numpy()
    cosines = [
        np.vdot(weight[:, 5], weight[:, u]) / np.linalg.norm(weight[:, 5]) / np.linalg.norm(weight[:, u])
        for u in range(128)
    ]
    cosines[5] = -2
    assert (own[0].layer, own[0].unit) == ("4x4/conv", int(np.argmax(cosines)))
    assert own[0].similarity == pytest.approx(max(cosines), abs=1e-5)


def test_in_other_layers_units_add_to_the_same_concepts(made):
    generator, read = made
    found = Outgoing.of(generator, read)
    _, others = found.nearest("4x4/conv", 5)
    assert len(others) == 6 and {other.layer for other in others} <= {"4x4/dense", "8x8/conv0"}
    assert [other.similarity for other in others] == sorted((o.similarity for o in others), reverse=True)
    added = {}
    for layer, reader in (("4x4/conv", "8x8/conv0"), (others[0].layer, OF[others[0].layer])):
        weight = generator.layers[reader].effective_weight().detach().numpy()
        added[layer] = weight.sum(axis=(2, 3)).T @ read.layers[reader].response()
    one, two = added["4x4/conv"][5], added[others[0].layer][others[0].unit]
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    assert others[0].similarity == pytest.approx(cosine, abs=1e-5)
    assert found.nearest("8x8/conv1", 5) == ([], [])  # only to-RGB reads it


def test_other_networks_have_no_next_convolution(made):
    assert Outgoing.of(adapt(own_generators.functional(), LATENT), made[1]) is None
