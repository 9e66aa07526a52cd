"""What is installed, what the one command offers, and whether the pages about it tell the truth."""

import ast
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from dashboard.__main__ import APP, COMMANDS, main
from tests import wheel_contents

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text()
DISTRIBUTIONS = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "scipy": "scikit-learn",
    "starlette": "streamlit",
    "triton": "torch",  # its builds for CUDA bring it; without it plain torch computes the same
    "imageio_ffmpeg": "imageio-ffmpeg",
}
OPTIONAL = {"transformers", "triton", "babel"}  # triton comes with torch for CUDA; babel compiles translations


def requirements(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if not line.startswith("-r")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0 and printed.startswith(f"usage: pggan-lab {name} ")
    assert len(printed.split("\n\n")) > 2  # usage, a sentence, the options


def test_the_index_lists_every_command_once(capsys):
    assert main(["--help"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert lines == [[name, command.summary] for name, command in COMMANDS.items()]


def test_an_unknown_command_gets_one_sentence(capsys):
    assert main(["disect", "file"]) == 2
    said = capsys.readouterr()
    assert said.err == "There is no command disect; `pggan-lab --help` lists them.\n" and not said.out


def test_without_a_command_the_app_starts_with_streamlits_options(monkeypatch):
    begun = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda arguments, **_: begun.append(arguments))
    main([])
    main(["--server.port", "8600"])
    assert begun == [["run", str(APP)], ["run", str(APP), "--server.port", "8600"]] and APP.is_file()


def test_a_command_brings_no_streamlit():
    code = (
        "import sys; from dashboard.__main__ import main; print(main(['info', 'no file']), 'streamlit' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "1 False\n"


def test_assets_are_found_in_a_checkout_and_once_installed(tmp_path):
    from pgan_core import paths

    assert paths.ASSETS == ROOT / "assets"
    (tmp_path / "pgan_core").mkdir()
    (tmp_path / "pggan_lab_assets").mkdir()
    copy = tmp_path / "pgan_core/paths.py"
    copy.write_text(Path(paths.__file__).read_text())
    assert runpy.run_path(str(copy))["ASSETS"] == tmp_path.resolve() / "pggan_lab_assets"


def test_the_settings_lie_where_streamlit_looks_beside_the_script():
    from streamlit import file_util

    assert Path(file_util.get_main_script_streamlit_file_path(str(APP), "config.toml")).is_file()


def imported(path: Path) -> set[str]:
    """Top-level names of what a module imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.split(".")[0] for name in names}


def test_every_import_is_a_requirement():
    names = {line.split("==")[0] for line in requirements("requirements.txt")} | OPTIONAL
    ours, unknown = {"pgan_core", "dissection", "dashboard"}, {}
    for path in (path for package in ours for path in (ROOT / package).rglob("*.py")):
        for name in imported(path) - ours - set(sys.stdlib_module_names):
            if DISTRIBUTIONS.get(name, name) not in names:
                unknown[name] = path
    assert not unknown


def test_versions_agree():
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[1] == PROJECT["version"]
    assert PROJECT["optional-dependencies"]["dev"] == requirements("requirements-dev.txt")
    ruff = next(line for line in requirements("requirements-dev.txt") if line.startswith("ruff=="))
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert set(re.findall(r"ruff==[\d.]+", hooks)) == {ruff}
    assert "torch==2.13.0" in requirements("requirements.txt")


def test_the_readme_is_short_and_names_what_exists():
    assert README.count("\n") < 150
    named = set(re.findall(r"\]\(([^)#:]+)\)|-r (\S+)|streamlit run (\S+)|`((?:assets|tests|docs)/[\w./]+)`", README))
    paths = {path for groups in named for path in groups if path}
    assert {"requirements.txt", "requirements-dev.txt", "dashboard/app.py"} <= paths
    assert not {path for path in paths if not (ROOT / path).exists()}
    commands = set(re.findall(r"pggan-lab ([a-z][\w-]*)", README))
    assert commands and commands <= COMMANDS.keys()


def test_a_wheel_with_a_file_too_few_or_too_many_is_told(tmp_path, capsys):
    whole = set(wheel_contents.expected())
    assert {"dashboard/.streamlit/config.toml", "pggan_lab_assets/toytown128/final.safetensors"} <= whole

    def check(names):
        with zipfile.ZipFile(tmp_path / "some.whl", "w") as file:
            for name in [*names, "pggan_lab.dist-info/RECORD"]:
                file.writestr(name, "")
        wheel_contents.main(str(tmp_path / "some.whl"))

    check(whole)
    with pytest.raises(SystemExit, match=r"missing: dashboard/app.py\nextra: dashboard/old.py"):
        check(whole - {"dashboard/app.py"} | {"dashboard/old.py"})
