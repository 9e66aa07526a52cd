"""Share: a link that restores the view and shows only what is wanted.

`?hide=sidebar,controls` leaves these out, and is kept from page to page; `?embed` also leaves out the frame, for slides
and course pages (`dashboard/frames.py` says who may show the app in a page of their own).
"""

import streamlit as st

from dashboard import session
from dashboard.language import _, language
from dashboard.shared.browser import component

HIDE, PARTS = "hide", ("sidebar", "controls")

_share = component("lab_share", "shared/share.html", "shared/share.css", "shared/share.js")


def hidden() -> list[str]:
    """The parts that the link leaves out; words that it does not know are ignored."""
    asked = str(session.recall(HIDE, "")).split(",")
    found = [part for part in PARTS if part in asked]
    session.remember(HIDE, ",".join(found), default="")
    return found


def share_button() -> None:
    """The button with its dialog; all of it happens in the browser, which knows the page's address best."""
    data = {
        "language": language(),
        "hidden": hidden(),
        "words": {
            "share": _("Share"), "title": _("A link to what you see"), "sidebar": _("without the sidebar"),
            "controls": _("without the controls"), "embed": _("for a slide or a course page, without the frame"),
            "copy": _("Copy"), "copied": _("Copied"), "close": _("Close"), "all": _("Show everything"),
        },
    }  # fmt: skip
    with st.container(key="lab_share"):
        _share(data=data, key="share")
