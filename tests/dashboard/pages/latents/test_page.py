"""The Latents page, run by Streamlit's own test runner, and the pieces of it that need no browser."""

import base64
import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from dashboard.pages.latents.directions_view import STEPS, Dial, strip_latents
from dashboard.pages.latents.key_points import LEAST, MOST, KeyPoint, KeyPoints
from dashboard.pages.latents.plane_view import SIDE, corner, map_places
from dashboard.pages.latents.runs import nearest_directions, on_lerp
from dashboard.pages.latents.sprites import sprite_sheet
from dissection.concept_directions import save_directions
from pgan_core.directions import Directions
from pgan_core.latent_points import to_json, to_npz
from pgan_core.latents import angle_between, latents_from_seeds
from pgan_core.walk_recipe import WalkRecipe
from tests.dashboard.pages.growth.test_formats import PUBLISHED
from tests.dashboard.pages.growth.test_page import find
from tests.small_run import write_run

# ---- pieces ------------------------------------------------------------------------------------------------------


def test_after_the_last_seed_comes_the_first():
    points = KeyPoints.of_seed(2**32 - 1, count=2)
    assert [point.text for point in points.points] == ["4294967295", "0"]
    assert [point.text for point in points.rolled(2**32 - 1).points] == ["4294967295", "0"]


def pixels(sheet: dict | str) -> np.ndarray:
    address = sheet if isinstance(sheet, str) else sheet["sheet"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")).astype(int)


def test_a_sheet_holds_its_frames_in_order():
    frames = np.stack([np.full((16, 16, 3), 10 * i, np.uint8) for i in range(7)])
    sheet = sprite_sheet(frames)
    picture = pixels(sheet.address)
    assert (sheet.columns, sheet.edge, sheet.count, sheet.rows) == (3, 16, 7, 3)
    for i in range(7):
        assert picture[16 * (i // 3) + 8, 16 * (i % 3) + 8].tolist() == [10 * i] * 3


@pytest.mark.parametrize(("edge", "error"), [(32, 0), (64, 12)])
def test_a_sheet_keeps_edges_between_colours(edge, error):
    """Red beside blue, four pixels each: small frames exactly, large ones without colours that run into each other."""
    stripes = np.zeros((4, edge, edge, 3), np.uint8)
    red = np.arange(edge) // 4 % 2 == 0
    stripes[:, :, red], stripes[:, :, ~red] = (220, 40, 30), (30, 60, 210)
    sent = pixels(sprite_sheet(stripes).address)
    assert sent.shape == (2 * edge, 2 * edge, 3)
    assert np.abs(sent - np.tile(stripes[0], (2, 2, 1)).astype(int)).max() <= error


def test_a_sheet_of_large_frames_is_averaged_down():
    frame = np.zeros((2, 64, 64, 3), np.uint8)
    frame[:, ::2] = 100
    sheet = sprite_sheet(frame, max_edge=32)
    assert sheet.edge == 32 and np.abs(pixels(sheet.address) - 50).max() <= 3


def test_key_points_come_back_out_of_a_link():
    points = KeyPoints((KeyPoint("0"), KeyPoint("5~2", True), KeyPoint("3-7+12")), 1)
    assert KeyPoints.read(points.text, 1) == points and points.text == "0,5~2!,3-7+12"
    for text in ("", "5", ",".join("1" * (MOST + 1))):
        with pytest.raises(ValueError, match=f"{LEAST} to {MOST} key points"):
            KeyPoints.read(text)


def test_what_the_buttons_of_key_points_do():
    points = KeyPoints.read("1,2,3")
    assert points.after("pin", 1).text == "1,2!,3"
    assert points.after("right", 0).text == "2,1,3" and points.after("left", 2).text == "1,3,2"
    assert points.after("left", 0).text == points.after("right", 2).text == "1,2,3"
    assert points.after("swap", 0, 2).text == "3,2,1" and points.after("swap", 0, 2).chosen == 2
    assert points.after("delete", 0).text == "2,3" and points.after("delete", 0).after("delete", 0).text == "2,3"
    assert points.after("choose", 2).chosen == 2 and points.after("choose", 7) == points
    assert points.after("roll", 1, seed=77).text == "1,77,3"
    assert points.after("add", None, seed=77).text == "1,2,3,77"
    full = KeyPoints.of_seed(0, MOST)
    assert full.after("add", None) == full
    assert KeyPoints.read("1,2!,3").rolled(40).text == "40,2!,42"
    assert KeyPoints.read("1,2!,3", 1).put("9").text == "1,9!,3"


def test_strips_move_one_slider_and_leave_the_others():
    vectors = torch.eye(3)[:2]
    dial = Dial(Directions(vectors, np.ones(2), "sefa"), ("a", "b"), ("", ""))
    z = strip_latents(dial, torch.zeros(1, 3), [1.0, -2.0])
    assert len(z) == 2 * STEPS + 2
    assert z[:STEPS, 0].tolist() == np.linspace(-3, 3, STEPS).tolist() and (z[:STEPS, 1] == -2).all()
    assert (z[STEPS : 2 * STEPS, 0] == 1).all()
    assert z[-2].tolist() == [0, 0, 0] and z[-1].tolist() == [1, -2, 0]


def test_a_place_lies_well_inside_its_map():
    for x, y in ((0.5, 0.5), (0.51, 0.49), (-3.2, 7.9)):
        x0, y0 = corner(x, y)
        assert 0.5 <= x - x0 <= 1.5 and 0.5 <= y - y0 <= 1.5
    xs, ys = map_places(3, -1)
    assert len(xs) == SIDE**2 and (xs[0], ys[0], xs[-1], ys[-1]) == (3, -1, 5, 1) and ys[SIDE - 1] == -1


# ---- the page ----------------------------------------------------------------------------------------------------


def texts(app) -> list[str]:
    return [point["name"] for point in find(app.main, "lab_latent_points")["points"]]


def clean(app) -> bool:
    return not app.exception and not app.error


def test_the_page_opens_on_a_walk_through_the_seeds(open_app):
    app = open_app("latents", seed="7")
    assert clean(app)
    assert texts(app) == ["seed 7", "seed 8", "seed 9", "seed 10"]
    walk = find(app.main, "lab_walk")
    assert walk["frames"] == 120 and len(walk["tracks"]) == 2
    norms, angles = (curve["lines"] for curve in walk["curves"])
    assert [line["name"] for line in norms] == ["slerp", "lerp"]
    assert min(norms[0]["values"]) > min(norms[1]["values"])  # the straight line cuts through the inside
    assert len(angles[0]["values"]) == 119
    assert "normalises its latents" in " ".join(m.value for m in app.markdown)


def test_a_link_restores_the_walk(open_app):
    query = {"latents_points": "3,5~1!", "latents_frames": "24", "latents_size": "8", "latents_alpha": "0.5",
             "latents_loop": "false", "latents_beside": "8x8/conv0", "latents_speed": "2", "latents_mode": "once",
             "latents_at": "7.5", "latents_chosen": "1"}  # fmt: skip
    app = open_app("latents", **query)
    assert clean(app)
    points, walk = find(app.main, "lab_latent_points"), find(app.main, "lab_walk")
    assert [p["pinned"] for p in points["points"]] == [False, True] and points["chosen"] == 1
    assert walk["frames"] == 24 and walk["tracks"][0]["edge"] == 8
    assert (walk["start"], walk["speed"], walk["mode"], walk["play"]) == (7.5, "2", "once", False)
    assert "8x8/conv0" in walk["tracks"][1]["name"]
    assert [tick["t"] for tick in walk["ticks"]] == [0, 23]
    other = find(open_app("latents", **{**query, "latents_alpha": "1.0"}).main, "lab_walk")
    assert np.abs(pixels(other["tracks"][0]) - pixels(walk["tracks"][0])).max() > 2


@pytest.mark.parametrize("points", ["5", "0,x", "z:AAAA,1", "99999999999,1"])
def test_a_links_bad_points_are_one_sentence(open_app, points):
    app = open_app("latents", latents_points=points)
    assert not app.exception and len(app.error) == 1 and "cannot be used" in app.error[0].value
    assert texts(app) == ["seed 0", "seed 1", "seed 2", "seed 3"]


def test_typed_points_are_taken_and_bad_ones_change_nothing(open_app):
    app = open_app("latents")
    app.text_input(key="latents_typed").set_value("4,@1.5:0.5,4-2+1").run()
    assert clean(app) and texts(app) == ["seed 4", "@1.5:0.5", "4-2+1"]
    app.text_input(key="latents_typed").set_value("4,oops").run()
    assert len(app.error) == 1 and "'oops' is not a point" in app.error[0].value
    assert texts(app) == ["seed 4", "@1.5:0.5", "4-2+1"]


def test_another_seed_rolls_what_is_not_pinned(open_app):
    app = open_app("latents", latents_points="1,2!,3")
    app.number_input(key="seed").set_value(50).run()
    assert clean(app) and texts(app) == ["seed 50", "seed 2", "seed 52"]


@pytest.mark.parametrize(("kind", "tracks"), [("Random", 1), ("Circle", 1), ("Key points", 2)])
def test_every_kind_of_walk_plays_and_model_seed_and_point_change_it(open_app, kind, tracks):
    def film(**query) -> np.ndarray:
        app = open_app("latents", latents_kind=kind, latents_frames="12", **query)
        walk = find(app.main, "lab_walk")
        assert clean(app) and len(walk["tracks"]) == tracks
        return pixels(walk["tracks"][0])

    first = film()
    assert np.array_equal(first, film())
    assert np.abs(first - film(model="second/16x16-end")).mean() > 2
    assert np.abs(first - film(seed="30")).mean() > 2


def test_walks_that_are_too_long_are_refused_with_their_cost(open_app):
    app = open_app("latents", latents_frames="100000")
    assert not app.exception and "too long: the limit is 3,600" in app.error[0].value
    assert any("100,000 frames: about" in caption.value for caption in app.caption)
    app.number_input(key="latents_frames").set_value(8).run()
    assert clean(app) and find(app.main, "lab_walk")["frames"] == 8


def test_smaller_models_and_single_frames_have_no_holes(open_app):
    app = open_app("latents", latents_size="16", latents_beside="16x16/conv1", latents_frames="6")
    assert clean(app)
    app.selectbox(key="model").set_value("first/4x4-end").run()
    assert clean(app) and find(app.main, "lab_walk")["tracks"][0]["edge"] == 4
    app.number_input(key="latents_frames").set_value(1).run()
    assert clean(app)


@pytest.mark.parametrize(
    ("folder", "view"),
    [("tf_official_cond", "Walk"), ("tf_official_cond", "Directions"), ("tf_official_cond", "Plane"),
     ("gandissect_layer_names", "Walk"), ("tf_official_gray_relu", "Walk"), ("genforce_train_tanh_fade", "Directions")],
)  # fmt: skip
def test_published_files_of_every_kind_are_walked(open_app, tmp_path, monkeypatch, folder, view):
    app = open_app("latents", latents_view=view, latents_frames="8", latents_source="SeFa", latents_at="nan")
    shutil.copytree(PUBLISHED / folder, tmp_path / folder)
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    app.run()
    assert clean(app)
    name = {"Walk": "lab_walk", "Directions": "lab_directions", "Plane": "lab_plane"}[view]
    sent = find(app.main, name)
    if folder == "tf_official_cond":
        app.sidebar.selectbox(key="class").select("1").run()
        assert clean(app) and find(app.main, name)["identity"] != sent["identity"]


def upload(app, name: str, data: bytes):
    return app.file_uploader(key="latents_import").upload(name, data, "application/octet-stream").run()


def test_latents_come_in_and_bad_files_lose_nothing(open_app):
    app = open_app("latents")
    upload(app, "bad.json", b"[[1, 2]]")
    assert len(app.error) == 1 and app.error[0].value.startswith("Nothing was imported: bad.json: this network's")
    assert texts(app) == ["seed 0", "seed 1", "seed 2", "seed 3"]
    upload(app, "three.json", json.dumps(latents_from_seeds([4, 5, 6], 8).tolist()).encode())
    assert clean(app) and texts(app) == ["numbers"] * 3
    as_seeds = open_app("latents", latents_points="4,5,6")
    assert find(app.main, "lab_latent_points")["sheet"] == find(as_seeds.main, "lab_latent_points")["sheet"]


@pytest.mark.parametrize("pack", [to_npz, to_json])
def test_an_exported_walk_comes_back_with_all_settings(open_app, pack):
    recipe = WalkRecipe("random", ("4", "5"), 36, smoothing=20.0, seed=9, truncation=0.5)
    app = open_app("latents")
    upload(app, f"walk.{pack.__name__[3:]}", pack(recipe.latents(8), recipe.settings()))
    assert clean(app) and texts(app) == ["seed 4", "seed 5"]
    assert app.number_input(key="latents_frames").value == 36 and app.number_input(key="seed").value == 9
    assert app.slider(key="latents_smooth").value == 20 and app.slider(key="latents_psi").value == 0.5


@pytest.mark.parametrize("source", ["GANSpace", "SeFa"])
def test_directions_have_sliders_with_their_shares(open_app, source):
    app = open_app("latents", latents_view="Directions", latents_source=source, latents_sigmas="0,1.5")
    assert clean(app)
    sent = find(app.main, "lab_directions")
    assert sent["values"][:2] == [0, 1.5] and len(sent["names"]) <= 6
    assert all("%" in note for note in sent["notes"])
    app.toggle(key="latents_orthogonal").set_value(True).run()
    assert clean(app) and find(app.main, "lab_directions")["identity"] != sent["identity"]


def test_saved_concepts_are_shown_at_once_and_those_of_another_checkpoint_are_refused(open_app, tmp_path, monkeypatch):
    app = open_app("latents", latents_view="Plane")
    app.session_state["latents_view"], app.session_state["latents_source"] = "Directions", "Concepts"
    *earlier, stage = write_run(tmp_path / "run", seed=4)
    for path in earlier:
        path.unlink()
    found = {"more foliage": Directions(torch.eye(8)[:1], np.array([0.93]), "concept")}
    save_directions(stage.with_suffix(".concepts.json"), found, stage)
    monkeypatch.setenv("PGGAN_LAB_MODELS", str(tmp_path))
    app.run()
    sent = find(app.main, "lab_directions")
    assert clean(app) and sent["names"] == ["more foliage"] and sent["notes"] == ["93.0% of pictures gain"]
    write_run(tmp_path.with_name("elsewhere"), seed=5)[-1].replace(stage)
    app.run()
    assert not app.exception and "another checkpoint" in app.error[0].value


def test_the_point_that_the_sliders_reach_becomes_a_key_point(open_app):
    app = open_app("latents", latents_view="Directions", latents_source="SeFa", latents_sigmas="2")
    app.button(key="latents_take").click().run()
    assert clean(app) and texts(app) == ["numbers", "seed 1", "seed 2", "seed 3"]
    assert find(app.main, "lab_directions")["values"] == [0.0] * 6


def test_the_plane_shows_its_map_and_gives_a_key_point(open_app):
    app = open_app("latents", latents_view="Plane", latents_x="3.2", latents_y="1.9")
    sent = find(app.main, "lab_plane")
    assert clean(app) and (sent["x0"], sent["y0"]) == (2, 1)
    app.button(key="latents_take_place").click().run()
    assert clean(app) and texts(app)[0] == "@3.200:1.900"


def test_lerp_is_made_of_the_frames_with_the_nearest_directions():
    recipe = WalkRecipe("points", ("0", "1"), 41, False)
    slerp, lerp = recipe.latents(16), on_lerp(recipe).latents(16)
    nearest = nearest_directions(lerp, slerp)
    assert nearest[0] == 0 and nearest[-1] == 40 and (np.diff(nearest) >= 0).all()
    step = angle_between(slerp[:-1], slerp[1:]).max()
    assert angle_between(lerp, slerp[nearest]).max() <= step / 2 + 1e-4  # as near as frames allow
