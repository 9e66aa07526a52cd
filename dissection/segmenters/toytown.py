"""The segmenter of Toy Town: a small U-Net, trained on the world's own labels by `train_toytown.py`.

It runs in every dissection, so it works at half the picture's size and below: 2 x 2 pixels are folded into the channels
first and unfolded last (Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016).
"""

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from dissection.segmenters import SegmenterError
from dissection.world.town import CONCEPTS
from pgan_core.paths import ASSETS

WEIGHTS = ASSETS / "segmenter_toytown.safetensors"
WIDTHS = (24, 40, 64, 96, 128)  # channels at 64, 32, 16, 8 and 4 pixels
FOLD = 2  # each 2 x 2 pixels enter as one pixel of 12 channels, and leave again as four
SLICE = 8  # pictures labelled at a time, so that their feature maps stay in a CPU's cache
SIZE = 128  # the side in pixels at which the network works


def _block(inputs: int, outputs: int, stride: int, norm: bool) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=not norm)]
    return nn.Sequential(*layers, *([nn.BatchNorm2d(outputs)] if norm else []), nn.ReLU())


class UNet(nn.Module):
    """Logits of the concepts 1, 2, ... for pictures N x 3 x 128 x 128: N x (concepts - 1) x 128 x 128.

    norm: the form for training, with batch norm after every 3x3 convolution; in the shipped form it is folded into the
    convolutions. Skips are added, not concatenated, which is cheaper.
    """

    def __init__(self, norm: bool = False, widths: tuple[int, ...] = WIDTHS):
        super().__init__()
        steps = list(pairwise(widths))
        self.stem = _block(3 * FOLD**2, widths[0], 1, norm)
        self.down = nn.ModuleList(_block(fine, coarse, 2, norm) for fine, coarse in steps)
        self.deep = nn.ModuleList(_block(coarse, coarse, 1, norm) for _, coarse in steps)
        self.project = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in steps)
        self.up = nn.ModuleList(_block(fine, fine, 1, norm) for fine, _ in steps)
        self.head = nn.Conv2d(widths[0], (len(CONCEPTS) - 1) * FOLD**2, 1)

    def forward(self, images: Tensor) -> Tensor:
        skips = [self.stem(F.pixel_unshuffle(images, FOLD))]
        for down, deep in zip(self.down, self.deep, strict=True):
            skips.append(deep(down(skips[-1])))
        x = skips.pop()
        for project, up in zip(reversed(self.project), reversed(self.up), strict=True):
            x = up(F.interpolate(project(x), scale_factor=2) + skips.pop())
        return F.pixel_shuffle(self.head(x), FOLD)


class ToyTownSegmenter:
    """Toy Town's concepts in pictures of any size, which are resized to 128 x 128 for the network."""

    concepts: tuple[str, ...] = CONCEPTS
    name = "toytown"

    def __init__(self, network: UNet, device: str | torch.device = "cpu"):
        self.network = network.eval().requires_grad_(False).to(device)
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (an overload that torch's types lack)
        self.device = torch.device(device)
        self.accuracy: dict[str, float] = {}  # IoU by concept, where it was measured

    def logits(self, images: Tensor) -> Tensor:
        """N x (concepts - 1) x H x W for pictures float N x 3 x H x W in [-1, 1]; differentiable."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"Pictures are N x 3 x H x W; got {' x '.join(map(str, images.shape))}.")
        size = images.shape[2:]
        x = images.to(self.device, torch.float32).clamp(-1, 1)
        if size != (SIZE, SIZE):
            x = F.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)
        logits = self.network(x.contiguous(memory_format=torch.channels_last))
        return logits if size == (SIZE, SIZE) else F.interpolate(logits, size, mode="bilinear", antialias=True)

    def probabilities(self, images: Tensor) -> Tensor:
        """N x concepts x H x W, 1 over the concepts at every pixel (0 for "no label"); differentiable."""
        return F.pad(self.logits(images).softmax(1), (0, 0, 0, 0, 1, 0))

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """int64 N x H x W, numbers into `concepts`, never 0."""
        return torch.cat([self.logits(some).argmax(1) + 1 for some in images.split(SLICE)])


def load_toytown(path: str | Path = WEIGHTS, device: str | torch.device = "cpu") -> ToyTownSegmenter:
    """The segmenter with its weights. Raises SegmenterError, in one sentence, for missing or other weights."""
    path = Path(path)
    if not path.is_file():
        raise SegmenterError(f"There are no weights of the Toy Town segmenter at {path}.")
    try:
        with safe_open(path, "pt") as file:
            concepts = (file.metadata() or {}).get("concepts", "").split(",")
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise SegmenterError(f"{path.name} is not a readable safetensors file ({error}).") from error
    if concepts != list(CONCEPTS):
        raise SegmenterError(f"{path.name} was trained for other concepts than Toy Town's.")
    network = UNet()
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if {name: tuple(value.shape) for name, value in state.items()} != expected:
        raise SegmenterError(f"{path.name} does not hold the Toy Town segmenter's {len(expected)} tensors.")
    network.load_state_dict(state)
    return ToyTownSegmenter(network, device)
