"""A service that does what a test tells it: for the answers that the real engine never gives."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

KEY = "scripted-key"
SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "string"}, "total": {"type": "number"}},
}


class Scripted:
    """The script and what came in. `identify` and `execute` hold the next answers to POSTs; empty: accept.
    `downloaded` are the bytes of documents that came as addresses.

    An answer is a status with a body, or one of the words `cut` (the line is cut after the document was taken) and
    `garbage` (a 202 that is no JSON).
    """

    def __init__(self) -> None:
        self.identify: deque[Any] = deque()
        self.execute: deque[Any] = deque()
        self.polls: deque[Any] = deque()
        self.type_code = "invoice"
        self.confidence = 0.97
        self.data: dict[str, Any] = {"number": "007", "total": 12.5}
        self.validation: dict[str, Any] = {"errors": {"count": 0, "messages": []}}
        self.failure: dict[str, str] | None = None
        self.key = KEY
        self.hold = threading.Event()
        self.hold.set()
        self.intents: list[tuple[str, str]] = []
        self.accepted: list[tuple[str, str]] = []
        self.downloaded: list[bytes] = []
        self.url = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def authorise(request: Request, call_next: Any) -> Response:
            if request.headers.get("authorization") != f"Bearer {self.key}":
                return JSONResponse({"error": "Invalid API key"}, 401)
            return await call_next(request)

        @app.get("/api/document-types")
        async def types() -> Any:
            row = {"id": "t1", "codeType": "invoice", "name": "Invoice"}
            return {"data": [row], "pagination": {"total": 1, "page": 1, "limit": 100}}

        @app.get("/api/document-types/{code}")
        async def one_type(code: str) -> Any:
            return {"id": "t1", "codeType": code, "name": code, "jsonSchema": SCHEMA}

        @app.post("/api/identify-async")
        async def identify(request: Request) -> Response:
            return await self._take("identify", request, self.identify)

        @app.post("/api/steps-async/{step}")
        async def execute(step: str, request: Request) -> Response:
            if request.headers["content-type"].startswith("application/json") and await request.body() == b"{}":
                known = step == "extract-invoice"
                return JSONResponse({"message": "?"}, 400 if known else 404)
            return await self._take("execute", request, self.execute)

        @app.get("/api/identify-async/status/{id_}")
        async def identified(id_: str) -> Response:
            code = {"code": self.type_code, "name": "x", "confidence": self.confidence}
            return self._tell(id_, {"document_type": code, "alternatives": [code]})

        @app.get("/api/steps-async/status/{id_}")
        async def executed(id_: str) -> Response:
            return self._tell(id_, {"data": self.data, "validation": self.validation})

        return app

    async def _take(self, kind: str, request: Request, script: deque[Any]) -> Response:
        if request.headers["content-type"].startswith("application/json"):
            body = await request.json()
            metadata = body["document_metadata"]
            async with httpx.AsyncClient(trust_env=False) as client:
                self.downloaded.append((await client.get(body["image_url"])).content)
        else:
            async with request.form() as form:
                metadata = json.loads(str(form["document_metadata"]))
        self.intents.append((kind, metadata["trayflow_intent"]))
        while not self.hold.is_set():
            await asyncio.sleep(0.01)
        answer = script.popleft() if script else None
        if isinstance(answer, tuple):
            status, body = answer
            return JSONResponse(body, status)
        self.accepted.append((kind, metadata["trayflow_intent"]))
        if answer == "cut":
            raise ConnectionError("cut on purpose")
        if answer == "garbage":
            return Response("<html>", 202)
        return JSONResponse({"id": str(uuid.uuid4()), "status": "ENQUEUED"}, 202)

    def _tell(self, id_: str, success: dict[str, Any]) -> Response:
        answer = self.polls.popleft() if self.polls else None
        if isinstance(answer, tuple):
            return JSONResponse(answer[1], answer[0])
        if answer == "PROCESSING":
            return JSONResponse({"id": id_, "status": "PROCESSING"})
        if self.failure:
            return JSONResponse({"id": id_, "status": "ERROR", "error": self.failure})
        return JSONResponse({"id": id_, "status": "SUCCESS", **success})


@contextmanager
def serving(scripted: Scripted) -> Iterator[Scripted]:
    """The service on a free port of this machine, as long as the block lasts."""
    config = uvicorn.Config(scripted.app(), port=0, log_level="critical", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the scripted service did not start")
        thread.join(0.01)
    scripted.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.should_exit = True
        thread.join()


def account_at(service: Scripted) -> dict[str, str]:
    """The environment of somebody who has a key of this service, and no time to wait."""
    return {
        "DOCUTRAY_API_KEY": service.key,
        "DOCUTRAY_BASE_URL": service.url,
        "TRAYFLOW_POLLING__INTERVAL": "0.01",
        "TRAYFLOW_LIMITS__BACKOFF": "0.01",
        "TRAYFLOW_LIMITS__ATTEMPTS": "2",
    }


def hurry(patch: pytest.MonkeyPatch, service: Scripted, **more: str) -> None:
    """Make that this process's environment, with `more` variables."""
    for name, value in {**account_at(service), **more}.items():
        patch.setenv(name, value)
