"""rosinality: state dicts and whole pickled modules to 3e-5, and files of the same layouts with other sizes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.layers import StddevConfig
from tests.pgan_core.checkpoints.pickled import instance
from tests.pgan_core.checkpoints.published import (
    FIXTURES,
    assert_close,
    ending,
    expected,
    he,
    latents,
    random_discriminator,
    random_generator,
    rescaled,
    saved,
    widths,
)

FOLDER = FIXTURES / "rosinality_state_dict"
STDDEV = StddevConfig(group_size=None, source="image", unbiased=True, eps=0.0)
GENERATORS = [
    FOLDER / "checkpoint.pth",
    FIXTURES / "rosinality_whole_module/checkpoint.model",
    FIXTURES / "rosinality_whole_module/checkpoint_never_run.model",
]


@pytest.mark.parametrize("path", GENERATORS, ids=lambda path: path.name)
def test_images_and_activations(path):
    """The whole modules hold the weights of the state dict."""
    want, made = expected("rosinality_state_dict"), load_checkpoint(path).generator
    assert_close(made(want["z"], want["labels"]), want["images"], "images")
    for key, step, images in ending(want, "images_step"):
        step, alpha = step.split("_alpha")
        at = {"resolution": 4 << int(step), "alpha": abs(float(alpha))}  # -1: the new branch alone
        assert_close(made(want["z"], want["labels"], **at), images, key)
    for key, block, activation in ending(want, "act_progression"):
        size = 4 << int(block)
        point = f"{size}x{size}/{'conv1' if size > 4 else 'conv'}"
        assert_close(made.run(want["z"], labels=want["labels"], keep=[point]).activations[point], activation, key)


def test_scores():
    want, judge = expected("rosinality_state_dict"), load_checkpoint(FOLDER / "discriminator.pth").discriminator
    for key, step, scores in ending(want, "d_scores_step"):
        step, alpha = step.split("_alpha")
        at = {"resolution": 4 << int(step), "alpha": abs(float(alpha))}
        assert_close(judge(want[f"d_images_step{step}"], **at), scores, key)


def test_every_key_is_used():
    for path in GENERATORS:
        info = load_checkpoint(path).info
        assert info["unused"] == [] and len(info["used"]) == 37 and info["weights"] == "ema"


def layout(made) -> dict[str, torch.Tensor]:
    """A network's tensors under the published names."""
    state, top, is_generator = {}, len(made.config.channels) - 1, "4x4/dense" in made.layers
    for name, layer in made.layers.items():
        block, kind = int(math.log2(int(name.partition("x")[0]))) - 2, name.partition("/")[2]
        number = block if is_generator else top - block
        weight = layer.weight.detach()
        if kind in ("rgb", "from_rgb", "dense1"):
            key = "linear" if kind == "dense1" else f"{'to_rgb' if kind == 'rgb' else 'from_rgb'}.{number}"
            state[f"{key}.weight"], state[f"{key}.bias"] = weight, layer.bias.detach()
            continue
        second = kind in ("conv1", "dense0") or (kind == "conv" and is_generator)
        key = f"progression.{number}.conv.{(3 if is_generator else 2) if second else 0}.conv"
        if kind == "dense":
            weight = weight.unflatten(0, (-1, 4, 4)).permute(0, 3, 1, 2).flip(2, 3)
        elif kind == "dense0":
            weight = weight.unflatten(1, (-1, 4, 4))
        state[f"{key}.weight_orig"], state[f"{key}.bias"] = weight.contiguous(), layer.bias.detach()
    if is_generator:
        state["label_embed.weight"] = made.label_embedding.detach()
    return state


def module(state: dict[str, torch.Tensor], path: str = "model.Generator") -> object:
    """A state dict as the pickled tree of modules that it was taken from."""
    own = {key: torch.nn.Parameter(value) for key, value in state.items() if "." not in key}
    below = {key.partition(".")[0] for key in state if "." in key}
    children = {
        name: module({k.partition(".")[2]: v for k, v in state.items() if k.startswith(f"{name}.")}, "model.ConvBlock")
        for name in sorted(below)
    }
    return instance(path, {"_parameters": own, "_modules": children, "_buffers": {}, "training": False})


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(1, 9), st.integers(1, 4), st.booleans())
def test_other_widths_sizes_and_labels(channels, latent_dim, labels, whole_module):
    options = {"pixel_norm": "before", "latent_norm": "latent", "label_embedding": True}
    made = random_generator(channels, latent_dim=latent_dim, label_dim=labels, **options)

    def constant(name: str, weight: torch.Tensor) -> float:
        if name.endswith("rgb") or name == "4x4/dense1":
            return 1.0
        return he(weight) / (4 if name == "4x4/dense" else 1)  # fan-in counts the 4 x 4 places

    made = rescaled(made, constant)
    judge = random_discriminator(
        channels, outputs=1 + labels, from_rgb_activation=False, widens_first=True, stddev=STDDEV
    )
    judge = rescaled(judge, constant)
    state = layout(made)
    content = saved(module(state), _use_new_zipfile_serialization=False) if whole_module else saved(state)
    opened = load_checkpoint([content, saved(layout(judge))])
    z, index = latents(3, latent_dim), torch.tensor([0, labels - 1, 0])
    images = made(z, index)
    assert torch.allclose(opened.generator(z, index), images, atol=1e-5)
    assert torch.allclose(opened.discriminator(images), judge(images), rtol=1e-4, atol=1e-4)
    assert opened.generator.config == made.config


def test_what_does_not_fit_is_said():
    made = random_generator((4, 4), latent_dim=4, label_dim=2, label_embedding=True)
    state = layout(made)
    for key, value, sentence in (
        ("label_embed.weight", torch.zeros(2, 3), "a square was expected"),
        ("to_rgb.1.weight", None, "`to_rgb.1.weight` is missing"),
        ("progression.1.conv.0.conv.bias", torch.zeros(9), "8x8/conv0 has a bias of shape .9"),
    ):
        spoiled = {k: v for k, v in (state | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a network of rosinality.*{sentence}"):
            load_checkpoint(saved(spoiled))
    broken = instance(
        "model.Generator", {"_parameters": {}, "_modules": {"progression": instance("model.ConvBlock", 3)}}
    )
    with pytest.raises(CheckpointError, match="the module `progression` has no parameters and modules"):
        load_checkpoint(saved(broken, _use_new_zipfile_serialization=False))
