"""What lies below the first screen waits until somebody scrolls to it.

Most visits do not get there, and plotly's JavaScript, which takes a browser a second, would delay the pictures above.
"""

import streamlit as st

from dashboard.shared import lesson_panel
from dashboard.shared.browser import component

_later = component("lab_later", "shared/later.js", html='<span style="display:block"></span>')


def seen(key: str, after: str = "", height: int = 1) -> bool:
    """Whether the reader has come to the place of this key; the fragment around the call runs again when that happens.

    after: a CSS selector of what the browser shows first. A lesson points at what it speaks of: nothing waits there.
    height: pixels kept free until then, so that what stands below does not jump.
    """
    if lesson_panel.is_running():
        return True
    key = f"lab_later_{key}"
    known = key in st.session_state and bool(st.session_state[key].ready)
    data = {"after": after, "height": 1 if known else height, "seen": known}
    result = _later(data=data, key=key, default={"ready": 0}, on_ready_change=lambda: None)
    return bool(result.ready)
