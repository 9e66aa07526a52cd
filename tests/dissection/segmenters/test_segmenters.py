"""Segmenters other than Toy Town's: of transformers (a tiny SegFormer saved to disk), your own, clusters."""

import sys
from types import SimpleNamespace

import pytest
import torch

from dissection import dissect
from dissection.segmenters import SegmenterError
from dissection.segmenters.clusters import ClusterSegmenter, fit_clusters, middle_layer
from dissection.segmenters.huggingface import HuggingFaceSegmenter, load_huggingface
from dissection.segmenters.registry import load_segmenter
from pgan_core import Generator, GeneratorConfig


@pytest.fixture(scope="module")
def generator():
    return Generator(GeneratorConfig(resolution=16, channels=(12, 10, 9), latent_dim=8), seed=3)


# ---- Hugging Face ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def segformer(tmp_path_factory):
    transformers = pytest.importorskip("transformers", reason="the optional extra is not installed")
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label={0: "wall", 1: "sky", 2: "hair", 3: "nose"},
        label2id={"wall": 0, "sky": 1, "hair": 2, "nose": 3},
    )
    folder = tmp_path_factory.mktemp("segformer")
    model = transformers.SegformerForSemanticSegmentation(config).eval()
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}'
    )
    return folder, model


def test_segformer_from_a_folder(segformer, generator):
    folder, model = segformer
    segmenter = load_segmenter(f"hf:{folder}")
    assert segmenter.concepts == ("no label", "wall", "sky", "hair", "nose")
    assert segmenter.size == (32, 32)
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    labels = segmenter(images)
    assert labels.shape == (3, 16, 16)
    enlarged = torch.nn.functional.interpolate(images, (32, 32), mode="bilinear", antialias=True)
    with torch.no_grad():  # with mean and stddev 0.5 the model takes pictures in [-1, 1] as they are
        logits = model(pixel_values=enlarged).logits
    want = torch.nn.functional.interpolate(logits, (16, 16), mode="bilinear").argmax(1) + 1
    assert (labels == want).float().mean() > 0.99
    result = dissect(generator, "8x8/conv1", segmenter, 8)
    assert result.info["segmenter"] == f"hf:{folder.name}"
    assert result.concepts == segmenter.concepts


def test_a_folder_without_a_model_is_one_sentence(tmp_path):
    pytest.importorskip("transformers", reason="the optional extra is not installed")
    with pytest.raises(SegmenterError, match=r"not a folder with a config\.json"):
        load_huggingface(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(SegmenterError, match="holds no semantic-segmentation model") as error:
        load_huggingface(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("size", "want"),
    [(224, (224, 224)), ({"shortest_edge": 256}, (256, 256)), ({"height": 64, "width": 96}, (64, 96))],
)
def test_sizes_as_preprocessors_say_them(size, want):
    model = torch.nn.Linear(1, 1)
    model.config = SimpleNamespace(id2label={1: "b", 0: "a"})
    segmenter = HuggingFaceSegmenter(model, {"size": size}, "x")
    assert segmenter.size == want
    assert segmenter.concepts == ("no label", "a", "b")


def test_without_transformers_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SegmenterError, match="pip install transformers"):
        load_huggingface(tmp_path)


# ---- your own -------------------------------------------------------------------------------------------------------


def test_your_own_segmenter_only_where_code_may_run(tmp_path, monkeypatch):
    (tmp_path / "my_labels.py").write_text(
        "class Half:\n"
        "    concepts = ('-', 'top')\n"
        "    def __call__(self, images):\n"
        "        labels = images.new_zeros(len(images), 4, 4).long()\n"
        "        labels[:, :2] = 1\n"
        "        return labels\n"
        "def nothing():\n"
        "    return 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(SegmenterError, match="There is no segmenter"):
        load_segmenter("my_labels:Half")
    segmenter = load_segmenter("my_labels:Half", code=True)
    assert segmenter(torch.zeros(1, 3, 8, 8))[0].sum() == 8
    assert segmenter.name == "my_labels:Half"
    for spec, words in (("my_labels:Whole", "has no Whole"), ("my_labels:nothing", "returned a int")):
        with pytest.raises(SegmenterError, match=words):
            load_segmenter(spec, code=True)


# ---- clusters -------------------------------------------------------------------------------------------------------


def test_clusters_are_reproducible_and_find_regions(generator):
    one = load_segmenter("clusters:5", generator)
    two = fit_clusters(generator, 5)
    torch.testing.assert_close(one.centres, two.centres, rtol=0, atol=0)
    assert one.concepts[:2] == ("no label", "region 1")
    assert len(one.concepts) == 6
    assert one.layers == (middle_layer(generator),) == ("4x4/conv",)
    assert (one.centres[1:, 3] >= one.centres[:-1, 3]).all()  # from top to bottom
    result = dissect(generator, "8x8/conv1", one, 30)
    scores = result.layers["8x8/conv1"].scores
    assert (scores.label_pixels[1:] > 0).all()
    assert scores.label_pixels.sum() == 15 * 16 * 16  # every pixel has a region
    assert scores.best_iou.max() > 0.1


def test_pixels_go_to_the_nearest_centre():
    """Centres told apart by colour alone, then by height alone."""
    images = torch.full((1, 3, 8, 8), -1.0)
    images[..., 4:] = 1.0
    maps = {"4x4/conv": torch.zeros(1, 2, 4, 4)}
    shared = {"projection": torch.zeros(2, 1), "origin": torch.zeros(2), "layers": ("4x4/conv",), "side": 8, "name": ""}
    plain = {"offset": torch.zeros(6), "scale": torch.ones(6), **shared}
    dark_bright = torch.tensor([[-1.0, -1, -1, 0, 0, 0], [1, 1, 1, 0, 0, 0]])
    labels = ClusterSegmenter(centres=dark_bright, **plain)(images, maps)[0]
    assert (labels[:, :4] == 1).all()
    assert (labels[:, 4:] == 2).all()
    top_bottom = torch.tensor([[0.0, 0, 0, -1, 0, 0], [0, 0, 0, 1, 0, 0]])
    labels = ClusterSegmenter(centres=top_bottom, **plain)(images, maps)[0]
    assert (labels[:4] == 1).all()
    assert (labels[4:] == 2).all()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("clusters:1", "regions is 2 to 64"),
        ("clusters:many", "whole number"),
        ("towns", "There is no segmenter 'towns'"),
        ("", "There is no segmenter ''"),
    ],
)
def test_unknown_segmenters_are_refused_in_one_sentence(generator, spec, words):
    with pytest.raises(SegmenterError, match=words):
        load_segmenter(spec, generator)


def test_clusters_need_a_generator():
    with pytest.raises(SegmenterError, match="none was given"):
        load_segmenter("clusters")


def test_toytown_comes_with_its_own_accuracy():
    segmenter = load_segmenter("toytown")
    assert segmenter.name == "toytown"
    assert set(segmenter.accuracy) == set(segmenter.concepts[1:])
    assert all(0 < value < 1 for value in segmenter.accuracy.values())
