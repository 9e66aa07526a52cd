"""What a visitor's browser needs to draw pictures itself, served past Streamlit: the engine and a model's network."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from dashboard.shared.progress import Results

ENGINE = "engine.js"
FILES = {  # of the built page (web/)
    ENGINE: "text/javascript",
    "ort-webgpu.mjs": "text/javascript",
    "ort.wasm.gz": "application/gzip",
    "ort-webgpu.wasm.gz": "application/gzip",
}
FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}  # another content has another address


def engine_address() -> str:
    """Where the engine lies, below the app's address."""
    return f"engine/{_build()}/{ENGINE}"


def network_address(identity: str) -> str:
    """Below what the files of an opened model lie (`session.Model.file_identity`)."""
    return f"engine/of/{identity}/"


def _folder() -> Path:
    from pgan_core.paths import WEB  # brings torch, which the server's start does without

    return WEB


@functools.cache
def _build() -> str:
    built = json.loads((_folder() / "built.json").read_text(encoding="utf-8"))
    return built["outputs"][ENGINE][:16]


@functools.cache
def _networks() -> Results:
    """The networks as files, made when they are first asked for: identity -> (ONNX file, model.json)."""
    from dashboard.limits import limits
    from dashboard.shared.progress import Results

    return Results(limits().models_in_memory)


def file(request: Request) -> Response:
    """A file of the engine; its address names the build."""
    name = request.path_params["file"]
    if name not in FILES or request.path_params["build"] != _build():
        return Response(status_code=404)
    return FileResponse(_folder() / name, media_type=FILES[name], headers=FOR_GOOD)


def network(request: Request) -> Response:
    """An opened model's network."""
    return _answer(request, 0, "application/octet-stream")


def facts(request: Request) -> Response:
    """What the engine must know of that network."""
    return _answer(request, 1, "application/json")


def _answer(request: Request, which: int, kind: str) -> Response:
    made = _made(request.path_params["identity"])
    return Response(status_code=404) if made is None else Response(made[which], media_type=kind, headers=FOR_GOOD)


def _made(identity: str) -> tuple[bytes, bytes] | None:
    """The network and its facts; None where no such model is open."""
    from dashboard import session

    checkpoint = session.opened(identity)
    if checkpoint is None or checkpoint.generator is None:
        return None
    generator = checkpoint.generator
    return _networks().made(identity, lambda: _as_files(generator))


def _as_files(generator) -> tuple[bytes, bytes]:
    from pgan_core.website import network_and_facts

    content, said = network_and_facts(generator)
    for runtime in said["runtime"].values():
        runtime["file"] = f"../../{_build()}/{runtime['file']}"
    return content, json.dumps(said, separators=(",", ":")).encode()


ROUTES = [
    Route("/engine/of/{identity}/generator.onnx", network),
    Route("/engine/of/{identity}/model.json", facts),
    Route("/engine/{build}/{file}", file),
]
