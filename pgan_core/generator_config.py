"""What makes one generator another function than the next: its configuration, and the list of its layers."""

import math
from dataclasses import dataclass

from pgan_core.layers import he_constant
from pgan_core.network import NetworkConfig


@dataclass(frozen=True)
class GeneratorConfig(NetworkConfig):
    """Everything that makes one generator another function than the next, beside its weights.

    The defaults are the paper's; what published variants do otherwise is an option here, never another class.
    """

    latent_dim: int = 512
    label_dim: int = 0  # labels are one-hot and concatenated to the latent
    pixel_norm: str = "after"  # "after" the non-linearity, "before" it (rosinality), or "off"
    pixel_norm_eps: float = 1e-8
    pixel_norm_eps_outside: bool = False  # MMGeneration adds eps outside the root
    pixel_norm_skip: tuple[str, ...] = ()  # layers without it (pro_gan_pytorch: "4x4/dense")
    latent_norm: str = "joint"  # of "joint" latent and labels, "latent" alone, "both" in turn (genforce), or "off"
    latent_norm_eps: float = 1e-8
    label_embedding: bool = False  # labels pass a stored matrix first (rosinality)
    output: str = "linear"  # or "tanh", "clamp" (to [-1, 1])
    output_first: bool = False  # the output function acts on each picture before blending (pengge), not after

    CHOICES = NetworkConfig.CHOICES | {
        "pixel_norm": ("after", "before", "off"),
        "latent_norm": ("joint", "latent", "both", "off"),
        "output": ("linear", "tanh", "clamp"),
    }


@dataclass(frozen=True)
class LayerSpec:
    """One layer of the list: its name, what it is, and the shape of its stored weight."""

    name: str  # "8x8/conv0"
    kind: str  # "dense", "conv" or "rgb"
    resolution: int  # of its output
    in_features: int
    out_features: int
    upsamples: bool = False

    @property
    def weight_shape(self) -> tuple[int, ...]:
        if self.kind == "dense":
            return (self.out_features * 16, self.in_features)
        k = 1 if self.kind == "rgb" else 3
        return (self.out_features, self.in_features, k, k)

    @property
    def constant(self) -> float:
        """The paper's c: gain sqrt(2), in the first dense layer sqrt(2)/4 (its fan-in counts 16 places), to-RGB 1."""
        gain = {"dense": math.sqrt(2) / 4, "conv": math.sqrt(2), "rgb": 1.0}[self.kind]
        return he_constant(math.prod(self.weight_shape[1:]), gain)


def layer_specs(config: GeneratorConfig) -> tuple[LayerSpec, ...]:
    """The generator's layers in order, each size's to-RGB after its convolutions (table 2 of the paper)."""
    specs, below = [], None
    for r, width in config.width.items():
        size = f"{r}x{r}"
        if below is None:
            specs.append(LayerSpec(f"{size}/dense", "dense", r, config.latent_dim + config.label_dim, width))
            specs.append(LayerSpec(f"{size}/conv", "conv", r, width, width))
        else:
            specs.append(LayerSpec(f"{size}/conv0", "conv", r, below, width, upsamples=True))
            specs.append(LayerSpec(f"{size}/conv1", "conv", r, width, width))
        if r in config.rgb_sizes:
            specs.append(LayerSpec(f"{size}/rgb", "rgb", r, width, config.image_channels))
        below = width
    return tuple(specs)
