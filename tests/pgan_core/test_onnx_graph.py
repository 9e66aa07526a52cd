"""The ONNX form of a generator gives torch's pictures and activations, at every moment and under every edit."""

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from pgan_core import CheckpointError, Generator, GeneratorConfig, load_checkpoint
from pgan_core.latents import inputs_from_seeds
from pgan_core.network import one_hot
from pgan_core.onnx_graph import fading_sizes, onnx_model
from pgan_core.paths import ASSETS

FIXTURES = Path(__file__).parents[1] / "fixtures/checkpoints"
CONFIGS = {
    "paper": {},
    "norm first": {"pixel_norm": "before"},
    "relu, no norm": {"activation": "relu", "pixel_norm": "off", "latent_norm": "off"},
    "eps outside, tanh": {"pixel_norm_eps_outside": True, "pixel_norm_eps": 1e-5, "output": "tanh"},
    "clamped before blending": {"output": "clamp", "output_first": True, "pixel_norm_skip": ("4x4/dense",)},
    "labels": {"label_dim": 3, "latent_norm": "both"},
    "embedded labels, grey": {"label_dim": 3, "label_embedding": True, "latent_norm": "latent", "image_channels": 1},
    "few to-RGB layers": {"rgb_resolutions": (8, 32)},
}


class Exported:
    """A generator and a session with its ONNX form."""

    def __init__(self, generator: Generator, half: bool):
        model = onnx_model(generator, half=half)
        onnx.checker.check_model(model, full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        self.generator, self.bytes = generator, model.ByteSize()

    def run(self, seeds, names, resolution: int, alpha: float, edits=None) -> dict[str, torch.Tensor]:
        z, labels = inputs_from_seeds(self.generator, seeds)
        feeds = {"z": z.numpy(), "resolution": np.array(resolution), "alpha": np.array(alpha, np.float32)}
        if labels is not None:
            feeds["labels"] = one_hot(labels, self.generator.config.label_dim).numpy()
        for name in self.generator.layer_names:
            for part in ("mask", "value"):
                feeds[f"{name}.{part}"] = (edits or {}).get(name, {}).get(part, np.zeros((1, 1, 1, 1), np.float32))
        found = self.session.run(list(names), feeds)
        return {name: torch.from_numpy(values) for name, values in zip(names, found, strict=True)}


@pytest.fixture(scope="module", params=CONFIGS)
def small(request):
    config = GeneratorConfig(resolution=32, channels=(12, 10, 8, 6), latent_dim=12, **CONFIGS[request.param])
    return Exported(Generator(config, seed=1).requires_grad_(False), half=False)


def test_every_moment_and_every_layer(small):
    generator = small.generator
    moments = [(r, 1.0) for r in generator.resolutions] + [(r, 0.3) for r in fading_sizes(generator)]
    for resolution, alpha in moments:
        on_the_way = [spec.name for spec in generator.specs if spec.resolution <= resolution]
        beyond = [spec.name for spec in generator.specs if spec.resolution > resolution]
        z, labels = inputs_from_seeds(generator, [3, 4])
        expected = generator.run(z, labels=labels, resolution=resolution, alpha=alpha, keep=on_the_way)
        got = small.run([3, 4], ["images", *on_the_way, *beyond], resolution, alpha)
        torch.testing.assert_close(got["images"], expected.images, atol=1e-4, rtol=1e-4)
        for name, values in expected.activations.items():
            torch.testing.assert_close(got[name], values, atol=1e-4, rtol=1e-4)
        assert all(got[name].numel() for name in on_the_way) and not any(got[name].numel() for name in beyond)


def test_a_mask_and_a_value_are_an_edit(small):
    generator, rng = small.generator, np.random.default_rng(5)
    edits, torch_edits = {}, {}
    shapes = {"4x4/conv": (1, 12, 1, 1), "8x8/conv0": (1, 1, 8, 8), "16x16/conv1": (2, 8, 16, 16)}
    for name, shape in shapes.items():
        mask, value = rng.random(shape, np.float32), rng.standard_normal(shape).astype(np.float32)
        edits[name] = {"mask": mask, "value": value}
        a, v = torch.from_numpy(mask), torch.from_numpy(value)
        torch_edits[name] = [lambda x, a=a, v=v: x * (1 - a) + v * a]
    z, labels = inputs_from_seeds(generator, [3, 4])
    size = generator.resolution
    expected = generator.run(z, labels=labels, resolution=size, edits=torch_edits, keep=["16x16/conv1"])
    got = small.run([3, 4], ["images", "16x16/conv1"], size, 1.0, edits)
    torch.testing.assert_close(got["images"], expected.images, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got["16x16/conv1"], expected.activations["16x16/conv1"], atol=1e-4, rtol=1e-4)
    assert (expected.images - generator(z, labels)).abs().max() > 0.01  # the edits do something


@pytest.mark.parametrize("half", [False, True])
def test_the_shipped_model_on_64_seeds(half):
    generator = load_checkpoint(ASSETS / "toytown128/final.safetensors").generator
    exported = Exported(generator, half)
    assert exported.bytes < (2_800_000 if half else 5_500_000)
    fast = generator.prepared()
    for first in range(0, 64, 8):
        seeds = range(first, first + 8)
        with torch.inference_mode():
            expected = fast(inputs_from_seeds(generator, seeds)[0])
        difference = exported.run(seeds, ["images"], 128, 1.0)["images"] - expected
        if half:
            for picture in difference:
                assert 20 * math.log10(2 / picture.square().mean().sqrt()) > 45  # dB; black to white is 2
        else:
            assert difference.abs().max() < 1e-3


PUBLISHED = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_checkpoints(name):
    generators = []
    for path in sorted((FIXTURES / name).iterdir()):
        if path.suffix != ".npz":
            try:
                generators.append(load_checkpoint(path).generator)
            except CheckpointError:  # a discriminator's file that needs its generator's, or one of a test of refusals
                continue
    generators = [generator for generator in generators if generator is not None]
    assert generators
    generator = generators[0]
    resolution, alpha = generator.moment()
    z, labels = inputs_from_seeds(generator, [0, 1])
    expected = generator(z, labels, resolution=resolution, alpha=alpha)
    half = name > "m"  # both kinds of numbers are met
    got = Exported(generator, half).run([0, 1], ["images"], resolution, alpha)["images"]
    scale = float(expected.abs().max())
    assert (got - expected).abs().max() < (2e-2 if half else 1e-3) * max(scale, 1)


def test_only_a_network_as_it_was_loaded_is_written():
    generator = Generator(GeneratorConfig(resolution=8, channels=(4, 4), latent_dim=4), seed=0)
    for other in (generator.requires_grad_(False).prepared(), generator.variant("off")):
        with pytest.raises(ValueError, match="as it was loaded"):
            onnx_model(other)
