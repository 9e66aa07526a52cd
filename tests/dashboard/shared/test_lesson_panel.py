"""The way from one step of a lesson to the next."""

import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.shared import lesson_panel
from dashboard.shared.lesson_files import LANGUAGES


def test_the_way_to_a_page_is_open_until_the_page_is_shown(monkeypatch):
    """What a browser sends while the app goes elsewhere brings the old page once more."""
    went = []

    def switch(path, query_params):
        went.append((path, dict(query_params)))
        st.stop()

    monkeypatch.setattr(st, "switch_page", switch)

    def script():
        import streamlit

        from dashboard.shared import lesson_panel

        lesson_panel.turn(streamlit.session_state["page"])

    step = lesson_panel.lessons(LANGUAGES[0])["growing"].steps[0]
    app = AppTest.from_function(script)
    app.session_state["page"] = "quality"
    app.session_state["lesson"], app.session_state["lesson_turn"] = "growing.1", True
    app.run().run()
    app.session_state["page"] = step.page
    app.run()
    assert went == [(f"pages/{step.page}/page.py", {"lesson": "growing.1"})] * 2

    went.clear()
    app.session_state["lesson"], app.session_state["lesson_home"] = "", True
    app.run().run()
    app.session_state["page"] = lesson_panel.HOME
    app.run().run()
    assert not app.exception and went == [("pages/lessons/page.py", {})] * 2


def test_what_follows_a_task_is_read_when_it_is_done():
    def script():
        from dashboard.shared import lesson_panel

        place = lesson_panel.current()
        lesson_panel.draw(place, place.step.page)

    step = lesson_panel.lessons(LANGUAGES[0])["growing"].steps[1]
    app = AppTest.from_function(script)
    app.query_params["lesson"] = "growing.2"
    app.run()
    before = [text.value for text in app.markdown]
    app.session_state["growth_at"] = 2.0
    app.run()
    assert not app.exception and step.after and step.after not in before
    assert step.after in [text.value for text in app.markdown]


def test_a_message_from_before_changes_no_lesson():
    """A browser may still send the old link, a click or a look, after a lesson was left or has gone on."""

    def script():
        import streamlit

        from dashboard.shared import lesson_panel

        if streamlit.session_state.get("act") == "leave":
            lesson_panel.leave()
        place = lesson_panel.current()
        streamlit.session_state["at"] = place and place.text
        if place and streamlit.session_state.get("act") == "show":
            lesson_panel.show(lesson_panel.Place(place.lesson, place.number - 1))
            lesson_panel.looked({"place": place.text, "seen": [".new"]})
            lesson_panel.looked({"place": "growing.1", "seen": [".old"]})

    app = AppTest.from_function(script)
    app.query_params["lesson"] = "growing.2"
    app.run()
    acts = app.session_state["lesson_acts"]
    app.session_state["act"] = "show"
    app.run()
    assert app.session_state["at"] == "growing.2" and app.session_state["lesson_acts"] == acts
    assert app.session_state["lesson_seen"] == [".new"]
    app.session_state["act"] = "leave"
    app.run()
    assert app.session_state["at"] is None and "lesson" not in app.query_params
    app.session_state["act"], app.query_params["lesson"] = "", "growing.2"
    app.run()
    assert not app.exception and app.session_state["at"] is None and "lesson" not in app.query_params
