"""The files to ship: every stage, half as large, with what they need to be understood."""

import numpy as np
import pytest
import torch

from pgan_core import load_checkpoint
from pgan_core.growth import make_schedule
from pgan_core.training.data import RealImages
from pgan_core.training.export import export
from pgan_core.training.loop import Trainer
from pgan_core.training.settings import Settings, TrainingError


def test_a_run_becomes_files_to_ship(tmp_path):
    schedule = make_schedule(
        8, fade_kimg={4: 0.032}, steady_kimg={4: 0.032, 8: 10}, minibatch={4: 8}, learning_rate={4: 2e-3}
    )
    settings = Settings(schedule, (8, 4), latent_dim=4, loss="logistic")
    reals = RealImages(np.random.default_rng(0).integers(0, 256, (8, 3, 8, 8), dtype=np.uint8))
    trainer = Trainer(settings, reals, tmp_path / "run", data_note="noise")
    for _ in range(14):
        before = trainer.images
        moment, _ = trainer.train_step()
        trainer.after_step(before, moment)
    trainer.save()
    written = export(tmp_path / "run", tmp_path / "out")
    assert [path.name for path in written] == [
        "4x4-end.safetensors",
        "8x8-fade.safetensors",
        "final.safetensors",
        "raw.safetensors",
    ]
    *stages, raw = [load_checkpoint(path, weights="raw" if path.stem == "raw" else "ema") for path in written]
    assert [stage.info["metadata"]["stage"] for stage in stages] == ["4x4-end", "8x8-fade", "8x8-end"]
    assert [stage.generator.resolution for stage in stages] == [4, 8, 8]
    for stage in stages:
        metadata = stage.info["metadata"]
        assert metadata["data"]["note"] == "noise"
        assert metadata["licence"]
        # stopped after 112 images: 64 until the fade's end and 48 more, not 10,000
        assert metadata["recipe"]["schedule"][-1]["steady_kimg"] == pytest.approx(0.048)
    z = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(stages[-1].generator(z), trainer.average(z))
    torch.testing.assert_close(raw.generator(z), trainer.generator(z), atol=1e-2, rtol=1e-2)
    source = load_checkpoint(tmp_path / "run" / "stages" / "8x8-fade.safetensors")
    torch.testing.assert_close(stages[1].generator(z), source.generator(z), atol=1e-2, rtol=1e-2)
    assert written[0].stat().st_size < 0.5 * (tmp_path / "run" / "stages" / "4x4-end.safetensors").stat().st_size


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="no training run"):
        export(tmp_path, tmp_path / "out")
