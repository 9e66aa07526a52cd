"""Semantic-segmentation models of `transformers` (an optional extra): SegFormer, UperNet, ...

    segmenter = load_huggingface("/models/segformer-b0-finetuned-ade-512-512")

Concepts are the model's own label names (`id2label`), such as those of ADE20K or of parts of faces.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from dissection.segmenters import SegmenterError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = 512  # the side at which a model works where its folder does not say


class HuggingFaceSegmenter:
    """The model's labels at the pictures' size, each plus one: 0 stands for "no label"."""

    def __init__(self, model: Any, preprocessing: dict, name: str):
        """model: gives `.logits` N x labels x h x w, has `.config`.  preprocessing: of preprocessor_config.json."""
        labels = model.config.id2label
        self.concepts = ("no label", *(str(labels[index]) for index in sorted(labels)))
        self.model = model.eval().requires_grad_(False)
        self.name = name
        self.size = working_size(preprocessing)
        self.mean = torch.tensor(preprocessing.get("image_mean") or IMAGENET_MEAN).view(1, 3, 1, 1)
        self.std = torch.tensor(preprocessing.get("image_std") or IMAGENET_STD).view(1, 3, 1, 1)

    @torch.inference_mode()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """int64 N x H x W for pictures float N x 3 x H x W in [-1, 1]."""
        device = next(self.model.parameters()).device
        x = (images.to(device, torch.float32).clamp(-1, 1) + 1) / 2
        x = F.interpolate(x, self.size, mode="bilinear", antialias=True)
        logits = self.model(pixel_values=(x - self.mean.to(device)) / self.std.to(device)).logits
        return F.interpolate(logits, images.shape[2:], mode="bilinear", align_corners=False).argmax(1) + 1


def working_size(preprocessing: dict) -> tuple[int, int]:
    """Height and width at which the model works; preprocessors' configurations say it in several ways."""
    size = preprocessing.get("size", SIZE)
    if isinstance(size, int):
        return size, size
    side = size.get("shortest_edge", SIZE)
    return size.get("height", side), size.get("width", side)


def load_huggingface(
    source: str | Path, *, download: bool = False, device: str | torch.device = "cpu"
) -> HuggingFaceSegmenter:
    """A model from a local folder or, with `download`, by its name from the Hugging Face hub.

    Only safetensors weights are read, never pickles, and none of the repository's code is run. Raises SegmenterError in
    one sentence if transformers is missing or the folder holds no such model.
    """
    try:
        from transformers import AutoModelForSemanticSegmentation  # pyright: ignore[reportMissingImports] (an extra)
    except ImportError as error:
        raise SegmenterError("Hugging Face segmenters need the extra: pip install transformers.") from error
    folder = Path(source)
    if not download and not (folder / "config.json").is_file():
        raise SegmenterError(f"{source} is not a folder with a config.json of transformers.")
    try:
        model = AutoModelForSemanticSegmentation.from_pretrained(
            str(source), local_files_only=not download, use_safetensors=True, trust_remote_code=False
        )
        preprocessing = read_preprocessing(folder if folder.is_dir() else downloaded_preprocessing(str(source)))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise SegmenterError(f"{source} holds no semantic-segmentation model of transformers ({reason}).") from error
    return HuggingFaceSegmenter(model.to(device), preprocessing, f"hf:{folder.name}")


def downloaded_preprocessing(name: str) -> Path:
    """The local folder in which the hub's client keeps a model's preprocessor_config.json."""
    from transformers.utils import cached_file  # pyright: ignore[reportMissingImports] (an extra)

    return Path(cached_file(name, "preprocessor_config.json")).parent


def read_preprocessing(folder: Path) -> dict:
    """The folder's preprocessor_config.json; empty if there is none."""
    path = folder / "preprocessor_config.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
