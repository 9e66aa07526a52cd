"""The Models page, run by Streamlit's own test runner on published files; uploads are in tests/browser."""

import hashlib
import shutil
from pathlib import Path

import pytest
import streamlit as st

from dashboard import session
from dashboard.pages.models import catalogue
from dashboard.pages.models import facts as model_facts
from dashboard.shared.page import plain
from pgan_core import CheckpointError, load_checkpoint

FIXTURES = Path(__file__).parents[3] / "fixtures/checkpoints"
NAMES = ("ganzoo_fade", "genforce_train_tanh_fade", "akanimax_v1")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """Published files with their expected.npz beside them, and one that is broken."""
    folder = tmp_path_factory.mktemp("published")
    for name in NAMES:
        shutil.copytree(FIXTURES / name, folder / name)
    (folder / "broken.pth").write_bytes((FIXTURES / "ganzoo_fade/checkpoint.pth").read_bytes()[:5000])
    return folder


def html(block) -> str:
    """All HTML of the page, as one text."""
    children = getattr(block, "children", {}).values()
    return getattr(getattr(block, "proto", None), "body", "") + "".join(html(child) for child in children)


def said(app) -> str:
    return " ".join(element.value for kind in (app.success, app.error, app.warning, app.markdown) for element in kind)


def test_card_self_check_and_parity(open_app):
    app = open_app("models", model="ganzoo_fade/checkpoint.pth")
    assert not app.exception and not app.error
    page = html(app.main)
    for fact in ("pytorch-gan-zoo", "32 × 32", "α = 0.65", "31,452 parameters", "averaged (EMA)"):
        assert fact in page
    assert "models-wall" in page and "Correlation of neighbours" in page
    assert "Agrees with the published code" in said(app)


def test_what_the_file_leaves_open_can_be_said(open_app):
    app = open_app("models", model="genforce_train_tanh_fade/checkpoint.pth")
    assert "Differs from the published code" in said(app) and "stddev_group = 16" in said(app).replace("\\", "")
    form = {box.label: box for box in app.selectbox}
    form["output"].set_value("tanh")
    app.button[next(i for i, b in enumerate(app.button) if b.label == "Apply")].click().run()
    assert not app.exception and "Agrees with the published code" in said(app)
    assert app.query_params["read"] in ("output:tanh", ["output:tanh"])


def test_options_do_not_go_over_to_another_model(open_app):
    app = open_app("models", model="genforce_train_tanh_fade/checkpoint.pth", read="output:tanh")
    assert "Agrees with the published code" in said(app)
    app.sidebar.selectbox[0].set_value("ganzoo_fade/checkpoint.pth").run()
    assert not app.exception and "read" not in app.query_params
    app.sidebar.selectbox[0].set_value("genforce_train_tanh_fade/checkpoint.pth").run()
    assert app.query_params["read"] in ("output:tanh", ["output:tanh"])


def test_options_that_cannot_be_are_refused_and_taken_back(open_app):
    app = open_app("models", model="ganzoo_fade/checkpoint.pth", read="stddev_group:-3")
    assert "stddev_group is a whole number from 0, not -3" in app.error[0].value.replace("\\", "")
    next(button for button in app.button if button.label == "Read it as stored").click().run()
    assert not app.exception and not app.error and "read" not in app.query_params


def test_a_generator_is_joined_with_its_discriminator(open_app):
    app = open_app("models", model="akanimax_v1/GAN_GEN_SHADOW_4.pth")
    assert "Score; with pixels shuffled" not in html(app.main)
    partner = next(box for box in app.selectbox if box.label == "Joined with")
    partner.set_value("akanimax_v1/GAN_DIS_4.pth").run()
    assert not app.exception
    assert app.selectbox(key="model").value == "akanimax_v1/GAN_GEN_SHADOW_4.pth + akanimax_v1/GAN_DIS_4.pth"
    assert "Score; with pixels shuffled" in html(app.main)
    assert "Agrees with the published code" in said(app) and "nominal_scale_d_scores8" in said(app)


def test_files_that_cannot_be_joined_leave_everything_as_it_was(open_app):
    app = open_app("models", model="akanimax_v1/GAN_GEN_SHADOW_4.pth")
    next(box for box in app.selectbox if box.label == "Joined with").set_value("ganzoo_fade/checkpoint.pth").run()
    assert not app.exception and "different layouts" in app.error[0].value
    assert app.selectbox(key="model").value == "akanimax_v1/GAN_GEN_SHADOW_4.pth"


def test_a_broken_file_is_one_sentence_and_the_page_stays(open_app):
    app = open_app("models", model="broken.pth")
    assert not app.exception
    assert len(app.error) == 1 and app.error[0].value.startswith("broken.pth: ")
    assert "Publicly released networks" in [heading.value for heading in app.subheader]


def test_unload_says_what_it_gave_back(open_app):
    app = open_app("models", model="ganzoo_fade/checkpoint.pth")
    app.button(key="models_unload").click().run()
    assert not app.exception and "unloaded: 0.3 MB" in app.info[0].value
    app.run()
    assert "Agrees with the published code" in said(app)


def test_recently_used_models_are_offered(open_app):
    app = open_app("models", model="ganzoo_fade/checkpoint.pth")
    app.selectbox(key="model").set_value("akanimax_v1/GAN_GEN_4.pth").run()
    assert [pills.options for pills in app.get("pills")] or "Recently used" in str(app.main)


def test_departures_from_the_paper_are_named():
    differs = model_facts.departures(load_checkpoint(FIXTURES / "ganzoo_fade/checkpoint.pth").info)
    assert differs["discriminator: stddev"] == "grouping = consecutive, unbiased = True, whole_if_uneven = True"
    assert model_facts.departures(load_checkpoint(FIXTURES / "tf_official_nofused/checkpoint.pkl").info) == {}


def test_the_catalogue_is_text_with_links():
    table = catalogue.table()
    for release in catalogue.CATALOGUE:
        assert release.page in table and release.licence in table and (release.url or "") in table
        assert (release.url or "https://").startswith("https://")
    assert table.count("\n") == 2 + len({(r.page, r.licence, r.format) for r in catalogue.CATALOGUE}) - 1


def fetched(app):
    app.button(key="models_fetch").click().run()
    assert not app.exception
    return app


def test_a_fetched_file_is_opened_and_its_hash_shown(open_app, monkeypatch):
    data = (FIXTURES / "ganzoo_fade/checkpoint.pth").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    file = catalogue.Fetched("celeba-12345678.pth", data, digest, "12345678")
    monkeypatch.setattr(catalogue, "fetch", lambda release, progress: file)
    app = fetched(open_app("models", model="akanimax_v1/GAN_GEN_4.pth"))
    assert digest in said(app) and f"{len(data):,} bytes" in said(app) and "does not match" in said(app)
    assert app.selectbox(key="model").value == "celeba-12345678.pth" and "pytorch-gan-zoo" in html(app.main)


def test_a_file_that_cannot_be_fetched_is_one_sentence(open_app, monkeypatch):
    def refuse(release, progress):
        raise CheckpointError(f"{release.url} cannot be downloaded: no route to host")

    monkeypatch.setattr(catalogue, "fetch", refuse)
    app = fetched(open_app("models", model="akanimax_v1/GAN_GEN_4.pth"))
    assert any("cannot be downloaded" in error.value for error in app.error)
    assert app.selectbox(key="model").value == "akanimax_v1/GAN_GEN_4.pth"


def test_uploads_keep_to_their_folder_and_their_names_apart(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    name = session.upload([("../../etc/passwd", b"a"), ("..", b"b"), ("x![i](http://y).pth", b"c"), ("passwd", b"d")])
    folder = session.offered()[name]
    assert sorted(path.name for path in folder.iterdir()) == ["3-passwd", "passwd", "upload", "y_.pth"]
    assert session.upload([("passwd", b"e")]) == "passwd" and session.upload([("passwd", b"e")]) == "passwd (2)"
    for uploaded in list(st.session_state["uploads"]):
        session.forget(uploaded)
    assert not folder.exists() and not st.session_state["uploads"]


def test_text_from_a_file_is_no_markup():
    assert plain("![x](http://y) `key` $a$ :red[b]") == r"!\[x\](http://y) 'key' \$a\$ :red\[b\]"


def test_fetching_gives_size_and_hash(tmp_path):
    content = b"weights" * 100
    path = tmp_path / "net-5d41402a.pth"
    path.write_bytes(content)
    release = catalogue.Release("A", 4, "page", "licence", "format", path.as_uri())
    seen = []
    fetched = catalogue.fetch(release, lambda done, total: seen.append((done, total)))
    assert fetched.data == content and seen == [(700, 700)]
    assert "700 bytes, SHA-256" in fetched.words and "does not match" in fetched.words
    missing = catalogue.Release("B", 4, "page", "licence", "format", (tmp_path / "no.pth").as_uri())
    with pytest.raises(CheckpointError, match="cannot be downloaded"):
        catalogue.fetch(missing)
