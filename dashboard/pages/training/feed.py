"""What the live page fetches several times a second, past Streamlit: files of a run's folder `watch`."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.language import said

FILES = {"acts": "acts.json", "history": "history.jsonl", "moments": "moments.jsonl"}
MOMENT = re.compile(r"\d{8}")
NEVER = {"Cache-Control": "no-store"}


def frame(request: Request) -> Response:
    """The newest frame and, as headers, how the run stands (`?language=`); 304 if the caller has this frame already."""
    run = _run(request)
    if run is None:
        return Response(status_code=404)
    status, sentence = run.status()
    sentence = quote(said(sentence, request.query_params.get("language", "")))
    path = run.watch / "frame.json"
    try:
        tag, body = f'"{path.stat().st_mtime_ns}-{status}"', path.read_bytes()
    except OSError:
        tag, body = f'"{status}"', b"null"
    headers = NEVER | {"ETag": tag, "X-Run-Status": status, "X-Run-Sentence": sentence}
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def file(request: Request) -> Response:
    """One of FILES from a byte on (`?from=`), up to its last whole line."""
    run, name = _run(request), FILES.get(request.path_params["file"])
    start = request.query_params.get("from", "0")
    if run is None or name is None or not start.isdigit():
        return Response(status_code=404)
    try:
        with open(run.watch / name, "rb") as opened:
            opened.seek(int(start))
            body = opened.read()
    except OSError:
        body = b""
    if name.endswith(".jsonl"):
        body = body[: body.rfind(b"\n") + 1]
    return Response(body, media_type="application/json", headers=NEVER)


def picture(request: Request) -> Response:
    """The pictures of a moment of the film strip."""
    run, moment = _run(request), request.path_params["moment"]
    if run is None or not MOMENT.fullmatch(moment):
        return Response(status_code=404)
    try:
        body = (run.watch / "moments" / f"{moment}.png").read_bytes()
    except OSError:
        return Response(status_code=404)
    return Response(body, media_type="image/png", headers={"Cache-Control": "max-age=3600"})


def _run(request: Request):
    from dashboard.pages.training import runs  # brings torch, which the server's start does without

    return runs.find(request.path_params["run"])


ROUTES = [
    Route("/runs/{run}/frame", frame),
    Route("/runs/{run}/moments/{moment}.png", picture),
    Route("/runs/{run}/{file}", file),
]
