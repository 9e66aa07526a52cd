"""What can be trained with one click, as arguments of `python -m pgan_core train`."""

from dataclasses import dataclass

from dashboard.language import N_
from pgan_core.paths import ASSETS

QUICK = ("--recipe", "cpu", "--minibatch", "8", "--threads", "1")  # such small steps gain nothing from a second thread
SIZES, MINUTES = (8, 16, 32), (2, 10, 30, 120)  # for pictures of one's own


@dataclass(frozen=True)
class Preset:
    """One card of the page."""

    title: str
    words: str
    arguments: tuple[str, ...]


PRESETS = {
    "toy16": Preset(
        N_("Toy Town, 16×16, two minutes"),
        N_(
            "From noise to skies, grass and houses while you watch: 32 feature maps at every size, logistic loss."
        ),
        (
            *QUICK, "--data", str(ASSETS / "toytown16.npz"), "--resolution", "16", "--minutes", "2",
            "--feature-maps", "32,32,32", "--learning-rate", "4:0.004", "--cooldown", "4:0-1,16:0.9-0.1",
        ),
    ),
    "toy32": Preset(
        N_("Toy Town, 32×32, ten minutes"),
        N_(
            "The same one size larger. Scenes are drawn while it trains, so the first picture takes some seconds."
        ),
        (
            *QUICK, "--data", "town:repeats=25", "--resolution", "32", "--minutes", "10",
            "--feature-maps", "32,32,32,16", "--learning-rate", "4:0.004,32:0.003",
            "--cooldown", "4:0-1,32:0.9-0.1",
        ),
    ),
    "paper": Preset(
        N_("The paper’s recipe, 32×32, an hour"),
        N_(
            "WGAN-GP with a gradient penalty at every step, minibatches of 128, a rate of 0.001 that never falls."
        ),
        (
            "--recipe", "paper", "--data", "town:repeats=25", "--resolution", "32", "--minutes", "60",
            "--feature-maps", "64,64,64,48", "--latent-dim", "128", "--minibatch", "4:128,32:64",
        ),
    ),
}  # fmt: skip


def own_arguments(size: int, minutes: int) -> tuple[str, ...]:
    """The quick recipe for pictures of one's own."""
    maps = {8: "32,32", 16: "32,32,32", 32: "32,32,32,16"}[size]
    return (*QUICK, "--resolution", str(size), "--minutes", str(minutes), "--feature-maps", maps)
