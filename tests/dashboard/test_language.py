"""Every text has its translation, and a visitor sees the language of the link, else the browser's."""

import gettext
import re

import pytest

from dashboard import language
from dashboard.locale import update

PLACES = re.compile(r"%?\{[^{}]*\}")
FILES = update.files()


def test_each_language_but_the_source_has_a_file():
    assert {path.parents[1].name for path in FILES} == set(language.CATALOGUES.values())
    assert set(language.LANGUAGES) - set(language.CATALOGUES) == {"en"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parents[1].name)
def test_every_text_is_translated(path):
    """What `python -m dashboard.locale.update` collects is all there, nothing else is, and none of it is a guess."""
    texts = {message.id for message in update.texts() if message.id}
    there = [message for message in update.read(path) if message.id]
    assert texts and not texts - {message.id for message in there}
    assert not [message.id for message in there if message.id not in texts]
    assert not [message.id for message in there if not message.string or message.fuzzy]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parents[1].name)
def test_translations_keep_the_places(path):
    differ = {
        message.id: message.string
        for message in update.read(path)
        if message.id and sorted(PLACES.findall(message.id)) != sorted(PLACES.findall(message.string))
    }
    assert not differ


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parents[1].name)
def test_what_is_compiled_is_what_is_written(path):
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    written = {message.id: message.string for message in update.read(path) if message.id}
    assert {text: there for text, there in compiled.items() if text} == written


def test_a_link_says_the_language(open_app):
    shown = open_app("growth", language="zh")
    assert not shown.exception
    assert shown.sidebar.selectbox(key="language_choice").value == "zh"
    assert [box.label for box in shown.sidebar.selectbox][:2] == ["模型", "语言"]
    assert shown.query_params["language"] in ("zh", ["zh"])


def test_without_one_it_is_english_and_the_link_stays_short(open_app):
    shown = open_app("growth")
    assert [box.label for box in shown.sidebar.selectbox][:2] == ["Model", "Language"]
    assert "language" not in shown.query_params


def test_choosing_another_language_keeps_the_rest(open_app):
    app = open_app("growth", seed="5")
    app.sidebar.selectbox(key="language_choice").select("zh").run()
    assert app.sidebar.number_input(key="seed").label == "种子" and app.sidebar.number_input(key="seed").value == 5
    app.sidebar.selectbox(key="language_choice").select("en").run()
    assert app.sidebar.number_input(key="seed").label == "Seed"


def test_what_the_core_says_finds_its_values(monkeypatch):
    asked = "This link asks for something that is not here: {what}."
    monkeypatch.setattr(language, "language", lambda: "zh")
    translated = language.said(asked.format(what="by seed"))
    assert translated == language._(asked).format(what=language._("by seed")) != asked
    assert language.said("Nobody translated this.") == "Nobody translated this."


def test_an_english_link_keeps_its_controls_in_another_language(open_app):
    """Streamlit puts controls into the address in the words that they show."""
    app = open_app("growth", growth_way="Snapshots from training", language="zh")
    assert app.segmented_control(key="growth_way").value == "Snapshots from training"
    assert not [w.value for w in app.warning]
