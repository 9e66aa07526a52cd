"""Several processes train one run: the shares of a minibatch, and two real processes against one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pgan_core.layers import minibatch_stddev
from pgan_core.training.processes import Processes
from pgan_core.training.settings import TrainingError, check_minibatches
from pgan_core.training.state import load_state
from tests.pgan_core.training.test_step import settings

ROOT = Path(__file__).parents[3]


def test_shares_hold_whole_groups_of_the_stddev_layer():
    x = torch.randn(16, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    numbers = torch.arange(16)
    whole = minibatch_stddev(x)
    rows = []
    for rank in range(2):
        part = Processes(rank, 2)
        rows.append(part.share(numbers))
        torch.testing.assert_close(minibatch_stddev(part.share(x)), whole[rows[-1]])
    assert sorted(torch.cat(rows).tolist()) == list(range(16))


def test_minibatches_that_do_not_divide_are_refused():
    schedule = settings().schedule  # of 8, and 4 at 16x16
    check_minibatches(schedule, 1)
    with pytest.raises(TrainingError, match="for 2 processes"):
        check_minibatches(schedule, 2)


OPTIONS = (
    "--feature-maps 8,4 --latent-dim 4 --fade-kimg 0.048 --steady-kimg 0.048 --minibatch 16 --learning-rate 0.002 "
    "--loss relativistic --r1-every 2 --threads 1 --device cpu"
)


def train(out, data, processes, *more):
    start = [sys.executable, "-m", "pgan_core"]
    if processes > 1:
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        start += ["-m", "pgan_core"]
    command = [*start, "train", "--data", str(data), "--out", str(out), *OPTIONS.split(), *more]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return load_state(out / "state.pt")


def test_two_processes_give_the_weights_of_one_and_another_number_goes_on(tmp_path):
    data = tmp_path / "data.npz"
    np.savez(data, images=np.random.default_rng(0).integers(0, 256, (24, 3, 8, 8), dtype=np.uint8))
    one, two = (train(tmp_path / str(count), data, count) for count in (1, 2))
    assert one["images"] == two["images"] == 144
    for role in ("generator", "discriminator", "average"):
        for name, expected in one[role].items():
            if (role, name) == ("discriminator", "layers.4x4/dense1.bias"):
                continue  # the loss is of differences of scores: this gradient is 0 but for rounding
            # Adam's step does not depend on a gradient's size: where it is 0 but for rounding, two steps may differ
            far = (two[role][name] - expected).abs() > 1e-3
            assert far.float().mean() < 0.02, (role, name)
    assert json.loads((tmp_path / "2" / "run.json").read_text())["machine"]["processes"] == 2
    logs = [(tmp_path / str(count) / "log.jsonl").read_text().splitlines() for count in (1, 2)]
    assert len(logs[0]) == len(logs[1])
    longer = train(tmp_path / "2", data, 1, "--steady-kimg", "4:0.048,8:0.096")
    assert longer["images"] == 192 and longer["step"] == 12
