"""The frame and the router: what every run of the script draws before the chosen page, and the list of pages.

A page is a folder in `pages/` that `PAGES` names; `dashboard/pages/__init__.py` shows how to write one.
"""

import copy
import functools
from pathlib import Path

import pandas  # noqa: F401  (before plotly, which could see it half-imported in another thread)
import streamlit as st

from dashboard import language, links, sidebar, startup
from dashboard.language import N_, _
from dashboard.load import counted
from dashboard.shared import lesson_panel

# section -> (name of the folder in pages/ and in the address, title, icon)
PAGES = {
    "": [
        ("lessons", N_("Lessons"), ":material/school:"),
    ],
    N_("Look"): [
        ("growth", N_("Growth"), ":material/stairs:"),
        ("training", N_("Training"), ":material/model_training:"),
        ("latents", N_("Latents"), ":material/explore:"),
        ("models", N_("Models"), ":material/folder_open:"),
    ],
    N_("Inside"): [
        ("architecture", N_("Architecture"), ":material/account_tree:"),
        ("activations", N_("Activations"), ":material/layers:"),
        ("initialization", N_("Initialization"), ":material/scatter_plot:"),
    ],
    N_("Meaning"): [
        ("dissection", N_("Dissection"), ":material/biotech:"),
        ("interventions", N_("Interventions"), ":material/brush:"),
    ],
    N_("Measure"): [
        ("quality", N_("Quality"), ":material/straighten:"),
    ],
}


FIRST = "growth"  # the page at the bare address; a hidden copy of it answers at /growth


def path(name: str) -> str:
    """A page's name in the address; not the first page's, which Streamlit would not serve under its name."""
    return "start" if name == FIRST else name


def pages() -> dict[str, list[st.Page]]:
    """The navigation: every page of `PAGES` whose folder exists, by section; copies, for a run marks its pages."""
    return {section: [copy.copy(page) for page in rows] for section, rows in _pages(language.language()).items()}


@functools.cache  # making them asks the file system about each
def _pages(code: str) -> dict[str, list[st.Page]]:
    folder = Path(__file__).resolve().parent / "pages"
    found = {
        section: [
            st.Page(folder / name / "page.py", title=_(title), icon=icon, url_path=path(name), default=name == FIRST)
            for name, title, icon in rows
            if (folder / name / "page.py").exists()
        ]
        for section, rows in PAGES.items()
    }
    by_name = st.Page(folder / FIRST / "page.py", title=_("Growth"), url_path=FIRST, visibility="hidden")
    found[""].append(by_name)
    return {section and _(section): rows for section, rows in found.items() if rows}


@counted
def draw() -> None:
    """The frame (navigation, model, seed, device) and the chosen page."""
    st.set_page_config(
        page_title="PGGAN Lab",
        page_icon=str(Path(__file__).parent / "icon.svg"),  # a named icon would be fetched from a font server
        layout="wide",
        initial_sidebar_state="collapsed" if lesson_panel.is_running() else 250,
        menu_items={"About": _("PGGAN Lab: watch a Progressive GAN grow, and look inside it.")},
    )
    language.begin()
    links.note()
    page = st.navigation(pages(), expanded=True)
    name = page.url_path if page.url_path not in ("", path(FIRST)) else FIRST
    lesson_panel.turn(name)
    sidebar.draw(name)
    if name != FIRST:
        startup.import_heavy()
    above = st.empty()
    if place := lesson_panel.current():
        lesson_panel.draw(place, name)
    try:
        page.run()
    finally:  # a page that stopped early has read the link, too
        if sentence := links.judge():
            above.warning(sentence, icon=":material/link_off:")
