"""What lies below the first screen waits until somebody scrolls to it.

Most visits do not get there, and plotly's JavaScript, which takes a browser a second, would delay the pictures above.
"""

from dashboard.shared import lesson_panel
from dashboard.shared.browser import component

_later = component("lab_later", "shared/later.js", html='<span style="display:block;height:1px"></span>')


def seen(key: str, after: str = "") -> bool:
    """Whether the reader has come to this place; the fragment around the call runs again when that happens.

    after: a CSS selector of what the browser shows first. A lesson points at what it speaks of: nothing waits there.
    """
    if lesson_panel.is_running():
        return True
    result = _later(data={"after": after}, key=key, default={"ready": False}, on_ready_change=lambda: None)
    return bool(result.ready)
