"""Who may show the app inside a page of their own: the app itself and, by default, nobody else.

PGGAN_LAB_FRAMES="https://course.example.edu https://*.example.org" streamlit run dashboard/app.py
"""

import os
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

VARIABLE = "PGGAN_LAB_FRAMES"
ORIGIN = re.compile(r"\*|https?://(\*\.)?[\w.-]+(:\d+)?")


def ancestors() -> str:
    """The sites that may frame the app, as the header says it. Raises ValueError for what is no site's origin."""
    named = os.environ.get(VARIABLE, "").split()
    for origin in named:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{VARIABLE} lists origins such as https://example.org, or *, not {origin!r}.")
    return " ".join(["'self'", *named])


class FrameAncestors:
    """Adds the header to every answer (Content Security Policy, `frame-ancestors`)."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.policy = f"frame-ancestors {ancestors()}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = self.policy
            await send(message)

        await self.app(scope, receive, tell if scope["type"] == "http" else send)
