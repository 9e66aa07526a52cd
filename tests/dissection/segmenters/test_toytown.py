"""The Toy Town segmenter: its protocol, its files, its training, and how well the shipped weights do."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Generator

from dissection.segmenters import Segmenter, SegmenterError, train_toytown
from dissection.segmenters.degrade import degrade
from dissection.segmenters.toytown import WEIGHTS, UNet, load_toytown
from dissection.segmenters.train_toytown import TEST_SEED, folded, intersection_over_union, loss_of, to_float, train
from dissection.world.town import CONCEPTS, town


@pytest.fixture(scope="module")
def shipped():
    return load_toytown()


@pytest.fixture(scope="module")
def unseen():
    """150 scenes of the town that training never saw."""
    return tuple(torch.from_numpy(array) for array in next(town(150, 64, TEST_SEED)))


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_label_maps_have_the_pictures_size(shipped, size):
    labels = shipped(torch.rand(2, 3, size, size) * 2 - 1)
    assert labels.shape == (2, size, size) and labels.dtype == torch.int64
    assert labels.min() >= 1 and labels.max() < len(CONCEPTS)
    assert isinstance(shipped, Segmenter) and shipped.concepts == CONCEPTS


def test_probabilities_are_those_of_the_labels_and_differentiable(shipped, unseen):
    images = to_float(unseen[0][:3]).requires_grad_()
    probabilities = shipped.probabilities(images)
    assert probabilities.shape == (3, len(CONCEPTS), 64, 64)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3, 64, 64))
    assert (probabilities[:, 0] == 0).all()
    assert torch.equal(probabilities.argmax(1), shipped(images))
    probabilities[:, CONCEPTS.index("door")].sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None for p in shipped.network.parameters())


def test_a_picture_is_labelled_alike_alone_and_in_a_batch(shipped, unseen):
    images = to_float(unseen[0][:4])
    assert (shipped(images)[2] == shipped(images[2:3])[0]).float().mean() > 0.9999


def test_shipped_weights_are_small_and_good(shipped, unseen):
    assert WEIGHTS.stat().st_size <= 3e6
    assert sum(p.numel() for p in shipped.network.parameters()) <= 700_000
    clean = intersection_over_union(shipped, *unseen, seed=None)
    bad = intersection_over_union(shipped, *unseen, seed=1)
    assert list(clean) == list(CONCEPTS[1:])
    assert np.mean(list(clean.values())) >= 0.93 and min(clean.values()) > 0.8
    assert np.mean(list(bad.values())) >= 0.8


def test_what_was_measured_stands_beside_the_weights(shipped, unseen):
    stated = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert stated["test_scenes"] == 2000
    clean = intersection_over_union(shipped, *unseen, seed=None)
    assert abs(stated["clean"]["mean_iou"] - np.mean(list(clean.values()))) < 0.02
    assert stated["degraded"]["iou"].keys() == clean.keys()


def test_labels_at_other_sizes_fit_those_scenes(shipped):
    for size in (32, 128):
        images, labels = (torch.from_numpy(array) for array in next(town(20, size, TEST_SEED)))
        assert (shipped(to_float(images)) == labels).float().mean() > 0.9


def test_iou_counts_pixels_over_the_whole_sample():
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    labels = torch.ones(2, 4, 4, dtype=torch.uint8)
    labels[1, :2] = 2

    def always_sky(pictures):
        return torch.ones(len(pictures), 4, 4, dtype=torch.int64)

    iou = intersection_over_union(always_sky, images, labels, seed=None)
    assert iou["sky"] == 0.75 and iou["sun"] == 0


@pytest.mark.parametrize("content", ["missing", "broken", "concepts", "tensors"])
def test_bad_weights_get_one_sentence(tmp_path, content):
    path = tmp_path / "segmenter.safetensors"
    state = {name: value.contiguous() for name, value in UNet().state_dict().items()}
    if content == "broken":
        path.write_bytes(b"not a safetensors file")
    elif content == "concepts":
        save_file(state, path, {"concepts": "unlabelled,cat,dog"})
    elif content == "tensors":
        state.pop("head.bias")
        save_file(state, path, {"concepts": ",".join(CONCEPTS)})
    with pytest.raises(SegmenterError) as error:
        load_toytown(path)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_pictures_of_a_wrong_shape_get_one_sentence(shipped):
    with pytest.raises(ValueError, match=r"Pictures are N x 3 x H x W; got 3 x 64 x 64\."):
        shipped(torch.zeros(3, 64, 64))


def test_folding_keeps_the_function():
    torch.manual_seed(0)
    trained = UNet(norm=True).train()
    for _ in range(3):
        trained(torch.randn(4, 3, 64, 64) * 2 + 1)  # batch norms that are not the identity
    trained.eval()
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(folded(trained)(x), trained(x), atol=1e-5, rtol=1e-4)


def test_the_loss_falls_to_nothing_on_the_truth():
    labels = torch.tensor([[[1, 2], [3, 3]]])
    truth = torch.nn.functional.one_hot(labels - 1, 3).movedim(-1, 1).float()
    assert loss_of(truth * 100, labels) < 1e-6
    assert loss_of(-truth * 100, labels) > 10


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(train_toytown, "BATCH", 4)
    monkeypatch.setattr(train_toytown, "SAVE_EVERY", 2)
    whole = train(tmp_path / "whole.safetensors", 5, 16).state_dict()
    batch_of = train_toytown.batch_of

    def killed(images, labels, step):
        if step == 3:
            raise KeyboardInterrupt
        return batch_of(images, labels, step)

    out = tmp_path / "broken.safetensors"
    monkeypatch.setattr(train_toytown, "batch_of", killed)
    with pytest.raises(KeyboardInterrupt):
        train(out, 5, 16)
    assert "network/head.bias" in load_file(f"{out}.resume")
    monkeypatch.setattr(train_toytown, "batch_of", batch_of)
    with pytest.raises(SegmenterError, match="belongs to a run with"):
        train(out, 7, 16)
    resumed = train(out, 5, 16).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_degrading_is_seeded_spares_its_share_and_keeps_labels_real(unseen):
    images, labels = to_float(unseen[0][:16]), unseen[1][:16]
    same = degrade(images, labels, Generator().manual_seed(0), share=0.0)
    assert torch.equal(same[0], images) and torch.equal(same[1], labels)
    first, second = (degrade(images, labels, Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert first[0].abs().max() <= 1 and first[1].dtype == labels.dtype
    assert 0.02 < (first[0] - images).abs().mean() < 0.4
    assert 0.9 < (first[1] == labels).float().mean() < 1  # wobbled, a little
    part = degrade(images, labels, Generator().manual_seed(3), share=0.5)[0]
    touched = (part != images).flatten(1).any(1)
    assert 2 <= touched.sum() <= 14
