"""What a network is made of and what it costs: the paper's table 2 for any configuration, multiply-adds, memory.

Costs are exact counts for one image and one forward pass. A multiply-add is one weight times one value; a layer that
upsamples is counted in its plain form (nearest neighbour, then 3x3), of which the fused form spends 16/36.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pgan_core import discriminator as discriminator_module
from pgan_core import generator as generator_module
from pgan_core.discriminator import Discriminator, DiscriminatorConfig, DiscriminatorLayer
from pgan_core.generator import Generator, GeneratorConfig, LayerSpec

Spec = LayerSpec | DiscriminatorLayer
Config = GeneratorConfig | DiscriminatorConfig


@dataclass(frozen=True)
class LayerRow:
    """One row of table 2."""

    name: str  # "8x8/conv0"; "8x8/upsample" and "8x8/downsample" for the steps without weights
    operation: str  # "Conv 3 × 3", "Upsample", ...
    activation: str  # "LReLU", "linear" or "–"
    output_shape: tuple[int, int, int]  # C x H x W
    parameters: int  # weights and biases as stored
    multiply_adds: int  # for one image

    @property
    def output_bytes(self) -> int:
        """Memory of the output of one image in float32."""
        return 4 * math.prod(self.output_shape)


@dataclass(frozen=True)
class Cost:
    """What one image costs in one forward pass."""

    multiply_adds: int
    activation_bytes: int  # every layer's output once, float32; what training keeps for the backward pass is a multiple


def multiply_adds(spec: Spec) -> int:
    """Multiply-adds of one layer for one image: each weight once for every place of the output."""
    places = 1 if spec.kind == "dense" else spec.resolution**2
    return math.prod(spec.weight_shape) * places


def layer_table(network: Generator | Discriminator, resolution: int | None = None) -> list[LayerRow]:
    """The network grown to `resolution` (default: full size) as rows of table 2, in the order of its walk.

    Only the to-RGB or from-RGB of that size is in the table, as in the paper.
    """
    resolution = resolution or network.resolution
    rows = []
    for spec in grown_specs(network.config, resolution):
        layer = network.layers[spec.name]
        stored = layer.weight.numel() + (layer.bias.numel() if layer.bias is not None else 0)
        rows += _rows(spec, network.config, stored)
    return rows


def grown_specs(config: Config, resolution: int) -> Iterator[Spec]:
    """The layers that take part at a resolution outside a fade."""
    module = generator_module if isinstance(config, GeneratorConfig) else discriminator_module
    for spec in module.layer_specs(config):
        is_picture = spec.kind in ("rgb", "from_rgb")
        if spec.resolution == resolution or (spec.resolution < resolution and not is_picture):
            yield spec


def image_cost(config: Config, resolution: int | None = None) -> Cost:
    """The cost of one image at a resolution, for a network of this configuration (no weights are needed)."""
    rows = [row for spec in grown_specs(config, resolution or config.resolution) for row in _rows(spec, config, 0)]
    return Cost(sum(row.multiply_adds for row in rows), sum(row.output_bytes for row in rows))


def _rows(spec: Spec, config: Config, parameters: int) -> list[LayerRow]:
    """A layer's row, with the rows of the steps without weights that come before or after it."""
    size, width = f"{spec.resolution}x{spec.resolution}", spec.out_features
    shape = (width, 1, 1) if spec.kind == "dense" else (width, spec.resolution, spec.resolution)
    nonlinear = "ReLU" if config.activation == "relu" else "LReLU"
    linear = spec.kind == "rgb" or spec.name == "4x4/dense1"
    linear = linear or (spec.kind == "from_rgb" and not config.from_rgb_activation)
    operation = {"dense": "Fully connected", "conv": "Conv 3 × 3"}.get(spec.kind, "Conv 1 × 1")
    before, after = [], []
    if isinstance(config, GeneratorConfig):
        if spec.kind == "dense":
            operation, shape = "Conv 4 × 4", (width, 4, 4)  # the paper's name for the dense layer of the latent
        if spec.upsamples:
            grown = (spec.in_features, spec.resolution, spec.resolution)
            before.append(LayerRow(f"{size}/upsample", "Upsample", "–", grown, 0, 0))
    else:
        if spec.downsamples:
            pooled = (width, spec.resolution // 2, spec.resolution // 2)
            after.append(LayerRow(f"{size}/downsample", "Downsample", "–", pooled, 0, 0))
        if config.stddev is not None and spec.name == discriminator_module.entering_head(config):
            entering = (config.width[4] + 1, 4, 4)
            before.append(LayerRow("4x4/minibatch_stddev", "Minibatch stddev", "–", entering, 0, 0))
        if spec.name == "4x4/dense0":
            operation = "Conv 4 × 4"
    row = LayerRow(spec.name, operation, "linear" if linear else nonlinear, shape, parameters, multiply_adds(spec))
    return [*before, row, *after]
