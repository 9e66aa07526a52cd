"""A generator's configuration, and the list of layers that follows from it."""

import math
from dataclasses import dataclass

from pgan_core.network import LayerSpec, NetworkConfig


@dataclass(frozen=True)
class GeneratorConfig(NetworkConfig):
    """All that tells one generator from another, apart from its weights.

    The defaults are the paper's. What published variants do differently is an option here, never another class.
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

    @property
    def sees_directions_only(self) -> bool:
        """Whether a latent's length makes no difference: it does where it is normalised jointly with labels, or not."""
        return self.latent_norm in ("latent", "both") or (self.latent_norm == "joint" and not self.label_dim)


@dataclass(frozen=True)
class GeneratorLayer(LayerSpec):
    """A layer of kind "dense", "conv" or "rgb"; `resolution` is that of its output."""

    upsamples: bool = False  # nearest neighbour comes before

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The dense layer makes every feature at each of the 16 places of the 4x4 map."""
        return (self.out_features * 16, self.in_features) if self.kind == "dense" else super().weight_shape

    @property
    def gain(self) -> float:
        """sqrt(2); in the first dense layer sqrt(2)/4, as its fan-in counts the 16 places; to-RGB 1."""
        return {"dense": math.sqrt(2) / 4, "conv": math.sqrt(2), "rgb": 1.0}[self.kind]


def generator_layers(config: GeneratorConfig) -> tuple[GeneratorLayer, ...]:
    """The generator's layers in order, each size's to-RGB after its convolutions (table 2 of the paper)."""
    specs: list[GeneratorLayer] = []
    below = None
    for r, width in config.width.items():
        size = f"{r}x{r}"
        if below is None:
            specs.append(GeneratorLayer(f"{size}/dense", "dense", r, config.latent_dim + config.label_dim, width))
            specs.append(GeneratorLayer(f"{size}/conv", "conv", r, width, width))
        else:
            specs.append(GeneratorLayer(f"{size}/conv0", "conv", r, below, width, upsamples=True))
            specs.append(GeneratorLayer(f"{size}/conv1", "conv", r, width, width))
        if r in config.rgb_sizes:
            specs.append(GeneratorLayer(f"{size}/rgb", "rgb", r, width, config.image_channels))
        below = width
    return tuple(specs)
