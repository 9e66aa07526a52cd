"""Charts below the first screen can wait: they are sent once the browser shows the picture above them.

Plotly's JavaScript takes the browser a second, and would delay the picture.
"""

from dashboard.shared.browser import component

_later = component("lab_later", "pages/growth/later.js", html="<span></span>")


def shown(selector: str, key: str) -> bool:
    """Whether the browser shows what the CSS selector finds; the fragment around the call runs again when it does."""
    result = _later(data={"selector": selector}, key=key, default={"ready": False}, on_ready_change=lambda: None)
    return bool(result.ready)
