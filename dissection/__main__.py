"""`python -m dissection COMMAND`."""

from __future__ import annotations

import sys

from pgan_core.shell import Command, run_command

COMMANDS = {
    "run": Command("dissection.cli", "find out what a checkpoint's units stand for"),
    "show": Command("dissection.cli", "print a dissection, or one unit of it"),
    "units": Command("dissection.unit_profiles", "measure what the page of one unit shows beside its scores"),
    "compare": Command(
        "dissection.compare", "compare two dissections: which concepts gain units, which unit became which"
    ),
    "effects": Command("dissection.effects.unit_effects", "measure what every unit causes, switched off and on"),
    "report": Command("dissection.cli", "write a dissection as HTML with pictures, JSON and CSV"),
    "export": Command(
        "dissection.website",
        "write a static site in which the visitor's browser runs the generator, with its units",
    ),
    "edit": Command("dissection.interventions_cli", "write pictures of seeds with the edits of a file"),
    "causes": Command("dissection.interventions_cli", "measure what the units of a model cause, concept by concept"),
    "nearest": Command("dissection.nearest", "find the training scenes nearest to generated pictures"),
    "directions": Command(
        "dissection.concept_directions", "learn latent directions that change a concept, and check them"
    ),
    "town": Command("dissection.world.town", "write scenes of Toy Town with their labels"),
    "rules": Command("dissection.world.rules", "count how often generated pictures keep the rules of Toy Town"),
    "shares": Command(
        "dissection.shares", "compare how much of every concept real and generated pictures have, with intervals"
    ),
    "faults": Command(
        "dissection.segmenters.faults", "count faults in the label maps of scenes and generated pictures"
    ),
    "sheet": Command("dissection.segmenters.sheet", "draw generated pictures beside their label maps"),
    "train-segmenter": Command("dissection.segmenters.train_toytown", "train Toy Town's segmenter and measure it"),
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    return run_command("python -m dissection", "GAN dissection from a shell.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
