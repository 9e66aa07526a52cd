"""Who may show the app inside a page: only itself, and those whom the setting names."""

import asyncio

import pytest

from dashboard.frames import VARIABLE, FrameAncestors, ancestors


def header(scope_type: str = "http") -> bytes | None:
    """The policy in an answer of a small app behind the middleware."""

    async def app(scope, receive, send):
        await send({"type": f"{scope['type']}.response.start", "status": 200, "headers": []})

    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(FrameAncestors(app)({"type": scope_type}, None, send))
    return dict(sent[0]["headers"]).get(b"content-security-policy")


def test_no_other_site_may_by_default(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert header() == b"frame-ancestors 'self'"
    assert header("websocket") is None


def test_named_sites_may(monkeypatch):
    monkeypatch.setenv(VARIABLE, "https://course.example.org  https://*.example.edu:8443")
    assert header() == b"frame-ancestors 'self' https://course.example.org https://*.example.edu:8443"


@pytest.mark.parametrize("wrong", ["example.org", "https://a.org/path", "https://a.org; script-src *", "javascript:x"])
def test_what_is_no_origin_is_refused(monkeypatch, wrong):
    monkeypatch.setenv(VARIABLE, wrong)
    with pytest.raises(ValueError, match="lists origins such as"):
        ancestors()
