"""Every text has its translation, and a visitor sees the language of the link, else the browser's."""

import ast
import gettext
import re
from collections.abc import Container
from pathlib import Path

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
def test_bold_words_end_before_a_sign(path):
    """Markdown does not close bold text after a full-width sign that a letter follows."""

    def is_closed_late(text: str) -> bool:
        parts = text.split("**")  # every second one is bold
        pairs = zip(parts[1:-1:2], parts[2::2], strict=False)
        return any(
            re.search("[：，。；！？）”]$", bold) and re.match(r"[^\s：，。；！？）”]", after) for bold, after in pairs
        )

    assert is_closed_late("**请看：**这里") and not is_closed_late("**请看**：这里，**那里**")
    assert not [message.string for message in update.read(path) if is_closed_late(str(message.string))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parents[1].name)
def test_what_is_compiled_is_what_is_written(path):
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    there = [message for message in update.read(path) if message.id]
    written = {f"{m.context}\x04{m.id}" if m.context else m.id: m.string for m in there}
    assert {text: there for text, there in compiled.items() if text} == written


def test_a_link_says_the_language(open_app):
    shown = open_app("growth", language="zh")
    assert not shown.exception
    assert shown.sidebar.selectbox(key="language_choice").value == "zh"
    assert {"模型", "语言"} <= {box.label for box in shown.sidebar.selectbox}
    assert shown.query_params["language"] in ("zh", ["zh"])


def test_without_one_it_is_english_and_the_link_stays_short(open_app):
    shown = open_app("growth")
    assert {"Model", "Language"} <= {box.label for box in shown.sidebar.selectbox}
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


def test_a_list_has_the_comma_of_its_language(monkeypatch):
    assert language.joined(["a", "b"]) == "a, b"
    monkeypatch.setattr(language, "language", lambda: "zh")
    assert language.joined(["甲", "乙"]) == "甲、乙"


def test_an_english_link_keeps_its_controls_in_another_language(open_app):
    """Streamlit puts controls into the address in the words that they show."""
    app = open_app("growth", growth_way="Snapshots from training", language="zh")
    assert app.segmented_control(key="growth_way").value == "Snapshots from training"
    assert not [w.value for w in app.warning]


def test_a_download_is_made_in_the_language_of_its_page(monkeypatch):
    """It is made when no script runs."""
    with monkeypatch.context() as page:
        page.setattr(language, "language", lambda: "zh")
        make = language.kept(lambda: language._("Generator"))
    assert (make(), language._("Generator")) == ("生成器", "Generator")


# ---- nothing goes past it ----------------------------------------------------------------------------------------

DASHBOARD = Path(language.__file__).parent
SHOWS = {  # calls that show text -> the places of their words
    **dict.fromkeys(
        ("button", "caption", "checkbox", "download_button", "error", "expander", "file_uploader", "form_submit_button",
         "html", "info", "markdown", "number_input", "popover", "progress", "refuse", "slider", "subheader", "success",
         "text_area", "text_input", "title", "toast", "toggle", "warning", "write"), (0,),
    ),
    **dict.fromkeys(
        ("header", "metric", "multiselect", "pills", "radio", "segmented_control", "select_slider", "selectbox"), (0, 1)
    ),
    "formula_box": (1, 2), "with_progress": (2,), "apart": (1,),
}  # fmt: skip
SHOWN = {  # arguments that show text, of whatever call
    "annotation_text", "caption", "captions", "help", "hovertemplate", "hovertext", "label", "legend", "placeholder",
    "subplot_titles", "text", "title", "title_text",
}  # fmt: skip
TRANSLATES = {"_", "N_", "p_", "Later", "said"}
NOT_WORDS = re.compile(r"<[^>]*>|:material/[\w{}]+:|:(?:small|gray)|%?\{[^}]*\}|\\\w+|[\w-]+=\"[^\"]*\"?|[\w-]+:[^;]+;")
NAMES = {
    "png",
    "svg",
    "root",
    "GIF",
    "MP4",
    "WebM",
    "PNG",
    "IoU",
    "IQR",
    "MiB",
    "MB",
    "kB",
    "RMS",
    "PGGAN",
    "Lab",
    "lab",
    "px",
    "rem",
}


def bypasses(source: str) -> list[tuple[int, str]]:
    """Line and English words of every text that a call shows without a translation."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            shown = [node.args[i] for i in SHOWS.get(name, ()) if i < len(node.args)]
            shown += [keyword.value for keyword in node.keywords if keyword.arg in SHOWN]
            found += [(node.lineno, text) for each in shown for text in raw_words(each)]
    return found


def raw_words(node: ast.expr) -> list[str]:
    """The English in an expression that is shown, but for what is translated, compared or used as a key."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in TRANSLATES:
            return []
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        return (raw_words(inner) if inner is not None and name in ("format", "join") else []) + (
            [text for argument in node.args for text in raw_words(argument)] if name in ("plain", "join") else []
        )
    if isinstance(node, ast.Constant):
        words = NOT_WORDS.sub(" ", node.value) if isinstance(node.value, str) else ""
        left = [word for word in re.findall(r"[A-Za-z]{2,}", words) if word not in NAMES]
        return [node.value] if left else []
    if isinstance(node, ast.JoinedStr):
        whole = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        inside = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return raw_words(ast.Constant(whole)) + [text for each in inside for text in raw_words(each)]
    if isinstance(node, ast.IfExp):
        return raw_words(node.body) + raw_words(node.orelse)
    if isinstance(node, ast.BinOp):
        return raw_words(node.left) + raw_words(node.right)
    if isinstance(node, ast.BoolOp | ast.List | ast.Tuple):
        return [
            text for each in (getattr(node, "values", None) or getattr(node, "elts", [])) for text in raw_words(each)
        ]
    return []


def test_no_text_goes_past_the_translations():
    found = {
        f"{path.relative_to(DASHBOARD)}:{line}": text
        for path in sorted(DASHBOARD.rglob("*.py"))
        for line, text in bypasses(path.read_text(encoding="utf-8"))
    }
    assert not found


@pytest.mark.parametrize(
    "source, words",
    [
        ('st.caption("Two words")', ["Two words"]),
        ('st.caption(f"{n} words of {m}")', ["{} words of {}"]),
        ('st.button(label, help="What it does")', ["What it does"]),
        ('st.markdown(x if y else "Two words")', ["Two words"]),
        ('figure.update_yaxes(title="pixels")', ["pixels"]),
        ('st.caption("Two {n}".format(n=1))', ["Two {n}"]),
        ('st.caption(_("Two words"))', []),
        ('st.caption(_("{n} words").format(n=1))', []),
        ("st.markdown(f'**{_(title)}**')", []),
        ('st.button("", icon=":material/casino:")', []),
    ],
)
def test_the_check_sees_what_goes_past(source, words):
    assert [text for _, text in bypasses(source)] == words


def test_no_function_takes_the_underscore_for_itself():
    """`for _ in` makes `_` a local name of the whole function, and its texts have no translation."""
    for path in sorted(DASHBOARD.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                names = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == "_"]
                taken = any(isinstance(node.ctx, ast.Store) and not in_comprehension(function, node) for node in names)
                calls = [n for n in ast.walk(function) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "_"]
                assert not (taken and calls), f"{path.relative_to(DASHBOARD)}: {function.name}"


def test_no_comprehension_takes_the_underscore_for_itself():
    kinds = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    for path in sorted(DASHBOARD.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds):
                names = [name for name in ast.walk(node) if isinstance(name, ast.Name) and name.id == "_"]
                assert len({type(name.ctx) for name in names}) < 2, f"{path.relative_to(DASHBOARD)}:{node.lineno}"


def in_comprehension(function: ast.FunctionDef, name: ast.Name) -> bool:
    """Whether a name is a comprehension's own."""
    kinds = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    return any(name in ast.walk(node) for node in ast.walk(function) if isinstance(node, kinds))


CHINESE = re.compile(r"[\u4e00-\u9fff]|\\u[4-9][0-9a-f]{3}")  # also as JSON writes it
ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ,.:;’']+[A-Za-z]{2,}){2,}")  # three words in a row
LEFT_IN_ENGLISH = re.compile(  # addresses, commands, names of files, licences and datasets
    r"<[^>]*>|`[^`]*`|https?://\S+|\([^)]*\)|\\[a-z]+|CC BY-NC \S+"
    r"|LSUN [a-z]+ [a-z]+|a GAN Cannot Generate|Gated inpainting generator|[\w.-]+/[\w./-]+|pggan-lab|safetensors"
)
PAGES = sorted(path.parent.name for path in (DASHBOARD / "pages").glob("*/page.py"))
FOR_MACHINES = {
    "config", "css_content", "element_id", "element_key", "fragment_id", "html_content", "icon", "id", "js_content",
    "json", "key", "mixed_data", "page_script_hash", "query_param_key", "script_hash", "spec", "url", "arrow_data",
}  # fmt: skip


VIEWS = {
    "latents_view": ("Directions", "Plane"),
    "quality_part": ("Over training", "What measures see", "Concepts", "Minibatch stddev", "Pixel norm", "Ablations"),
    "activations_view": ("One layer", "Feature maps", "Weights"),
    "architecture_network": ("discriminator", "your network"),
    "dissection_view": ("New",),
}


@pytest.mark.parametrize(
    ("page", "key", "view"),
    [(page, "", "") for page in PAGES]
    + [(key.partition("_")[0], key, view) for key, views in VIEWS.items() for view in views],
)
def test_a_reader_of_chinese_meets_no_english_sentence(open_app, page, key, view):
    """And who reads the same page in English after that meets no Chinese: what is cached has no language."""

    def texts(code: str, but: Container[str]) -> set[str]:
        app = open_app("growth", language=code)
        if key:
            app.session_state[key] = view
        if page != "growth":
            app.switch_page(f"pages/{page}/page.py").run()
        assert not app.exception
        assert not key or app.session_state[key] == view
        return {text for block in blocks(app._tree) for text in strings(block, but)}

    shown = texts("zh", FOR_MACHINES)
    assert any(CHINESE.search(text) for text in shown)
    english = [ENGLISH.search(LEFT_IN_ENGLISH.sub("·", text)) for text in shown]
    assert not [found.group() for found in english if found]
    shown = texts("en", FOR_MACHINES - {"spec", "json"}) - set(language.LANGUAGES.values())
    assert not [text for text in shown if CHINESE.search(text)]


def blocks(node):
    """The messages of all elements below a node of an app under test."""
    for child in getattr(node, "children", {}).values():
        if hasattr(getattr(child, "proto", None), "ListFields"):
            yield child.proto
        yield from blocks(child)


def strings(message, but: Container[str]):
    """The texts in a message, but for these fields'."""
    for field, value in message.ListFields():
        if field.name in but:
            continue
        for each in value if field.is_repeated and not hasattr(value, "items") else [value]:
            if isinstance(each, str) and not each.lstrip().startswith(("<style", "/*")):
                yield each
            elif hasattr(each, "ListFields"):
                yield from strings(each, but)
