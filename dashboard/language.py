"""The reader's language: English is the source, and `locale/` holds what every text is in the others.

    from dashboard.language import N_, _

    st.caption(_("{count} pictures").format(count=12))    # named places, filled after the translation
    SHAPES = [N_("brush"), N_("box")]                     # marked here, where no visitor is; `_(shape)` where shown

Never an f-string inside `_`, and no `_` in a cached function: what is cached is everybody's, and has no language.
`python -m dashboard.locale.update` collects the texts and compiles their translations.
"""

import contextvars
import functools
import gettext
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

LANGUAGES = {"en": "English", "zh": "中文"}  # as links name them; the first is the source
CATALOGUES = {"zh": "zh_CN"}
T = TypeVar("T")
FOLDER, DOMAIN = Path(__file__).with_name("locale"), "pggan_lab"
PLACE = re.compile(r"(?<!\{)\{(?P<name>[a-z_]\w*)(?:![rsa])?(?::[^{}]*)?\}(?!\})", re.IGNORECASE)
FITS = re.compile(r"^\W?[A-Za-z]{2}|[A-Za-z]{2}(?:[^A-Za-z]*[A-Za-z]){10}")  # enough words to know a text by
KEY = "language"  # in the session and in links
OUTSIDE = contextvars.ContextVar("OUTSIDE", default="en")  # where no script runs: the source, or what `kept` keeps


def language() -> str:
    """The language of whoever the running script is for; where no script runs, the source or what `kept` keeps."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return OUTSIDE.get()
    return st.session_state.get(KEY, next(iter(LANGUAGES)))


def _(text: str) -> str:
    """A text in the reader's language."""
    return catalogue(language()).gettext(text) if text else ""


def p_(context: str, text: str) -> str:
    """As `_`, for an English word with two meanings: `p_("pyramid", "Level")`."""
    return catalogue(language()).pgettext(context, text)


def joined(words: Iterable[str]) -> str:
    """The items of a list with the reader's comma between them."""
    return p_("between the items of a list", ", ").join(words)


def N_(text: str) -> str:
    """Marks a text that is translated where it is shown."""
    return text


class Later(str):
    """A text that Streamlit shows on its own, such as a cached function's spinner: translated at that moment."""

    def __str__(self) -> str:
        text = "".join(self)
        return _(text)


def said(sentence: object, code: str = "") -> str:
    """What the core says in English, an error for one, in the reader's language: "no {what} in it" finds its values.

    code: the language, where no script runs for a reader.
    """
    return _said(code if code in LANGUAGES else language(), str(sentence))


def kept(make: Callable[[], T]) -> Callable[[], T]:
    """`make` in the language of now, whenever it is called: a download is made when no script runs."""
    code = language()

    def in_language() -> T:
        before = OUTSIDE.set(code)
        try:
            return make()
        finally:
            OUTSIDE.reset(before)

    return in_language


@functools.lru_cache(maxsize=4096)  # tables ask for every cell in every run
def _said(code: str, sentence: str) -> str:
    known = catalogue(code).gettext(sentence) if sentence else ""
    if known != sentence or code == next(iter(LANGUAGES)):
        return known
    for pattern, text in patterns(code):
        if found := pattern.fullmatch(sentence):
            values = {name: _said(code, value) for name, value in found.groupdict().items()}
            return PLACE.sub(lambda place, values=values: values[place["name"]], text)
    return sentence


@functools.cache
def patterns(code: str) -> list[tuple[re.Pattern, str]]:
    """What fits the texts with places in them, and their translations; those with more words come first."""
    found = []
    for text, translated in getattr(catalogue(code), "_catalog", {}).items():
        if isinstance(text, str) and PLACE.search(text) and FITS.search(PLACE.sub("·", text)):
            parts, seen = [], set()
            for i, part in enumerate(PLACE.split(text)):
                name = part if i % 2 else ""
                parts.append(re.escape(part) if not name else f"(?P={name})" if name in seen else f"(?P<{name}>.+)")
                seen.add(name)
            found.append((len(PLACE.sub("", text)), re.compile("".join(parts), re.DOTALL), translated))
    return [(pattern, translated) for length, pattern, translated in sorted(found, key=lambda row: -row[0])]


@functools.cache
def catalogue(code: str) -> gettext.NullTranslations:
    """The translations of a language; texts without one stay as they are."""
    if code not in CATALOGUES:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, FOLDER, [CATALOGUES[code]])


def begin() -> None:
    """Before anything is drawn: take the language of the link, else the browser's, and keep it in the link."""
    if KEY not in st.session_state:
        asked = st.query_params.get(KEY)
        st.session_state[KEY] = asked if asked in LANGUAGES else browsers()
        _translate_link()
    chosen = st.session_state[KEY]
    if chosen == browsers() == next(iter(LANGUAGES)):
        st.query_params.pop(KEY, None)
    elif st.query_params.get(KEY) != chosen:
        st.query_params[KEY] = chosen


def browsers() -> str:
    """The language of the visitor's browser, or the source where it is none of ours."""
    code = (st.context.locale or "").partition("-")[0]
    return code if code in LANGUAGES else next(iter(LANGUAGES))


def choose() -> None:
    """The sidebar's control, by which another language is chosen."""
    codes = list(LANGUAGES)
    at = codes.index(st.session_state[KEY])
    st.selectbox(_("Language"), codes, at, format_func=LANGUAGES.__getitem__, key="language_choice", on_change=_change)


def _change() -> None:
    st.session_state[KEY] = st.session_state["language_choice"]
    for key in st.query_params:  # Streamlit writes controls into the address as they are shown: have it write them anew
        if key in st.session_state and key != KEY:
            st.session_state[key] = st.session_state[key]


def _translate_link() -> None:
    """Before controls read an English link: what it says of them, as they are shown in the reader's language."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or language() == next(iter(LANGUAGES)):
        return
    told = [(key, said(text)) for key in st.query_params for text in st.query_params.get_all(key)]
    with context.session_state.query_params() as initial:
        initial.set_initial_query_params(urlencode(told))
