"""The discriminator of Progressive GAN, the generator's mirror, as an ordered list of named layers.

    from pgan_core import Discriminator, DiscriminatorConfig
    discriminator = Discriminator(DiscriminatorConfig(resolution=64, channels=(128, 128, 96, 64, 32)), seed=0)
    scores = discriminator(images)                                # N; higher means more real
    scores = discriminator(images, resolution=32, alpha=0.35)     # a moment of the fade, images at 64 or at 32
    result = discriminator.run(images, keep=["8x8/conv1", "4x4/minibatch_stddev"])

``8x8/conv1:pre`` enters the non-linearity, ``8x8/conv1`` leaves it. ``4x4/minibatch_stddev`` is the one extra map
N x 1 x 4 x 4 (section 3 of Karras et al. 2018); sizes and order follow the paper's table 2.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgan_core.layers import LayerWeights, StddevConfig, downsample, minibatch_stddev
from pgan_core.network import Alpha, LayerSpec, Network, NetworkConfig, as_tensor, blended, is_fade, one_hot


@dataclass(frozen=True)
class DiscriminatorConfig(NetworkConfig):
    """All that tells one discriminator from another, apart from its weights."""

    outputs: int = 1  # the score, then one logit a label (AC-GAN heads)
    from_rgb_activation: bool = True  # False: from-RGB is linear (pro_gan_pytorch before 3.3, rosinality)
    widens_first: bool = False  # conv0 changes the width, not conv1 (rosinality)
    fused_down: bool = False  # the official fused form pools before bias and non-linearity: another function
    stddev: StddevConfig | None = field(default_factory=StddevConfig)  # None: no minibatch-stddev layer
    final_conv: bool = True  # MMGeneration has no 4x4 convolution
    dense_width: int | None = None  # outputs of 4x4/dense0; None: the width at 4x4
    fades: bool = True  # False: never blends (pytorch_GAN_zoo with a single scale)
    fade_pools_features: bool = False  # the old branch reads the full-size picture and pools its features (pengge)
    projection: int = 0  # classes of a projection head: score + <features, embedding[label]> (pro_gan_pytorch)
    score: str = "linear"  # or "sigmoid"

    CHOICES = NetworkConfig.CHOICES | {"score": ("linear", "sigmoid")}


@dataclass(frozen=True)
class DiscriminatorLayer(LayerSpec):
    """A layer of kind "from_rgb", "conv" or "dense"; `resolution` is that of its input."""

    downsamples: bool = False  # average pooling follows

    @property
    def gain(self) -> float:
        """sqrt(2), and 1 in the last dense layer."""
        return 1.0 if self.name == "4x4/dense1" else super().gain


def discriminator_layers(config: DiscriminatorConfig) -> tuple[DiscriminatorLayer, ...]:
    """The discriminator's layers from the full size down, each size's from-RGB before its convolutions."""
    specs: list[DiscriminatorLayer] = []
    for r in reversed(config.sizes):
        size, width = f"{r}x{r}", config.width[r]
        if r in config.rgb_sizes:
            specs.append(DiscriminatorLayer(f"{size}/from_rgb", "from_rgb", r, config.image_channels, width))
        if r > 4:
            below = config.width[r // 2]
            between = below if config.widens_first else width
            specs.append(DiscriminatorLayer(f"{size}/conv0", "conv", r, width, between))
            specs.append(DiscriminatorLayer(f"{size}/conv1", "conv", r, between, below, downsamples=True))
    width = config.width[4]
    entering = width + (config.stddev is not None)
    if config.final_conv:
        specs.append(DiscriminatorLayer("4x4/conv", "conv", 4, entering, width))
        entering = width
    dense = config.dense_width or width
    specs.append(DiscriminatorLayer("4x4/dense0", "dense", 4, entering * 16, dense))
    specs.append(DiscriminatorLayer("4x4/dense1", "dense", 4, dense, config.outputs))
    return tuple(specs)


@dataclass
class Verdict:
    """What a walk gives: ``scores`` N (N x outputs with label heads; None if it stopped) and the kept activations."""

    scores: Tensor | None = None
    activations: dict[str, Tensor] = field(default_factory=dict)


class Discriminator(Network[DiscriminatorConfig, DiscriminatorLayer]):
    """The paper's discriminator: picture to score through named layers. See the module's opening lines for its use."""

    PICTURES, RGB_KIND = "this discriminator reads pictures of", "from_rgb"

    def __init__(
        self,
        config: DiscriminatorConfig,
        weights: Mapping[str, LayerWeights] | None = None,
        *,
        seed: int = 0,
        embedding: Tensor | None = None,
    ):
        """weights by layer name as stored, or None for a fresh N(0, 1) network; embedding: classes x dense_width."""
        super().__init__(config, discriminator_layers(config), weights, seed)
        if config.projection and embedding is None:
            raise ValueError(f"a projection head over {config.projection} classes needs its embedding")
        self.embedding = nn.Parameter(embedding) if embedding is not None else None

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The points of a full-size walk after their non-linearity, in order, the minibatch-stddev map included."""
        points = [p for p, _ in self._walk(self.resolution, torch.empty(0)) if not p.endswith(":pre")]
        return tuple(p for p in points if "/from_rgb" not in p or p.startswith(f"{self.resolution}x"))

    @property
    def fades(self) -> bool:
        """Whether it blends two sizes; one that never does has alpha 1."""
        return self.config.fades

    def forward(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        resolution: int | None = None,
        alpha: Alpha | None = None,
    ) -> Tensor:
        """Pictures N x C x r x r (or full size, which is pooled down to r) to scores N.

        N x (1 + labels) where the network has label heads; labels (class indices or one-hot) only for projection heads.
        Arrays and tensors on another device are converted; whole numbers (0 to 255) raise ValueError.
        """
        scores = self.run(images, labels=labels, resolution=resolution, alpha=alpha).scores
        assert scores is not None  # without `stop` a walk ends at the score
        return scores

    def run(
        self,
        images: Tensor,
        *,
        labels: Tensor | None = None,
        resolution: int | None = None,
        alpha: Alpha | None = None,
        keep: Sequence[str] = (),
        start: tuple[str, Tensor] | None = None,
        stop: str | None = None,
    ) -> Verdict:
        """Walk through the layers, keeping the points named in ``keep``; ``stop`` ends at a point, which is kept.

        start: a point of the main path and its tensor as ``keep`` returned it, to go on from there.
        """
        resolution, alpha = self.moment(resolution, alpha)
        images = self._at_size(self._floats(images), resolution)
        walk = list(self._walk(resolution, images))
        points = [point for point, _ in walk]
        for name in [*keep, *(start or ())[:1], *filter(None, [stop])]:
            if name not in points:
                raise ValueError(f"there is no layer {name} on the way from {resolution}x{resolution}")
        x, features, result = images, None, Verdict()
        if start is not None:
            point, x = start
            walk = [(point, lambda x: x), *walk[points.index(point) + 1 :]]
        for point, step in walk:
            is_side = "/from_rgb" in point and not point.startswith(f"{resolution}x{resolution}/")
            if is_side and point not in keep and point != stop:
                continue
            y = step(x)
            if point in keep or point == stop:
                result.activations[point] = y
            if point == stop:
                return result
            if is_side:
                continue
            if point == "4x4/minibatch_stddev":
                y = torch.cat([x, y], dim=1)  # appended as the last feature map
            if point == "4x4/dense0":
                features = y
            x = self._after(point, y, images, resolution, alpha)
        result.scores = self._scores(x, features, labels)
        return result

    def variant(
        self, equalized: bool = True, stddev: StddevConfig | None = None, float_below: int = 0
    ) -> "Discriminator":
        """A changed network that shares this one's weights: ``equalized=False`` computes with them as stored,
        ``stddev`` groups and averages the minibatch-stddev layer in another way, ``float_below`` keeps layers smaller
        than so many pixels in float32 under autocast."""
        twin = copy.copy(self)
        twin.equalized, twin.float_below = equalized, float_below
        if stddev is not None and self.config.stddev is not None:
            twin.config = replace(self.config, stddev=stddev)
        return twin

    # ---- the steps of a walk -------------------------------------------------------------------------------------

    def _walk(self, resolution: int, images: Tensor) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
        """The points from ``resolution`` down, each with the step that leads to it from the point before."""
        for spec in self.specs:
            if spec.resolution > resolution:
                continue
            if spec.kind == "from_rgb" and spec.resolution < resolution:  # a side branch, walked only if kept
                small = partial(self._small_way_in, spec, images)
                yield f"{spec.name}:pre", lambda _, small=small: small()
                yield spec.name, lambda _, small=small, spec=spec: self._activation(spec, small())
                continue
            if spec.name == entering_head(self.config) and self.config.stddev is not None:
                yield "4x4/minibatch_stddev", partial(self._stddev, self.config.stddev, images)
            yield f"{spec.name}:pre", partial(self._pre, spec)
            yield spec.name, partial(self._activation, spec)

    def _pre(self, spec: DiscriminatorLayer, x: Tensor) -> Tensor:
        resize = "fused down" if spec.downsamples and self.config.fused_down else None
        return self._layer(spec, x, resize)

    def _activation(self, spec: DiscriminatorLayer, x: Tensor) -> Tensor:
        if spec.name == "4x4/dense1" or (spec.kind == "from_rgb" and not self.config.from_rgb_activation):
            return x
        return self._nonlinearity(x)

    def _stddev(self, config: StddevConfig, images: Tensor, x: Tensor) -> Tensor:
        if config.source == "image":
            return minibatch_stddev(images, config)[:, :, :1, :1].expand(-1, -1, *x.shape[2:])
        return minibatch_stddev(x, config)

    def _after(self, point: str, x: Tensor, images: Tensor, resolution: int, alpha: Alpha) -> Tensor:
        """What follows a point: pooling at the end of a block and, in the newest block, the blend."""
        size, _, layer = point.partition("/")
        if layer != "conv1":
            return x
        if not self.config.fused_down:
            x = downsample(x)
        if is_fade(alpha) and size == f"{resolution}x{resolution}":
            old = self._old_branch(images, resolution // 2)
            x = blended(old.to(x.dtype), x, alpha)  # below `float_below` the old branch has longer numbers
        return x

    def _small_way_in(self, spec: DiscriminatorLayer, images: Tensor) -> Tensor:
        """The linear output of a coarser from-RGB layer, for the pictures pooled to its size."""
        return self._pre(spec, downsample(images, images.shape[-1] // spec.resolution))

    def _old_branch(self, images: Tensor, resolution: int) -> Tensor:
        """The old branch of a fade: the picture at half its size, through that size's from-RGB layer."""
        spec = next(s for s in self.specs if s.name == f"{resolution}x{resolution}/from_rgb")
        if self.config.fade_pools_features:
            return downsample(self._activation(spec, self._pre(spec, images)))
        return self._activation(spec, self._small_way_in(spec, images))

    def _scores(self, x: Tensor, features: Tensor | None, labels: Tensor | None) -> Tensor:
        if self.embedding is not None:
            if labels is None:
                raise ValueError(
                    f"this discriminator judges pictures with their label, one of {self.config.projection}"
                )
            if features is None:
                raise ValueError("this discriminator's score needs 4x4/dense0: a walk cannot start after it")
            rows = one_hot(as_tensor(labels, "labels"), self.config.projection).to(features) @ torch.renorm(
                self.embedding, 2, 0, 1.0
            )
            x = F.leaky_relu(x, self.config.slope) + (features * rows).sum(dim=1, keepdim=True)
        if self.config.score == "sigmoid":
            x = torch.sigmoid(x)
        return x.squeeze(1) if self.config.outputs == 1 else x

    def _floats(self, images) -> Tensor:
        images = as_tensor(images, "pictures")
        if not images.is_floating_point():
            kind = str(images.dtype).removeprefix("torch.")
            raise ValueError(f"pictures are numbers from -1 to 1, not {kind}: for 0 to 255 give images / 127.5 - 1")
        return images.to(self.device, self.input_dtype)

    def _at_size(self, images: Tensor, resolution: int) -> Tensor:
        shape, channels = tuple(images.shape), self.config.image_channels
        if len(shape) != 4 or not shape[0] or shape[1] != channels or shape[2] != shape[3]:
            raise ValueError(f"pictures are N x {channels} x size x size, N at least 1, not {shape}")
        size = images.shape[-1]
        if size == resolution or (size == self.resolution and size > resolution):
            return downsample(images, size // resolution)
        raise ValueError(f"pictures at {resolution} or {self.resolution} pixels were expected, not {size}")


def entering_head(config: DiscriminatorConfig) -> str:
    """The layer that the minibatch-stddev map enters."""
    return "4x4/conv" if config.final_conv else "4x4/dense0"
