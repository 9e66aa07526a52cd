"""How many pictures a set has: measured now, or kept beside the checkpoint by `evaluate --beside`."""

import streamlit as st

STORED = "stored"
ENOUGH = "enough"  # few pictures, and more where few cannot tell the sets apart


def count_control(counts: list[int | str], default: int | str, kept: dict | None, key: str) -> int | str:
    """The number of pictures in a set; STORED, first and the default, where measures are kept."""
    names = {ENOUGH: "enough"}
    stored = {STORED: f"{kept['count']:,}, stored".replace(",", "\u202f", 1)} if kept else {}
    return st.segmented_control(
        "Pictures in a set", [*stored, *counts], default=STORED if kept else default, key=key, bind="query-params",
        format_func=lambda count: (names | stored).get(count, str(count)), required=True,
    )  # fmt: skip
