"""Every path on a device other than the CPU: for real where CUDA is, else on tensors that only claim to be there.

What decides by numbers, which claimed tensors have not, runs on real devices only.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dissection.concept_directions import learn_direction
from dissection.dissect import dissect
from dissection.effects.trial import Trial, effect_table, levels_at_concept
from dissection.effects.unit_search import _search_loss, search_units
from dissection.interventions import ablate, copy, insert, scale
from dissection.segmenters import registry, toytown
from dissection.segmenters.clusters import fit_clusters
from dissection.world.town import CONCEPTS
from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.directions import Directions, principal_directions
from pgan_core.discriminator import discriminator_layers
from pgan_core.generator import generator_layers
from pgan_core.latents import circle, combine, latents_from_seeds, lerp, neighbours, orthogonalize, slerp
from pgan_core.layers import LayerWeights
from pgan_core.network import initial_weights
from tests.claimed_device import claimed_device
from tests.dissection.effects.painters import LAYER, RED, Colours, painter

SMALL = {"resolution": 16, "channels": (12, 10, 8)}
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture(params=["claimed", pytest.param("real", marks=needs_cuda)])
def there(request):
    """A CUDA device, real or only claimed by the tensors of the test."""
    if request.param == "real":
        yield torch.device("cuda", 0)
    else:
        with claimed_device() as device:
            yield device


def on(network: type, config, device: torch.device):
    """A fresh network made on the device; moving one there is more than claimed tensors can do."""
    specs = (generator_layers if network is Generator else discriminator_layers)(config)
    weights = {
        name: LayerWeights(torch.ones(w.weight.shape, device=device), torch.ones(w.bias.shape, device=device), w.c)
        for name, w in initial_weights(specs, 0).items()
    }
    return network(config, weights).requires_grad_(False).eval()


def grown(device: torch.device, **options) -> Generator:
    return on(Generator, GeneratorConfig(**SMALL, latent_dim=8, **options), device)


def is_there(x: torch.Tensor, device: torch.device) -> bool:
    return x.device == device


def test_tensors_of_two_devices_do_not_meet(there):
    """The tests below prove nothing unless this raises."""
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3, device=there) * torch.ones(3)


@pytest.mark.parametrize("options", [{}, {"stored_alpha": 0.5}, {"latent_norm": "both", "pixel_norm": "before"}])
def test_latents_and_pictures_of_the_cpu_are_taken_along(there, options):
    z = np.random.default_rng(0).normal(size=(3, 8))
    plain = grown(there, **options)
    judge = on(Discriminator, DiscriminatorConfig(**SMALL), there)
    for generator in (plain, plain.prepared(), plain.variant("lrn"), plain.variant("batch", equalized=False)):
        images = generator(z)
        assert is_there(images, there) and images.shape == (3, 3, 16, 16)
        assert is_there(judge(images.cpu()), there)


@pytest.mark.parametrize(
    "edit",
    [
        ablate([1, 2]),
        insert([1, 2], [0.5, 2.0], torch.eye(8)),
        scale(None, 2.0, torch.ones(4, 4), strength=0.5),
        copy([0, 3], torch.ones(10, 8, 8), torch.ones(16, 16)),
    ],
    ids=["ablate", "insert", "scale", "copy"],
)
def test_edits_made_on_the_cpu_work_there(there, edit):
    generator = grown(there).prepared()
    maps = generator.run(torch.ones(2, 8), stop="8x8/conv1").activations["8x8/conv1"]
    run = generator.run(None, start=("8x8/conv1", maps), edits={"8x8/conv1": [edit]})
    assert is_there(run.images, there)


class Grey(torch.nn.Module):
    """As the network of Toy Town's segmenter, without weights: every concept is where it is bright."""

    def forward(self, images):
        return images.mean(dim=1, keepdim=True) * torch.ones(1, len(CONCEPTS) - 1, 1, 1, device=images.device)


def test_the_loss_of_the_unit_search_whether_or_not_the_segmenter_is_there(there):
    generator = grown(there)
    z = torch.ones(4, 8, device=there)
    activation = generator.run(z, stop="8x8/conv1").activations["8x8/conv1"]
    for device in (there, "cpu"):
        segmenter = toytown.ToyTownSegmenter(Grey(), device)
        trial = SimpleNamespace(generator=generator, layer="8x8/conv1", segmenter=segmenter, z=z, activation=activation)
        alpha, values = torch.full((10,), 0.5, device=there), torch.ones(10, device=there)
        loss = _search_loss(trial, 1, alpha, values, torch.tensor([2, 0]), torch.Generator().manual_seed(0))
        assert is_there(loss, there)


def test_points_of_the_latent_space_stay_where_they_are(there):
    z = torch.ones(3, 8, device=there) + torch.eye(3, 8, device=there)
    assert is_there(lerp(z[0], z[1], torch.linspace(0, 1, 5)), there)
    assert is_there(slerp(z[0], z[1], torch.linspace(0, 1, 5)), there)
    assert is_there(combine(z, [1.0, -1.0, 1.0]), there)


def test_our_segmenters_work_on_the_generators_device(monkeypatch):
    """Without CUDA: only where they are sent is watched."""
    sent = []
    device = torch.device("cuda", 0)
    monkeypatch.setattr(toytown, "load_toytown", lambda device: sent.append(device) or SimpleNamespace())
    registry.load_segmenter("toytown", SimpleNamespace(device=device))
    registry.load_segmenter("toytown")
    assert sent == [device, "cpu"]


# ---- what decides by numbers: on every device that is there --------------------------------------------------------


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=needs_cuda)])
def device(request):
    return torch.device(request.param)


def test_measurements_of_causes(device):
    trial = Trial(painter().to(device), LAYER, Colours(), range(12))
    assert levels_at_concept(trial, RED).device.type == device.type
    assert effect_table(trial, [3], draws=2).left[RED] == 0
    found = search_units(trial, RED, np.ones(trial.units), epochs=2)
    assert found.order[0] == 3


def test_dissections_and_directions(device):
    generator = painter().to(device)
    assert set(dissect(generator, [LAYER], Colours(), 8).layers) == {LAYER}
    clusters = fit_clusters(generator, 3, layer=LAYER)
    assert set(dissect(generator, [LAYER], clusters, 8).layers) == {LAYER}
    for found in (principal_directions(generator, LAYER, count=2, samples=32),
                  learn_direction(generator, Colours(), "more red", samples=32)):  # fmt: skip
        moved = found.move(latents_from_seeds([0], 6).to(device), [1.0])
        assert moved.device.type == device.type and torch.isfinite(generator(moved)).all()


def test_neighbours_and_circles(device):
    z = latents_from_seeds([0], 8).to(device)
    assert neighbours(z, [3, 5]).device == circle(z, 4).device == z.device
    assert orthogonalize(z[0], torch.eye(8)[:2]).device == z.device
    still = Directions(torch.eye(8)[:1], np.ones(1), "sefa")
    assert still.move(z, [1.0]).device == z.device
