"""The live view: one component that fetches what a run writes from the routes of `feed`."""

import re
from dataclasses import dataclass

from dashboard.language import N_
from dashboard.shared.browser import component
from pgan_core.training.losses import LOSSES

WORDS = (
    N_("Starting …"),
    N_("Training"),
    N_("Paused"),
    N_("Finished"),
    N_("Stopped"),
    N_("Ended"),
    N_("Interrupted"),
    N_("{state} at {size}"),
    N_("{state} (held) at {size}"),
    N_("{state} at {size}, fading in, α {alpha}"),
    N_("{state} (held) at {size}, fading in, α {alpha}"),
    N_("The schedule, and where the run stands"),
    N_("{count} images"),
    N_("{count} images · {speed} a second"),
    N_("{count} images · {speed} a second · {time} left"),
    N_("Averaged generator"),
    N_("Generator as trained"),
    N_("Reals, as the discriminator sees them"),
    N_("Scores of"),
    N_("reals"),
    N_("and"),
    N_("fakes"),
    N_("Rewind"),
    N_("Back to now"),
    N_("Losses:"),
    N_("Gradient norms:"),
    N_("discriminator"),
    N_("generator"),
    N_("Signals: mean magnitude in every layer, over time. Does anything escalate?"),
    N_("Pause"),
    N_("Finish"),
    N_("Skip fade"),
    N_("Next fade"),
    N_("Grow on"),
    N_("Hold fade"),
    N_("Hold size"),
    N_("Stop"),
    N_("Go on"),
    N_("One step"),
    N_("fade"),
    N_("after {kimg} thousand images"),
    N_("after {kimg} thousand images, {size}"),
    N_("r, f: scores of a real and of a generated picture"),
    N_("{network}, {layer}, step {step}: mean magnitude {mean}, largest {largest}"),
    N_("{count} days"),
    N_("after {count} images: {change}"),
    N_("{name} {before} → {after}"),
    N_("learning rate"),
    N_("penalty weight"),
    N_("minibatch"),
    N_("skipped on"),
    N_("held"),
    N_("grows on"),
    N_("branched off"),
    N_("diverged, went back"),
    N_("1. Draw"),
    N_("2. Judge"),
    N_("3. The discriminator learns"),
    N_("4. The generator learns"),
    N_("no number"),
    N_("layer"),
    N_("gradient norm"),
    N_("weights moved"),
    N_("step {step}"),
    N_("dark 0.01, green 1, yellow 100"),
    N_("Step {step} in four acts"),
    N_("{count} latents are drawn at random, and {count} real pictures. The generator makes a picture of each latent."),
    N_("Sixteen of each are shown."),
    N_("Fakes"),
    N_("Reals"),
    N_("Latents, one a row:"),
    N_("below"),
    N_("above"),
    N_("The discriminator gives every picture a score: reals {real} on average, fakes {fake}."),
    N_("Its loss, the mean of {formula}, is {loss}."),
    N_("The gradient penalty is lazy and leaves this step out."),
    N_("The gradient penalty is {penalty}."),
    N_(
        "The discriminator’s weights take one step against its gradient. On the same pictures, reals now lie {after} "
        "above fakes; before, {before}."
    ),
    N_(
        "The generator’s loss was {loss}. Its gradient comes back through the discriminator, and its weights take one "
        "step."
    ),
    N_(
        "The same latents now give these pictures. Pixels moved by {pixels} of 255 on average, and the mean score from "
        "{before} to {after}. The averaged generator follows a little."
    ),
    N_("Before"),
    N_("After"),
)
_view = component(
    "lab_training",
    "pages/training/training.html",
    "pages/training/training.css",
    "pages/training/charts.js",
    "pages/training/acts.js",
    "pages/training/training.js",
    words=WORDS,
)


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
