"""The one command, with tiny sizes, from end to end; and the clock that everything is timed with."""

import json

import pytest
import torch
from threadpoolctl import threadpool_limits

from benchmarks import __main__ as command
from benchmarks import machine
from benchmarks.clock import alternate, ratio
from benchmarks.table import SECTIONS

# What a kind of number can give: how far pictures, about -1 to 1, may be from eager float32. Those with 8 and 11 bits
# of precision are also that far at least: closer ones would not have been computed in that kind.
CLOSEST = {"float32": 0, "bfloat16": 1e-3, "float16": 1e-4}
FARTHEST = {"float32": 1e-4, "bfloat16": 0.5, "float16": 0.06}
PLAIN_CPU = ["avx2", "fma"]


def has_instructions(monkeypatch, names):
    """Benchmarks see a CPU with these instructions, whichever runs the test."""
    monkeypatch.setattr(machine, "instructions", lambda: names)


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """The command sets the threads of torch, of numpy and of child processes; they are put back."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    with threadpool_limits(user_api="blas"):
        yield
    torch.set_num_threads(before)


def generation_cases(file):
    """The CPU's cases of a stored run by kind of number, each checked for what its kind can give."""
    kinds = {}
    for case in json.loads(file.read_text())["sections"]["generation"]["found"]["cases"]:
        assert CLOSEST[case["dtype"]] <= case["difference"] < FARTHEST[case["dtype"]] and case["ratio"] > 0, case
        if case["device"] == "cpu":
            kinds.setdefault(case["dtype"], []).append(case)
    return kinds


def test_a_quick_run_measures_everything_but_the_browser(tmp_path, capsys, monkeypatch):
    has_instructions(monkeypatch, [*PLAIN_CPU, "avx512_bf16"])
    file = tmp_path / "results/run.json"
    assert command.main(["--quick", "--threads", "1", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    stored = json.loads(file.read_text())
    assert list(stored["sections"]) == list(SECTIONS)
    missing = {name: section["not_run"] for name, section in stored["sections"].items() if "not_run" in section}
    assert set(missing) == {"app", "latent_walk", "site"}
    assert all("browser" in reason for reason in missing.values())
    assert stored["machine"]["torch"] == torch.__version__ and stored["machine"]["threads"] == 1
    assert set(generation_cases(file)) == {"float32", "bfloat16"}
    lesson = stored["sections"]["class"]["found"]["classes"][0]
    assert lesson["open"]["count"] >= 2 and lesson["faults"] == [] and lesson["tracebacks"] == 0
    assert stored["sections"]["shipped"]["found"]["bfloat16_psnr"] > 40
    assert printed.count("\n| ") > 12 and "16x16" in printed


def test_a_cpu_without_bfloat16_instructions_is_measured_in_float32_only(tmp_path, monkeypatch):
    has_instructions(monkeypatch, PLAIN_CPU)
    file = tmp_path / "run.json"
    assert command.main(["--quick", "--threads", "1", "--only", "generation", "--json", str(file)]) == 0
    assert set(generation_cases(file)) == {"float32"}


def test_a_section_that_fails_takes_nothing_from_the_others(tmp_path, monkeypatch, capsys):
    def broken(options):
        raise RuntimeError("it broke\nin two lines")

    monkeypatch.setattr("benchmarks.swd.measure", broken)
    file = tmp_path / "run.json"
    assert command.main(["--quick", "--threads", "1", "--only", "swd,opening", "--json", str(file)]) == 0
    sections = json.loads(file.read_text())["sections"]
    assert sections["swd"] == {"not_run": "RuntimeError: it broke"} and "found" in sections["opening"]
    assert "not run: RuntimeError: it broke" in capsys.readouterr().out


def test_an_unknown_section_is_refused(capsys):
    with pytest.raises(SystemExit):
        command.main(["--only", "swd,speed"])
    assert "no section speed; there are generation, shipped" in capsys.readouterr().err


def test_ways_take_turns_forwards_and_backwards():
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = alternate(ways, seconds=0, least=3)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"  # the first pair warms up
    assert [len(spent) for spent in times.values()] == [3, 3]
    assert ratio({"a": [2.0, 9.0, 4.0], "b": [1.0, 3.0, 4.0]}, "a", "b") == 2.0
