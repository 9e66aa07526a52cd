"""The live view: one component that fetches what a run writes from the routes of `feed`."""

import re
from dataclasses import dataclass

from dashboard.shared.browser import component
from pgan_core.training.losses import LOSSES

_view = component(
    "lab_training", "pages/training/training.html", "pages/training/training.css", "pages/training/charts.js",
    "pages/training/acts.js", "pages/training/training.js",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What the viewer did: a button's command, and the moment of the film strip that is chosen."""

    command: str | None
    moment: str | None


def training_view(run: str, status: str, mine: bool, key: str) -> Said:
    """Shows a run. The script runs again for a button, for another moment, and when the run's status changes."""
    formulas = {
        name: [as_html(loss.discriminator_formula), as_html(loss.generator_formula)] for name, loss in LOSSES.items()
    }
    result = _view(
        data={"run": run, "status": status, "mine": mine, "formulas": formulas}, key=key, default={"moment": None},
        on_command_change=lambda: None, on_changed_change=lambda: None, on_moment_change=lambda: None,
    )  # fmt: skip
    return Said(result.command, result.moment)


def as_html(formula: str) -> str:
    """The few marks of TeX that the losses' formulas use."""
    text = re.sub(r"\^\{([^}]*)\}", r"<sup>\1</sup>", formula.replace("-", "−"))
    text = re.sub(r"\^(\w)", r"<sup>\1</sup>", text)
    text = text.replace(r"\log", "log ").replace(r"\,", "\u2009").replace("log (", "log(")
    return re.sub(r"\b([efr])\b", r"<i style='font-weight:400;font-style:italic'>\1</i>", text)
