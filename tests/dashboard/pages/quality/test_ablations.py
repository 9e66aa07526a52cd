"""The Ablations part of the Quality page, on the results that ship."""

import json
import re

import numpy as np
import pytest

from dashboard.pages.quality import ablations
from dashboard.pages.quality import figures_ablations as figures
from dashboard.pages.quality.ablation_results import FULL, RECIPES, mean_and_spread, read_results, table


def figure(app, key):
    """The plotly figure of this key as the page sent it."""
    return next(json.loads(c.proto.spec) for c in app.get("plotly_chart") if f"-{key}" in c.proto.id)


@pytest.mark.parametrize("label", list(ablations.PARTS))
def test_every_part_shows_the_stored_curves(open_app, label):
    app = open_app("quality", quality_part="Ablations", quality_ablation=label)
    assert not app.exception and not app.error
    part = ablations.PARTS[label]
    recipe, results = part.recipe, read_results(ablations.FOLDER / part.folder)
    drawn = figure(app, "quality_ablation_curves")
    means = {trace["name"] for trace in drawn["data"] if trace.get("showlegend") and trace.get("name")}
    count = len(results.plan["seeds"])
    assert {f"{RECIPES[name]} (mean of {count})" for name in (FULL, recipe)} <= means
    assert len(drawn["data"]) == 3 * 2 * (count + 1) + 1  # panels, recipes, seeds and their mean; and what is real
    said = " ".join(text.value for text in app.markdown)
    assert part.seen in said and table(results) in said
    walls = re.findall(r'data-testid="(quality-ablation-[^"]+)"', " ".join(html.proto.body for html in app.get("html")))
    assert walls == ["quality-ablation-real", "quality-ablation-full", f"quality-ablation-{recipe}"]


def test_the_sentences_numbers_are_those_of_the_stored_runs():
    results = read_results(ablations.FOLDER)
    here, full = (mean_and_spread(results.final(name, "swd")) for name in ("no-growing", FULL))
    assert f"{here} against {full}" in ablations.PARTS["Growing"].seen
    curves = results.curve("no-pixel-norm", "passed_on")
    first, last = (np.mean([values[i] for _, values in curves]) for i in (0, -1))
    assert f"{first:.2f} at first and {last:.2f} at the end" in ablations.PARTS["Pixel norm"].seen


def test_layers_are_drawn_for_pixel_norm_only(open_app):
    def keys(part):
        app = open_app("quality", quality_part="Ablations", quality_ablation=part)
        return " ".join(chart.proto.id for chart in app.get("plotly_chart"))

    assert "quality_ablation_layers" in keys("Pixel norm") and "quality_ablation_layers" not in keys("Growing")


def test_without_results_the_command_is_named(open_app, monkeypatch, tmp_path):
    monkeypatch.setattr(ablations, "FOLDER", tmp_path)
    app = open_app("quality", quality_part="Ablations")
    assert not app.exception and "assets/ablations/remake.sh" in app.info[0].value


def test_a_run_that_broke_down_is_not_in_the_mean():
    whole = [(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, level])) for level in (3.0, 5.0)]
    broken = (np.array([0.0, 1.0]), np.array([1.0, 100.0]))
    panel = figures.Panel("distance", "images", {"full": [broken, *whole], "without": whole}, reference=0.5)
    drawn = figures.curves([panel])
    thick = [trace for trace in drawn.data if trace.name == "full (mean of 2)"]
    assert list(thick[0].y) == [1.0, 2.0, 4.0]
    assert [shape.y0 for shape in drawn.layout.shapes] == [0.5]


def test_whiskers_reach_from_the_smallest_to_the_largest_seed():
    layers = {"4x4/conv": np.array([1.0, 2.0, 6.0])}
    (bar,) = figures.layer_bars({"Generator": {"full": layers}}).data
    assert bar.y[0] == 3.0 and bar.y[0] + bar.error_y.array[0] == 6.0 and bar.y[0] - bar.error_y.arrayminus[0] == 1.0
