"""`python -m dissection COMMAND`."""

from __future__ import annotations

import sys

from pgan_core.shell import run_command

# command: the module that has it; see pgan_core.shell
COMMANDS = {
    "run": "dissection.cli",
    "report": "dissection.cli",
    "show": "dissection.cli",
    "edit": "dissection.interventions_cli",
    "causes": "dissection.interventions_cli",
    "nearest": "dissection.nearest",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    return run_command("python -m dissection", "GAN dissection from a shell.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
