"""Share: a link that restores the view and shows only what is wanted.

`?hide=sidebar,controls` leaves these out, and is kept from page to page; `?embed` also leaves out the frame, for slides
and course pages (`dashboard/frames.py` says who may show the app in a page of their own).

Its component is on every page, and so it also says the page's language, and Streamlit's own words in it.
"""

import streamlit as st

from dashboard import session
from dashboard.language import N_, _, language
from dashboard.shared.browser import component

HIDE, PARTS = "hide", ("sidebar", "controls")

STREAMLIT = (
    N_("Skip to main content"), N_("Collapse sidebar"), N_("Expand sidebar"), N_("App pages"), N_("Main menu"),
    N_("Upload"), N_("file upload"), N_("{size} per file"), N_("Drag and drop files here"),
    N_("Drag and drop a file here"), N_("Choose an option"), N_("Choose options"), N_("No results"),
    N_("No options to select"), N_("Select all"), N_("Selected values"), N_("Remove {value}"), N_("Clear all"),
    N_("Clear value"), N_("Press Enter to apply"), N_("Press Enter to submit form"), N_("Increment"), N_("Decrement"),
    N_("Fullscreen"), N_("Close fullscreen"), N_("Download as CSV"), N_("Show/hide columns"), N_("Search"), N_("Close"),
    N_("Copy to clipboard"), N_("Link to heading"), N_("Help for {label}"), N_("Running..."), N_("Stop"),
    N_("Connecting"), N_("Please wait..."), N_("About"), N_("Download plot as a PNG"), N_("Previous page"),
    N_("Next page"),
)  # fmt: skip
# what is said in place of Streamlit's words and, by screen readers, of its icons' names
WORDS = {text: text for text in STREAMLIT} | {
    "check_circle icon": N_("done"), "arrow_forward icon": N_("to do"), "error icon": N_("mistake"),
}  # fmt: skip

_share = component("lab_share", "shared/share.html", "shared/share.css", "shared/translate.js", "shared/share.js")


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
        "streamlit": {text: there for text, meaning in WORDS.items() if (there := _(meaning)) != text},
        "hidden": hidden(),
        "words": {
            "share": _("Share"), "title": _("A link to what you see"), "sidebar": _("without the sidebar"),
            "controls": _("without the controls"), "embed": _("for a slide or a course page, without the frame"),
            "copy": _("Copy"), "copied": _("Copied"), "close": _("Close"), "all": _("Show everything"),
        },
    }  # fmt: skip
    with st.container(key="lab_share"):
        _share(data=data, key="share")
