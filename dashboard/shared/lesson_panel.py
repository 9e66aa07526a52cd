"""The lesson that is running: its place in the link, and the panel at the right of every page.

A place is "growing.3", the third step of the lesson `growing`. Only `current` is called where no lesson runs.
"""

import functools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import links, session
from dashboard.language import CATALOGUES, _, language
from dashboard.shared.browser import component
from dashboard.shared.lesson_files import LANGUAGES, Act, Lesson, Step, is_done, read_lessons

PLACE = "lesson"  # in the session and the address
DONE, ACTS, SEEN, FINISHED = "lesson_done", "lesson_acts", "lesson_seen", "lesson_finished"  # in the session
HOME = "lessons"  # the page that lists them

_watch = component("lab_lesson", "shared/lesson_panel.js", html='<span class="lab-lesson-watch"></span>')


@dataclass(frozen=True)
class Place:
    """A step of a lesson; `number` counts from 1."""

    lesson: Lesson
    number: int

    @property
    def step(self) -> Step:
        return self.lesson.steps[self.number - 1]

    @property
    def is_last(self) -> bool:
        return self.number == len(self.lesson.steps)

    @property
    def text(self) -> str:
        return f"{self.lesson.name}.{self.number}"


@functools.cache
def lessons(folder: str) -> dict[str, Lesson]:
    """Name -> lesson in a language, read once."""
    return read_lessons(folder)


def offered() -> dict[str, Lesson]:
    """The lessons in the language of this browser."""
    return lessons(CATALOGUES.get(language(), LANGUAGES[0]))


# ---- where the reader is -----------------------------------------------------------------------------------------


def is_running() -> bool:
    """Whether the session names a step, or the link while the session does not know; "" is a lesson that was left."""
    return bool(st.session_state[PLACE] if PLACE in st.session_state else st.query_params.get(PLACE))


def current() -> Place | None:
    """The running lesson's step: this session's, else the link's; None where none runs."""
    if not is_running():
        st.query_params.pop(PLACE, None)  # what a browser sent before it heard that the lesson was left says it again
        return None
    text = session.recall(PLACE, "")
    place = _place(text)
    if place is None:
        links.miss(PLACE, text, "no lesson")
        session.remember(PLACE, "", default="")
        return None
    if PLACE not in st.session_state:  # a link: what it says itself goes before what the step sets
        asked = {act.target: st.query_params.get(act.target) for act in place.step.sets}
        _begin(place, keep={key for key, value in asked.items() if value is not None})
    session.remember(PLACE, place.text)
    return place


def _place(text: str) -> Place | None:
    name, dot, number = text.partition(".")
    lesson = offered().get(name)
    if lesson is None or not dot or not number.isdigit() or not 1 <= int(number) <= len(lesson.steps):
        return None
    return Place(lesson, int(number))


def go(name: str, number: int = 1) -> None:
    """A button's callback: begin a step of a lesson. The page follows when the script runs again."""
    lesson = offered()[name]
    place = Place(lesson, min(max(number, 1), len(lesson.steps)))
    if number == 1 and lesson.model in session.offered():
        st.session_state["next_model"] = lesson.model
    _begin(place)


def _begin(place: Place, keep: Collection[str] = ()) -> None:
    st.session_state[PLACE] = place.text
    for name in (DONE, SEEN):
        st.session_state.pop(name, None)
    _carry_out([act for act in place.step.sets if act.target not in keep])
    st.session_state["lesson_turn"] = True


def _carry_out(acts: list[Act] | tuple[Act, ...]) -> None:
    """Set controls before the page runs; what needs the mouse goes to the browser."""
    for act in acts:
        if act.kind == "set":
            st.session_state[act.target] = act.value
    number = st.session_state.get(ACTS, (0, []))[0]
    mouse = [[act.kind, act.target, act.value] for act in acts if act.kind != "set"]
    st.session_state[ACTS] = number + 1, mouse


def show(place: Place) -> None:
    """A button's callback: do what the step asks for, unless the reader has gone on before the click arrived."""
    if st.session_state.get(PLACE) == place.text:
        _carry_out(place.step.shows)


def leave(is_finished: bool = False) -> None:
    """A button's callback: no lesson runs any more."""
    if is_finished and (place := _place(st.session_state.get(PLACE, ""))):
        st.session_state.setdefault(FINISHED, set()).add(place.lesson.name)
        st.session_state["lesson_home"] = True
    st.session_state[PLACE] = ""
    st.query_params.pop(PLACE, None)


def turn(page: str) -> None:
    """Go to the page of a step that has just begun, or to the list after the last one; `page` is the shown one.

    What a browser sent meanwhile can bring the old page once more: the way is open until the new page is shown.
    """
    if st.session_state.get("lesson_home", False):
        if page != HOME:
            st.switch_page(f"pages/{HOME}/page.py", query_params={})
        del st.session_state["lesson_home"]
    place = current()
    if place is None or not st.session_state.get("lesson_turn", False):
        return
    if page != place.step.page:
        st.switch_page(f"pages/{place.step.page}/page.py", query_params={PLACE: place.text})
    del st.session_state["lesson_turn"]


def invitation(name: str) -> None:
    """A quiet button that begins a lesson; nothing while one runs, or where its model is not offered."""
    lesson = offered()[name]
    if not is_running() and lesson.model in session.offered():
        words = _("New here? Lesson {number}: {title}").format(number=lesson.number, title=lesson.title)
        st.button(words, icon=":material/school:", key="lesson_invitation", type="tertiary", on_click=go, args=(name,))


# ---- the panel ---------------------------------------------------------------------------------------------------


def draw(place: Place, page: str) -> None:
    """The panel; `page` is the name of the page beside it."""
    lesson, step = place.lesson, place.step
    style()
    with st.container(key="lesson_panel"):
        with st.container(key="lesson_head", horizontal=True, vertical_alignment="center", gap="small"):
            where = _("step {number} of {count}").format(number=place.number, count=len(lesson.steps))
            st.markdown(f"**{lesson.title}** · {where}", width="stretch")
            st.button(_("Leave the lesson"), icon=":material/close:", key="lesson_leave", type="tertiary",
                      help=_("Leave the lesson"), on_click=leave)  # fmt: skip
        st.progress(place.number / len(lesson.steps))
        with st.container(key="lesson_text", gap="small"):
            st.markdown(f"#### {step.title}\n\n{step.text}")
            if page != step.page:
                st.button(_("Back to this step’s page"), key="lesson_back_to", icon=":material/undo:", on_click=go,
                          args=(lesson.name, place.number), width="stretch")  # fmt: skip
            task(place, page == step.page)
        with st.container(key="lesson_foot", horizontal=True, gap="small"):
            buttons(place, page == step.page)


def style() -> None:
    """The panel's rules, and the theme's colours, which Streamlit gives to no CSS but its own."""
    theme = st.context.theme.type or "light"
    options = {"panel": "secondaryBackgroundColor", "paper": "backgroundColor", "line": "borderColor",
               "accent": "primaryColor"}  # fmt: skip
    colours = (f"--lab-{name}: {st.get_option(f'theme.{theme}.{option}')};" for name, option in options.items())
    rules = Path(__file__).with_name("lesson_panel.css").read_text(encoding="utf-8")
    st.html(f"<style>:root {{{''.join(colours)}}}\n{rules}</style>")


@st.fragment
def task(place: Place, is_here: bool) -> None:
    """What the reader does, and whether it is done; only this runs again when the browser has looked."""
    step = place.step
    if is_here and is_done(step, st.session_state, st.session_state.get(SEEN, [])):
        st.session_state[DONE] = place.text
    done = st.session_state.get(DONE) == place.text
    if step.do:
        with st.container(key="lesson_done" if done else "lesson_do"):
            st.markdown(f"{':material/check_circle:' if done else ':material/arrow_forward:'} {step.do}")
    if done and step.after:
        st.markdown(step.after)
    number, acts = st.session_state.get(ACTS, (0, []))
    data = {
        "place": place.text, "point": step.point if is_here else "", "number": number, "acts": acts,
        "watch": is_here and bool(step.do) and not done,
        "seen": [clause.key for clause in step.done if clause.operator == "seen"],
    }  # fmt: skip

    _watch(data=data, key="lesson_watch", on_look_change=lambda: looked(st.session_state["lesson_watch"].look))


def looked(look: dict | None) -> None:
    """What the browser saw, unless the reader has left that step meanwhile."""
    if look is not None and look["place"] == st.session_state.get(PLACE):
        st.session_state[SEEN] = [str(selector) for selector in look["seen"]]


def buttons(place: Place, is_here: bool) -> None:
    """Back, show me, next."""
    name, number = place.lesson.name, place.number
    st.button(_("Back"), key="lesson_back", on_click=go, args=(name, number - 1), disabled=number == 1)
    if place.step.shows:
        st.button(_("Show me"), key="lesson_show", on_click=show, args=(place,), disabled=not is_here)
    st.space("stretch")
    if place.is_last:
        st.button(_("Finish"), key="lesson_finish", type="primary", on_click=leave, args=(True,))
    else:
        st.button(_("Next"), key="lesson_next", type="primary", on_click=go, args=(name, number + 1))
