import pytest
import torch

from dissection.segmenters import SegmenterError
from dissection.segmenters import faces as parser
from dissection.segmenters.registry import load_segmenter


def test_the_parser_reads_its_weights_and_labels_pictures_at_their_own_size(tmp_path, monkeypatch):
    torch.manual_seed(0)
    network = parser.BiSeNet(len(parser.CLASSES))
    assert sum(p.numel() for p in network.parameters()) == 13_300_416  # as published: 79999_iter.pth
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    monkeypatch.setattr(parser, "SIZE", 64)
    segmenter = load_segmenter(f"faces:{tmp_path / 'weights.pth'}")
    labels = segmenter(torch.rand(3, 3, 16, 16) * 2 - 1)
    assert labels.shape == (3, 16, 16) and labels.dtype == torch.int64
    assert labels.min() >= 1 and labels.max() < len(segmenter.concepts)


def test_left_and_right_are_one_concept():
    assert len(parser.CLASSES) == 19 and set(parser.CLASSES) == set(parser.CONCEPTS[1:])


def test_without_the_package_one_sentence_names_the_extra(monkeypatch):
    monkeypatch.setattr(parser, "find_spec", lambda name: None)
    with pytest.raises(SegmenterError, match="need the extra `faces`"):
        load_segmenter("faces")
