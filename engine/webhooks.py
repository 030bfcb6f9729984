"""Tells a receiver when work begins and ends, as the DocuTray API does: signed POSTs.

Sending never holds up the work. Events of one execution are sent one after the other; what cannot be delivered after a
few tries, or is pending when the engine ends, is given up. Neither addresses nor bodies reach the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from engine import answers
from engine.catalog import Catalog
from engine.queue import Job, Kind, Status
from engine.remembered import remember
from engine.stats import Stats

logger = logging.getLogger(__name__)

#: Seconds within which the receiver has to answer with 2xx (the vendor's).
ANSWER_WITHIN = 30.0
#: Events that wait or are being sent, at most: further ones are given up at once.
MOST_PENDING = 1000

# Seconds before each further try, and for what is pending when the engine ends.
_PAUSES = (0.5, 1.0, 2.0)
_GRACE = 2.0
_AT_ONCE = 20
_SUBJECTS = {Kind.IDENTIFY: "IDENTIFICATION", Kind.STEP: "STEP", Kind.CONVERT: "CONVERSION"}
_ENDS = {Status.SUCCESS: "COMPLETED", Status.ERROR: "FAILED"}


@dataclass(frozen=True, slots=True)
class _Event:
    url: str
    name: str
    body: bytes


class Webhooks:
    """Sends from the beginning of its `async with` block to the end.

    Events go to a submission's own `webhook_url`, else to `url`, else nowhere. Without a `secret` they are not signed.
    """

    def __init__(self, catalog: Catalog, stats: Stats, *, url: str | None = None, secret: str | None = None) -> None:
        self._catalog = catalog
        self._stats = stats
        self._url = url
        self._secret = secret.encode() if secret else None
        self._client: httpx.AsyncClient | None = None
        self._chains: dict[str, deque[_Event]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._pending = 0
        self._held: dict[str, _Event] = {}
        self._warned: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._client:
            await self._client.aclose()

    def wanted(self, job: Job) -> bool:
        """Whether anybody is to be told about this job."""
        return bool(job.webhook_url or self._url)

    def started(self, job: Job, fault: str | None = None) -> None:
        """A job is under way. `fault` is what its webhooks meet (see engine.faults)."""
        event = self._event(job, "STARTED")
        if fault == "reordered":
            remember(self._held, job.id, event)
        else:
            self._put(job, event, fault)

    def ended(self, job: Job, fault: str | None = None) -> None:
        """A job, as it now is, has ended."""
        self._put(job, self._event(job, _ENDS[job.status]), fault)
        if held := self._held.pop(job.id, None):
            self._stats.webhook("reordered")
            self._put(job, held, None)

    def _event(self, job: Job, what: str) -> _Event:
        body = answers.Answer(answers.event(job, self._catalog)).body
        return _Event(job.webhook_url or self._url or "", f"{_SUBJECTS[job.kind]}_{what}", bytes(body))

    def _put(self, job: Job, event: _Event, fault: str | None) -> None:
        if fault in ("lost", "doubled"):
            self._stats.webhook(fault)
        for _ in range({"lost": 0, "doubled": 2}.get(fault or "", 1)):
            if self._pending >= MOST_PENDING:
                self._give_up("too many are pending")
                continue
            self._pending += 1
            if job.id in self._chains:
                self._chains[job.id].append(event)
                continue
            self._chains[job.id] = deque([event])
            task = asyncio.create_task(self._send_all(job.id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send_all(self, job_id: str) -> None:
        """Send the events of a job in their order, until there is none left."""
        chain = self._chains[job_id]
        try:
            while chain:
                problem = await self._deliver(chain[0])
                chain.popleft()
                self._pending -= 1
                if problem:
                    self._give_up(problem)
                else:
                    self._stats.webhook("sent")
        finally:
            # Something is left only when the engine ends.
            self._pending -= len(chain)
            for _ in range(len(chain)):
                self._stats.webhook("failed")
            del self._chains[job_id]

    async def _deliver(self, event: _Event) -> str | None:
        """Why the event could not be delivered, or None when it was."""
        for pause in (*_PAUSES, None):
            async with self._slots:
                problem = await self._post(event)
            if problem is None or pause is None:
                break
            await asyncio.sleep(pause)
        return problem

    async def _post(self, event: _Event) -> str | None:
        self._client = self._client or httpx.AsyncClient(timeout=ANSWER_WITHIN)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Docutray-Webhook/1.0",
            "X-Docutray-Event": event.name,
        }
        if self._secret:
            signature = hmac.new(self._secret, event.body, hashlib.sha256).hexdigest()
            headers["X-Docutray-Signature"] = f"sha256={signature}"
        else:
            self._warn("webhooks are sent unsigned: DOCUTRAY_WEBHOOK_SECRET is not set")
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                answer = await self._client.post(event.url, content=event.body, headers=headers)
        except Exception as error:  # addresses come from callers: whatever is wrong with them is no trouble of ours
            return type(error).__name__
        return None if answer.is_success else f"answered with {answer.status_code}"

    def _give_up(self, problem: str) -> None:
        self._stats.webhook("failed")
        self._warn(f"webhooks could not be delivered: {problem}")

    def _warn(self, message: str) -> None:
        """Once: a receiver that is down would fill the log."""
        if message not in self._warned:
            self._warned.add(message)
            logger.warning("%s (further ones are not logged)", message)
