"""PGGAN Lab's model: the Progressive GAN networks, their checkpoints, their latents and their measures."""

from pgan_core.checkpoints import Checkpoint, CheckpointError, load_checkpoint
from pgan_core.discriminator import Discriminator, DiscriminatorConfig
from pgan_core.generator import Generator, GeneratorConfig
from pgan_core.network import feature_maps

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "Discriminator",
    "DiscriminatorConfig",
    "Generator",
    "GeneratorConfig",
    "feature_maps",
    "load_checkpoint",
]
