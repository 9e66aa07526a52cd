"""How every page begins and explains itself: the question at its head, the formula box."""

import html
from pathlib import Path

import streamlit as st


def style() -> None:
    """The frame's few rules of CSS; the colours come from the theme."""
    st.html(Path(__file__).with_name("page.css"))


def header(question: str, paper: str = "") -> None:
    """The first line of a page: its question, and the paper's section that answers it."""
    section = f"<span>{html.escape(paper)}</span>" if paper else ""
    st.html(f'<div class="lab-question"><h1>{html.escape(question)}</h1>{section}</div>')


def formula_box(latex: str, words: str, where: str = "") -> None:
    """An equation in a frame with two or three sentences (markdown) and its place in the paper beside it."""
    with st.container(border=True):
        equation, text = st.columns([2, 3], vertical_alignment="center")
        equation.latex(latex)
        text.markdown(words + (f"  \n:small[:gray[{where}]]" if where else ""))


def open_page(name: str, state: dict) -> None:
    """Go to another page, with its controls, by key, set to `state`."""
    st.session_state.update(state)
    st.switch_page(f"pages/{name}/page.py", query_params={key: str(value) for key, value in state.items()})


def plain(text: object) -> str:
    """Text from outside (a file's keys, an error message), escaped: in markdown no link, picture or formula."""
    marks = {ord(mark): f"\\{mark}" for mark in "*[]<>$#~|"}
    return str(text).translate(marks | {ord("`"): "'"})
