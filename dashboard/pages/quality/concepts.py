"""What does the network leave out? Every concept's share, real against generated."""

from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import session
from dashboard.language import N_, _, joined, said
from dashboard.pages.quality import figures
from dashboard.shared import other_models
from dashboard.shared.charts import chart
from dashboard.shared.controls import BARE
from dashboard.shared.page import formula_box
from dashboard.shared.tables import table
from dissection import shares
from dissection.shares import Contrast, Shares

COMMAND = "python -m dissection shares {} --real PICTURES"
KINDS = {"pixels": N_("share of pixels"), "pictures": N_("share of pictures")}
EQUATION = r"\Delta_c = \frac{1}{M} \sum_{j=1}^{M} s_c\big(G(z_j)\big) - \frac{1}{N} \sum_{i=1}^{N} s_c(x_i)"
WORDS = {
    "pixels": N_(
        "$s_c$ is the share of a picture's pixels that the segmenter gives to concept $c$, in generated pictures "
        "$G(z_j)$ and in real ones $x_i$. Both go through the same segmenter, so that its errors are on both sides."
    ),
    "pictures": N_(
        "$s_c$ is 1 where the segmenter gives concept $c$ at least 0.1% of the picture, and else 0, in generated "
        "pictures $G(z_j)$ and in real ones $x_i$. Both go through the same segmenter, so that its errors are on both "
        "sides."
    ),
}
WHERE = N_("Bau et al. 2019, “Seeing What a GAN Cannot Generate”, section 3.1")


def draw(model: session.Model, seed: int) -> None:
    """What `python -m dissection shares` stored beside the model: a figure and a table."""
    file = shares.beside(model.path)
    stored = read(str(model.path), tuple(path.stat().st_mtime_ns for path in (file, model.path) if path.is_file()))
    if stored is None:
        st.info(_("The shares of concepts have not been measured for this model yet. From a shell:"))
        by = "" if model.grows else " --segmenter SEGMENTER"  # without it, Toy Town's
        st.code(COMMAND.format(other_models.in_a_shell(model)) + by, language="bash", wrap_lines=True)
        return
    found, is_current = stored
    if not is_current:
        st.warning(_("These numbers are of older weights: the file has changed since they were measured."))
    kind = st.segmented_control(
        _("What is counted"), list(KINDS), default="pixels", format_func=lambda kind: _(KINDS[kind]),
        key="quality_share", required=True, **BARE,
    )  # fmt: skip
    values, order = getattr(found, kind), shares.by_share(found)
    st.markdown(verdict(found, values, order))
    curve, numbers = st.columns([1, 1.1], gap="medium")
    with curve:
        chart(figures.share_differences(values, found.concepts, order), key="quality_shares", download="png")
    with numbers:
        table(rows(found, values, order), columns=COLUMNS, key="quality_shares_table", height=38 + 35 * len(order))
    real, generated = found.counts
    st.caption(
        _(
            "{real:,} real and {generated:,} generated pictures, segmented by {segmenter}. Differences are percentage "
            "points, generated less real, with the 95% interval of a bootstrap over pictures. A difference is coloured "
            "where its interval excludes zero; one in twenty does by chance."
        ).format(real=real, generated=generated, segmenter=found.segmenter)
    )
    formula_box(EQUATION, _(WORDS[kind]), _(WHERE))


@session.cached(max_entries=16)
def read(path: str, changed: tuple[int, ...]) -> tuple[Shares, bool] | None:
    """The shares beside a model's file; read again when either file has changed."""
    return shares.read(Path(path))


def verdict(found: Shares, values: Contrast, order: list[int]) -> str:
    """Which concepts there is too little of, and of which too much."""
    little = [said(found.concepts[c]) for c in order if values.too_little[c]]
    much = [said(found.concepts[c]) for c in order if values.too_much[c]]
    parts = [
        text.format(concepts=joined(names))
        for text, names in ((_("**Too little** of: {concepts}."), little), (_("**Too much** of: {concepts}."), much))
        if names
    ]
    return " ".join(parts) or _("No concept's share differs from that of real pictures.")


COLUMNS = {
    "real": st.column_config.NumberColumn(format="%.2f%%"),
    "generated": st.column_config.NumberColumn(format="%.2f%%"),
    "difference": st.column_config.NumberColumn(format="%+.2f"),
}


def rows(found: Shares, values: Contrast, order: list[int]) -> pd.DataFrame:
    """The table: shares in percent, differences in percentage points, * where the interval excludes zero."""
    return pd.DataFrame({
        N_("concept"): [found.concepts[c] for c in order],
        "real": 100 * values.real[order],
        "generated": 100 * values.generated[order],
        N_("difference"): 100 * values.difference[order],
        "95%": [
            f"{100 * values.low[c]:+.2f} … {100 * values.high[c]:+.2f}{' *' if values.differs[c] else ''}"
            for c in order
        ],
    })  # fmt: skip
