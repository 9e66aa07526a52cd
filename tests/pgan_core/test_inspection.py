"""Layer tables and costs against the paper's table 2 and against what the networks really do."""

import itertools

import pytest
import torch

from pgan_core import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from pgan_core.inspection import grown_specs, image_cost, layer_table, multiply_adds

SMALL = {"resolution": 16, "channels": (8, 6, 4)}


@pytest.fixture(scope="module")
def networks():
    return Generator(GeneratorConfig(latent_dim=5, **SMALL)), Discriminator(DiscriminatorConfig(**SMALL))


def test_the_official_networks_have_the_papers_totals():
    generator, discriminator = Generator(GeneratorConfig()), Discriminator(DiscriminatorConfig())
    tables = layer_table(generator), layer_table(discriminator)
    assert [round(sum(row.parameters for row in table) / 1e6, 1) for table in tables] == [23.1, 23.1]
    rows = {row.name: row for row in tables[0]}
    assert rows["4x4/dense"].output_shape == (512, 4, 4) and round(rows["4x4/dense"].parameters / 1e6, 1) == 4.2
    assert rows["1024x1024/upsample"].output_shape == (32, 1024, 1024)
    assert rows["1024x1024/rgb"].parameters == 51 and rows["1024x1024/rgb"].activation == "linear"
    rows = {row.name: row for row in tables[1]}
    assert rows["4x4/minibatch_stddev"].output_shape == (513, 4, 4)
    assert rows["4x4/dense1"].parameters == 513 and rows["4x4/dense1"].activation == "linear"


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_output_shapes_are_those_of_a_run(networks, which, resolution):
    network = networks[which]
    rows = {r.name: r.output_shape for r in layer_table(network, resolution) if r.name in network.layers}
    inputs = torch.zeros(1, 5) if which == 0 else torch.zeros(1, 3, resolution, resolution)
    kept = network.run(inputs, resolution=resolution, keep=list(rows)).activations
    flat = {name: (*tensor.shape[1:], 1, 1)[:3] for name, tensor in kept.items()}
    assert flat == rows


def test_multiply_adds_are_counted_by_hand():
    specs = {spec.name: spec for spec in grown_specs(GeneratorConfig(latent_dim=5, **SMALL), 8)}
    assert list(specs) == ["4x4/dense", "4x4/conv", "8x8/conv0", "8x8/conv1", "8x8/rgb"]
    counts = [multiply_adds(spec) for spec in specs.values()]
    assert counts == [5 * 8 * 16, 8 * 8 * 9 * 16, 8 * 6 * 9 * 64, 6 * 6 * 9 * 64, 6 * 3 * 64]
    assert image_cost(GeneratorConfig(latent_dim=5, **SMALL), 8).multiply_adds == sum(counts)


def test_the_table_and_the_cost_agree(networks):
    for network in networks:
        for resolution in network.resolutions:
            table, cost = layer_table(network, resolution), image_cost(network.config, resolution)
            assert cost.multiply_adds == sum(row.multiply_adds for row in table)
            assert cost.activation_bytes == sum(row.output_bytes for row in table)


def test_costs_rise_with_the_resolution():
    costs = [image_cost(GeneratorConfig(), 2**k) for k in range(2, 11)]
    assert all(a.multiply_adds < b.multiply_adds for a, b in itertools.pairwise(costs))
    assert costs[-1].activation_bytes > 1000 * costs[0].activation_bytes
