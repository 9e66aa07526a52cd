"""Ablations: what is left out, what is measured against hand computations, and a tiny comparison end to end."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.ablations import runs
from benchmarks.ablations.__main__ import main
from benchmarks.ablations.measures import quality, rms, signal_magnitudes, variation, weight_magnitudes
from benchmarks.ablations.plan import Plan
from dashboard.pages.quality.ablation_results import (
    FORMAT,
    FULL,
    RECIPES,
    Results,
    chance_apart,
    mean_and_spread,
    read_pictures,
    read_results,
    read_sheet,
    separated,
    table,
)
from pgan_core import Discriminator, Generator

TINY = Plan(feature_maps=(4, 4, 4), latent_dim=64, kimg=0.192, minibatch=8, seeds=(0,), probes=4, pictures=16)
OPTIONS = "--feature-maps 4,4,4 --kimg 0.192 --minibatch 8 --seeds 0 --probes 4 --pictures 16 --workers 1"


def networks(recipe=FULL):
    settings = TINY.settings(recipe, seed=0)
    return Generator(settings.generator_config(), seed=1), Discriminator(settings.discriminator_config(), seed=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (72, 3, 16, 16), dtype=np.uint8))
    return path


# ---- what is left out --------------------------------------------------------------------------------------------


def test_recipes_differ_in_one_part_each():
    full = TINY.settings(FULL, 0).as_dict()
    changed = {
        recipe: {name for name, value in TINY.settings(recipe, 0).as_dict().items() if value != full[name]}
        for recipe in RECIPES
    }
    assert changed == {
        "full": set(),
        "no-pixel-norm": {"pixel_norm"},
        "no-minibatch-stddev": {"minibatch_stddev"},
        "no-growing": {"schedule"},
    }


def test_without_growing_everything_trains_at_full_size_from_the_first_image_on():
    growing, all_at_once = TINY.schedule(), TINY.schedule(growing=False)
    assert all_at_once.total_kimg == pytest.approx(growing.total_kimg) == TINY.kimg
    for kimg in (0, 0.001, 0.1, TINY.kimg):
        assert (all_at_once.at(kimg).resolution, all_at_once.at(kimg).alpha) == (16, 1.0)
    assert [mark.name for mark in all_at_once.landmarks()] == ["16x16-end"]
    assert growing.at(0).resolution == 4


def test_no_pixel_norm_leaves_the_activations_as_they_are():
    z = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    with_norm, without = networks()[0], networks("no-pixel-norm")[0]
    assert torch.equal(without.run(z).images, with_norm.variant(pixel_norm="off").run(z).images)
    assert not torch.allclose(without.run(z).images, with_norm.run(z).images)


def test_no_minibatch_stddev_judges_each_picture_by_itself():
    pictures = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    without, full = networks("no-minibatch-stddev")[1], networks()[1]
    assert torch.allclose(without(pictures)[:4], without(pictures[:4]), atol=1e-6)
    alike = pictures[:1].expand(4, -1, -1, -1)
    assert not torch.allclose(full(pictures[:4])[:1], full(alike)[:1], atol=1e-4)


# ---- what is measured --------------------------------------------------------------------------------------------


def test_signals_are_those_of_a_hand_computation():
    generator, discriminator = networks()
    draw = torch.Generator().manual_seed(0)
    z, reals = torch.randn(5, 64, generator=draw), torch.randn(4, 3, 4, 4, generator=draw)
    moment = TINY.schedule().at(0)
    found = signal_magnitudes(generator, discriminator, z, reals, moment)

    with torch.no_grad():
        latent = z / z.square().mean(dim=1, keepdim=True).sqrt()
        dense = F.leaky_relu((latent @ (generator.layers["4x4/dense"].effective_weight()).T), 0.2)
        colours = discriminator.layers["4x4/from_rgb"]
        features = F.leaky_relu(torch.einsum("oi,nihw->nohw", colours.effective_weight()[..., 0, 0], reals), 0.2)
    assert found["generator"]["4x4/dense"] == pytest.approx(float(dense.square().mean().sqrt()), rel=1e-5)
    assert found["passed_on"] == pytest.approx({"4x4/dense": 1.0, "4x4/conv": 1.0}, abs=1e-4)
    assert found["discriminator"]["4x4/from_rgb"] == pytest.approx(float(features.square().mean().sqrt()), rel=1e-5)
    assert set(found["discriminator"]) == {"4x4/from_rgb", "4x4/conv", "4x4/dense0"}  # neither map nor score


def test_without_pixel_norm_a_layer_passes_on_what_it_has():
    generator, discriminator = networks("no-pixel-norm")
    z, reals = torch.randn(5, 64), torch.randn(4, 3, 16, 16)
    found = signal_magnitudes(generator, discriminator, z, reals, TINY.schedule().at(TINY.kimg))
    assert found["passed_on"] == found["generator"] and len(found["generator"]) == 6


def test_weights_are_measured_as_stored_and_only_where_the_network_has_grown():
    generator, _ = networks()
    with torch.no_grad():
        for name, layer in generator.layers.items():
            layer.weight.fill_(3.0 if name.startswith("4x4") else 5.0)
    assert weight_magnitudes(generator, 4) == pytest.approx(3.0)
    assert 3.0 < weight_magnitudes(generator, 8) < 5.0
    assert rms(torch.tensor([3.0, 4.0])) == pytest.approx(12.5**0.5)


def test_variation_is_the_distance_of_pairs():
    pictures = np.zeros((6, 3, 16, 16), np.uint8)
    pictures[1::2] = 40
    assert variation(pictures)["pair_distance"] == pytest.approx(40.0)
    equal = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16), dtype=np.uint8).repeat(4, axis=0)
    assert variation(equal) == pytest.approx({"pair_distance": 0.0, "ms_ssim": 1.0})


def test_pictures_of_a_small_moment_are_compared_enlarged():
    generator, _ = networks()
    reals = np.random.default_rng(0).integers(0, 256, (16, 3, 16, 16), dtype=np.uint8)
    pictures = runs.pictures_of(generator, TINY.schedule().at(0), 16)
    assert pictures.shape == reals.shape
    assert np.array_equal(pictures, pictures[:, :, ::4, ::4].repeat(4, axis=2).repeat(4, axis=3))
    assert quality(generator, TINY.schedule().at(0), reals).keys() == {"swd", "ms_ssim", "pair_distance"}


# ---- runs --------------------------------------------------------------------------------------------------------


def without_times(records):
    return [{name: value for name, value in record.items() if name != "train_seconds"} for record in records]


def test_a_broken_run_goes_on_and_measures_what_an_unbroken_one_does(tmp_path, data, monkeypatch):
    runs.train_run(TINY, FULL, 0, data, tmp_path / "whole")
    real_measure, calls = runs.measure, []

    def broken(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real_measure(*arguments)

    monkeypatch.setattr(runs, "measure", broken)
    with pytest.raises(KeyboardInterrupt):
        runs.train_run(TINY, FULL, 0, data, tmp_path / "broken")
    assert len(runs.records_of(tmp_path / "broken")) == 2 and not runs.is_finished(tmp_path / "broken", TINY)
    runs.train_run(TINY, FULL, 0, data, tmp_path / "broken")
    whole, found = runs.records_of(tmp_path / "whole"), runs.records_of(tmp_path / "broken")
    assert without_times(found) == without_times(whole) and runs.is_finished(tmp_path / "broken", TINY)
    assert [record["kimg"] for record in whole] == [0.0, 0.048, 0.096, 0.144, 0.192]
    assert ["quality" in record for record in whole] == [False, False, False, True, True]
    assert ["losses" in record for record in whole] == [False, True, True, True, True]
    sheets = [(tmp_path / name / "samples.png").read_bytes() for name in ("whole", "broken")]
    assert sheets[0] == sheets[1]


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # its pictures are no numbers
def test_a_run_that_diverges_is_a_result(tmp_path, data):
    wild = replace(TINY, learning_rate=1e30)
    runs.train_run(wild, "no-pixel-norm", 0, data, tmp_path / "run")
    assert "not finite" in runs.records_of(tmp_path / "run")[-1]["diverged"]
    assert runs.is_finished(tmp_path / "run", wild)


def test_the_command_from_data_to_figures(tmp_path, data, capsys):
    for recipe in list(RECIPES)[:3]:  # the last one is left to the command's own process
        runs.train_run(TINY, recipe, 0, data, tmp_path / "runs" / f"{recipe}-0")
    command = ["--data", str(data), "--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs")]
    assert main([*command, *OPTIONS.split()]) == 0
    printed = capsys.readouterr().out
    assert all(f"| {name} |" in printed for name in [*RECIPES.values(), "real pictures"])
    written = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert {"ablations.json", "curves.png", "samples.png", "real.png"} < written.keys()
    assert sum(written.values()) < 1_000_000

    results = read_results(tmp_path / "out")
    assert Plan.from_dict(results.plan) == TINY and results.content["format"] == FORMAT
    last = runs.records_of(tmp_path / "runs" / "full-0")[-1]
    assert results.final(FULL, "swd")[0] == pytest.approx(last["quality"]["swd"], rel=1e-3)
    assert results.final(FULL, "discriminator")[0] == pytest.approx(
        max(last["signals"]["discriminator"].values()), rel=1e-3
    )
    (seconds, values), (kimg, _) = results.over_seconds(FULL, "swd")[0], results.curve(FULL, "swd")[0]
    assert len(seconds) == len(values) == len(kimg) == 2 and seconds[0] < seconds[1]
    assert read_pictures(tmp_path / "out", FULL).shape == (1, 12, 16, 16, 3)
    strip = read_sheet(tmp_path / "runs" / "full-0" / "samples.png")
    assert np.array_equal(read_pictures(tmp_path / "out", FULL)[0], strip)


def test_bad_data_is_one_sentence(tmp_path, data):
    for options, message in ((["--pictures", "36"], "more than 72"), (["--resolution", "32"], "of 16 pixels")):
        maps = ["--feature-maps", "4,4,4,4"] if "--resolution" in options else ["--feature-maps", "4,4,4"]
        with pytest.raises(SystemExit, match=message):
            main(["--data", str(data), "--out", str(tmp_path), "--runs", str(tmp_path), *maps, *options])


# ---- the table --------------------------------------------------------------------------------------------------


def made_up(changes, seeds=3):
    """Results with two probes; changes: recipe -> what its last record has otherwise."""

    def records(recipe, seed):
        jitter = 0.1 * seed
        record = {
            "step": 1,
            "kimg": 0.128,
            "train_seconds": 10.0,
            "signals": {name: {"4x4/conv": 1.0} for name in ("generator", "passed_on", "discriminator")},
            "quality": {"swd": 50.0 + jitter, "ms_ssim": 0.3 + jitter / 100, "pair_distance": 60.0 + jitter},
        }
        last = json.loads(json.dumps(record)) | {"kimg": 0.192}
        for name, value in changes.get(recipe, {}).items():
            if name in last["quality"]:
                last["quality"][name] = value + jitter / 100
            elif name == "diverged":
                last = {"step": 2, "kimg": 0.1, "diverged": value}
            else:
                last["signals"][name] = {"4x4/conv": value}
        return [record, last]

    content = {
        "format": FORMAT,
        "plan": TINY.as_dict() | {"seeds": list(range(seeds))},
        "real": {"swd": 5.0, "ms_ssim": 0.2, "pair_distance": 70.0},
        "runs": {r: [{"seed": s, "records": records(r, s)} for s in range(seeds)] for r in RECIPES},
    }
    return Results(content)


def test_bold_says_that_all_seeds_lie_apart():
    assert "**" not in table(made_up({}))
    assert "| **40.0 ± 0.0** |" in table(made_up({"no-growing": {"swd": 40.0}}))


def test_runs_that_broke_down_are_counted():
    results = made_up({"no-pixel-norm": {"diverged": "The run diverged."}})
    assert results.diverged("no-pixel-norm") == 3
    assert "3 of 3 broke down" in table(results)
    assert results.layers("no-pixel-norm", "generator") == {}


def test_separation_and_spread():
    assert separated(np.array([1.0, 2.0]), np.array([2.1, 3.0])) and not separated(np.arange(3.0), np.arange(2.0, 5.0))
    assert not separated(np.array([np.nan, 1.0]), np.array([2.0, 3.0]))
    assert chance_apart(3) == pytest.approx(0.1) and chance_apart(1) == 1.0
    assert mean_and_spread(np.array([1.0, 2.0, 3.0])) == "2.00 ± 1.00" and mean_and_spread(np.array([123.4])) == "123"


def test_other_files_are_no_results(tmp_path):
    assert read_results(tmp_path) is None
    for text in ("", "[]", '{"format": "x"}', '{"format": "pggan-lab-ablations/1", "runs": {}}'):
        (tmp_path / "ablations.json").write_text(text)
        assert read_results(tmp_path) is None
