"""Opening published Progressive GAN checkpoints, exactly, and without running anything out of them."""

from pgan_core.checkpoints.errors import CheckpointError
from pgan_core.checkpoints.loading import Checkpoint, load_checkpoint

__all__ = ["Checkpoint", "CheckpointError", "load_checkpoint"]
