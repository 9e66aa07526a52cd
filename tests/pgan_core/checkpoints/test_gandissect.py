"""GANDissect, dissect and ptrblck: the reference files to 3e-5, and files of the same layouts with other sizes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from tests.pgan_core.checkpoints.published import (
    FIXTURES,
    assert_close,
    ending,
    expected,
    latents,
    random_generator,
    rescaled,
    saved,
    widths,
)

FILES = sorted([*FIXTURES.glob("gandissect_*/*.pth"), *FIXTURES.glob("ptrblck/*.pth")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_images_and_activations(path):
    """Their `layerN` is our plain name: after the non-linearity, before the pixel norm of the layer above."""
    want, opened = expected(path.parent.name), load_checkpoint(path)
    assert_close(opened.generator(want["z"]), want["images"], "images")
    first, start = ("act_features", 0) if path.parent.name == "ptrblck" else ("act_layer", 1)
    for name, number, activation in ending(want, first):
        point = opened.generator.layer_names[int(number) - start]
        assert_close(opened.generator.run(want["z"], keep=[point]).activations[point], activation, name)
    if "images_output_tanh_true" in want:
        clamped = load_checkpoint(path, output="clamp")
        assert_close(clamped.generator(want["z"]), want["images_output_tanh_true"], "images_output_tanh_true")
    assert opened.info["unused"] in ([], ["epoch"]) and opened.discriminator is None
    assert opened.generator.resolutions == (opened.generator.resolution,)


def layout(made, old_names: bool, stored_scale: bool) -> dict[str, torch.Tensor]:
    """A generator's tensors under the published names."""
    state = {}
    for i, layer in enumerate(m for n, m in made.layers.items() if not n.endswith("/rgb")):
        weight = layer.weight.detach()
        if i == 0:
            weight = weight.unflatten(0, (-1, 4, 4)).permute(0, 3, 1, 2).flip(2, 3)
        put(state, f"features.{i}" if old_names else f"layer{i + 1}", weight, layer, stored_scale)
    size = f"{made.resolution}x{made.resolution}"
    rgb = made.layers[f"{size}/rgb"]
    put(state, "output" if old_names else f"output_{size}", rgb.weight.detach(), rgb, stored_scale)
    return state


def put(state: dict, key: str, weight: torch.Tensor, layer, stored_scale: bool) -> None:
    state[f"{key}.conv.weight"] = weight.contiguous()
    state[f"{key}.wscale.b"] = layer.bias.detach()
    if stored_scale:
        state[f"{key}.wscale.scale"] = torch.tensor([layer.c])


@settings(max_examples=20, deadline=None)
@given(widths(), st.integers(1, 9), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_other_widths_and_sizes(channels, latent_dim, old_names, stored_scale, wrapped, as_zip):
    made = random_generator(channels, latent_dim=latent_dim, rgb_resolutions=(2 << len(channels),))
    made = rescaled(made, lambda name, weight: 0.21 if stored_scale else made.layers[name].c)
    state = layout(made, old_names, stored_scale)
    content = {"state_dict": state, "epoch": 3} if wrapped else state
    opened = load_checkpoint(saved(content, _use_new_zipfile_serialization=as_zip))
    z = latents(3, latent_dim)
    assert torch.allclose(opened.generator(z), made(z), atol=1e-6)
    assert opened.generator.config == made.config


def test_what_does_not_fit_is_said():
    state = layout(random_generator((4, 4), latent_dim=4, rgb_resolutions=(8,)), old_names=False, stored_scale=False)
    for key, value, sentence in (
        ("layer3.conv.weight", None, "3 layers and 1 outputs do not make a generator"),
        ("layer2.wscale.b", None, "`layer2.wscale.b` is missing"),
        ("layer2.wscale.b", torch.zeros(5), "`layer2.wscale.b` has the shape .5,., 4 was expected"),
        ("layer3.conv.weight", torch.zeros(4, 5, 3, 3), "8x8/conv0 has a weight of shape"),
        ("layer1.conv.weight", torch.zeros(4, 4, 3, 3), "any x any x 4 x 4 was expected"),
        ("output_8x8.conv.weight", torch.full((3, 4, 1, 1), torch.inf), "holds a NaN or an infinity"),
    ):
        spoiled = {k: v for k, v in (state | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a generator of GANDissect.*{sentence}"):
            load_checkpoint(saved(spoiled))
