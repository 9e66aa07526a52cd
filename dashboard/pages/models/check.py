"""The self-check beside a model's card: sample pictures and their statistics, scores, parity with published numbers."""

import html
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch

from dashboard import library, session
from dashboard.language import Later, _, said
from dashboard.load import load
from dashboard.shared.images import image_wall
from dashboard.shared.page import plain
from dashboard.shared.progress import with_progress
from pgan_core import CheckpointError
from pgan_core.checkpoints.selfcheck import (
    Agreement,
    OutputStatistics,
    agreement,
    output_statistics,
    read_expected,
    shuffled,
)
from pgan_core.layers import downsample
from pgan_core.pictures import to_uint8

ENTRIES = 8  # walls in memory, all browsers together
JUDGED = 4  # pictures that the discriminator scores: one group of its minibatch stddev


@dataclass(frozen=True)
class Samples:
    """Pictures for the wall (uint8) and their statistics; the first floats and their classes, to be judged."""

    pictures: np.ndarray
    statistics: OutputStatistics
    images: torch.Tensor
    labels: torch.Tensor | None


def samples(model: session.Model, seed: int, is_full: bool = False) -> Samples:
    """A dozen pictures of consecutive seeds; fewer while the server is full, and only two where one takes seconds."""
    size = model.generator.moment()[0]
    count = 2 if size > 256 else JUDGED if is_full else 12 if size <= 128 else 8
    key = ("models", model.identity, seed, count)
    label = _("Drawing samples")
    return with_progress(key, lambda progress: _draw(model, seed, count, progress), label, entries=ENTRIES)


@torch.inference_mode()
def _draw(model: session.Model, seed: int, count: int, progress: Callable[[float], None]) -> Samples:
    size = model.generator.moment()[0]
    z, labels = session.inputs(model, seed, count)
    generator, step, drawn = session.prepared(model), max(1, (256 // size) ** 2), []
    for start in range(0, count, step):
        part = slice(start, start + step)
        drawn.append(generator.run(z[part], labels=None if labels is None else labels[part]).images)
        progress(0.8 * (start + step) / count)
    images = torch.cat(drawn)
    small = to_uint8(downsample(images, max(1, size // 256)))
    few = None if labels is None else labels[:JUDGED]
    return Samples(small, output_statistics(images), images[:JUDGED].clone(), few)


def scores_of(model: session.Model, seed: int, drawn: Samples) -> str:
    """Mean scores of the first pictures and of the same with shuffled pixels; empty without a discriminator."""
    if "discriminator" not in model.networks:
        return ""
    key = ("models scores", model.identity, seed)
    return with_progress(key, lambda _progress: _scores(model, drawn.images, drawn.labels), _("Scoring"), patience=0.5)


@torch.inference_mode()
def _scores(model: session.Model, images: torch.Tensor, labels: torch.Tensor | None) -> str:
    judge = model.discriminator
    labels = labels if judge.embedding is not None else None
    size, alpha = model.generator.moment()
    try:
        scores = [judge(x, labels, resolution=size, alpha=alpha) for x in (images, shuffled(images))]
    except ValueError as error:
        return _("none: {error}").format(error=said(error))
    return "; ".join(f"{float(score.reshape(len(images), -1)[:, 0].mean()):.2f}" for score in scores)


@session.cached(max_entries=8, spinner=Later("Comparing with expected.npz"))
def parity(model: session.Model, expected: str, changed: int) -> list[Agreement]:
    """Ours against what the published code gave, array by array."""
    return agreement(model.checkpoint, read_expected(expected))


def self_check(model: session.Model) -> None:
    """Samples, their statistics, parity where numbers are known, and what looks odd."""
    statistics = None
    if "generator" not in model.networks:
        st.info(_("The file holds a discriminator only. Join it with its generator's file to see pictures."))
    else:
        is_full = load().is_full
        drawn = samples(model, session.seed(), is_full)
        statistics = drawn.statistics
        image_wall(drawn.pictures, key="models-wall", columns=4, size=128)
        st.html(_numbers(statistics, "" if is_full else scores_of(model, session.seed(), drawn)))
        if is_full:
            st.caption(_("Many people are here just now: until it is calmer, fewer pictures and no scores."))
    agrees = parity_check(model)
    odd = " ".join(statistics.complaints) if statistics else ""
    if odd and agrees:
        st.markdown(
            _(":small[{odd} Yet the published code makes the same pictures of this file.]").format(odd=said(odd))
        )
    elif odd:
        st.warning(said(odd), icon=":material/visibility:")
    elif statistics:
        st.success(_("The pictures are smooth, varied and in range: not noise."), icon=":material/check:")


def _numbers(statistics: OutputStatistics, scores: str) -> str:
    rows = {
        _("Mean ± std. dev."): f"{statistics.mean:.2f} ± {statistics.std:.2f}",
        _("Correlation of neighbours"): f"{statistics.neighbours:.2f}",
        _("Range"): _("{smallest:.2f} to {largest:.2f}").format(
            smallest=statistics.smallest, largest=statistics.largest
        ),
        _("Spread between pictures"): f"{statistics.between:.2f}",
        _("Outside −1 to 1"): f"{statistics.outside:.1%}",
    }
    if scores:
        rows[_("Score; with pixels shuffled")] = html.escape(scores)
    cells = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows.items())
    pairs = "grid-template-columns:auto 1fr auto 1fr;column-gap:1.2rem"
    return f'<dl class="lab-card" style="{pairs}" data-testid="models-statistics">{cells}</dl>'


def parity_check(model: session.Model) -> bool:
    """Compare with an expected.npz beside the file; returns whether it agrees."""
    beside = library.expected(model.path)
    if beside is None:
        st.markdown(
            _(":small[There is no {expected} beside the file, so no published numbers to compare with.]").format(
                expected=library.EXPECTED
            )
        )
        return False
    try:
        found = parity(model, str(beside), beside.stat().st_mtime_ns)
    except (CheckpointError, OSError) as error:
        st.error(plain(error))
        return False
    right = "; ".join(f"`{a.name}` {a.error:.1e} (up to {a.allowed:.1e})" for a in found if a.holds) or "none"
    wrong = "; ".join(f"`{a.name}` {a.error:.1e} (more than {a.allowed:.1e})" for a in found if not a.holds)
    holds = all(any(a.holds for a in found if kind in a.name) for kind in ("images", "scores") if _has(found, kind))
    if not found:
        st.caption(
            _("{expected} holds nothing that can be compared with this network.").format(expected=library.EXPECTED)
        )
    elif holds:
        other = f" What the file does not store may explain the other differences: {wrong}." if wrong else ""
        st.success(
            _("**Agrees with the published code.** Largest differences: {right}.{other}").format(
                right=right, other=other
            ),
            icon=":material/verified:",
        )
    else:
        st.error(
            _(
                "**Differs from the published code:** {wrong}. Set below what the file leaves open. Right: {right}."
            ).format(wrong=wrong, right=right)
        )
    return bool(found) and holds


def _has(found: list[Agreement], kind: str) -> bool:
    return any(kind in a.name for a in found)
