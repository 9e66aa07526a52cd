"""GenForce: the reference files to 3e-5, and files of the same layout with other sizes, lods and labels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_core.checkpoints import CheckpointError, load_checkpoint
from pgan_core.layers import StddevConfig, downsample, upsample
from tests.pgan_core.checkpoints.published import (
    FIXTURES,
    assert_close,
    ending,
    expected,
    latents,
    random_discriminator,
    random_generator,
    rescaled,
    saved,
    widths,
)

NAMES = ("converted", "converted_cond", "converted_fade_lod", "train", "train_fused", "train_tanh_fade")


@pytest.fixture(params=NAMES)
def case(request):
    """(expected arrays, the file, what has to be said because the file does not store it)."""
    name = f"genforce_{request.param}"
    return expected(name), FIXTURES / name / "checkpoint.pth", {"output": "tanh"} if "tanh" in name else {}


def test_images_averaged_and_raw(case):
    want, path, said = case
    opened, raw = load_checkpoint(path, **said), load_checkpoint(path, weights="raw", **said)
    assert_close(opened.generator(want["z"], want.get("labels")), want["images"], "images")
    assert_close(raw.generator(want["z"], want.get("labels")), want["images_G_nonema"], "images_G_nonema")
    assert (opened.info["weights"], raw.info["weights"]) == ("ema", "raw")


def test_fades(case):
    """Pictures and scores at every lod; the published pictures are enlarged to full size."""
    want, path, said = case
    opened = load_checkpoint(path, **said)
    full = opened.generator.resolution
    assert opened.info["stored_resolution"] == full >> int(want["lod_stored"])
    for name, lod, images in ending(want, "images_lod_"):
        level, alpha = int(float(lod)), 1 - float(lod) % 1
        small = opened.generator(want["z"], want.get("labels"), resolution=full >> level, alpha=alpha)
        assert small.shape[-1] == full >> level
        assert_close(upsample(small, 1 << level), images, name)
    for name, lod, scores in ending(want, "d_scores_lod_"):
        level, alpha = int(float(lod)), 1 - float(lod) % 1
        assert_close(opened.discriminator(want["d_images"], resolution=full >> level, alpha=alpha), scores, name)


def test_scores_of_every_batch_size(case):
    want, path, said = case
    judge = load_checkpoint(path, **said).discriminator
    assert_close(judge(want["d_images"]), want["d_scores"], "d_scores")
    assert_close(judge(want["d_images8"]), want["d_scores8"], "d_scores8")
    if "d_scores_n1" in want:
        assert_close(judge(want["d_images"][:1]), want["d_scores_n1"], "d_scores_n1")
    if "d_scores8_tf_official_group4" in want:  # the weights came from a network of groups of 4, which can be said
        judge = load_checkpoint(path, stddev_group=4, **said).discriminator
        assert_close(judge(want["d_images8"]), want["d_scores8_tf_official_group4"], "d_scores8 in groups of 4")


def test_activations(case):
    want, path, said = case
    opened = load_checkpoint(path, **said)
    points = dict(zip([f"act_layer{i}" for i in range(99)], opened.generator.layer_names, strict=False))
    run = opened.generator.run(
        want["z"], labels=want.get("labels"), resolution=opened.generator.resolution, keep=list(points.values())
    )
    for name, point in points.items():
        assert_close(run.activations[point], want[name], name)
    judged = [name for name in opened.discriminator.layer_names if name.endswith(("conv", "conv0", "conv1", "dense0"))]
    verdict = opened.discriminator.run(want["d_images"], keep=judged)
    for i, point in enumerate(judged):
        seen, wanted = verdict.activations[point], want[f"D_act_layer{i}"]
        pooled = seen.dim() == 4 and seen.shape[-1] > wanted.shape[-1]  # theirs are read after the pooling
        assert_close(downsample(seen) if pooled else seen, wanted, f"D_act_layer{i}")


def test_what_the_file_leaves_open_is_said():
    info = load_checkpoint(FIXTURES / "genforce_train_tanh_fade/checkpoint.pth").info
    assert {"output", "stddev_group", "fused", "equalized"} <= set(info["assumed"])
    assert info["assumed"]["stddev_group"].startswith("stddev_group = 16")
    assert {"optimizers", "running_metadata", "learning_rates"} <= set(info["unused"])
    assert not any(key.startswith("generator_smooth/") for key in info["unused"])


def _layout(network, fused: bool) -> dict[str, torch.Tensor]:
    """A network's tensors under the published names."""
    state, convolutions, sizes = {"lod": torch.tensor(0.0)}, 0, network.config.sizes
    for name, layer in network.layers.items():
        size, kind = int(name.partition("x")[0]), name.partition("/")[2]
        weight, level = layer.weight.detach(), size.bit_length() - 3
        if kind == "dense":
            weight = weight.unflatten(0, (-1, 4, 4)).permute(0, 3, 1, 2).flip(2, 3)
        if fused and kind == "conv0" and "4x4/dense" in network.layers:
            weight = weight.flip(2, 3).transpose(0, 1)
        if kind in ("rgb", "from_rgb"):
            key = f"output{level}" if kind == "rgb" else f"input{len(sizes) - 1 - level}"
        else:
            key, convolutions = f"layer{convolutions}", convolutions + 1
        state[f"{key}.weight"], state[f"{key}.bias"] = weight, layer.bias.detach()
    return state


@settings(max_examples=15, deadline=None)
@given(widths(), st.integers(2, 9), st.integers(0, 3), st.floats(0, 2), st.booleans(), st.booleans())
def test_other_widths_sizes_lods_and_labels(channels, latent_dim, label_dim, lod, fused, trained):
    lod = round(min(lod, len(channels) - 1), 2)
    full = 2 << len(channels)
    moment = {"stored_resolution": full >> int(lod), "stored_alpha": 1 - lod % 1}
    made = random_generator(channels, latent_dim=latent_dim, label_dim=label_dim, latent_norm="both", **moment)
    made = rescaled(made, lambda name, weight: made.layers[name].c)
    stddev = StddevConfig(group_size=16)
    judge = random_discriminator(channels, outputs=1 + label_dim, stddev=stddev, fused_down=fused, **moment)
    networks = {"generator_smooth": _layout(made, fused), "discriminator": _layout(judge, fused)}
    for state in networks.values():
        state["lod"].fill_(lod)

    opened = load_checkpoint(saved({"models": networks} if trained else networks), fused=fused)
    labels = torch.arange(5) % label_dim if label_dim else None
    z = latents(5, latent_dim)
    images = made(z, labels)
    assert images.shape[-1] == full
    assert torch.allclose(opened.generator(z, labels), images, atol=1e-6)  # a stored lod is a float32
    assert torch.allclose(opened.discriminator(images), judge(images), atol=1e-5)
    assert opened.info["unused"] == [] and opened.info["weights"] == "ema"


def test_fused_can_be_said_where_equal_widths_hide_it():
    made = random_generator((4, 4, 4), latent_dim=4, latent_norm="both").eval()
    bare = {f"module.{key}": value for key, value in _layout(made, fused=True).items()}
    z = latents(3, 4)
    plain, fused = load_checkpoint(saved(bare)), load_checkpoint(saved(bare), fused=True)
    assert torch.allclose(fused.generator(z), made(z), atol=1e-6)
    assert not torch.allclose(plain.generator(z), made(z), atol=1e-2)
    assert plain.info["assumed"]["fused"].startswith("fused = False: no layer changes its width")


def test_what_does_not_fit_is_said():
    state = _layout(random_generator((4, 4), latent_dim=4), fused=False)
    for key, value, sentence in (
        ("layer1.bias", torch.zeros(5), r"`generator/layer1.bias` has the shape \(5,\), 4 was expected"),
        ("output1.weight", torch.zeros(3, 4, 3, 3), "`generator/output1.weight` has the shape"),
        ("layer2.weight", torch.full((4, 4, 3, 3), torch.inf), "a NaN or an infinity"),
        ("lod", torch.tensor(torch.nan), "`generator/lod` is not a finite number"),
        ("layer3.weight", None, "the to-RGB layer of its full size, 8 pixels, is missing"),
    ):
        spoiled = {k: v for k, v in (state | {key: value}).items() if v is not None}
        with pytest.raises(CheckpointError, match=f"Taken for a PGGAN checkpoint of GenForce.*{sentence}"):
            load_checkpoint(saved({"generator": spoiled}))


def test_a_stylegan_of_the_same_repository_is_not_taken_for_a_pggan():
    stylegan = {"mapping.dense0.weight": torch.zeros(4, 4), "synthesis.layer0.weight": torch.zeros(4, 4)}
    with pytest.raises(CheckpointError, match="holds a dictionary of 3 entries"):
        load_checkpoint(saved({"generator": stylegan, "generator_smooth": stylegan, "discriminator": stylegan}))
