"""How many pictures a set has: measured now, or kept beside the checkpoint by `evaluate --beside`."""

import streamlit as st

STORED = "stored"


def count_control(counts: list[int], default: int, kept: dict | None, key: str) -> int | str:
    """The number of pictures in a set; STORED, first and the default, where measures are kept."""
    names = {STORED: f"{kept['count']:,}, stored".replace(",", "\u202f", 1)} if kept else {}
    return st.segmented_control(
        "Pictures in a set", [*names, *counts], default=STORED if kept else default, key=key, bind="query-params",
        format_func=lambda count: names.get(count, str(count)), required=True,
    )  # fmt: skip
