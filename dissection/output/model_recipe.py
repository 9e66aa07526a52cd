"""How the shipped model was made, in Markdown, from its metadata and the log of its run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

from pgan_core.markdown import table

LOSSES = {
    "logistic": "non-saturating logistic loss",
    "wgan-gp": "WGAN-GP",
    "relativistic": "relativistic pairing loss (a real and a generated picture's scores are compared with each other: "
    "softplus of minus their difference for the discriminator, of their difference for the generator)",
}
HARDLY = 5  # thousand images; a phase with fewer spent its time on setting up


def recipe(metadata: dict, parameters: tuple[int, int], gammas: Sequence[tuple[float, float]]) -> str:
    """Networks, loss, schedule, precision, loop, machine, time, data and licence.

    parameters: of generator and discriminator.  gammas: the first and last one of each phase in the log.
    """
    plain, phases = metadata["recipe"], metadata["phases"]
    parts = [
        f"Generator: {parameters[0] / 1e6:.2f} M parameters, feature maps {_numbers(plain['feature_maps'])} from 4x4 "
        f"on. Discriminator: {parameters[1] / 1e6:.2f} M parameters, {_numbers(plain['discriminator_maps'])}. "
        f"{_sentence(LOSSES[plain['loss']])}, with R1 and R2 (gradient penalties at real and at generated pictures) on "
        f"each {plain['r1_every']}th step. Adam, betas {_numbers(plain['betas'])}; minibatch "
        f"{_numbers(sorted({phase['minibatch'] for phase in phases}))}; {plain['precision']} precision; the shipped "
        f"weights are an average over {plain['ema_kimg']:g} thousand images.",
        f"Made by {metadata['loop']}; on one {metadata['machine']['device']} (torch {metadata['machine']['torch']}), "
        f"in {_sittings(metadata)}. Data: {metadata['data']['note']} ({metadata['data']['images']:,} pictures). "
        f"Licence: {metadata['licence']}.",
        table(
            ["Resolution", "Thousand images", "Gamma, planned", "Gamma, in the log", "Learning rate", "Seconds"],
            [_phase(phase, gamma) for phase, gamma in zip(phases, gammas, strict=True)],
        ),
        "Arrows: from the beginning to the end of a phase. The rate falls over the last part of a phase, whose share "
        "stands in brackets. The loop moved gamma off its plan by steps of a fifth (`log.jsonl`). Seconds "
        "include setting up.",
    ]
    return "\n\n".join(parts + gaps(phases))


def gaps(phases: Sequence[dict]) -> list[str]:
    """A paragraph about phases that were too short; none where every phase was long enough."""
    short = [phase for phase in phases if phase["kimg"] < HARDLY]
    if not short:
        return []
    named = " and ".join(f"{_name(phase)} ({phase['kimg']:.0f} thousand images)" for phase in short)
    faded = [f"{p['resolution']}x{p['resolution']}" for p in short if p["fading"]]
    lost = f", so there is no half-faded {' or '.join(faded)} snapshot" if faded else ""
    return [f"**Gaps of the run.** {_sentence(named)} were hardly trained: setting up ate their time{lost}."]


def logged_gammas(log: Path, phases: Sequence[dict]) -> list[tuple[float, float]]:
    """The first and last gamma of each phase in a log (JSON lines). Raises ValueError for a phase without any."""
    entries, found, start = [json.loads(line) for line in log.read_text().splitlines()], [], 0.0
    for end in accumulate(phase["kimg"] for phase in phases):
        inside = [
            entry["gamma"] for entry in entries if start + 0.1 < entry["kimg"] <= end + 0.1
        ]  # the log rounds to 0.1
        if not inside:
            raise ValueError(f"{log.name} says nothing of the images from {start:.0f} to {end:.0f} thousand")
        found.append((inside[0], inside[-1]))
        start = end
    return found


def _phase(phase: dict, gamma: tuple[float, float]) -> list[str]:
    cool = phase["cool"]
    rate = f"{phase['lr'][0]:g}" + (f" → {phase['lr'][1]:g} ({cool:.0%})" if cool else "")
    return [
        _name(phase),
        f"{phase['kimg']:,.0f}",
        _arrow(phase["gamma"]),
        _arrow(gamma),
        rate,
        f"{phase['seconds']:.0f}",
    ]


def _name(phase: dict) -> str:
    size = f"{phase['resolution']}x{phase['resolution']}"
    return f"the fade to {size}" if phase["fading"] else size


def _arrow(values: Sequence[float]) -> str:
    first, last = (f"{value:.2g}" for value in values)
    return first if first == last else f"{first} → {last}"


def _sittings(metadata: dict) -> str:
    """ "three sittings of 9, 9 and 3 minutes: 4,795 thousand images in 1,239 seconds"."""
    total = f"{metadata['kimg']:,.0f} thousand images in {metadata['seconds']:,} seconds"
    sittings = metadata.get("sittings", [])
    if len(sittings) < 2:
        return total
    *most, last = (f"{sitting['seconds'] / 60:.0f}" for sitting in sittings)
    return f"{len(sittings)} sittings of {', '.join(most)} and {last} minutes: {total}"


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
