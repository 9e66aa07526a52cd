"""Tables in the reader's language."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.language import _, said


def table(rows: pd.DataFrame, *, columns: Mapping[str, Any] | None = None, key: str, **options) -> None:
    """Show a table whose columns and words are English; columns: their `st.column_config`, by these names."""
    shown = rows.rename(columns=lambda name: _(str(name)))
    for name in shown.columns:
        if not pd.api.types.is_numeric_dtype(shown[name]):
            shown[name] = [said(cell) if isinstance(cell, str) else cell for cell in shown[name]]
    config: dict[Any, Any] = {_(name): column for name, column in (columns or {}).items()}
    st.dataframe(shown, hide_index=True, column_config=config, key=key, **options)
