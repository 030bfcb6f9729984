"""Answers that no good service gives."""

from __future__ import annotations

import asyncio
import math
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine import errors
from engine.faults import RateLimitForm

# The limit that a 429 on purpose names, in calls per minute.
_LIMIT = 60
_TRANSPORT = "engine.transport"


class MisbehavedError(Exception):
    """The call is answered with `response` in place of what would be right."""

    def __init__(self, response: Response) -> None:
        super().__init__(type(response).__name__)
        self.response = response


class CuttableProtocol(H11Protocol):
    """Hands each call the connection that it came by, for `Cut`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


class Cut(Response):
    """No answer: the connection is closed. The server must speak `CuttableProtocol`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"][_TRANSPORT].close()
        # Until the server knows, it would answer with 500 for us.
        while (await receive())["type"] != "http.disconnect":
            pass


def garbage(status: int) -> Response:
    """What is left of an answer that lost its end: no JSON."""
    return Response('{"id": "', status, media_type="application/json")


def gateway(status: int) -> Response:
    """A page of something that stands before the service: 502 or 504."""
    title = f"{status} {HTTPStatus(status).phrase}"
    return HTMLResponse(f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>", status)


def error(status: int) -> Response:
    """500 and 503 in the service's words."""
    body: dict[str, Any] = {"message": "Service unavailable"}
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        body = errors.internal("Unexpected failure").body
    return JSONResponse(body, status)


def rate_limited(form: RateLimitForm, retry_after: int, *, as_text: bool) -> Response:
    """429 that tells the wait in the given form. `as_text`: where the body does not tell it, it is no JSON either."""
    now = time.time()
    full = errors.rate_limited(_LIMIT, math.ceil(now + retry_after), retry_after)
    if form == "both":
        return JSONResponse(full.body, full.status, full.headers)
    if form == "body":
        return JSONResponse(full.body, full.status)
    told = full.headers if form == "header" else {"Retry-After": formatdate(math.ceil(now + retry_after), usegmt=True)}
    if as_text:
        return PlainTextResponse("Too Many Requests", full.status, told)
    return JSONResponse({"error": full.body["error"]}, full.status, told)
