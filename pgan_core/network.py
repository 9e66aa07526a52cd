"""What the generator and the discriminator share: widths by size, named layers, and the moment of a fade."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Generic, TypeVar, overload

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgan_core.layers import EqualizedLayer, LayerDict, LayerWeights, he_constant


def feature_maps(
    resolution: int, fmap_base: int = 8192, fmap_max: int = 512, fmap_decay: float = 1.0
) -> tuple[int, ...]:
    """The official widths at 4x4, 8x8, ..., resolution: min(fmap_base / 2^((k - 1) decay), fmap_max) at size 2^k."""
    last = int(math.log2(resolution))
    return tuple(min(int(fmap_base / 2.0 ** ((k - 1) * fmap_decay)), fmap_max) for k in range(2, last + 1))


@dataclass(frozen=True)
class NetworkConfig:
    """The options that both networks have. The defaults are the paper's 1024x1024 configuration (table 2)."""

    resolution: int = 1024  # full size in pixels, a power of two
    channels: tuple[int, ...] = feature_maps(1024)  # feature maps at 4x4, 8x8, ... full size
    image_channels: int = 3
    rgb_resolutions: tuple[int, ...] | None = None  # sizes that have a to- or from-RGB layer; None: all of them
    activation: str = "leaky_relu"  # or "relu"
    slope: float = 0.2  # of LeakyReLU
    stored_resolution: int | None = None  # the moment of the fade that the file holds; None: full size
    stored_alpha: float = 1.0  # weight of the newer resolution at that moment

    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"activation": ("leaky_relu", "relu")}

    def __post_init__(self):
        if not self.channels or self.sizes[-1] != self.resolution:
            raise ValueError(
                f"a {self.resolution}x{self.resolution} network needs a width for every size from 4 to "
                f"{self.resolution}, {len(self.channels)} widths were given"
            )
        for name, allowed in self.CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}, not {getattr(self, name)!r}")
        check_alpha(self.stored_alpha)

    @property
    def sizes(self) -> tuple[int, ...]:
        """4, 8, ... up to the full size."""
        return tuple(4 * 2**i for i in range(len(self.channels)))

    @property
    def width(self) -> dict[int, int]:
        """Feature maps by size."""
        return dict(zip(self.sizes, self.channels, strict=True))

    @property
    def rgb_sizes(self) -> tuple[int, ...]:
        """The sizes that have a to- or from-RGB layer."""
        return self.sizes if self.rgb_resolutions is None else self.rgb_resolutions


Alpha = float | Tensor  # a weight; as a 0-dim tensor on the network's device it can change between replays of a graph


def is_fade(alpha: Alpha) -> bool:
    """Whether alpha blends two sizes. A tensor always does: to read its value would be to wait for the device."""
    return isinstance(alpha, Tensor) or alpha < 1


def blended(old: Tensor, new: Tensor, alpha: Alpha) -> Tensor:
    """(1 - alpha) * old + alpha * new."""
    return torch.lerp(old, new, alpha.to(new.dtype) if isinstance(alpha, Tensor) else alpha)


def check_alpha(alpha: float) -> None:
    """Raises ValueError for an alpha outside 0 to 1."""
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is the weight of the newer resolution, 0 to 1, not {alpha}")


@dataclass(frozen=True)
class LayerSpec:
    """One layer of a network's list: its name, what it is, and the shape of its stored weight."""

    name: str  # "8x8/conv0"
    kind: str  # "conv", "dense", or "rgb" and "from_rgb" between maps and pictures
    resolution: int  # of the map that its convolution works at
    in_features: int
    out_features: int

    @property
    def weight_shape(self) -> tuple[int, ...]:
        if self.kind == "dense":
            return (self.out_features, self.in_features)
        k = 3 if self.kind == "conv" else 1
        return (self.out_features, self.in_features, k, k)

    @property
    def gain(self) -> float:
        """He's gain sqrt(2), for LeakyReLU."""
        return math.sqrt(2)

    @property
    def constant(self) -> float:
        """The paper's c: gain / sqrt(fan_in)."""
        return he_constant(math.prod(self.weight_shape[1:]), self.gain)


Config = TypeVar("Config", bound=NetworkConfig)
Spec = TypeVar("Spec", bound=LayerSpec)


class Network(nn.Module, Generic[Config, Spec]):
    """A network as an ordered list of named layers, built from its configuration."""

    PICTURES: ClassVar[str]  # how an error begins that names the sizes: "this generator makes pictures of"
    RGB_KIND: ClassVar[str]  # the kind of layer that pictures pass at each size

    def __init__(self, config: Config, specs: Sequence[Spec], weights: Mapping[str, LayerWeights] | None, seed: int):
        super().__init__()
        self.config: Config = config
        self.specs: Sequence[Spec] = specs
        self.equalized, self.float_below = True, 0  # changed only in a variant
        self.layers = build_layers(specs, initial_weights(specs, seed) if weights is None else weights)

    @property
    def resolution(self) -> int:
        """Full size in pixels."""
        return self.config.resolution

    @property
    def resolutions(self) -> tuple[int, ...]:
        """The sizes that have a to- or from-RGB layer, ascending; the only ones that pictures can have."""
        return tuple(sorted(s.resolution for s in self.specs if s.kind == self.RGB_KIND))

    @property
    def device(self) -> torch.device:
        return next(chain(self.parameters(), self.buffers())).device  # a prepared network has no parameters

    @property
    def input_dtype(self) -> torch.dtype:
        """The kind of number in which latents and pictures enter."""
        return next(self.parameters()).dtype

    @property
    def fades(self) -> bool:
        """Whether it blends two sizes while it grows."""
        return True

    @overload
    def moment(self, resolution: int | None = None, alpha: float | None = None) -> tuple[int, float]: ...

    @overload
    def moment(self, resolution: int | None, alpha: Alpha | None) -> tuple[int, Alpha]: ...

    def moment(self, resolution: int | None = None, alpha: Alpha | None = None) -> tuple[int, Alpha]:
        """The (resolution, alpha) that a walk uses: what is asked for, else what the checkpoint stored.

        A tensor alpha is taken as it is.  Raises ValueError for a size without a layer for pictures, and for an alpha
        outside 0 to 1.
        """
        stored = self.config.stored_resolution or self.resolution
        if not self.fades:
            alpha = 1.0
        if resolution is None:
            resolution = stored
        if alpha is None:
            alpha = self.config.stored_alpha if resolution == stored else 1.0
        if resolution not in self.resolutions:
            raise ValueError(f"{self.PICTURES} {', '.join(map(str, self.resolutions))} pixels, not {resolution}")
        if not isinstance(alpha, Tensor):
            check_alpha(alpha)
            alpha = float(alpha)
        if resolution == self.config.sizes[0]:
            alpha = 1.0  # there is nothing below 4x4 to fade from
        elif is_fade(alpha) and resolution // 2 not in self.resolutions:
            raise ValueError(
                f"a fade to {resolution} needs an RGB layer at {resolution // 2}, which this file does not have"
            )
        return resolution, alpha

    def _layer(self, spec: Spec, x: Tensor, resize: str | None = None, biased: bool = True) -> Tensor:
        """A layer's linear output; in float32 below `float_below`, whatever autocast says."""
        layer = self.layers[spec.name]
        if spec.resolution >= self.float_below:
            return layer(x, resize, equalized=self.equalized, biased=biased)
        with torch.autocast(x.device.type, enabled=False):
            return layer(x.float(), resize, equalized=self.equalized, biased=biased)

    def _nonlinearity(self, x: Tensor) -> Tensor:
        return F.relu(x) if self.config.activation == "relu" else F.leaky_relu(x, self.config.slope)


def initial_weights(specs: Sequence[LayerSpec], seed: int) -> dict[str, LayerWeights]:
    """Stored weights N(0, 1), biases 0, c the paper's (section 4.1); the same seed gives the same network."""
    rng = torch.Generator().manual_seed(seed)
    return {
        s.name: LayerWeights(torch.randn(s.weight_shape, generator=rng), torch.zeros(s.out_features), s.constant)
        for s in specs
    }


def build_layers(specs: Sequence[LayerSpec], weights: Mapping[str, LayerWeights]) -> LayerDict:
    """One EqualizedLayer for each spec, in order. Raises ValueError naming the first that is missing or misshapen."""
    layers = LayerDict()
    for spec in specs:
        if spec.name not in weights:
            raise ValueError(f"there are no weights for the layer {spec.name}")
        shape = tuple(weights[spec.name].weight.shape)
        if shape != spec.weight_shape:
            raise ValueError(f"{spec.name} has a weight of shape {shape}, {spec.weight_shape} was expected")
        layers[spec.name] = EqualizedLayer(weights[spec.name])
    if unknown := set(weights) - set(layers):
        raise ValueError(f"there is no layer {min(unknown)} in a network of this configuration")
    return layers


def as_tensor(values, what: str) -> Tensor:
    """A tensor as it is, or the tensor of an array or a list of numbers. Raises ValueError for anything else."""
    if not isinstance(values, Tensor):
        try:
            array = np.asarray(values)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{what} are rows of equal length") from error
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{what} are numbers in a tensor or an array, not {type(values).__name__}")
        values = torch.from_numpy(array.astype(np.float64 if array.dtype.kind == "f" else np.int64))
    if values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{what} are real numbers, not {str(values.dtype).removeprefix('torch.')}")
    return values


def split_labels(
    z: Tensor | None, labels: Tensor | None, latent_dim: int, label_dim: int
) -> tuple[Tensor, Tensor | None]:
    """Latents N x latent_dim and labels as one-hot N x label_dim (None for an unconditional network).

    Accepts latents with the labels already appended, class indices N, and latents with trailing 1 x 1 axes.
    Raises ValueError for another length, for missing labels, for another number of them and for an index out of range.
    """
    if z is None or z.dim() < 2:
        raise ValueError(f"latents are N x {latent_dim}, not {None if z is None else tuple(z.shape)}")
    z = z.flatten(1)
    if labels is None and label_dim and z.shape[1] == latent_dim + label_dim:
        z, labels = z[:, :latent_dim], z[:, latent_dim:]
    if z.shape[1] != latent_dim:
        appended = f" (or {latent_dim + label_dim} with labels)" if label_dim else ""
        raise ValueError(f"latents have {latent_dim} numbers each{appended}, not {z.shape[1]}")
    if not label_dim:
        if labels is not None:
            raise ValueError("this network takes no labels")
        return z, None
    if labels is None and label_dim == 1:
        labels = z.new_ones(z.shape[0], 1)  # one class only: nothing to choose
    if labels is None:
        raise ValueError(f"this network is conditional on {label_dim} labels: give class indices or one-hot rows")
    labels = one_hot(as_tensor(labels, "labels"), label_dim).to(z)
    if len(labels) != len(z):
        raise ValueError(f"{len(z)} latents need {len(z)} labels, not {len(labels)}")
    return z, labels


def one_hot(labels: Tensor, label_dim: int) -> Tensor:
    """Class indices N, or rows N x label_dim that pass as they are. Raises ValueError for anything else."""
    if labels.dim() == 1 and not labels.is_floating_point():
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < label_dim:
            raise ValueError(f"class indices go from 0 to {label_dim - 1}")
        return F.one_hot(labels.long(), label_dim).float()
    if labels.dim() != 2 or labels.shape[1] != label_dim:
        raise ValueError(f"labels are N class indices or N x {label_dim}, not {tuple(labels.shape)}")
    return labels
