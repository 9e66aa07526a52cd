"""`python -m pgan_core COMMAND`."""

from __future__ import annotations

import sys

from pgan_core.shell import Command, run_command

COMMANDS = {
    "info": Command("pgan_core.checkpoints.cli", "say what a checkpoint is, which keys are used and what is assumed"),
    "convert": Command("pgan_core.checkpoints.cli", "write a published checkpoint as safetensors"),
    "sample": Command("pgan_core.pictures_cli", "write pictures of seeds"),
    "walk": Command("pgan_core.pictures_cli", "write a walk through the latent space"),
    "train": Command("pgan_core.training.cli", "grow a Progressive GAN on images"),
    "ship": Command("pgan_core.training.export", "write the networks of a training run as files to ship"),
    "export": Command("pgan_core.website", "write a static site in which the visitor's browser runs the generator"),
    "evaluate": Command("pgan_core.metrics.evaluate", "measure a checkpoint's pictures against real ones"),
    "nearest": Command("pgan_core.metrics.nearest_cli", "find the training pictures nearest to generated ones"),
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    return run_command("python -m pgan_core", "Progressive GANs from a shell.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
