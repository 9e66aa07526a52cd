"""The Quality page by Streamlit's own test runner, and its figures from plain arrays."""

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from dashboard import language
from dashboard.pages.quality import concepts, distance, figures, sources
from dashboard.pages.quality import figures_variation as variation
from dashboard.shared.images import data_uri
from dissection import shares
from dissection.shares import Contrast, Shares
from pgan_core.metrics import Evaluation, Measured, nearest_files
from pgan_core.metrics.stored import sha256_of
from pgan_core.pictures import enlarge


def figure(app, key: str) -> dict:
    """The plotly figure of this key as the page sent it."""
    for chart in app.get("plotly_chart"):
        if f"-{key}" in chart.proto.id:
            return json.loads(chart.proto.spec)
    raise AssertionError(f"no chart {key}")


def test_the_page_opens_on_the_distance_with_its_floor(open_app):
    app = open_app("quality", quality_count="64")
    assert not app.exception and not app.error
    assert app.metric[0].label == "Average distance" and "× the floor" in app.metric[0].delta
    bars = figure(app, "quality_bars")
    assert len(bars["layout"]["shapes"]) == 2  # 16 x 16 and the average
    times = float(app.metric[0].value) / bars["layout"]["shapes"][1]["y0"]
    assert times == pytest.approx(float(app.metric[0].delta.split()[0]), abs=0.1)


def test_toy_town_against_itself_lies_at_the_floor(open_app):
    app = open_app("quality", quality_count="64")
    times = float(app.metric[0].delta.split()[0])
    box = next(box.key for box in app.selectbox if box.key.startswith("quality_fake"))
    app.selectbox(key=box).select(sources.TOWN).run()
    assert not app.exception
    assert 0.7 < float(app.metric[0].delta.split()[0]) < 1.3 < 0.3 * times


@pytest.mark.parametrize(
    ("few", "asked", "counts"), [(17.9, "enough", [256, 1024]), (48.1, "enough", [256]), (17.9, 64, [64])]
)
def test_more_pictures_where_few_cannot_tell_the_sets_apart(monkeypatch, few, asked, counts):
    seen = []

    def compare(_real, _fake, _size, count, _seed):
        seen.append(count)
        return Evaluation(count, {"swd_x1e3": Measured({"average": few}, {"average": 17.7})})

    monkeypatch.setattr(distance, "compare", compare)
    monkeypatch.setattr(sources, "most", lambda _source: None)
    assert distance.compared("real", "fake", 16, asked, 0).count == counts[-1] and seen == counts


def test_another_direction_is_another_slice(open_app):
    app = open_app("quality", quality_count="64")
    before = figure(app, "quality_slice")["data"]
    app.button(key="quality_turn").click().run()
    assert not app.exception and figure(app, "quality_slice")["data"] != before


def test_stages_begin_where_the_measure_can(open_app):
    app = open_app("quality", quality_part="Over training")
    assert not app.exception and not app.error
    assert app.dataframe[0].value["stage"].tolist() == ["16x16-fade", "16x16-end"]


def test_every_damage_has_its_answers(open_app, monkeypatch):
    from dashboard.pages.quality import damages

    monkeypatch.setattr(damages, "SIZE", 16)
    monkeypatch.setattr(damages, "COUNT", 64)
    app = open_app("quality", quality_part="What measures see", quality_damage="Collapse")
    assert not app.exception and not app.error
    grid = figure(app, "quality_answers")["data"][0]
    assert [row.strip("<b>▸ /") for row in grid["y"]] == ["untouched", "Blur", "Shift colours", "Noise", "Collapse"]
    assert len(grid["x"]) == 4  # one level, the average, MS-SSIM, inception score
    chinese = language.catalogue("zh").gettext
    asked = {"quality_part": chinese("What measures see"), "quality_damage": chinese("Collapse")}
    app = open_app("quality", **asked, language="zh")
    collapse = next(one for one in damages.DAMAGES if one.name == "Collapse")
    assert not app.exception and chinese(collapse.lesson) in [text.value for text in app.markdown]
    rows = [row.strip("<b>▸ /") for row in figure(app, "quality_answers")["data"][0]["y"]]
    assert rows == [chinese(name) for name in ("untouched", "Blur", "Shift colours", "Noise", "Collapse")]


@pytest.mark.parametrize(("form", "groups"), [("groups of 4", 2), ("whole minibatch", 1)])
def test_a_batch_of_equals_has_no_stddev(open_app, form, groups):
    app = open_app("quality", quality_part="Minibatch stddev", quality_form=form, quality_alike_share="100")
    assert not app.exception and not app.error
    assert any("Average over all features and places: **0.000**" in text.value for text in app.markdown)
    curves = [trace for trace in figure(app, "quality_alike")["data"] if trace["name"] == form]
    assert len(curves) == 2
    assert len([c for c in app.button_group if str(c.key).startswith("quality_group")]) == groups - 1


def test_pixel_norm_does_not_care_about_scale(open_app):
    def vectors(scale):
        app = open_app("quality", quality_part="Pixel norm", quality_scale=scale)
        assert not app.exception and not app.error
        return [note["text"] for note in figure(app, "quality_vectors")["layout"]["annotations"]]

    small, large = vectors("1"), vectors("1000")
    assert small[1] == large[1] == "Pixel norm (root mean square 1)"
    assert small[0] != large[0] and small[2] != large[2]


def test_uploads_become_a_set_or_one_sentence():
    def upload(size, name="a.png", seed=0):
        pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        buffer.seek(0)
        buffer.name = name
        return buffer

    assert sources.read_uploads([upload(32, seed=i) for i in range(4)]).shape == (4, 3, 32, 32)
    assert sources.read_uploads([upload(48, seed=i) for i in range(4)]).shape == (4, 3, 16, 16)
    with pytest.raises(ValueError, match="multiple of 16 pixels, found 100"):
        sources.read_uploads([upload(100)] * 4)
    with pytest.raises(ValueError, match="At least 4 pictures"):
        sources.read_uploads([upload(32)] * 3)
    with pytest.raises(ValueError, match=r"b\.png: square pictures of 32"):
        sources.read_uploads([upload(32, seed=i) for i in range(3)] + [upload(40, "b.png")])


def test_figures_take_plain_arrays():
    bars = figures.level_bars({32: 5.0, "average": 5.0}, {32: 2.0, "average": 2.0}, "ours", "distance")
    assert [shape.y0 for shape in bars.layout.shapes] == [2.0, 2.0]
    lines = figures.stage_lines(
        ["16", "32"],
        [{16: 9.0, "average": 9.0}, {32: 4.0, 16: 8.0, "average": 6.0}],
        [{16: 1.0, "average": 1.0}, {32: 1.0, 16: 1.0, "average": 1.0}],
        "distance",
    )
    by_name = {trace.name: list(trace.x) for trace in lines.data}
    assert by_name["32×32"] == ["32"] and by_name["16×16"] == ["16", "32"]
    grid = figures.answers(["untouched", "Blur"], ["a", "b"], np.array([[10.0, 0.5], [20.0, 0.5]]), 1)
    assert grid.data[0].z[1][0] == pytest.approx(1) and grid.data[0].z[1][1] == 0
    assert "×2.0" in grid.data[0].text[1][0] and "=" in grid.data[0].text[1][1]
    maps = variation.stddev_maps(np.ones((5, 4, 4)), np.full((4, 4), 0.5), 1.0)
    assert np.asarray(maps.data[0].z).shape == (16, 5)


def test_nearest_training_scenes_are_those_that_were_kept(open_app, model_folder):
    app = open_app("quality", model="second/16x16-end", quality_part="Nearest training scenes")
    assert not app.exception and "pgan_core nearest 16x16-end.safetensors" in app.code[0].value
    rows = np.random.default_rng(0).integers(0, 256, (2, 5, 16, 16, 3), dtype=np.uint8)

    def neighbours(*distances):
        return [[{"scene": 7, "mirrored": i > 0, "distance": d} for i, d in enumerate(distances)]] * 2

    def measure(distances, generated):
        return {
            "neighbours": neighbours(*distances),
            "nearest": {"generated": generated, "held out": [5.0, 6.0, 8.0], "copies": [1.0]},
        }

    found = {"pixels": measure((31.5, 40.0), [4.0, 6.0, 7.0]), "layout": measure((2.5, 3.0), [1.0, 2.0])}
    result = {"resolution": 16, "seed": 3, "real_count": 9000, "measures": found}
    folder = nearest_files.beside(model_folder / "second" / "16x16-end.safetensors")
    nearest_files.write(folder, result, rows)
    try:
        app = open_app("quality", model="second/16x16-end", quality_part="Nearest training scenes")
        assert not app.exception and (app.metric[0].value, app.metric[0].delta) == ("6.0", "held-out scenes: 6.0")
        assert len(figure(app, "quality_nearest_curves")["data"]) == 3
        wall = next(html.proto.body for html in app.get("html") if "quality-nearest" in html.proto.body)
        assert wall.count("<img") == 2 * 3 and "seed 4" in wall and "40.0 ⇋" in wall and "3.0" not in wall
        assert data_uri(enlarge(rows[1, 2], 128)) in wall and data_uri(enlarge(rows[1, 3], 128)) not in wall
        app.button_group(key="quality_nearest").set_value("layout").run()
        wall = next(html.proto.body for html in app.get("html") if "quality-nearest" in html.proto.body)
        assert not app.exception and app.metric[0].value == "1.5"
        assert "3.0 ⇋" in wall and data_uri(enlarge(rows[1, 3], 128)) in wall
    finally:
        shutil.rmtree(folder)


def test_shares_of_concepts_are_those_that_were_measured(open_app, model_folder):
    model = "second/16x16-end"
    path = model_folder / f"{model}.safetensors"
    app = open_app("quality", model=model, quality_part="Concepts")
    assert not app.exception and "dissection shares 16x16-end.safetensors" in app.code[0].value
    pixels = Contrast(*np.array([[0.5, 0.2, 0.0], [0.4, 0.21, 0.01], [-0.12, -0.01, 0.005], [-0.08, 0.03, 0.02]]))
    pictures = Contrast(*np.array([[1.0, 0.6, 0.0], [1.0, 0.8, 0.1], [0.0, 0.1, 0.05], [0.0, 0.3, 0.2]]))
    stored = shares.to_json(Shares(("sky", "door", "moon"), pixels, pictures, (90, 80), "toytown"))
    try:
        shares.beside(path).write_text(json.dumps({"sha256": sha256_of(path), **stored}))
        app = open_app("quality", model=model, quality_part="Concepts")
        assert not app.exception and not app.warning
        assert "**Too little** of: sky. **Too much** of: moon." in [text.value for text in app.markdown]
        rows = app.dataframe[0].value
        assert rows["difference"].tolist() == pytest.approx([-10, 1, 1])
        assert rows["95%"].tolist() == ["-12.00 … -8.00 *", "-1.00 … +3.00", "+0.50 … +2.00 *"]
        same, other = figure(app, "quality_shares")["data"]
        assert (same["y"], other["y"]) == (["door"], ["sky"])  # no real picture has a moon: no share of its own
        app.button_group(key="quality_share").set_value("pictures").run()
        assert "**Too much** of: door, moon." in [text.value for text in app.markdown]
        shares.beside(path).write_text(json.dumps({"sha256": "0" * 64, **stored}))
        assert "older weights" in open_app("quality", model=model, quality_part="Concepts").warning[0].value
    finally:
        shares.beside(path).unlink(missing_ok=True)


def test_the_verdict_lists_concepts_with_the_comma_of_its_language(monkeypatch):
    values = Contrast(*np.array([[0.5, 0.2], [0.6, 0.3], [0.05, 0.05], [0.15, 0.15]]))
    found = Shares(("sky", "door"), values, values, (90, 80), "toytown")
    assert concepts.verdict(found, values, [0, 1]).endswith("sky, door.")
    monkeypatch.setattr(language, "language", lambda: "zh")
    assert "天空、门" in concepts.verdict(found, values, [0, 1])


def test_differences_of_shares_are_drawn_as_shares_of_the_real_ones():
    values = Contrast(*np.array([[0.5, 0.2], [0.4, 0.21], [-0.12, -0.01], [-0.09, 0.04]]))
    same, other = figures.share_differences(values, ("sky", "door"), [0, 1]).data
    assert np.allclose([*other.x, *other.error_x.array, *other.error_x.arrayminus], [-0.2, 0.02, 0.04])
    assert np.allclose([*same.x, *same.error_x.array, *same.error_x.arrayminus], [0.05, 0.15, 0.1])


def test_stored_results_are_shown_at_once_unless_they_are_of_older_weights(open_app, model_folder):
    kept = {
        "count": 8192,
        "swd_x1e3": {"16": 7.5, "average": 7.5},
        "swd_x1e3_floor": {"16": 2.5, "average": 2.5},
        "ms_ssim": {"generated": 0.3, "real": 0.2},
    }
    path, earlier = (model_folder / "second" / f"16x16-{stage}.quality.json" for stage in ("end", "fade"))
    path.write_text(json.dumps(kept))
    try:
        app = open_app("quality", model="second/16x16-end")
        assert not app.exception and app.metric[0].value == "7.5" and app.metric[0].delta == "3.0 × the floor"
        assert any("8,192 pictures a set at 16×16, measured beforehand" in text.value for text in app.caption)
        path.write_text(json.dumps(kept | {"sha256": "0" * 64}))
        app = open_app("quality", model="second/16x16-end", quality_count="64")
        assert not app.exception and "older weights" in app.warning[0].value and app.metric[0].value != "7.5"
        path.write_text(json.dumps(kept))
        app = open_app("quality", model="second/16x16-end", quality_part="Over training")
        assert not app.exception and len(app.dataframe[0].value) == 2  # measured now: one stored stage is no course
        earlier.write_text(json.dumps(kept))
        app = open_app("quality", model="second/16x16-end", quality_part="Over training")
        assert not app.exception and app.dataframe[0].value["average"].tolist() == [7.5, 7.5]
    finally:
        path.unlink()
        earlier.unlink(missing_ok=True)
