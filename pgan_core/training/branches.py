"""A run that starts where another one stood, with or without one of the paper's ideas."""

from __future__ import annotations

from pathlib import Path

from .settings import TrainingError
from .state import load_state, save_state

IDEAS = ("pixel norm", "minibatch stddev", "equalized learning rate")  # sections 4.2, 3 and 4.1 of the paper


def branch(snapshot: Path, out: Path, without: str | None = None) -> None:
    """Makes `out` a run that goes on from a snapshot of another one; `without`: one of IDEAS, switched off from here.

    The optimizers of a network whose weights change their meaning forget their moments. Raises TrainingError for a
    snapshot that cannot be read, and for a folder that holds a run.
    """
    if (out / "state.pt").exists():
        raise TrainingError(f"{out} holds a run already.")
    state = load_state(snapshot)
    if without is not None:
        if "networks" not in state:
            raise TrainingError(f"{snapshot} is of an earlier version of this program.")
        {IDEAS[0]: _no_pixel_norm, IDEAS[1]: _no_stddev, IDEAS[2]: _no_equalized_rate}[without](state)
    note = {"kimg": state["images"] / 1000, "branched": f"without {without}" if without else "unchanged"}
    state["changes"] = [*state["changes"], note]
    out.mkdir(parents=True, exist_ok=True)
    save_state(out / "state.pt", state)


def _no_pixel_norm(state: dict) -> None:
    for role in ("generator", "average"):
        state["networks"][role]["config"]["pixel_norm"] = "off"
    state["settings"]["pixel_norm"] = "off"


def _no_stddev(state: dict) -> None:
    """The convolution after the layer loses the weights of its one extra map."""
    described = state["networks"]["discriminator"]["config"]
    if described["stddev"] is None:
        return
    described["stddev"] = None
    name = "layers.4x4/conv.weight"
    state["discriminator"][name] = state["discriminator"][name][:, : described["channels"][0]].contiguous()
    state["settings"]["minibatch_stddev"] = False
    state["discriminator_optimizer"]["state"] = {}


def _no_equalized_rate(state: dict) -> None:
    """Stored weights become the effective ones, which Adam then moves directly."""
    for role, described in state["networks"].items():
        for layer, (weight, bias) in described["constants"].items():
            state[role][f"layers.{layer}.weight"] *= weight
            if f"layers.{layer}.bias" in state[role]:
                state[role][f"layers.{layer}.bias"] *= bias
            described["constants"][layer] = [1.0, 1.0]
    for name in ("generator_optimizer", "discriminator_optimizer"):
        state[name]["state"] = {}
