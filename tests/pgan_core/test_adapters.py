import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from dissection import ablate, dissect, insert
from dissection.segmenters.registry import load_segmenter
from pgan_core.adapters import adapt
from pgan_core.dcgan import dcgan
from tests import own_generators
from tests.own_generators import CLASSES, LATENT


def small_dcgan():
    torch.manual_seed(0)
    return dcgan(LATENT, (12, 8), 3)


STYLES = {
    "dcgan": (small_dcgan, 0),
    "conditional": (own_generators.conditional, CLASSES),
    "residual": (own_generators.residual, CLASSES),
    "functional": (own_generators.functional, 0),
}


@pytest.fixture(params=STYLES)
def style(request):
    make, classes = STYLES[request.param]
    module = make()
    return module, adapt(module, LATENT, classes)


def inputs(generator, count=3):
    z = torch.randn(count, LATENT, generator=torch.Generator().manual_seed(1))
    return z, torch.arange(count) % CLASSES if generator.config.label_dim else None


def plain(module, z, labels):
    """The module's own pictures in eval mode."""
    module = copy.deepcopy(module).eval()
    if labels is None:
        made = module(z)
    else:
        made = module(
            z, labels if isinstance(module, own_generators.Residual) else nn.functional.one_hot(labels).float()
        )
    made = made[0] if isinstance(made, tuple) else made
    return (2 * made - 1).expand(-1, 3, -1, -1) if made.shape[1] == 1 else made


@torch.no_grad()
def test_pictures_are_the_modules_own_in_eval_mode(style):
    module, generator = style
    z, labels = inputs(generator)
    assert module.training
    assert torch.equal(generator(z, labels), plain(module, z, labels))
    alone = generator(z[1:2], None if labels is None else labels[1:2])  # another batch: to rounding
    assert torch.allclose(generator(z, labels)[1:2], alone, atol=1e-5)
    assert module.training and not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


@torch.no_grad()
def test_a_walk_goes_on_from_every_point_to_the_bit_and_stops_at_every_point(style):
    _, generator = style
    z, labels = inputs(generator)
    whole = generator.run(z, labels=labels, keep=generator.points)
    assert torch.equal(whole.images, generator(z, labels)) and set(whole.activations) == set(generator.points)
    for point, kept in whole.activations.items():
        assert torch.equal(generator.run(z, labels=labels, start=(point, kept)).images, whole.images), point
        stopped = generator.run(z, labels=labels, stop=point)
        assert stopped.images is None and torch.equal(stopped.activations[point], kept)


@torch.no_grad()
def test_units_are_maps_after_the_non_linearity_named_by_size_and_path(style):
    _, generator = style
    names = {
        "DCGAN": ("4x4/main.2", "8x8/main.5"),
        "Conditional": ("4x4/net.2", "8x8/net.6"),
        "Residual": (
            "4x4/view",
            *("8x8/blocks.0.relu", "8x8/blocks.0.second", "8x8/blocks.0.short", "8x8/blocks.0.relu.2"),
            *("16x16/blocks.1.relu", "16x16/blocks.1.second", "16x16/blocks.1.short", "16x16/blocks.1.relu.2"),
        ),
        "Functional": ("4x4/relu", "8x8/clamp"),
    }
    assert generator.layer_names == names[generator.config.module]
    z, labels = inputs(generator)
    kept = generator.run(z, labels=labels, keep=generator.layer_names).activations
    for spec in generator.specs:
        assert kept[spec.name].shape == (3, spec.out_features, spec.resolution, spec.resolution)


@torch.no_grad()
def test_kept_activations_are_what_the_next_layer_reads_though_it_writes_in_place():
    generator = adapt(small_dcgan(), LATENT)
    kept = generator.run(inputs(generator)[0], keep=["4x4/main.1", "4x4/main.2"]).activations
    assert (kept["4x4/main.1"] < 0).any()
    assert torch.equal(kept["4x4/main.1"].relu(), kept["4x4/main.2"])


@torch.no_grad()
def test_edits_change_what_follows_and_nothing_else(style):
    _, generator = style
    z, labels = inputs(generator)
    name, later = generator.layer_names[0], generator.layer_names[-1]
    before = generator.run(z, labels=labels, keep=[name, later])
    edited = generator.run(z, labels=labels, keep=[name, later], edits={name: [ablate(range(8))]})
    assert torch.equal(edited.activations[name], before.activations[name])
    assert not torch.equal(edited.activations[later], before.activations[later])
    assert not torch.equal(edited.images, before.images)
    start = (name, before.activations[name])
    again = generator.run(z, labels=labels, start=start, edits={name: [ablate(range(8))]}).images
    assert torch.equal(again, edited.images)
    changed = ablate(range(8))(before.activations[name])
    assert torch.equal(generator.run(z, labels=labels, start=(name, changed)).images, edited.images)
    assert torch.equal(generator.run(z, labels=labels).images, before.images)
    assert torch.equal(start[1], before.activations[name])


@torch.no_grad()
def test_a_start_needs_only_what_the_pictures_still_depend_on():
    generator = adapt(own_generators.residual(), LATENT, CLASSES)
    z, labels = inputs(generator)
    run = generator.run(z, labels=labels, keep=generator.points)
    last = generator.layer_names[-1]
    assert torch.equal(generator.run(None, start=(last, run.activations[last])).images, run.images)
    first = "8x8/blocks.0.relu.2"
    assert torch.equal(generator.run(None, labels=labels, start=(first, run.activations[first])).images, run.images)
    with pytest.raises(ValueError, match="conditional on 3 labels"):
        generator.run(None, start=(first, run.activations[first]))
    with pytest.raises(ValueError, match=r"a branch passes 8x8/blocks.0.second by"):
        generator.run(None, labels=labels, start=("8x8/blocks.0.second", run.activations["8x8/blocks.0.second"]))


def test_gradients_flow_to_the_latent_and_through_edits():
    generator = adapt(small_dcgan(), LATENT)
    z = inputs(generator)[0].requires_grad_()
    generator.run(z, edits={"4x4/main.2": [insert([1], 0.5)]}).images.sum().backward()
    assert z.grad.abs().sum() > 0


def test_many_threads_walk_through_one_generator(style):
    _, generator = style
    z, labels = inputs(generator)
    name = generator.layer_names[0]

    @torch.no_grad()
    def walk(unit):
        run = generator.run(z, labels=labels, keep=[name], edits={name: [ablate([unit])]})
        return run.activations[name], run.images

    alone = [walk(unit) for unit in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(walk, list(range(6)) * 4))
    for i, (kept, images) in enumerate(together):
        assert torch.equal(kept, alone[i % 6][0]) and torch.equal(images, alone[i % 6][1])


@torch.no_grad()
def test_the_output_function_is_done_once():
    z = inputs(adapt(small_dcgan(), LATENT))[0]
    assert torch.equal(adapt(small_dcgan(), LATENT, output="tanh")(z), small_dcgan().eval()(z))
    bare = own_generators.functional()
    assert torch.equal(adapt(bare, LATENT, output="tanh")(z), bare(z)[0].tanh())
    assert torch.equal(adapt(bare, LATENT, output="clamp")(z), bare(z)[0].clamp(-1, 1))


class Noisy(nn.Module):
    def forward(self, z):
        return torch.rand(len(z), 3, 8, 8) + z[:, :1, None, None]


class Flat(nn.Module):
    def forward(self, z):
        return z


@pytest.mark.parametrize(
    "module, options, sentence",
    [
        (Noisy(), {}, "draws random numbers"),
        (Flat(), {}, r"does not make pictures of latents N x 16: it gives \(2, 16\)"),
        (nn.ConvTranspose2d(16, 3, (4, 8)), {}, "only square ones"),
        (nn.ConvTranspose2d(16, 3, 4), {}, "no layer that gives maps"),
        (nn.Linear(4, 4), {}, "does not make pictures of latents N x 16"),
        (nn.Linear(4, 4), {"output": "sigmoid"}, "output is one of"),
        (nn.Linear(4, 4), {"label_dim": -1}, "label_dim is a whole number"),
        (len, {}, "a generator is a torch.nn.Module"),
    ],
)
def test_what_is_no_generator_is_said_in_one_sentence(module, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        adapt(module, LATENT, **options)


@torch.no_grad()
def test_unknown_names_and_misshapen_starts_are_errors():
    generator = adapt(small_dcgan(), LATENT)
    z = inputs(generator)[0]
    for said in ({"keep": ["8x8/conv1"]}, {"stop": "x"}, {"edits": {"x": []}}, {"start": ("x", z)}):
        with pytest.raises(ValueError, match="there is no layer"):
            generator.run(z, **said)
    with pytest.raises(ValueError, match="maps of 12 x 4 x 4, not of 12 x 8 x 8"):
        generator.run(z, start=("4x4/main.2", torch.zeros(3, 12, 8, 8)))
    with pytest.raises(ValueError, match="pictures of 16 pixels"):
        generator(z, resolution=8)


def test_dissection_serves_every_style(style):
    _, generator = style
    found = dissect(generator, "all", load_segmenter("clusters:3", generator), 24, bootstrap=20)
    assert tuple(found.layers) == generator.layer_names
    again = dissect(generator, "all", load_segmenter("clusters:3", generator), 24, bootstrap=20)
    for name, layer in found.layers.items():
        assert (layer.scores.iou == again.layers[name].scores.iou).all()
        assert (layer.scores.thresholds == again.layers[name].scores.thresholds).all()
