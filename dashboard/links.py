"""A line above the page about what a link asked for in vain, shown until the control in question is moved."""

from typing import Any

import streamlit as st

from dashboard.language import KEY, _, joined, p_, said
from dashboard.shared.page import plain

ASKED, MISSED = "link_asked", "link_missed"  # in the session: what is not checked yet; key -> (asked, shown instead)
FRAME = ("model", "seed", "device")  # keys of the frame's controls; those of a page begin with its name


def note() -> None:
    """Copy what the address asks for before anything is drawn: Streamlit removes what it cannot use."""
    if ASKED not in st.session_state:
        st.session_state[ASKED] = {key: st.query_params.get_all(key) for key in st.query_params if key != KEY}


def miss(key: str, asked: str, shown: Any) -> None:
    """Report a value without a control that could not be read; `shown` takes its place."""
    st.session_state.setdefault(MISSED, {})[key] = [asked], shown


def settle(key: str) -> None:
    """Takes back what was asked for a value without a control that is now stored: it was chosen since."""
    st.session_state.get(ASKED, {}).pop(key, None)


def judge() -> str:
    """After the page is drawn: one sentence about everything that the link asked for in vain, or ""."""
    asked, missed = st.session_state[ASKED], st.session_state.setdefault(MISSED, {})
    for key in [key for key in asked if key in st.session_state and (key in FRAME or "_" in key)]:
        texts, value = asked.pop(key), st.session_state[key]
        kept = texts == st.query_params.get_all(key) or same(texts, value)
        if isinstance(value, str | int | float | list) and not kept:
            missed[key] = texts, value
    still = {key: pair for key, pair in missed.items() if st.session_state.get(key, pair[1]) == pair[1]}
    st.session_state[MISSED] = still
    line = _("{control} “{asked}” (shown: {value})")
    words = [
        line.format(control=named(key), asked=joined(texts)[:60], value=shown(value))
        for key, (texts, value) in still.items()
    ]
    if not words:
        return ""
    return plain(
        _("This link asks for something that is not here: {what}.").format(
            what=p_("between the items of a list", "; ").join(words)
        )
    )


def shown(value: Any) -> str:
    """A control's value in the reader's language."""
    return joined(map(shown, value)) if isinstance(value, list) else said(value)


def named(key: str) -> str:
    """A control's key in words, without its page's name; in another language its label, where that is the same word."""
    words = (key if key in FRAME else key.partition("_")[2]).replace("_", " ")
    source = words.capitalize()
    return label if (label := _(source)) != source else words


def same(texts: list[str], value: Any) -> bool:
    """Whether the texts of an address give a control's value."""
    values = value if isinstance(value, list) else [value]
    return len(texts) == len(values) and all(map(_same, texts, values))


def _same(text: str, value: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(text) == value
        except ValueError:
            return False
    return text.casefold() in (str(value).casefold(), said(value).casefold())
