"""`pggan-lab`, or `python -m dashboard`: starts the app; with a command, the index of all that a shell can do."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from dissection.__main__ import COMMANDS as DISSECTION
from pgan_core.__main__ import COMMANDS as NETWORKS
from pgan_core.shell import HELP, run_command

APP = Path(__file__).with_name("app.py")
DESCRIPTION = """Without a command it starts the app; options are Streamlit's, such as --server.port 8600.
The app offers the models of the folders in PGGAN_LAB_MODELS, or the one that ships with it."""
COMMANDS = NETWORKS | {
    "dissect" if name == "run" else name: replace(command, own=name) for name, command in DISSECTION.items()
}


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code; without one, runs the app until it is stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and (arguments[0] in HELP or not arguments[0].startswith("-")):
        return run_command("pggan-lab", DESCRIPTION, COMMANDS, arguments)
    from streamlit.web.cli import main as streamlit  # commands do without

    return streamlit(["run", str(APP), *arguments], prog_name="streamlit")


if __name__ == "__main__":
    sys.exit(main())
