"""Fresh scenes: drawn by processes beside the run, each when it is due, the same again after a resume."""

import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dissection.world.scenes import scene
from pgan_core.picture_data import DataError
from pgan_core.training.scenes import BUILT_IN, FreshScenes, Source, draw, open_data
from pgan_core.training.streams import Draws

ROOT = Path(__file__).parents[3]


class HereScenes(FreshScenes):
    """Scenes drawn in this process: the order is the same, and nothing has to start."""

    def _drawn(self):
        s = self.source
        return draw(s.function, s.seed, self.resolution, s.first + self.count, 64)


def test_scenes_are_written_as_options():
    assert Source.parse("town.npz") is None
    source = Source.parse("town:first=200000,repeats=25")
    assert (source.function, source.first, source.repeats, source.seed) == (BUILT_IN["town"], 200000, 25, 0)
    for text in ("town:last=3", "town:first=-1", "town:repeats=0", "town:keep=100"):
        with pytest.raises(DataError, match="town:"):
            Source.parse(text)
    with pytest.raises(DataError, match="--resolution"):
        open_data("town:")


def test_processes_draw_the_scenes_of_the_world():
    data = FreshScenes(Source.parse("town:first=7,keep=128,workers=1"), 16, mirror=False)
    try:
        data.provide(0, 8)
        found = data.batch(8, resolution=16, alpha=1.0, draws=Draws(0))
    finally:
        data.close()
    expected = np.stack([scene(0, 16, 7 + i)[0] for i in range(8)]).transpose(0, 3, 1, 2)
    assert torch.equal(((found + 1) * 127.5).round().to(torch.uint8), torch.from_numpy(expected))
    assert not data._coming and len(data) == 64


def shown(data, steps, begin=0, size=32):
    batches = []
    for step in range(begin, steps):
        data.provide(step * size, size)
        batches.append(data.batch(size, resolution=4, alpha=1.0, draws=Draws(0, step=step)))
    return batches


@pytest.mark.parametrize("options", ["keep=128", "keep=2048,repeats=4"])
def test_a_resumed_run_sees_what_the_unbroken_one_would(options):
    source = Source.parse(f"town:{options}")
    whole = shown(HereScenes(source, 4), 12)
    again = shown(HereScenes(source, 4, seen=32 * 7), 12, begin=7)
    assert all(torch.equal(a, b) for a, b in zip(whole[7:], again, strict=True))


def test_no_scene_is_shown_twice_unless_it_is_said():
    rows = torch.cat(shown(HereScenes(Source.parse("town:keep=128"), 4, mirror=False), 10)).flatten(1)
    assert len(torch.unique(rows, dim=0)) >= 319  # two scenes of 4x4 pixels may be alike


def test_scenes_are_averaged_to_every_size():
    data = HereScenes(Source.parse("town:keep=128"), 16, mirror=False)
    data.provide(0, 4)
    fine, coarse = (data.level(size)[:4].float() for size in (16, 4))
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(fine, 4), coarse, atol=0.51, rtol=0)


def test_the_processes_end_with_a_run_that_is_killed():
    """A drawing process holds an end of the pipe as well: it closes when both are gone."""
    code = (
        "import time; from pgan_core.training.scenes import FreshScenes, Source\n"
        "data = FreshScenes(Source.parse('town:keep=128,workers=1'), 16); data.provide(0, 8)\n"
        "print(*data._pool._processes, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as run:
        assert run.stdout and int(run.stdout.readline())
        run.kill()
        assert select.select([run.stdout], [], [], 60)[0], "its processes hold the pipe open"
        assert run.stdout.read() == b""
