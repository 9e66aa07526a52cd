"""The guide to writing a page, in `dashboard/pages`, is a page that runs."""

import textwrap

from streamlit.testing.v1 import AppTest

from dashboard import pages as views


def test_the_guides_page_runs(model_folder, monkeypatch):
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(model_folder))
    page = textwrap.dedent(views.__doc__.partition("(copy it):")[2].partition("Rules:")[0])
    app = AppTest.from_string(page, default_timeout=60)
    app.session_state["model"] = "first/16x16-end"
    app.run()
    assert not app.exception and app.get("plotly_chart") and app.latex
    before = next(html for html in app.get("html") if "latents-wall" in html.proto.body).proto.body
    app.slider(key="latents_count").set_value(4).run()
    after = next(html for html in app.get("html") if "latents-wall" in html.proto.body).proto.body
    assert "12 generated pictures" in before and "4 generated pictures" in after
