"""Runs as processes of their own: begun, killed, gone on with, refused, named, deleted; and the live page's feed."""

import argparse
import asyncio
import json
import os
import signal
import time

import numpy as np
import pytest
from starlette.applications import Starlette

from dashboard import library
from dashboard.limits import Limits
from dashboard.pages.training import own_pictures, runs
from dashboard.pages.training.feed import ROUTES
from dashboard.pages.training.presets import PRESETS, SIZES, own_arguments
from dashboard.pages.training.ready import Spare
from pgan_core.training import cli, control

TINY = (
    "--feature-maps", "8,6", "--latent-dim", "4", "--loss", "logistic", "--fade-kimg", "0.2", "--steady-kimg",
    "4:0.2,8:1000", "--minibatch", "4", "--threads", "1",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PGGAN_LAB_RUNS", str(tmp_path / "runs"))
    yield tmp_path / "runs"
    for run in runs.runs():
        control.send(run.folder, "stop")
        until(lambda run=run: not run.at_work)


def until(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def begin(title="Tiny run"):
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8), dtype=np.uint8)
    return runs.start(title, TINY, lambda folder: own_pictures.store(images, folder))


def test_a_run_is_killed_goes_on_and_ends(folder, monkeypatch):
    monkeypatch.setattr(runs, "limits", lambda: Limits(trainings=1))
    run = begin()
    assert run.status() == ("starting", "")
    with pytest.raises(runs.RunError, match="1 runs are training"):
        begin("Another")
    until(lambda: run.status()[0] == "running" and run.moments())
    with pytest.raises(runs.RunError, match="Stop the run first"):
        runs.delete(run)
    control.send(run.folder, "pause")
    until(lambda: run.status()[0] == "paused")
    os.kill(int(run.launched["pid"]), signal.SIGKILL)
    until(lambda: not run.at_work)
    assert run.status() == ("killed", runs.KILLED)
    runs.go_on(run)
    until(lambda: run.status()[0] == "running")
    control.send(run.folder, "stop")
    until(lambda: not run.at_work)
    assert run.status() == ("stopped", "")
    assert runs.newest_stage(run).name == "newest.safetensors"
    assert f"{run.name}/newest" in library.models()
    runs.rename(run, "  My   run ")
    assert run.title == "My run" and runs.find(run.name) == run
    runs.delete(run)
    assert runs.runs() == []


def test_a_run_that_cannot_start_says_why(folder):
    run = runs.start("Bad", ["--data", "nowhere.npz"])
    until(lambda: run.status()[0] != "starting")
    assert run.status() == ("failed", "The data file nowhere.npz does not exist.")


def test_a_run_is_known_by_its_newest_pictures(folder):
    watch = runs.Run(folder / "one").watch
    (watch / "moments").mkdir(parents=True)
    assert runs.Run(folder / "one").picture() is None
    (watch / "moments.jsonl").write_text('{"name": "4x4"}\n{"name": "8x8"}\n{"name": "16')  # it is just being written
    for name in ("4x4", "8x8"):
        (watch / "moments" / f"{name}.png").write_bytes(name.encode())
    assert runs.Run(folder / "one").picture() == b"8x8"


def test_the_feed_gives_a_runs_files_and_nothing_else(folder):
    watch = folder / "one" / "watch"
    (watch / "moments").mkdir(parents=True)
    (watch / "frame.json").write_text(json.dumps({"state": "finished", "sentence": ""}))
    (watch / "history.jsonl").write_text('{"step":1}\n{"step":2}\n{"st')
    (folder.parent / "secret.png").write_bytes(b"secret")
    status, headers, body = fetch("/runs/one/frame")
    assert status == 200 and json.loads(body)["state"] == headers["x-run-status"] == "finished"
    assert fetch("/runs/one/frame", tag=headers["etag"])[0] == 304
    assert fetch("/runs/one/history?from=11")[2] == b'{"step":2}\n'
    for path in (
        "/runs/two/frame", "/runs/one/state.pt", "/runs/one/history?from=-1", "/runs/../frame",
        "/runs/one/moments/../../../secret.png", "/runs/one/moments/secret.png",
    ):  # fmt: skip
        assert fetch(path)[0] == 404, path


def fetch(address, tag=""):
    """Status, headers and body that the routes answer with."""
    path, _, query = address.partition("?")
    said = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        said.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
    scope["headers"] = [(b"if-none-match", tag.encode())] if tag else []
    asyncio.run(Starlette(routes=ROUTES)(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return said[0]["status"], headers, b"".join(message.get("body", b"") for message in said[1:])


@pytest.mark.parametrize(
    "arguments",
    [*(preset.arguments for preset in PRESETS.values()), *(own_arguments(size, 10) for size in SIZES)],
    ids=[*PRESETS, *(f"own pictures at {size}" for size in SIZES)],
)
def test_the_shell_takes_what_the_page_asks_for(arguments):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser.add_subparsers())
    args = parser.parse_args(["train", "--out", "run", "--watch", *arguments])
    settings = cli.make_settings(args, args.resolution, "cpu")
    assert args.minutes in (2, 10, 60) and settings.schedule.resolution == args.resolution


def test_the_oldest_runs_that_nobody_keeps_are_removed(folder, monkeypatch):
    monkeypatch.setattr(runs, "UNKEPT", 1)
    monkeypatch.setattr(runs, "_launch", lambda run: None)
    kept = runs.start("Kept", [])
    runs.rename(kept, "Kept")
    old, new = runs.start("Old", []), runs.start("New", [])
    for age, run in enumerate((new, old, kept)):
        os.utime(run.watch.parent, (1000 - age, 1000 - age))
    newest = runs.start("Newest", [])
    assert {run.name for run in runs.runs()} == {kept.name, new.name, newest.name}


def test_a_process_that_waits_becomes_the_command(tmp_path):
    spare, output = Spare(), tmp_path / "output.txt"
    spare.prepare()
    waiting = spare._waiting
    process = spare.begin(["info", str(tmp_path / "missing.safetensors")], output)
    assert process is waiting and spare._waiting is None
    assert process.wait(120) != 0 and "missing.safetensors" in output.read_text()
    spare.prepare()
    unused = spare._waiting
    spare._let_go(unused)
    assert unused.returncode == 0 and spare._waiting is None
