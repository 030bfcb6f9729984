"""The vendor's answers, replayed: in the forms that its public sources print, with values of our own.

Nobody here has an account, so nothing was recorded from the wire: each file of `recorded/` follows one of the vendor's
sources, which it names. Where the guides or skills say nothing, the reference speaks.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx

FOLDER = Path(__file__).parent / "recorded"
SOURCES = ("reference", "guides", "skills")
KEY = "dt_live_made_up_key"


class Replay(httpx.MockTransport):
    """Answers each request by the exchange that fits it most closely; of several answers, the last one for ever."""

    def __init__(self, source: str, *, rate_limited: bool = False, most_bytes: int = 100 * 2**20) -> None:
        super().__init__(self._answer)
        told = _load(source)
        self._exchanges: list[dict[str, Any]] = told["exchanges"]
        if source != "reference":
            self._exchanges = self._exchanges + _load("reference")["exchanges"]
        self._exchanges.sort(key=_closeness)
        self._rate_limited = told["rate_limited"] if rate_limited else None
        self._most_bytes = most_bytes
        self._given: defaultdict[int, int] = defaultdict(int)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if self._rate_limited:
            return _response(self._rate_limited)
        for number, exchange in enumerate(self._exchanges):
            if self._fits(exchange["when"], request, body):
                answers = exchange["answers"]
                turn = min(self._given[number], len(answers) - 1)
                self._given[number] += 1
                return _response(answers[turn])
        raise AssertionError(f"no source shows an answer to {request.method} {request.url.path}")

    def _fits(self, when: dict[str, Any], request: httpx.Request, body: bytes) -> bool:
        wrong_key = request.headers.get("authorization") != f"Bearer {KEY}"
        if wrong_key or "key" in when:
            return wrong_key and "key" in when
        return (
            when.get("method", request.method) == request.method
            and when.get("path", request.url.path) == request.url.path
            and when.get("body", "").encode() in body
            and when.get("is_body", body.decode("latin-1")) == body.decode("latin-1")
            and len(body) > min(when.get("longer", -1), self._most_bytes)
        )


def _closeness(exchange: dict[str, Any]) -> tuple[bool, int]:
    """What looks at key or body goes first, then what names most; the source itself goes before the reference."""
    when = exchange["when"]
    return when.keys().isdisjoint({"key", "body", "is_body", "longer"}), -len(when)


def _load(source: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((FOLDER / f"{source}.json").read_text("utf-8"))
    return told


def _response(answer: dict[str, Any]) -> httpx.Response:
    return httpx.Response(answer["status"], headers=answer.get("headers"), json=answer["body"])
