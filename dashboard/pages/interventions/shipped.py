"""Causal results that were computed beforehand (`python -m dissection causes`) and lie below the model folders."""

import streamlit as st

from dashboard import library, session
from dashboard.language import said
from dashboard.shared import dissections
from dissection.effects.causal_results import FILE, CausalResults, CausalResultsError


def causes(model: session.Model) -> CausalResults | None:
    """The results of this very model, or None."""
    mine = dissections.weights_of(model)
    for folder in library.folders():
        for path in sorted(library.below(folder, FILE)):
            read = _read(str(path), path.stat().st_mtime_ns)
            if read is not None and read.info.get("weights_sha256") == mine:
                return read
    return None


@st.cache_resource(max_entries=8, show_spinner=False)
def _read(path: str, changed: int) -> CausalResults | None:
    try:
        return CausalResults.load(path)
    except CausalResultsError as error:
        st.warning(said(error))
        return None
