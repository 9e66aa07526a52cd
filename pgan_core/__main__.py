"""`python -m pgan_core COMMAND`."""

from __future__ import annotations

import sys

from pgan_core.shell import run_command

# command: the module that has it; see pgan_core.shell
COMMANDS = {
    "info": "pgan_core.checkpoints.cli",
    "convert": "pgan_core.checkpoints.cli",
    "sample": "pgan_core.sampling",
    "walk": "pgan_core.sampling",
    "train": "pgan_core.training.cli",
    "ablations": "pgan_core.ablations.cli",
    "evaluate": "pgan_core.metrics.cli",
    "nearest": "pgan_core.metrics.nearest_cli",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    return run_command("python -m pgan_core", "Progressive GANs from a shell.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
