"""Lessons as files: every lesson can be read, in both languages with the same steps; errors name the line."""

import pytest

from dashboard.shared.lesson_files import LANGUAGES, Act, Clause, LessonError, is_done, read_lesson, read_lessons

FRONT = """---
title: A
number: 1
minutes: 5
icon: stairs
paper: B
about: C
model: toytown128/final
---

"""
TASK = """do: Draw.
show: draw canvas from 0.1 .2 to 0.3 0.4
done: growth_at < 0.5 and told.on = wall and seen .x > img
"""
STEP = f"""## One
page: growth
set: growth_pictures = 9
set: move .range to 0.5
{TASK}
Text with $x$.

---

Then $y$.
"""


def read(text: str):
    return read_lesson(text, "a", "en/a.md", ["growth"])


def test_every_lesson_has_the_same_steps_in_both_languages():
    first, *others = (read_lessons(language) for language in LANGUAGES)
    numbers = [lesson.number for lesson in first.values()]
    assert numbers and len({*numbers}) == len(numbers)
    for other in others:
        assert list(other) == list(first)
        for name, lesson in other.items():
            source = first[name]
            assert [step.actions for step in lesson.steps] == [step.actions for step in source.steps], name
            assert (lesson.number, lesson.minutes, lesson.model) == (source.number, source.minutes, source.model)
            for step, original in zip(lesson.steps, source.steps, strict=True):
                for text, source_text in ((step.text, original.text), (step.after, original.after)):
                    assert not text or text != source_text, step.title
                    assert text.count("$") == source_text.count("$"), step.title


def test_a_step_is_read():
    (step,) = read(FRONT + STEP).steps
    assert (step.title, step.page, step.do) == ("One", "growth", "Draw.")
    assert (step.text, step.after) == ("Text with $x$.", "Then $y$.")
    assert step.sets == (Act("set", "growth_pictures", 9), Act("move", ".range", 0.5))
    assert step.shows == (Act("draw", "canvas", (0.1, 0.2, 0.3, 0.4)),)
    assert step.done[1:] == (Clause("told.on", "=", "wall"), Clause(".x > img", "seen"))


@pytest.mark.parametrize(
    "state, seen, done",
    [
        ({"growth_at": 0.2, "told": {"on": "wall"}}, [".x > img"], True),
        ({"growth_at": 0.5, "told": {"on": "wall"}}, [".x > img"], False),
        ({"growth_at": 0.2, "told": {"on": "sky"}}, [".x > img"], False),
        ({"growth_at": 0.2, "told": {}}, [".x > img"], False),
        ({"growth_at": 0.2, "told": {"on": "wall"}}, [], False),
        ({"told": {"on": "wall"}}, [".x > img"], False),  # at its default, whatever that is
    ],
)
def test_a_step_is_done_when_all_its_conditions_hold(state, seen, done):
    assert is_done(read(FRONT + STEP).steps[0], state, seen) is done


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        ("---\ntitle", "title", 1, "begins with a line “---”"),
        ("number: 1", "number: one", 3, "a whole number, not “one”"),
        ("icon", "icom", 5, "expected one of about, icon"),
        ("about: C\n", "", 8, "lacks about"),
        ("## One\n", "One\n", 11, "a step begins with “## ”"),
        ("page: growth", "page: grow", 11, "names the page “grow”; pages are growth"),
        ("set: growth_pictures = 9", "set: growth pictures = 9", 13, "write “KEY = VALUE”"),
        ("move .range to 0.5", "move .range 0.5", 14, "write “move SELECTOR to 0.5”"),
        ("do: Draw.", "do:", 15, "nothing follows “do:”"),
        ("do: Draw.\n", "", 11, "needs all of do, show and done"),
        ("growth_at < 0.5", "growth_at ~ 0.5", 17, "cannot read “growth_at ~ 0.5”"),
        ("\nText with $x$.", "", 11, "has no text"),
        (TASK, "", 11, "no task before it"),
    ],
)
def test_a_broken_file_says_which_line_is_wrong(old, new, line, words):
    text = FRONT + STEP
    assert old in text
    with pytest.raises(LessonError) as caught:
        read(text.replace(old, new, 1))
    assert str(caught.value).startswith(f"en/a.md, line {line}: ") and words in str(caught.value)
