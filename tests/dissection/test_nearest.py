"""Scenes of Toy Town as a training set that is never stored: the same scenes, in order, whole or by place."""

import numpy as np
import pytest

from dissection.__main__ import main
from dissection.nearest import TownScenes, open_pictures
from dissection.world.town import town
from pgan_core import Generator, GeneratorConfig
from pgan_core.checkpoints.native import save_checkpoint
from pgan_core.metrics import nearest_files
from pgan_core.picture_data import StoredPictures


def scenes(count: int, start: int, seed: int = 4) -> np.ndarray:
    return np.concatenate([images for images, _ in town(count, 16, seed, start)])


def test_runs_of_scenes_follow_each_other():
    source = TownScenes(4, [(3, 9), (50, 54)], 16, processes=2)
    whole, shares = np.concatenate([scenes(7, 3), scenes(5, 50)]), []
    batches = list(source.batches(5, progress=shares.append))
    assert [len(batch) for batch in batches] == [5, 5, 2] and len(source) == 12 and shares[-1] == 1
    assert (np.concatenate(batches) == whole).all()
    assert (source.at([11, 0, 7]) == whole[[11, 0, 7]]).all()
    assert (np.concatenate(list(source.batches(5, start=10))) == whole[10:]).all()


def test_what_names_no_scenes_is_said(tmp_path):
    for text, sentence in (
        ("town:5", "town:SEED:FIRST-LAST"),
        ("town:0:5-x", "town:SEED:FIRST-LAST"),
        ("town:0:9-5", "no scenes 9 to 5"),
    ):
        with pytest.raises(ValueError, match=sentence):
            open_pictures(text, 16)
    with pytest.raises(ValueError, match="size is one of"):
        open_pictures("town:0:0-9", 20)
    np.savez(tmp_path / "a.npz", images=scenes(3, 0))
    assert isinstance(open_pictures(str(tmp_path / "a.npz"), 16), StoredPictures)


def test_the_command_compares_with_scenes(tmp_path, capsys):
    generator = Generator(GeneratorConfig(resolution=16, channels=(8, 8, 4), latent_dim=6), seed=0)
    save_checkpoint(tmp_path / "a.safetensors", generator)
    options = ("--real", "town:4:0-29,100-109", "--count", "2", "--control", "8")
    assert main(["nearest", str(tmp_path / "a.safetensors"), *options]) == 0
    result, _ = nearest_files.read(tmp_path / "a.safetensors")
    assert result["real_count"] == 40 and result["real"] == "town:4:0-29,100-109"
    assert "nearest of 40 training pictures" in capsys.readouterr().out
