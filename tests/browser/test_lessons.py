"""Every step of every lesson in a real browser, on the shipped models: "Show me" does what the step asks for."""

import pytest

from dashboard.shared.lesson_files import LANGUAGES, read_lessons
from pgan_core.paths import ASSETS
from tests.browser.running_app import Server, rest, serious, watched_pages

LESSONS = read_lessons(LANGUAGES[0])
FOUND = "selector => [...document.querySelectorAll(selector)].some(e => e.classList.contains('lab-lesson-target'))"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The app with the shipped models, which the lessons are about."""
    with Server(tmp_path_factory.mktemp("lessons"), models=ASSETS) as running:
        yield running


@pytest.fixture
def page(chromium, running):
    with watched_pages(chromium, running) as open_page:
        yield open_page("lessons")


MOVE_AND_LOOK = """() => {
  const range = document.querySelector(".lab-growth .lab-range"), {guide} = document.querySelector(".lab-lesson-watch");
  guide.look({seen: [], place: guide.data.place});
  range.value = 2;
  for (const kind of ["input", "change"]) range.dispatchEvent(new Event(kind, {bubbles: true}));
}"""


def test_a_scrubber_that_is_let_go_while_the_lesson_looks_is_not_forgotten(chromium, running):
    with watched_pages(chromium, running) as open_page:
        page = open_page("growth", lesson="growing.2", growth_at=0.5)
        page.wait_for_function(FOUND, arg=".lab-growth .lab-controls")
        rest(page)
        page.evaluate(MOVE_AND_LOOK)
        page.locator(".st-key-lesson_done").wait_for()
        assert "growth_at=2" in page.url


PRESS_AND_LOOK = """() => {
  const {guide} = document.querySelector(".lab-lesson-watch");
  document.querySelector(".st-key-initialization_preset_0 button").click();
  guide.asked = performance.now();
  guide.look({seen: [], place: guide.data.place});
}"""


def test_a_click_that_travels_with_a_look_is_looked_at_again(chromium, running):
    """Streamlit sends both in one message and runs only the part that was clicked in; the address stays as it is."""
    with watched_pages(chromium, running) as open_page:
        page = open_page("initialization", lesson="initialization.1")
        page.wait_for_function(FOUND, arg=".st-key-initialization_preset_0")
        page.wait_for_function("document.querySelector('.lab-lesson-watch').guide.looks === 0")
        rest(page)
        page.evaluate(PRESS_AND_LOOK)
        page.locator(".st-key-lesson_done").wait_for()


@pytest.mark.parametrize("name", LESSONS)
def test_every_step_can_be_shown(page, name):
    lesson = LESSONS[name]
    page.locator(f".st-key-lessons_begin_{name} button").click()
    for number, step in enumerate(lesson.steps, start=1):
        page.get_by_text(f"step {number} of {len(lesson.steps)}").wait_for()
        page.wait_for_function(f"location.search.includes('lesson={name}.{number}')")
        if step.point:
            page.wait_for_function(FOUND, arg=step.point)
        if number == 2:
            rest(page)
            assert not serious(page)
        if step.do:
            assert page.locator(".st-key-lesson_done").count() == 0, f"step {number} is done before it begins"
            rest(page)
            page.wait_for_function("!document.documentElement.dataset.labActing")  # what the step sets is still moving
            rest(page)
            page.locator(".st-key-lesson_show button").click()
            page.locator(".st-key-lesson_done").wait_for()
        page.get_by_role("button", name="Finish" if number == len(lesson.steps) else "Next", exact=True).click()
    page.locator(f".st-key-lessons_begin_{name} button", has_text="Begin again").wait_for()
