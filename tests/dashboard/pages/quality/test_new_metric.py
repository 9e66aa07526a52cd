"""A metric is one decorated function: a new one appears in the shell, the stored file, the page and the model card."""

import json

import numpy as np
import pytest

from dissection.output.model_card import quality
from pgan_core.__main__ import main
from pgan_core.metrics import METRICS, Measured, metric
from pgan_core.metrics.stored import beside


@pytest.fixture
def brightness():
    """A new metric, gone after the test."""

    @metric("brightness", "Mean brightness", short="Brightness", digits=1, help="Of 255.")
    def measured(sets):
        return Measured(float(sets.generated.mean()), float(sets.real.mean()))

    yield
    del METRICS["brightness"]


def test_a_new_metric_is_everywhere(brightness, open_app, model_folder, tmp_path, capsys):
    model = model_folder / "second" / "16x16-end.safetensors"
    np.savez(tmp_path / "real.npz", images=np.full((8, 3, 16, 16), 100, np.uint8))
    try:
        assert main(["evaluate", str(model), "--real", str(tmp_path / "real.npz"), "--count", "4", "--beside"]) == 0
        printed = json.loads(capsys.readouterr().out)
        stored = json.loads(beside(model).read_text())
        assert printed["brightness"] == stored["brightness"] and stored["brightness"]["real"] == 100.0
        generated = f"{stored['brightness']['generated']:.1f}"
        assert f"Mean brightness: {generated} generated, 100.0 real" in quality(stored)

        app = open_app("quality", model="second/16x16-end")
        shown = {one.label: (one.value, one.delta) for one in app.metric}
        assert not app.exception and shown["Mean brightness"] == (generated, "real: 100.0")
        app = open_app("quality", model="second/16x16-end", quality_part="Over training")
        assert not app.exception and {"Brightness", "Brightness of real"} <= set(app.dataframe[0].value.columns)
    finally:
        beside(model).unlink(missing_ok=True)
