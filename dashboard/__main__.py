"""`pggan-lab`, or `python -m dashboard`: starts the app, or runs the command that it is given."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from dissection.__main__ import COMMANDS as DISSECTION
from pgan_core.__main__ import COMMANDS as NETWORKS
from pgan_core.shell import HELP, run_command

APP = Path(__file__).with_name("app.py")
DESCRIPTION = """Without a command it starts the app and passes all options to Streamlit, such as --server.port 8600.
The app offers the models in the folders that PGGAN_LAB_MODELS names, or else the models that ship with it."""
COMMANDS = NETWORKS | {
    "dissect" if name == "run" else name: replace(command, own=name) for name, command in DISSECTION.items()
}


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code; without one, runs the app until it is stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and (arguments[0] in HELP or not arguments[0].startswith("-")):
        return run_command("pggan-lab", DESCRIPTION, COMMANDS, arguments)
    from streamlit.web.cli import main as streamlit  # slow to import; commands do not need it

    return streamlit(["run", str(APP), *arguments], prog_name="streamlit")


if __name__ == "__main__":
    sys.exit(main())
