"""Lessons as files: front matter, then steps in markdown; `dashboard/lessons/README.md` shows how to write one.

    ## Back to 4×4
    page: growth
    set: growth_pictures = 9
    point: .lab-growth .lab-range
    do: Drag the dot to the far left.
    show: move .lab-growth .lab-range to 0
    done: growth_at < 0.5

    A step's text, with formulas such as $x_r$.

    ---

    What is read when the task is done.

`read_lesson` knows nothing of Streamlit: whoever writes a lesson can check it in a shell.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "lessons"
LANGUAGES = ("en", "zh_CN")
DEFAULT = "default"  # the value of a control that the address leaves out

Value = str | int | float | bool


class LessonError(ValueError):
    """A lesson's file is wrong: the file, the line, and what was expected there."""


@dataclass(frozen=True)
class Act:
    """What "Show me", or the beginning of a step, does: "set" a control's value, or use the mouse in the browser."""

    kind: str  # "set", "move", "press" or "draw"
    target: str  # the key of a control; for the others a CSS selector
    value: Value | tuple[float, ...] = ""


@dataclass(frozen=True)
class Clause:
    """One condition on the page's state; `key` may go into a mapping (`interventions_told.on`)."""

    key: str  # for "seen" a CSS selector
    operator: str
    value: Value = ""


@dataclass(frozen=True)
class Step:
    """A step on a page: what is set at first, what is outlined, what the reader does, and when that is done."""

    title: str
    text: str
    line: int
    page: str
    do: str = ""
    point: str = ""
    sets: tuple[Act, ...] = ()
    shows: tuple[Act, ...] = ()
    done: tuple[Clause, ...] = ()
    after: str = ""  # the text that goes on when the task is done

    @property
    def actions(self) -> tuple:
        """All but the words: the same in every language."""
        return self.page, self.point, self.sets, self.shows, self.done, bool(self.do), bool(self.after)


@dataclass(frozen=True)
class Lesson:
    """A lesson; `name` is its file's and stands in links."""

    name: str
    title: str
    number: int
    minutes: int
    icon: str
    paper: str
    about: str
    model: str
    steps: tuple[Step, ...]


FRONT = {"title", "number", "minutes", "icon", "paper", "about", "model"}
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "!=": lambda a, b: a != b,
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "has": lambda a, b: b in a,
}
_CLAUSE = re.compile(r"([\w.]+)\s*(<=|>=|!=|=|<|>|\bhas\b)\s*(.+)")
_SHARE = r"(\d*\.?\d+)"
_ACTS = {  # what follows the word, and how the values are read
    "move": re.compile(r"(.+) to (-?\d*\.?\d+)"),
    "press": re.compile(r"(.+)"),
    "draw": re.compile(rf"(.+) from {_SHARE} {_SHARE} to {_SHARE} {_SHARE}"),
}


# ---- reading -----------------------------------------------------------------------------------------------------


def page_names() -> list[str]:
    """The pages that a step may name: folders in `dashboard/pages`."""
    return sorted(path.parent.name for path in FOLDER.parent.glob("pages/*/page.py"))


def read_lessons(language: str) -> dict[str, Lesson]:
    """Name -> lesson of one language, in the order of their numbers. Raises LessonError."""
    files, pages = sorted((FOLDER / language).glob("*.md")), page_names()
    found = [
        read_lesson(file.read_text(encoding="utf-8"), file.stem, f"{language}/{file.name}", pages) for file in files
    ]
    return {lesson.name: lesson for lesson in sorted(found, key=lambda lesson: lesson.number)}


def read_lesson(text: str, name: str, file: str, pages: Collection[str]) -> Lesson:
    """The lesson in a file's text; `file` stands in errors, `pages` are those that a step may name."""
    lines = text.splitlines()
    front, start = _front_matter(lines, file)
    heads = [i for i in range(start, len(lines)) if lines[i].startswith("## ")]
    before = next((i for i in range(start, heads[0] if heads else len(lines)) if lines[i].strip()), None)
    if before is not None:
        raise LessonError(f"{file}, line {before + 1}: a step begins with “## ” and its title")
    if not heads:
        raise LessonError(f"{file}, line {len(lines)}: the lesson has no step")
    ends = [*heads[1:], len(lines)]
    steps = tuple(_step(lines, first, end, file, pages) for first, end in zip(heads, ends, strict=True))
    return Lesson(name=name, steps=steps, **front)


def _front_matter(lines: list[str], file: str) -> tuple[dict[str, Any], int]:
    """The front matter's values, and the index of the line after it."""
    if not lines or lines[0].strip() != "---":
        raise LessonError(f"{file}, line 1: the file begins with a line “---”, then “title: …” and so on")
    end = next((i for i in range(1, len(lines)) if lines[i].strip() == "---"), None)
    if end is None:
        raise LessonError(f"{file}, line 1: the front matter does not end with a second “---”")
    found: dict[str, Any] = {}
    for i in range(1, end):
        key, colon, value = (part.strip() for part in lines[i].partition(":"))
        if not colon or key not in FRONT:
            raise LessonError(f"{file}, line {i + 1}: expected one of {', '.join(sorted(FRONT))}, then a colon")
        if key in ("number", "minutes"):
            if not value.isdigit():
                raise LessonError(f"{file}, line {i + 1}: {key} is a whole number, not “{value}”")
            value = int(value)
        found[key] = value
    if missing := sorted(FRONT - found.keys()):
        raise LessonError(f"{file}, line {end + 1}: the front matter lacks {', '.join(missing)}")
    return found, end + 1


def _step(lines: list[str], first: int, end: int, file: str, pages: Collection[str]) -> Step:
    """The step in the lines from `first`, its title, to before `end`."""
    words: dict[str, str] = {}
    acts: dict[str, list] = {"set": [], "show": [], "done": []}
    i = first + 1
    while i < end and lines[i].strip():
        key, _, value = (part.strip() for part in lines[i].partition(":"))
        try:
            if key == "done":
                acts[key] += [_clause(part.strip()) for part in value.split(" and ")]
            elif key in acts:
                acts[key].append(_act(value))
            elif key not in ("page", "do", "point"):
                raise LessonError(f"expected page, set, point, do, show or done, then a colon, not “{lines[i][:40]}”")
            elif not value:
                raise LessonError(f"nothing follows “{key}:”")
            else:
                words[key] = value
        except LessonError as error:
            raise LessonError(f"{file}, line {i + 1}: {error}") from None
        i += 1
    text, _, after = "\n".join(lines[i:end]).partition("\n---\n")
    step = Step(
        lines[first].removeprefix("## ").strip(), text.strip(), first + 1, words.get("page", ""), words.get("do", ""),
        words.get("point", ""), tuple(acts["set"]), tuple(acts["show"]), tuple(acts["done"]),
        after.strip(),
    )  # fmt: skip
    if problem := _problem(step, pages):
        raise LessonError(f"{file}, line {first + 1}: the step “{step.title}” {problem}")
    return step


def _problem(step: Step, pages: Collection[str]) -> str:
    """What is wrong with a step as a whole; "" for nothing."""
    if step.page not in pages:
        return f"names {f'the page “{step.page}”' if step.page else 'no page'}; pages are {', '.join(pages)}"
    if not step.text:
        return "has no text after an empty line"
    if len({bool(step.do), bool(step.shows), bool(step.done)}) > 1:
        return "needs all of do, show and done, or none of them"
    if step.after and not step.do:
        return "has a line “---” but no task before it"
    return ""


def _act(text: str) -> Act:
    word, _, rest = text.partition(" ")
    if word in _ACTS:
        found = _ACTS[word].fullmatch(rest.strip())
        if found is None:
            raise LessonError(f"cannot read “{text}”: write “move SELECTOR to 0.5”, “press SELECTOR” or "
                              "“draw SELECTOR from 0.1 0.2 to 0.3 0.4”")  # fmt: skip
        numbers = tuple(map(float, found.groups()[1:]))
        return Act(word, found[1], numbers[0] if word == "move" else numbers)
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not re.fullmatch(r"\w+", key):
        raise LessonError(f"cannot read “{text}”: write “KEY = VALUE”, or “move”, “press” or “draw”")
    return Act("set", key, _value(value))


def _clause(text: str) -> Clause:
    if text.startswith("seen "):
        return Clause(text.removeprefix("seen ").strip(), "seen")
    found = _CLAUSE.fullmatch(text)
    if found is None:
        raise LessonError(f"cannot read “{text}”: write “KEY < VALUE” (or = != <= >= > has), or “seen SELECTOR”")
    return Clause(found[1], found[2], _value(found[3]))


def _value(text: str) -> Value:
    """true, false, a number, or text with or without quotes."""
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


# ---- judging -----------------------------------------------------------------------------------------------------


def is_done(step: Step, state: Mapping[Any, Any], seen: Collection[str]) -> bool:
    """Whether all of a step's conditions hold; `seen`: the selectors that the browser finds. False without any."""
    return bool(step.done) and all(_holds(clause, state, seen) for clause in step.done)


def _holds(clause: Clause, state: Mapping[Any, Any], seen: Collection[str]) -> bool:
    if clause.operator == "seen":
        return clause.key in seen
    key, *inner = clause.key.split(".")
    value = state.get(key, DEFAULT)
    for name in inner:
        value = value.get(name, DEFAULT) if isinstance(value, Mapping) else DEFAULT
    try:
        return bool(OPERATORS[clause.operator](value, clause.value))
    except TypeError:  # a text is not smaller than a number
        return False
