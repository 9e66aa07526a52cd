"""Every view is a link: each control stands in the address, which restores it; what it asks in vain is said."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard import language, links, session
from dissection import dissect
from dissection.segmenters.toytown import load_toytown
from pgan_core import load_checkpoint
from pgan_core.checkpoints.reader_options import READER_OPTIONS
from tests.small_run import write_run

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"
KINDS = ("selectbox", "multiselect", "button_group", "slider", "select_slider", "number_input", "text_input")
SWITCHES = ("checkbox", "toggle")
FRAME = {"model", "seed", "device"}
NOT_IN_LINKS = {  # beginning of the key -> what carries it instead
    "language_choice": "`language` carries it, as a code",
    "models_pick_": "it chooses the model, which is in every link",
    "models_partner_": "it joins two files into an upload, which is no other browser's",
    "models_recent_": "it chooses the model",
    **{f"models_{name}_": "in a form: `read` carries it once it is sent" for name in READER_OPTIONS},
    "latents_typed": "`latents_points` carries the list that it shows",
    "dissection_region_": "names that a button takes over",
}
VIEWS = [
    ("growth", {}),
    *(("latents", {"latents_kind": kind}) for kind in ("Key points", "Random", "Circle")),
    *(("latents", {"latents_view": "Directions", "latents_source": source}) for source in ("GANSpace", "SeFa")),
    ("latents", {"latents_view": "Plane"}),
    ("models", {}),
    ("architecture", {}),
    *(("activations", {"activations_view": view}) for view in ("All layers", "One layer", "Feature maps", "Weights")),
    ("initialization", {}),
    *(("dissection", {"dissection_view": view}) for view in ("Concepts", "Units", "One unit", "One concept", "New")),
    ("dissection", {"dissection_view": "New", "dissection_by": "Clusters", "dissection_rule": "fixed fraction"}),
    ("dissection", {"dissection_view": "Training", "dissection_layer": "4x4/conv", "dissection_stages_now": "true"}),
    ("interventions", {}),
    ("interventions", {"interventions_concept": "units by hand"}),
    ("quality", {"quality_count": "64"}),
    *(
        ("quality", {"quality_part": part})
        for part in (
            "What measures see",
            "Concepts",
            "Nearest training scenes",
            "Minibatch stddev",
            "Pixel norm",
            "Ablations",
        )
    ),
]


@pytest.fixture(scope="module")
def dissected(tmp_path_factory):
    """A folder with one run of two stages and the dissection of its last."""
    folder = tmp_path_factory.mktemp("dissected")
    paths = write_run(folder / "run", seed=1)
    for path in paths[1:-1]:
        path.unlink()
    segmenter = load_toytown()
    segmenter.name = "toytown"
    found = dissect(load_checkpoint(paths[-1]).generator, ["4x4/conv", "8x8/conv1"], segmenter, 40, seed=7)
    found.save(folder / "dissection")
    return folder


@pytest.fixture
def open_page(dissected, monkeypatch):
    """open_page("growth", seed="3", ...) opens that page first of all, as a link does."""
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(dissected))

    def run(page, **query):
        app = AppTest.from_file(str(APP), default_timeout=240)
        for name, value in query.items():
            app.query_params[name] = value
        if page != "growth":
            app._page_hash = calc_hash(page)  # before the first run switch_page knows pages by their files' names only
        app.run()
        assert not app.exception, app.exception
        return app

    return run


def controls(app) -> dict:
    """Key -> control, of all that hold a value and are the page's own."""
    found = {e.key: e for kind in (*KINDS, *SWITCHES) for e in app.get(kind) if e.key}
    return {key: e for key, e in found.items() if key not in FRAME and not key.startswith(tuple(NOT_IN_LINKS))}


def shown(control) -> list[str]:
    """What a control shows, as an address writes it."""
    kind, value = control.type, control.value
    if kind == "button_group":
        return list(control.formatted_values)
    if kind in ("selectbox", "select_slider"):
        return [] if value is None else [str(control.format_func(value))]
    if kind == "multiselect":
        return [str(control.format_func(one)) for one in value]
    return [str(value).lower() if kind in SWITCHES else plain(value)]


def default(control) -> list[str]:
    """The value that a link leaves out."""
    proto = control.proto
    if control.type == "selectbox":
        return [proto.options[proto.default]]
    if control.type in ("multiselect", "button_group", "select_slider"):
        options = [getattr(option, "content", option) for option in proto.options]
        return [options[int(i)] for i in proto.default]
    if control.type == "slider":
        return [plain(proto.default[0])]
    if control.type == "number_input" and not proto.HasField("default"):
        return [""]  # none
    return [str(proto.default).lower() if control.type in SWITCHES else plain(proto.default)]


def plain(value) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value or "")


def another(control) -> list[str] | None:
    """Another value of it, or None where there is but one."""
    proto, now = control.proto, shown(control)
    if control.type in SWITCHES:
        return [str(not control.value).lower()]
    if control.type == "text_input":
        return ["1"]
    if control.type in ("slider", "number_input"):
        most = proto.max if control.type == "slider" or proto.has_max else float("inf")
        least = proto.min if control.type == "slider" or proto.has_min else float("-inf")
        value = control.value or 0
        found = next((v for v in (value + proto.step, value - proto.step) if least <= v <= most), None)
        return None if found is None else [plain(round(found, 6))]
    options = [getattr(option, "content", option) for option in proto.options]
    return next(([option] for option in options if option not in now), None)


@pytest.mark.parametrize(("page", "view"), VIEWS)
def test_an_address_restores_every_control(open_page, page, view):
    app, asked = open_page(page, **view), {}
    for key, control in controls(app).items():
        assert control.proto.query_param_key == key, f"{key} is in no link"
        if key not in view:
            assert shown(control) == default(control), f"a link could not say {key}'s default"
            asked[key] = another(control)
    asked = {key: texts for key, texts in asked.items() if texts}
    found = controls(open_page(page, **view, **asked))
    for key, texts in asked.items():
        if key not in found or shown(found[key]) != texts:  # another choice took it, or its option, away
            alone = controls(open_page(page, **view, **{key: texts}))
            assert shown(alone[key]) == texts, key


def said(app) -> str:
    return " ".join(w.value for w in app.warning if "This link asks" in w.value).replace("\\", "")


def test_what_a_link_asks_in_vain_is_one_sentence(open_page):
    app = open_page("growth", model="gone", seed="-1", growth_pictures="7", growth_at="late", read="alpha:much")
    for words in (
        "model “gone” (shown: run/16x16-end)",
        f"seed “-1” (shown: {session.DEFAULT_SEED})",
        "pictures “7”",
        "at “late”",
        "alpha “much”",
    ):
        assert words in said(app)
    assert len(app.warning) == 1
    app.number_input(key="seed").set_value(5).run()
    assert "seed" not in said(app) and "model “gone”" in said(app)  # until the control is moved


def test_a_link_that_is_right_says_nothing(open_page):
    for query in (
        {},
        {"seed": "7"},
        {"seed": "0", "growth_pictures": "16", "model": "run/16x16-end", "growth_at": "1.0"},
    ):
        assert not said(open_page("growth", **query))
    assert not said(open_page("dissection", dissection_view="Units", dissection_layer="8x8/conv1"))
    assert "layer “9x9/conv”" in said(open_page("dissection", dissection_view="Units", dissection_layer="9x9/conv"))


def test_a_control_is_named_in_the_readers_language(monkeypatch):
    assert (links.named("seed"), links.named("latents_kind")) == ("seed", "kind")
    monkeypatch.setattr(language, "language", lambda: "zh")
    assert links.named("seed") == language._("Seed") != "seed"
