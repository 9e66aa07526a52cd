"""Lessons: where to begin?"""

import streamlit as st

from dashboard import session
from dashboard.language import _, joined
from dashboard.shared import lesson_panel
from dashboard.shared.lesson_files import Lesson
from dashboard.shared.page import header

COLUMNS = 3


def card(lesson: Lesson, missing: set[str]) -> None:
    """What a lesson is about, and its button."""
    finished = lesson.name in st.session_state.get(lesson_panel.FINISHED, ())
    tick = " :green[:material/check_circle:]" if finished else ""
    with st.container(key=f"lessons_head_{lesson.name}", horizontal=True, gap="small", vertical_alignment="center"):
        st.html(f'<span class="lab-icon" aria-hidden="true">{lesson.icon}</span>', width="content")
        st.markdown(f"#### {lesson.number}. {lesson.title}{tick}")
    st.markdown(lesson.about)
    length = _("{minutes} minutes, {steps} steps").format(minutes=lesson.minutes, steps=len(lesson.steps))
    st.caption(f"{length} · {lesson.paper}")
    is_here = lesson.model not in missing
    st.button(
        _("Begin again") if finished else _("Begin"), key=f"lessons_begin_{lesson.name}", on_click=lesson_panel.go,
        args=(lesson.name,), type="primary" if lesson.number == 1 and is_here else "secondary",
        disabled=not is_here,
    )  # fmt: skip


header(_("Where to begin?"))
st.markdown(
    _(
        "Each lesson leads you over the pages. It says what to look at and what to try, and it does it for you if you "
        "ask. Leave whenever you like: the page’s address remembers the step."
    )
)
shown = list(lesson_panel.offered().values())
missing = {lesson.model for lesson in shown} - set(session.offered())
if missing:
    words = _("Lessons about {models}, which this server does not offer, cannot begin.")
    st.info(words.format(models=joined(sorted(missing))), icon=":material/block:")
for start in range(0, len(shown), COLUMNS):
    for column, lesson in zip(st.columns(COLUMNS), shown[start : start + COLUMNS], strict=False):
        with column.container(border=True, height="stretch"):
            card(lesson, missing)
